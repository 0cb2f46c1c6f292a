package vmap_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/vmap"
)

type Model struct{ W, B graph.Tensor }

type Sample struct{ X, Y graph.Tensor }

func crossEntropy(m Model, s Sample) graph.Tensor {
	return nn.CrossEntropy(s.X.MatMul(m.W).Add(m.B), s.Y)
}

// The gradient of a loss for each of two samples at once.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	w, _ := graph.FromSlice(dev, []float32{1, 0, 0, 1, 1, 1}, 3, 2)
	x, _ := graph.FromSlice(dev, []float32{1, 2, 3, 0, 1, 0}, 2, 3)
	y, _ := graph.FromSlice(dev, []int32{0, 1})
	m := Model{W: w, B: graph.Zeros(2)}

	perSample := vmap.Map2(graph.Grad2(crossEntropy), vmap.In(vmap.Shared, 0))
	run := graph.Jit2(dev, perSample)
	g, err := run(ctx, m, Sample{x, y})
	if err != nil {
		log.Fatal(err)
	}
	b, err := g.B.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(g.W.Shape(), g.B.Shape())
	fmt.Printf("%.4f\n", b)
	// Output:
	// [2 3 2] [2 2]
	// [-0.7311 0.7311 0.2689 -0.2689]
}

// Maps nest, and take the sample axis from where it is: all products of the rows of one matrix with the
// columns of another.
func ExampleMap2() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	a, _ := graph.FromSlice(dev, []float32{1, 2, 3, 4}, 2, 2)
	b, _ := graph.FromSlice(dev, []float32{1, 0, 1, 1}, 2, 2)
	row := vmap.Map2(graph.Tensor.Dot, vmap.In(vmap.Shared, 1)) // one row with every column
	all := vmap.Map2(row, vmap.In(0, vmap.Shared))
	v, err := all(a, b).Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: [3 2 7 4]
}

// Value, gradient and auxiliary values of every sample in one call.
func ExamplePerSample() {
	type sample struct{ X, Y graph.Tensor }
	loss := func(w graph.Tensor, s sample) (graph.Tensor, graph.Tensor) {
		prediction := s.X.Dot(w)
		return prediction.Sub(s.Y).Square(), prediction
	}
	w := graph.Literal([]float32{1, -1})
	batch := sample{X: graph.Literal([]float32{1, 2, 3, 4, 5, 5}, 3, 2), Y: graph.Literal([]float32{0, 1, 2})}
	r := vmap.PerSample(loss)(w, batch)
	for _, t := range []graph.Tensor{r.Value, r.Grad, r.Aux} {
		v, err := t.Floats(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Shape(), v)
	}
	// Output:
	// [3] [1 4 4]
	// [3 2] [-2 -4 -12 -16 -20 -20]
	// [3] [-1 -1 0]
}

// Each sample's share of the total over the batch.
func ExamplePSum() {
	share := vmap.Map(func(x graph.Tensor) graph.Tensor {
		return x.Div(vmap.PSum(x, "batch"))
	}, vmap.Name("batch"))
	v, err := share(graph.Literal([]float32{1, 2, 5})).Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: [0.125 0.25 0.625]
}
