package random_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/vmap"
)

func open() *gpu.Device {
	dev, err := gpu.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return dev
}

// The same key gives the same draw, on every device; other keys come from Split.
func Example() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	dice := graph.Jit(dev, func(key random.Key) graph.Tensor { return random.Integers(key, 1, 7, 10) })
	key := random.NewKey(2026)
	a, b := random.Split2(key)
	for _, k := range []random.Key{a, b, a} {
		y, err := dice(ctx, k)
		if err != nil {
			log.Fatal(err)
		}
		v, err := y.Ints(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v)
	}
	// Output:
	// [5 6 4 4 2 2 2 5 3 3]
	// [6 5 5 1 6 3 5 1 2 3]
	// [5 6 4 4 2 2 2 5 3 3]
}

// Under vmap a mapped key gives every sample a draw of its own.
func ExampleSplit() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	keys := random.Split(random.NewKey(1), 3)
	roll := func(k random.Key) graph.Tensor { return random.Integers(k, 0, 100, 4) }
	y, err := graph.Jit(dev, vmap.Map(roll))(ctx, keys)
	if err != nil {
		log.Fatal(err)
	}
	v, err := y.Ints(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Shape(), v)
	// Output: [3 4] [97 72 24 46 22 60 27 33 42 44 42 56]
}

// In a loop, fold the step's number in.
func ExampleFoldIn() {
	ctx := context.Background()
	key := random.NewKey(7)
	for step := range 3 {
		v, err := random.Integers(random.FoldIn(key, step), 0, 100, 5).Ints(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v)
	}
	// Output:
	// [91 34 47 34 31]
	// [94 19 88 88 39]
	// [65 16 7 8 5]
}

// A draw is a differentiable function of its parameters: here the derivative of the mean of a gamma distribution by its
// concentration, which is 1, from a thousand draws.
func ExampleGamma() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	mean := func(a graph.Tensor) graph.Tensor { return random.Gamma(random.NewKey(1), a, 1000).Mean() }
	g, err := graph.Jit(dev, graph.Grad(mean))(ctx, graph.Scalar(3))
	if err != nil {
		log.Fatal(err)
	}
	v, err := g.Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f\n", v)
	// Output: 1.0
}

// A mini-batch without repeats: positions of the rows, then the rows.
func ExampleSample() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	x, err := graph.FromSlice(dev, []float32{0, 1, 10, 11, 20, 21, 30, 31}, 4, 2)
	if err != nil {
		log.Fatal(err)
	}
	batch, err := x.Take(0, random.Sample(random.NewKey(5), 4, 2)).Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(batch)
	// Output: [30 31 20 21]
}
