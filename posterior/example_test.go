package posterior_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/tree"
)

// Line is a straight line through points.
type Line struct{ Slope, Offset graph.Tensor }

type Points struct{ X, Y graph.Tensor } // [B]

// Residuals is what the log posterior gives besides its value.
type Residuals struct{ R graph.Tensor } // [B]

func lineLogPosterior(l Line, p Points) (graph.Tensor, Residuals) {
	r := p.Y.Sub(p.X.Mul(l.Slope).Add(l.Offset))
	return r.Square().Mean().Scale(-0.5), Residuals{r}
}

// exampleDevice opens the best device for an example, which closes it.
func exampleDevice() *gpu.Device {
	dev, err := gpu.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return dev
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// threePoints lie on the line 2 x + 1.
func threePoints(dev *gpu.Device) Points {
	return Points{
		X: must(graph.FromSlice(dev, []float32{-1, 0, 1})),
		Y: must(graph.FromSlice(dev, []float32{-1, 1, 3})),
	}
}

// newLine is slope and offset in arrays on the device.
func newLine(dev *gpu.Device, slope, offset float32) Line {
	return Line{must(graph.FromSlice(dev, []float32{slope})).Reshape(), must(graph.FromSlice(dev, []float32{offset})).Reshape()}
}

// An update leaves its argument as it is, or writes over its memory; the values are the same to the bit.
func ExampleTransform_Update() {
	ctx, dev := context.Background(), exampleDevice()
	defer dev.Close()
	transform := sgmcmc.SGLD(lineLogPosterior, sgmcmc.SGLDConfig{LR: 0.5, Temperature: 0})
	batch := threePoints(dev)
	state := must(transform.Init(ctx, dev, newLine(dev, 0, 0), random.NewKey(1)))

	state2 := must(transform.Update(ctx, state, batch))
	fmt.Println("state is not updated:", must(state.Params.Offset.Float(ctx)), "->", must(state2.Params.Offset.Float(ctx)))

	state3 := must(transform.Update(ctx, state, batch, posterior.InPlace))
	fmt.Println("state is updated:", must(state.Params.Offset.Float(ctx)), "and state3 is state:", state3.Params == state.Params)
	// Output:
	// state is not updated: 0 -> 0.5
	// state is updated: 0.5 and state3 is state: true
}

// No gradient outlives a call, so nothing piles up: the device holds the same after 1,000 updates as after one.
func ExampleTransform_Update_memory() {
	ctx, dev := context.Background(), exampleDevice()
	defer dev.Close()
	transform := sgmcmc.SGHMC(func(l Line, p Points) (graph.Tensor, posterior.None) {
		v, _ := lineLogPosterior(l, p)
		return v, posterior.None{}
	}, sgmcmc.SGHMCConfig{LR: 1e-2})
	batch := threePoints(dev)
	line, key := Line{graph.Scalar(0), graph.Scalar(0)}, random.NewKey(1)
	defer graph.Close(line)
	defer graph.Close(key)
	state := must(transform.Init(ctx, dev, line, key))
	updates := func(n int) gpu.Stats {
		for range n {
			next := must(transform.Update(ctx, state, batch))
			if err := graph.Close(state); err != nil {
				log.Fatal(err)
			}
			state = next
		}
		if err := dev.Wait(ctx); err != nil { // what is closed is free when the device is done with it
			log.Fatal(err)
		}
		return dev.Stats()
	}
	one, thousand := updates(1), updates(999)
	fmt.Println("arrays:", thousand.LiveArrays-one.LiveArrays, "bytes:", thousand.LiveBytes-one.LiveBytes, "memory of the driver:", thousand.SlabBytes-one.SlabBytes)
	// Output: arrays: 0 bytes: 0 memory of the driver: 0
}

// The second result of a log posterior is a tree of tensors that the state of the next step carries: here each point's residual.
// A log posterior without such values returns None{}. To return the value alone does not compile.
func Example_aux() {
	ctx, dev := context.Background(), exampleDevice()
	defer dev.Close()
	transform := sgmcmc.SGLD(lineLogPosterior, sgmcmc.SGLDConfig{LR: 0.5, Temperature: 0})
	state := must(transform.Init(ctx, dev, newLine(dev, 1, 1), random.NewKey(1)))
	fmt.Println("before the first step:", state.Aux)
	state = must(transform.Update(ctx, state, threePoints(dev)))
	fmt.Println("log posterior:", must(state.LogPosterior.Float(ctx)), "residuals:", must(state.Aux.R.Floats(ctx)))

	without := sgmcmc.SGLD(func(l Line, p Points) (graph.Tensor, posterior.None) {
		return p.X.Mul(l.Slope).Add(l.Offset).Sub(p.Y).Square().Mean().Scale(-0.5), posterior.None{}
	}, sgmcmc.SGLDConfig{LR: 0.5, Temperature: 0})
	bare := must(without.Init(ctx, dev, newLine(dev, 1, 1), random.NewKey(1)))
	bare = must(without.Update(ctx, bare, threePoints(dev)))
	fmt.Println("log posterior:", must(bare.LogPosterior.Float(ctx)), "aux:", bare.Aux)
	// Output:
	// before the first step: <nil>
	// log posterior: -0.33333334 residuals: [-1 0 1]
	// log posterior: -0.33333334 aux: <nil>
}

// WithAux gives a state whose tensors are the same, with another aux; the aux of the first stays, also when the state is
// updated in place.
func Example_withAux() {
	ctx, dev := context.Background(), exampleDevice()
	defer dev.Close()
	transform := sgmcmc.SGLD(lineLogPosterior, sgmcmc.SGLDConfig{LR: 0.5, Temperature: 0})
	batch := threePoints(dev)
	state := must(transform.Init(ctx, dev, newLine(dev, 1, 1), random.NewKey(1)))
	state = must(transform.Update(ctx, state, batch))

	other := state.WithAux(Residuals{graph.Zeros(3)})
	fmt.Println(must(other.Aux.R.Floats(ctx)), must(state.Aux.R.Floats(ctx)), other.Params == state.Params)

	next := must(transform.Update(ctx, state, batch, posterior.InPlace))
	fmt.Println(must(state.Aux.R.Floats(ctx)), next.Params == state.Params)
	// Output:
	// [0 0 0] [-1 0 1] true
	// [-1 0 1] true
}

// An algorithm needs its pure step only: the runtime writes it over the state's memory. Where one wants to do so by hand,
// FlexiMap maps a tree, pure or in place, and Insert and InsertInPlace put values into some of its leaves.
func Example_flexiMap() {
	ctx, dev := context.Background(), exampleDevice()
	defer dev.Close()
	// assign writes a value over a tensor's memory, which all handles see.
	write := graph.JitInPlace2(dev, func(_, value graph.Tensor) graph.Tensor { return value })
	assign := func(dst, value graph.Tensor) error {
		_, err := write(ctx, dst, value)
		return err
	}
	show := func(l Line) string {
		return fmt.Sprint(must(l.Slope.Float(ctx)), " ", must(l.Offset.Float(ctx)))
	}
	plusOne := func(x graph.Tensor) graph.Tensor { return x.AddScalar(1) }
	line := newLine(dev, 2, 3)

	pure := must(tree.FlexiMap(plusOne, line, nil))
	fmt.Println("pure:", show(pure), "of", show(line))
	same := must(tree.FlexiMap(plusOne, line, assign))
	fmt.Println("in place:", show(line), same == line)

	offset := func(path string, _ graph.Tensor) bool { return path == ".Offset" }
	inserted := must(tree.Insert(line, offset, []graph.Tensor{graph.Scalar(7)}))
	fmt.Println("inserted:", show(inserted), "into", show(line))
	if err := tree.InsertInPlace(line, offset, []graph.Tensor{graph.Scalar(-7)}, assign); err != nil {
		log.Fatal(err)
	}
	fmt.Println("in place:", show(line))
	// Output:
	// pure: 3 4 of 2 3
	// in place: 3 4 true
	// inserted: 3 7 into 3 4
	// in place: 3 -7
}
