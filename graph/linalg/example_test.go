package linalg_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/vmap"
)

func open() *gpu.Device {
	dev, err := gpu.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return dev
}

// The factor of a covariance matrix.
func ExampleCholesky() {
	dev := open()
	defer dev.Close()
	a, err := graph.FromSlice(dev, []float32{4, 2, 2, 10}, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	l, err := linalg.Cholesky(a).Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l)
	// Output: [2 0 1 3]
}

// The log density of a normal distribution with covariance a, up to a constant, for several points at once.
func ExampleCholeskySolve() {
	dev := open()
	defer dev.Close()
	a, err := graph.FromSlice(dev, []float32{4, 0, 0, 1}, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	points, err := graph.FromSlice(dev, []float32{0, 0, 2, 0, 2, 3}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	l := linalg.Cholesky(a)
	logDensity := func(x graph.Tensor) graph.Tensor {
		return x.Dot(linalg.CholeskySolve(l, x)).Add(linalg.CholeskyLogDet(l)).Scale(-0.5)
	}
	v, err := vmap.Map(logDensity)(points).Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f\n", v)
	// Output: [-0.6931 -1.1931 -5.6931]
}

// The gradient of log det a is the inverse of a.
func ExampleLogDet() {
	dev := open()
	defer dev.Close()
	a, err := graph.FromSlice(dev, []float32{4, 0, 0, 2}, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	g, err := graph.Grad(linalg.LogDet)(a).Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", g)
	// Output: [0.25 0.00 0.00 0.50]
}

// One matrix of a batch is not positive definite: the error says which, and where.
func ExampleCheckedCholesky() {
	dev := open()
	defer dev.Close()
	a, err := graph.FromSlice(dev, []float32{1, 0, 0, 1, 1, 2, 2, 1}, 2, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	_, err = vmap.Map(linalg.CheckedCholesky)(a).Floats(context.Background())
	fmt.Println(err != nil)
	// Output: true
}
