package graph_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
)

type tensor = graph.Tensor

func vec(v ...float32) tensor { return graph.Literal(v) }

// f64 is the float64 value of t.
func f64(t *testing.T, x tensor) []float64 {
	t.Helper()
	v, err := graph.Reference(context.Background(), x)
	require.NoError(t, err)
	return v
}

// scalars maps f, a function of a scalar, derivative by derivative.
func scalarAt(t *testing.T, f func(tensor) tensor, x float64) float64 {
	t.Helper()
	return f64(t, f(graph.Scalar(x)))[0]
}

// d is the derivative of a scalar function by reverse mode, fwd by forward mode.
func d(f func(tensor) tensor) func(tensor) tensor { return graph.Grad(f) }

func fwd(f func(tensor) tensor) func(tensor) tensor {
	return func(x tensor) tensor {
		_, t := graph.JVP(f, x, graph.Scalar(1))
		return t
	}
}

// Every nesting of both modes, three deep: the third derivative of x^4 + sin x is 24x - cos x.
func TestThreeDeepInEveryOrder(t *testing.T) {
	modes := map[string]func(func(tensor) tensor) func(tensor) tensor{"rev": d, "fwd": fwd}
	f := func(x tensor) tensor { return x.Square().Square().Add(x.Sin()) }
	for a, outer := range modes {
		for b, middle := range modes {
			assert.InDelta(t, 12*0.49-0.644217687, scalarAt(t, outer(middle(f)), 0.7), 1e-7, "%s over %s", a, b)
			for c, inner := range modes {
				assert.InDelta(t, 24*0.7-0.764842187, scalarAt(t, outer(middle(inner(f))), 0.7), 1e-6, "%s over %s over %s", a, b, c)
			}
		}
	}
}

// d/dx (x * d/dy (x + y)) is 1; a system that confuses the two perturbations gives 2 (Siskind and Pearlmutter 2005).
func TestNoPerturbationConfusion(t *testing.T) {
	for name, outer := range map[string]func(func(tensor) tensor) func(tensor) tensor{"rev": d, "fwd": fwd} {
		for with, inner := range map[string]func(func(tensor) tensor) func(tensor) tensor{"rev": d, "fwd": fwd} {
			f := func(x tensor) tensor {
				return x.Mul(inner(func(y tensor) tensor { return x.Add(y) })(graph.Scalar(1)))
			}
			assert.Equal(t, 1.0, scalarAt(t, outer(f), 3), "%s over %s", name, with)
			// At y = x as well, where both are the same tensor: d/dx (x * 2x) = 4x.
			g := func(x tensor) tensor { return x.Mul(inner(func(y tensor) tensor { return y.Square() })(x)) }
			assert.Equal(t, 12.0, scalarAt(t, outer(g), 3), "%s over %s at the same point", name, with)
		}
	}
}

type pair struct{ A, B tensor }

func TestLinearize(t *testing.T) {
	runs := 0
	f := func(p pair) pair {
		runs++
		return pair{p.A.Mul(p.B).Sum(), p.B.Exp()}
	}
	p := pair{vec(1, 2), vec(0.5, -1)}
	y, push := graph.Linearize(f, p)
	for _, v := range []pair{{vec(1, 0), vec(0, 0)}, {vec(0.3, 0.4), vec(-1, 2)}} {
		want, dir := graph.JVP(f, p, v)
		got := push(v)
		assert.Equal(t, f64(t, want.A), f64(t, y.A))
		assert.Equal(t, f64(t, dir.A), f64(t, got.A))
		assert.Equal(t, f64(t, dir.B), f64(t, got.B))
	}
	assert.Equal(t, 3, runs, "linearize runs the function once")
	require.ErrorIs(t, graph.Try(func() { push(pair{vec(1, 2, 3), vec(0, 0)}) }), graph.ErrShape)
}

