package bijection

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/constraint"
)

// Simplex maps vectors x [..., n-1] of real numbers to n probabilities by breaking a stick: y_i = z_i prod_{j<i} (1 - z_j), with z_i =
// sigmoid(x_i - log(n - i)) for i = 1..n-1, so that x = 0 is the uniform distribution. The volume is that of the first n-1 probabilities, as for
// the Dirichlet density.
//
// Source: Stan Reference Manual, Constraint Transforms, unit simplex.
type Simplex struct{}

// EventRanks is 1, 1.
func (Simplex) EventRanks() (x, y int) { return 1, 1 }

// offsets is log(n - i) for i = 1..n-1.
func offsets(x graph.Tensor, n int) graph.Tensor {
	values := make([]float32, n-1)
	for i := range values {
		values[i] = float32(math.Log(float64(n - 1 - i)))
	}
	return graph.Literal(values, n-1).Convert(x.DType())
}

// pieces gives log z_i, log(1 - z_i) [..., n-1], and the logarithm of the stick left before each break and after the last, [..., n].
func (Simplex) pieces(x graph.Tensor) (taken, kept, left graph.Tensor) {
	if x.Rank() == 0 || x.Dim(-1) == 0 {
		graph.Fail("simplex", graph.ErrShape, "give vectors [... n-1] for n > 1 probabilities", "x is %v", x.Spec())
	}
	t := x.Sub(offsets(x, x.Dim(-1)+1))
	taken, kept = t.Neg().Softplus().Neg(), t.Softplus().Neg()
	return taken, kept, kept.CumSum(-1).Pad(x.Rank()-1, 1, 0)
}

// Forward is n probabilities of sum 1.
func (b Simplex) Forward(x graph.Tensor) graph.Tensor {
	taken, _, left := b.pieces(x)
	return left.Add(taken.Pad(x.Rank()-1, 0, 1)).Exp()
}

// Inverse is x_i = log(y_i / sum_{j>i} y_j) + log(n - i).
func (Simplex) Inverse(y graph.Tensor) graph.Tensor {
	if y.Rank() == 0 || y.Dim(-1) < 2 {
		graph.Fail("simplex", graph.ErrShape, "give n > 1 probabilities [... n]", "y is %v", y.Spec())
	}
	n := y.Dim(-1)
	left := y.CumSumReverse(-1).Slice(-1, 1, n)
	return y.Slice(-1, 0, n-1).Log().Sub(left.Log()).Add(offsets(y, n))
}

// LogDet is sum_i log z_i + log(1 - z_i) + log(stick left before break i).
func (b Simplex) LogDet(x graph.Tensor) graph.Tensor {
	taken, kept, left := b.pieces(x)
	return taken.Add(kept).Add(left.Slice(-1, 0, x.Dim(-1))).Sum(-1)
}

// Codomain is the vectors of probabilities.
func (Simplex) Codomain() constraint.Constraint { return constraint.Simplex }
