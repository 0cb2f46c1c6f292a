package graph_test

import (
	"context"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// A step of gradient descent that overwrites its parameters: every handle to them sees the new values.
func ExampleJitInPlace() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		panic(err)
	}
	defer dev.Close()
	loss := func(x graph.Tensor) graph.Tensor { return x.Square().Sum() }
	step := graph.JitInPlace(dev, func(x graph.Tensor) graph.Tensor { return x.Sub(graph.Grad(loss)(x).Scale(0.25)) })

	x, err := graph.FromSlice(dev, []float32{4, -8})
	if err != nil {
		panic(err)
	}
	for range 2 {
		if _, err := step(ctx, x); err != nil {
			panic(err)
		}
	}
	fmt.Println(x.Floats(ctx))
	// Output: [1 -2] <nil>
}