func TestJacobians(t *testing.T) {
	f := func(p pair) tensor { // [2 3]
		return p.A.ExpandDims(-1).Mul(p.B.Square()).Tanh()
	}
	p := pair{vec(0.5, -1), vec(0.2, 0.3, 1)}
	rev, forward := graph.JacRev(f)(p), graph.JacFwd(f)(p)
	assert.Equal(t, graph.Shape{2, 3, 2}, rev.A.Shape())
	assert.Equal(t, graph.Shape{2, 3, 3}, rev.B.Shape())
	assert.InDeltaSlice(t, f64(t, rev.A), f64(t, forward.A), 1e-12)
	assert.InDeltaSlice(t, f64(t, rev.B), f64(t, forward.B), 1e-12)
	for j := range 3 {
		e := make([]float32, 3)
		e[j] = 1
		_, column := graph.JVP(f, p, pair{vec(0, 0), vec(e...)})
		assert.InDeltaSlice(t, f64(t, column), f64(t, forward.B.Index(2, j)), 1e-12)
	}

	// One tensor to another, no outputs, constant outputs, and what cannot be differentiated.
	square := func(x tensor) tensor { return x.Square() }
	assert.Equal(t, []float64{2, 0, 0, 4}, f64(t, graph.JacRev(square)(vec(1, 2))))
	assert.Equal(t, []float64{2, 0, 0, 4}, f64(t, graph.JacFwd(square)(vec(1, 2))))
	wide := vec(1, 2).Convert(graph.Float64)
	for _, j := range []tensor{graph.JacRev(square)(wide), graph.JacFwd(square)(wide), graph.Hessian(func(x tensor) tensor { return square(x).Sum() })(wide)} {
		assert.Equal(t, graph.Float64, j.DType())
	}
	none := func(x tensor) tensor { return x.Slice(0, 1, 1) }
	assert.Equal(t, graph.Shape{0, 2}, graph.JacRev(none)(vec(1, 2)).Shape())
	assert.Equal(t, graph.Shape{0, 2}, graph.JacFwd(none)(vec(1, 2)).Shape())
	same := func(tensor) tensor { return graph.Ones(2) }
	assert.Equal(t, make([]float64, 4), f64(t, graph.JacRev(same)(vec(1, 2))))
	assert.Equal(t, make([]float64, 4), f64(t, graph.JacFwd(same)(vec(1, 2))))
	labelled := func(p pair) tensor { return p.A.Mul(p.B.AsFloat()) }
	p = pair{vec(1, 2), graph.Full(graph.Int32, 3, 2)}
	assert.Equal(t, make([]float64, 4), f64(t, graph.JacFwd(labelled)(p).B))
	assert.Equal(t, []float64{3, 0, 0, 3}, f64(t, graph.JacRev(labelled)(p).A))
	bad := func(x tensor) tensor { return x.Gt(x) }
	require.ErrorIs(t, graph.Try(func() { graph.JacRev(bad)(vec(1)) }), graph.ErrDType)
	require.ErrorIs(t, graph.Try(func() { graph.JacFwd(bad)(vec(1)) }), graph.ErrDType)
}

