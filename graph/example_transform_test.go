package graph_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/graph"
)

// StopGradient cuts the gradient that flows through its result, not one that is taken inside: the inner derivative of y^3 at 2
// is 12 all the same, and the outer one sees it as a constant.
func ExampleStopGradient() {
	cube := func(y graph.Tensor) graph.Tensor { return y.Mul(y).Mul(y) }
	f := func(x graph.Tensor) graph.Tensor {
		slope := graph.StopGradient(graph.Grad(cube)(x)) // 3 x^2
		return x.Mul(slope)
	}
	x := graph.Scalar(2)
	y, err := f(x).Float(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	g, err := graph.Grad(f)(x).Float(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y, g)
	// Output: 24 12
}

// log(1 + exp(x)) overflows for large x, and its derivative is NaN there; with rules of its own it is right everywhere.
func ExampleCustomVJP() {
	log1pexp := graph.CustomVJP(
		func(x graph.Tensor) (y, saved graph.Tensor) {
			return x.Max(graph.Scalar(0)).Add(x.Abs().Neg().Exp().Log1p()), x
		},
		func(x, ct graph.Tensor) graph.Tensor { return ct.Mul(x.Sigmoid()) },
	)
	g := graph.Grad(log1pexp)(graph.Scalar(100))
	v, err := g.Float(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: 1
}

// The Hessian of x y^2 + e^z.
func ExampleHessian() {
	f := func(p graph.Tensor) graph.Tensor {
		return p.Index(0, 0).Mul(p.Index(0, 1).Square()).Add(p.Index(0, 2).Exp())
	}
	h, err := graph.Hessian(f)(graph.Literal([]float32{3, 2, 0})).Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h[:3], h[3:6], h[6:])
	// Output: [0 4 0] [4 6 0] [0 0 1]
}

// The shapes, the graph and the cost of a function, without a device and without data.
func ExampleDump() {
	type args struct{ W, X graph.Tensor }
	f := func(a args) graph.Tensor { return a.X.MatMul(a.W).Tanh().Sum() }
	a := args{W: graph.Placeholder(graph.Float32, 784, 10), X: graph.Placeholder(graph.Float32, 32, 784)}

	shapes, err := graph.EvalShape(graph.Grad(f), a)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(shapes.W.Shape(), shapes.X.Shape())
	cost, err := graph.Cost(f, a)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cost.Operations, "operations,", cost.Transcendentals, "elementary functions,", cost.Elements, "elements")
	s, err := graph.Dump(f, a)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(s)
	// Output:
	// [784 10] [32 784]
	// 502080 operations, 320 elementary functions, 32928 elements
	// %0 = parameter .W  float32[784 10]
	// %1 = parameter .X  float32[32 784]
	// %2 = contract %1 %0  float32[32 10]  a=[0 1] b=[1 2] out=[0 2]  # graph/example_transform_test.go:65
	// %3 = tanh %2  float32[32 10]  # graph/example_transform_test.go:65
	// %4 = reduce sum %3  float32[]  axes=[0 1]  # graph/example_transform_test.go:65
	// return %4
}

// The intermediate values of each block are computed again in the backward pass instead of being kept.
func ExampleCheckpoint() {
	block := graph.Checkpoint(func(x graph.Tensor) graph.Tensor {
		for range 4 {
			x = x.Sin()
		}
		return x
	})
	f := func(x graph.Tensor) graph.Tensor { return block(block(x)) }
	g, err := graph.Grad(f)(graph.Scalar(1)).Float(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", g)
	// Output: 0.1021
}

// What a function takes is known before it runs, and without a device.
func ExampleCost() {
	c, err := graph.Cost(func(x graph.Tensor) graph.Tensor { return x.MatMul(x) }, graph.Placeholder(graph.Float32, 256, 256))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Operations, "operations,", c.Peak(), "bytes")
	// Output: 33554432 operations, 262144 bytes
}
