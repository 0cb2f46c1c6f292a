package laplace_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/laplace"
)

// data are inputs and targets of a regression.
type data struct{ X, Y graph.Tensor }

func load[E graph.Element](dev *gpu.Device, v []E, shape ...int) graph.Tensor {
	x, err := graph.FromSlice(dev, v, shape...)
	if err != nil {
		log.Fatal(err)
	}
	return x
}

// A line through points with noise of standard deviation 1: the approximation is exact, and other ones are other first lines.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	forward := func(line nn.Linear, d data) (graph.Tensor, posterior.None) { return line.Apply(d.X), posterior.None{} }
	logLikelihood := func(z graph.Tensor, d data) graph.Tensor { return z.Sub(d.Y).Square().Sum().Scale(-0.5) }
	transform := laplace.DenseGGN(forward, logLikelihood, laplace.Config{Precision: 1.0})

	best := nn.Linear{W: load(dev, []float32{2}, 1, 1), B: load(dev, []float32{0})}
	state, err := transform.Init(ctx, dev, best, random.NewKey(1))
	if err != nil {
		log.Fatal(err)
	}
	batch := data{load(dev, []float32{-1, 0, 1}, 3, 1), load(dev, []float32{-2, 0, 2}, 3, 1)}
	if state, err = transform.Update(ctx, state, batch, posterior.InPlace); err != nil {
		log.Fatal(err)
	}
	precision, err := state.Precision.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("precision", precision)

	variance := graph.Jit2(dev, func(s laplace.DenseState[nn.Linear, posterior.None], d data) graph.Tensor {
		return laplace.Linearized(forward, s, d).Variance()
	})
	v, err := variance(ctx, state, data{load(dev, []float32{0, 3}, 2, 1), load(dev, []float32{0, 0}, 2, 1)})
	if err != nil {
		log.Fatal(err)
	}
	at, err := v.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("variance at 0 and 3: %.2f\n", at)
	// Output:
	// precision [3 0 0 4]
	// variance at 0 and 3: [0.25 3.25]
}

// The last layer of a network alone, with the rest held fixed: one more line.
func Example_lastLayer() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	type network struct{ Body, Head nn.Linear }
	forward := func(p network, d data) (graph.Tensor, posterior.None) {
		return p.Head.Apply(p.Body.Apply(d.X).Tanh()), posterior.None{}
	}
	logLikelihood := func(z graph.Tensor, d data) graph.Tensor { return z.Sub(d.Y).Square().Sum().Scale(-0.5) }
	params := network{
		nn.Linear{W: load(dev, []float32{1, -1}, 1, 2), B: load(dev, []float32{0, 0})},
		nn.Linear{W: load(dev, []float32{1, 2}, 2, 1), B: load(dev, []float32{0})},
	}

	lastForward, last, err := posterior.Subset(forward, params, func(path string, _ graph.Tensor) bool { return strings.HasPrefix(path, ".Head") })
	if err != nil {
		log.Fatal(err)
	}
	transform := laplace.DenseGGN(lastForward, logLikelihood, laplace.Config{Precision: 1.0})
	state, err := transform.Init(ctx, dev, last, random.NewKey(1))
	if err != nil {
		log.Fatal(err)
	}
	batch := data{load(dev, []float32{0, 0}, 2, 1), load(dev, []float32{0, 1}, 2, 1)}
	if state, err = transform.Update(ctx, state, batch); err != nil {
		log.Fatal(err)
	}
	precision, err := state.Precision.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(state.Precision.Shape(), precision)
	// Output: [3 3] [1 0 0 0 1 0 0 0 3]
}

// KFAC sees a network's layers through the function that its forward applies them by; elsewhere that is nn.Linear.Apply.
func ExampleKFAC() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	type network struct{ Body, Head nn.Linear }
	forward := func(p network, d data, linear curvature.LinearFunc) (graph.Tensor, posterior.None) {
		return linear(p.Head, linear(p.Body, d.X).Tanh()), posterior.None{}
	}
	logLikelihood := func(z graph.Tensor, d data) graph.Tensor { return z.Sub(d.Y).Square().Sum().Scale(-0.5) }
	params := network{
		nn.Linear{W: load(dev, []float32{1, -1}, 1, 2), B: load(dev, []float32{0, 0})},
		nn.Linear{W: load(dev, []float32{1, 2}, 2, 1), B: load(dev, []float32{0})},
	}
	transform := laplace.KFAC(forward, logLikelihood, laplace.Config{Precision: 1.0})
	state, err := transform.Init(ctx, dev, params, random.NewKey(1))
	if err != nil {
		log.Fatal(err)
	}
	batch := data{load(dev, []float32{0, 0}, 2, 1), load(dev, []float32{0, 1}, 2, 1)}
	if state, err = transform.Update(ctx, state, batch); err != nil {
		log.Fatal(err)
	}
	for _, layer := range state.Layers {
		a, err := layer.A.Floats(ctx)
		if err != nil {
			log.Fatal(err)
		}
		g, err := layer.G.Floats(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("A", a, "G", g)
	}
	draws := state.Sample(random.NewKey(2), 10)
	fmt.Println(draws.Body.W.Shape(), draws.Head.B.Shape())
	// Output:
	// A [0 0 0 2] G [2 4 4 8]
	// A [0 0 0 0 0 0 0 0 2] G [2]
	// [10 1 2] [10 1]
}