func TestHessians(t *testing.T) {
	f := func(x tensor) tensor {
		return x.Index(0, 0).Mul(x.Index(0, 1).Square()).Add(x.Index(0, 2).Exp())
	}
	x := vec(3, 2, 0)
	want := []float64{0, 4, 0, 4, 6, 0, 0, 0, 1}
	assert.InDeltaSlice(t, want, f64(t, graph.Hessian(f)(x)), 1e-12)
	assert.InDeltaSlice(t, want, f64(t, graph.JacRev(graph.Grad(f))(x)), 1e-12, "reverse over reverse")
	assert.InDeltaSlice(t, want, f64(t, graph.JacRev(graph.JacFwd(f))(x)), 1e-12, "reverse over forward")
	assert.InDeltaSlice(t, []float64{8, 10, -1}, f64(t, graph.HVP(f)(x, vec(1, 1, -1)).Mul(vec(2, 1, 1))), 1e-12)

	// A tree through Ravel: the Hessian's product with a vector is HVP's.
	g := func(p pair) tensor { return p.A.Mul(p.B).Sum().Square().Add(p.B.Sin().Sum()) }
	p, v := pair{vec(1, 2), vec(0.5, -1)}, pair{vec(1, -1), vec(2, 0.5)}
	flat, unravel := graph.Ravel(p)
	h := graph.Hessian(func(x tensor) tensor { return g(unravel(x)) })(flat)
	assert.Equal(t, graph.Shape{4, 4}, h.Shape())
	vflat, _ := graph.Ravel(v)
	hv, _ := graph.Ravel(graph.HVP(g)(p, v))
	assert.InDeltaSlice(t, f64(t, h.MatMul(vflat)), f64(t, hv), 1e-12)
	require.ErrorIs(t, graph.Try(func() { unravel(vec(1, 2, 3)) }), graph.ErrShape)
	require.ErrorIs(t, graph.Try(func() { graph.Ravel(pair{vec(1), graph.Int(1)}) }), graph.ErrDType)

	// With a linear model the Gauss-Newton matrix is the Hessian, otherwise J' H J.
	loss := func(y tensor) tensor { return y.Exp().Sum() }
	linear := func(x tensor) tensor { return x.MatMul(graph.Literal([]float32{1, 2, 0, -1, 1, 1}, 3, 2)) }
	x, dir := vec(0.1, -0.2, 0.3), vec(1, 2, 3)
	assert.InDeltaSlice(t, f64(t, graph.HVP(func(x tensor) tensor { return loss(linear(x)) })(x, dir)), f64(t, graph.GNVP(linear, loss)(x, dir)), 1e-12)
	model := func(x tensor) tensor { return linear(x).Tanh() }
	j, hess := graph.JacRev(model)(x), graph.Hessian(loss)(model(x))
	assert.InDeltaSlice(t, f64(t, j.Transpose(1, 0).MatMul(hess.MatMul(j.MatMul(dir)))), f64(t, graph.GNVP(model, loss)(x, dir)), 1e-12)
}

func TestAuxAndSubsets(t *testing.T) {
	f := func(p pair) (tensor, pair) {
		return p.A.Mul(p.B).Sum(), pair{p.A.Scale(2), p.B}
	}
	p := pair{vec(1, 2), vec(3, 4)}
	g, aux := graph.GradAux(f)(p)
	assert.Equal(t, []float64{3, 4}, f64(t, g.A))
	assert.Equal(t, []float64{2, 4}, f64(t, aux.A))
	r := graph.ValueAndGradAux2(func(a, b tensor) (tensor, tensor) { return a.Mul(b).Sum(), b })(p.A, p.B)
	assert.Equal(t, []float64{11}, f64(t, r.Value))
	assert.Equal(t, []float64{3, 4}, f64(t, r.Grad))
	assert.Equal(t, []float64{3, 4}, f64(t, r.Aux))
	require.ErrorIs(t, graph.Try(func() { graph.GradAux(func(x tensor) (tensor, tensor) { return x.Sum(), tensor{} })(p.A) }), graph.ErrArgument)
	require.ErrorIs(t, graph.Try(func() { graph.GradAux(f2)(p.A) }), graph.ErrShape)

	assert.Equal(t, []float64{1, 2}, f64(t, graph.GradSecond(func(a, b tensor) tensor { return a.Mul(b).Sum() })(p.A, p.B)))
	product := func(p pair) tensor { return p.A.Mul(p.B).Sum() }
	onB := graph.ValueAndGradSubset(product, func(path string, _ tensor) bool { return path == ".B" })(p)
	require.Len(t, onB.Grad, 1)
	assert.Equal(t, []float64{11}, f64(t, onB.Value))
	assert.Equal(t, []float64{1, 2}, f64(t, onB.Grad[0]))
	assert.Empty(t, graph.GradSubset(product, func(string, tensor) bool { return false })(p))
}

func f2(x tensor) (tensor, tensor) { return x, x }

func TestStopGradient(t *testing.T) {
	// The inner gradient is exact; only what flows through it is cut: d/dx (x * stop(3x^2)) = 3x^2.
	f := func(x tensor) tensor {
		return x.Mul(graph.StopGradient(graph.Grad(func(y tensor) tensor { return y.Square().Mul(y) })(x)))
	}
	assert.Equal(t, 12.0, scalarAt(t, graph.Grad(f), 2))
	assert.Equal(t, 12.0, scalarAt(t, fwd(f), 2))
}
