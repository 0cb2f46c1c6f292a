package graph_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

// printed evaluates constants without a device and prints them.
func printed(t graph.Tensor) {
	v, err := graph.Reference(context.Background(), t)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
}

// A running mean: the carry is handed from position to position, and the outputs are stacked.
func ExampleScan() {
	xs := graph.Literal([]float32{4, 8, 0, 2})
	last, means := graph.Scan(func(mean, x graph.Tensor) (graph.Tensor, graph.Tensor) {
		mean = mean.Add(x).Scale(0.5)
		return mean, mean
	}, graph.Scalar(0), xs)
	printed(means)
	printed(last)
	// Output:
	// [2 5 2.5 2.25]
	// [2.25]
}

// The gradient of a loop of known length.
func ExampleFori() {
	fifth := func(x graph.Tensor) graph.Tensor { // x^5
		return graph.Fori(0, 5, func(_, y graph.Tensor) graph.Tensor { return y.Mul(x) }, graph.Scalar(1))
	}
	printed(graph.Grad(fifth)(graph.Scalar(2)))
	// Output: [80]
}

// Under vmap every sample stops when its own condition says so: how often each number can be halved.
func ExampleWhile() {
	type state struct{ N, Halved graph.Tensor }
	halvings := func(n graph.Tensor) graph.Tensor {
		even := func(s state) graph.Tensor { return s.N.Rem(graph.Int(2)).Eq(graph.Int(0)) }
		half := func(s state) state { return state{s.N.Div(graph.Int(2)), s.Halved.AddScalar(1)} }
		return graph.While(even, half, state{n, graph.Int(0)}).Halved
	}
	printed(vmap.Map(halvings)(graph.Literal([]float32{12, 7, 64}).AsInt()))
	// Output: [2 0 6]
}

// Only the branch that is taken has a part in the gradient: the square root's, infinite at 0, has none.
func ExampleCond() {
	f := func(x graph.Tensor) graph.Tensor {
		return graph.Cond(x.Gt(graph.Scalar(0)), graph.Tensor.Sqrt, func(x graph.Tensor) graph.Tensor { return x.Scale(3) }, x)
	}
	printed(graph.Grad(f)(graph.Scalar(0)))
	printed(graph.Grad(f)(graph.Scalar(4)))
	// Output:
	// [3]
	// [0.25]
}
