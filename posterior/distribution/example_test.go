package distribution_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/bijection"
	"github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/vmap"
)

func show(x graph.Tensor) {
	v, err := x.Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", v)
}

// Checks work under vmap: the log densities of three samples.
func Example() {
	f := vmap.Map(func(x graph.Tensor) graph.Tensor { return distribution.NewNormal(0, 1).LogProb(x) })
	show(f(graph.Literal([]float32{0, 1, 2})))
	// Output: [-0.9189 -1.4189 -2.9189]
}

// An error names distribution, argument, constraint and sample.
func Example_check() {
	f := vmap.Map(func(scale graph.Tensor) graph.Tensor {
		return distribution.NewNormal(0, scale).LogProb(graph.Scalar(1))
	})
	_, err := f(graph.Literal([]float32{1, 2, -3})).Floats(context.Background())
	var e *graph.Error
	if !errors.As(err, &e) {
		log.Fatal(err)
	}
	fmt.Println(e.Detail)
	// Output: Normal: scale > 0 is false for sample [2]
}

// Vectors of three independent elements: log probabilities are summed over them.
func ExampleNewIndependent() {
	d := distribution.NewIndependent(distribution.NewPoisson(graph.Literal([]float32{1, 2, 3})), 1)
	show(d.LogProb(graph.Literal([]float32{0, 1, 2, 3, 3, 3}, 2, 3)))
	// Output: [-3.8028 -6.0000]
}

func ExampleNewMixture() {
	d := distribution.NewMixture(
		distribution.NewCategorical(graph.Literal([]float32{0.25, 0.75})),
		distribution.NewNormal(graph.Literal([]float32{-1, 1}), 0.5))
	show(graph.Stack(0, d.Mean(), d.StdDev(), d.LogProb(graph.Scalar(0))))
	// Output: [0.5000 1.0000 -2.2258]
}

// The logarithm of a normal variable's exponential is normal.
func ExampleNewTransformed() {
	d := distribution.NewTransformed(distribution.NewNormal(0, 1), bijection.Exp{})
	same := distribution.NewLogNormal(0, 1)
	x := graph.Scalar(2)
	show(graph.Stack(0, d.LogProb(x), same.LogProb(x)))
	// Output: [-1.8523 -1.8523]
}

func ExampleKL() {
	show(distribution.KL(distribution.NewNormal(0, 1), distribution.NewNormal(1, 2)).ExpandDims(0))
	// Output: [0.4431]
}

// A draw depends on its key and its shape.
func ExampleBinomial_Sample() {
	d := distribution.NewBinomial(1000, 0.5)
	k, err := d.Sample(random.NewKey(1), 3).Ints(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range k {
		fmt.Println(k > 400 && k < 600)
	}
	// Output:
	// true
	// true
	// true
}
