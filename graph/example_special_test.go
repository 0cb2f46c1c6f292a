package graph_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// The derivative of log(gamma) at 1 is minus Euler's constant.
func ExampleTensor_Lgamma() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	x, err := graph.FromSlice(dev, []float32{1})
	if err != nil {
		log.Fatal(err)
	}
	g, err := graph.Grad(graph.Tensor.Lgamma)(x.Reshape()).Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.6f\n", g)
	// Output: -0.577216
}

// Erfinv gives quantiles of the normal distribution.
func ExampleTensor_Erfinv() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	p, err := graph.FromSlice(dev, []float32{0.025, 0.5, 0.975})
	if err != nil {
		log.Fatal(err)
	}
	q, err := p.Scale(2).AddScalar(-1).Erfinv().Scale(math.Sqrt2).Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", q)
	// Output: [-1.9600 0.0000 1.9600]
}

// Clamp keeps NaN, so that a mistake upstream stays visible.
func ExampleTensor_Clamp() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	x, err := graph.FromSlice(dev, []float32{-7, 0.5, 7, float32(math.NaN())})
	if err != nil {
		log.Fatal(err)
	}
	y, err := x.Clamp(-1, 1).Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [-1 0.5 1 NaN]
}
