package curvature_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/curvature"
)

// The GGN of linear regression with unit noise is X'X, whatever the targets.
func ExampleGGN() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	type data struct{ X, Y graph.Tensor }
	forward := func(w graph.Tensor, s data) graph.Tensor { return s.X.Dot(w) }
	negLogLik := func(z graph.Tensor, s data) graph.Tensor { return z.Sub(s.Y).Square().Scale(0.5) }
	x, err := graph.FromSlice(dev, []float32{1, 0, 1, 1, 1, 2}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	y, err := graph.FromSlice(dev, []float32{5, -1, 2})
	if err != nil {
		log.Fatal(err)
	}
	precision, err := graph.Jit2(dev, curvature.GGN(forward, negLogLik))(ctx, graph.Zeros(2), data{x, y})
	if err != nil {
		log.Fatal(err)
	}
	v, err := precision.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: [3 3 3 5]
}
