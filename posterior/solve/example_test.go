package solve_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/solve"
)

// The gradient of a solution, implicitly: of x with A x = b the cotangent c comes back to b as the y with A y = c, and to what A is made of by
// way of the product -A x with x held. Here A is diag(d) + 1, d a parameter.
func ExampleCG_gradient() {
	type system struct{ D, B graph.Tensor }
	product := func(d, x graph.Tensor) graph.Tensor { return d.Mul(x).Add(x.Sum()) }
	inverse := func(d, b graph.Tensor) graph.Tensor {
		return solve.CG(func(v graph.Tensor) graph.Tensor { return product(d, v) }, b).X
	}
	type saved struct{ D, X graph.Tensor }
	solution := graph.CustomVJP(func(s system) (graph.Tensor, saved) {
		x := inverse(s.D, s.B)
		return x, saved{s.D, x}
	}, func(s saved, c graph.Tensor) system {
		y := inverse(s.D, c)
		_, pull := graph.VJP(func(d graph.Tensor) graph.Tensor { return product(d, s.X).Neg() }, s.D)
		return system{D: pull(y), B: y}
	})
	loss := func(s system) graph.Tensor { return solution(s).Index(0, 0) }
	g := graph.Grad(loss)(system{D: graph.Literal([]float32{1, 1}), B: graph.Literal([]float32{3, 0})})
	for _, t := range []graph.Tensor{g.D, g.B} { // A^-1 = [2 -1; -1 2] / 3, x = [2 -1]
		v, err := t.Floats(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%.3f\n", v)
	}
	// Output:
	// [-1.333 -0.333]
	// [0.667 -0.333]
}
