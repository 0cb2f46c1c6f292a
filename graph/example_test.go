package graph_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

func open() *gpu.Device {
	dev, err := gpu.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return dev
}

// Ops on arrays are recorded, and run fused when a value is read.
func Example() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	x, err := graph.FromSlice(dev, []float32{1, 2, 3})
	if err != nil {
		log.Fatal(err)
	}
	y, err := x.Mul(x).AddScalar(1).Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [2 5 10]
}

// Stack keeps gradients: the derivative of x^2 + x^3 at 2 is 16.
func ExampleGrad() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	f := func(x graph.Tensor) graph.Tensor {
		return graph.Stack(0, x.Mul(x), x.Mul(x).Mul(x)).Sum()
	}
	x, err := graph.FromSlice(dev, []float32{2})
	if err != nil {
		log.Fatal(err)
	}
	g, err := graph.Grad(f)(x.Reshape()).Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(g)
	// Output: 16
}

// A compiled function is traced once for each combination of shapes; errors name the user's line.
func ExampleJit() {
	ctx := context.Background()
	dev := open()
	defer dev.Close()
	norm := graph.Jit(dev, func(x graph.Tensor) graph.Tensor { return x.Square().Sum().Sqrt() })
	x, err := graph.FromSlice(dev, []float32{3, 4})
	if err != nil {
		log.Fatal(err)
	}
	y, err := norm(ctx, x)
	if err != nil {
		log.Fatal(err)
	}
	v, err := y.Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: 5
}

// Products and sums over named axes.
func ExampleEinsum() {
	show := func(t graph.Tensor) {
		v, err := t.Floats(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Shape(), v)
	}
	a := graph.Literal([]float32{1, 2, 3, 4}, 2, 2)
	x := graph.Literal([]float32{1, 10})
	show(graph.Einsum("ij,j->i", a, x))     // matrix times vector
	show(graph.Einsum("ii->i", a))          // diagonal
	show(graph.Einsum("i,ij,j->", x, a, x)) // quadratic form
	show(graph.Einsum("ji", a))             // without ->: letters in alphabetical order, the transpose
	// Output:
	// [2] [21 43]
	// [2] [1 4]
	// [] [451]
	// [2 2] [1 3 2 4]
}

// Windows of three over an axis, and their sum where they lie: every element stands in as many as reach it.
func ExampleTensor_Windows() {
	show := func(t graph.Tensor) {
		v, err := t.Floats(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Shape(), v)
	}
	w := graph.Window{Size: 3}
	x := graph.Literal([]float32{1, 2, 3, 4, 5})
	show(x.Windows(0, w))
	show(graph.Ones(5).Windows(0, w).Fold([]int{5}, w))
	// Output:
	// [3 3] [1 2 3 2 3 4 3 4 5]
	// [5] [1 2 3 2 1]
}
