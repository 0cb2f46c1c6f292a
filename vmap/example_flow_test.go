package vmap_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

// The value of a sample is not known while a function is traced: an if that asks for it is an error that says what to use
// instead. Where selects for each sample, Cond and While run what each sample's condition says.
func Example_dataDependentFlow() {
	ctx := context.Background()
	reads := func(x graph.Tensor) graph.Tensor {
		v, err := x.Float(ctx)
		if err != nil {
			panic(err) // becomes the error of the call that traces
		}
		if v > 0 {
			return x
		}
		return x.Scale(0.1)
	}
	x := graph.Literal([]float32{-10, 2, -30})
	err := graph.Try(func() { vmap.Map(reads)(x) })
	var e *graph.Error
	if !errors.As(err, &e) {
		log.Fatal(err)
	}
	fmt.Println(e.Detail)
	fmt.Println(e.Fix)

	positive := func(x graph.Tensor) graph.Tensor { return x.Gt(graph.Scalar(0)) }
	leaky := func(x graph.Tensor) graph.Tensor { return graph.Where(positive(x), x, x.Scale(0.1)) }
	halved := func(x graph.Tensor) graph.Tensor { // until it is at most 1
		return graph.While(func(x graph.Tensor) graph.Tensor { return x.Gt(graph.Scalar(1)) },
			func(x graph.Tensor) graph.Tensor { return x.Scale(0.5) }, x)
	}
	cond := func(x graph.Tensor) graph.Tensor { return graph.Cond(positive(x), halved, graph.Tensor.Abs, x) }
	for _, f := range []func(graph.Tensor) graph.Tensor{leaky, halved, cond} {
		v, err := vmap.Map(f)(x).Floats(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v)
	}
	// Output:
	// it depends on a parameter float32[] of the vmap at vmap/example_flow_test.go:28
	// choose with Where, Cond or While instead of a Go if or for, or return the tensor from the traced function and read it outside
	// [-1 2 -3]
	// [-10 1 -30]
	// [10 1 30]
}
