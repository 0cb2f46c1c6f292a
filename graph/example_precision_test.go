package graph_test

import (
	"context"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// A product of numbers that bfloat16 rounds to 1, and float16 to 1 + 2^-9.
func ExampleProductPrecision() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		panic(err)
	}
	defer dev.Close()
	x, err := graph.FromSlice(dev, []float32{1.002, 1.002, 1.002, 1.002}, 2, 2)
	if err != nil {
		panic(err)
	}
	defer x.Close()
	for _, p := range []graph.Precision{graph.PrecisionHighest, graph.PrecisionBFloat16, graph.PrecisionFloat16} {
		square := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.MatMul(x) }, graph.ProductPrecision(p))
		y, err := square(ctx, x)
		if err != nil {
			panic(err)
		}
		v, err := y.Floats(ctx)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%v: %.6f\n", p, v[0])
		y.Close()
	}
	// Output:
	// highest: 2.008008
	// bfloat16: 2.000000
	// float16: 2.007820
}
