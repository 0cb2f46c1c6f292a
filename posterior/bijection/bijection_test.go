package bijection_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	. "github.com/lavagrad/lavagrad/posterior/bijection"
	"github.com/lavagrad/lavagrad/posterior/constraint"
	"github.com/lavagrad/lavagrad/vmap"
)

func literal(values []float64, shape ...int) graph.Tensor {
	v := make([]float32, len(values))
	for i, x := range values {
		v[i] = float32(x)
	}
	if len(shape) == 0 {
		shape = []int{len(v)}
	}
	return graph.Literal(v, shape...)
}

func reference(t require.TestingT, x graph.Tensor) []float64 {
	v, err := graph.Reference(context.Background(), x)
	require.NoError(t, err)
	return v
}

// cases have the length of one x.
var cases = map[string]struct {
	b      Bijection
	length int
	// free are the positions in a flat y whose volume counts; nil: all.
	free []int
}{
	"identity":       {b: Identity{}, length: 2},
	"exp":            {b: Exp{}, length: 2},
	"softplus":       {b: Softplus{}, length: 2},
	"sigmoid":        {b: Sigmoid{}, length: 2},
	"interval":       {b: NewInterval(literal([]float64{-1, 2}), literal([]float64{3, 2.5})), length: 2},
	"affine":         {b: NewAffine(literal([]float64{-1, 2}), literal([]float64{3, -2.5})), length: 2},
	"simplex":        {b: Simplex{}, length: 3, free: []int{0, 1, 2}},
	"simplex of 2":   {b: Simplex{}, length: 1, free: []int{0}},
	"cholesky":       {b: LowerCholesky{}, length: 6, free: []int{0, 3, 4, 6, 7, 8}},
	"cholesky of 1":  {b: LowerCholesky{}, length: 1},
	"definite":       {b: PositiveDefinite{}, length: 6, free: []int{0, 3, 4, 6, 7, 8}},
	"chain":          {b: NewChain(Exp{}, NewAffine(graph.Scalar(1), graph.Scalar(2))), length: 2},
	"scaled simplex": {b: NewChain(NewAffine(graph.Scalar(0.5), graph.Scalar(2)), Simplex{}), length: 3, free: []int{0, 1, 2}},
}

// TestBijections: inverses invert, results lie in the codomain, and the log determinant is that of the Jacobian matrix, at random points.
func TestBijections(t *testing.T) {
	for name, c := range cases {
		rapid.Check(t, func(t *rapid.T) {
			x := literal(rapid.SliceOfN(rapid.Float64Range(-3, 3), c.length, c.length).Draw(t, "x"))
			y := c.b.Forward(x)
			assert.InDeltaSlice(t, reference(t, x), reference(t, c.b.Inverse(y)), 1e-6, name)
			for _, ok := range reference(t, c.b.Codomain().Holds(y)) {
				assert.Equal(t, 1., ok, name)
			}
			jacobian := reference(t, graph.JacFwd(func(x graph.Tensor) graph.Tensor {
				return c.b.Forward(x).Flatten()
			})(x))
			free := c.free
			if free == nil {
				for i := range c.length {
					free = append(free, i)
				}
			}
			m := mat.NewDense(c.length, c.length, nil)
			for i, row := range free {
				for j := range c.length {
					m.Set(i, j, jacobian[row*c.length+j])
				}
			}
			want, _ := mat.LogDet(m)
			log := 0.0
			for _, d := range reference(t, c.b.LogDet(x)) {
				log += d // elementwise bijections give one for each element
			}
			assert.InDelta(t, want, log, 1e-5, name)
		})
	}
}

// TestOnDevice compares with the evaluator: forward, inverse, log determinant and its gradient, mapped over a batch.
func TestOnDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		type result struct{ Y, X, LogDet, Grad graph.Tensor }
		all := func(name string, x graph.Tensor) result {
			b := cases[name].b
			return vmap.Map(func(x graph.Tensor) result {
				y := b.Forward(x)
				return result{y, b.Inverse(y), b.LogDet(x), graph.Grad(func(x graph.Tensor) graph.Tensor {
					return b.LogDet(x).Sum().Add(b.Forward(x).Sum())
				})(x)}
			})(x)
		}
		in := map[string]graph.Tensor{}
		for name, c := range cases {
			v := make([]float32, 2*c.length)
			for i := range v {
				v[i] = float32(math.Sin(float64(3*i + 1)))
			}
			x, err := graph.FromSlice(dev, v, 2, c.length)
			require.NoError(t, err)
			defer x.Close()
			in[name] = x
		}
		got, err := graph.Jit(dev, func(in map[string]graph.Tensor) map[string]result {
			out := map[string]result{}
			for name, x := range in {
				out[name] = all(name, x)
			}
			return out
		})(context.Background(), in)
		require.NoError(t, err)
		defer graph.Close(got)
		for name := range cases {
			want := all(name, in[name])
			for i, p := range [][2]graph.Tensor{{want.Y, got[name].Y}, {want.X, got[name].X}, {want.LogDet, got[name].LogDet}, {want.Grad, got[name].Grad}} {
				v, err := p[1].Floats(context.Background())
				require.NoError(t, err)
				for j, w := range reference(t, p[0]) {
					assert.InDelta(t, w, float64(v[j]), 2e-5*max(1, math.Abs(w)), "%s: result %d", name, i)
				}
			}
		}
	})
}

// Large arguments stay finite where the result is.
func TestExtremes(t *testing.T) {
	x := literal([]float64{-80, 80})
	assert.InDelta(t, 80, reference(t, Softplus{}.Inverse(Softplus{}.Forward(x)))[1], 1e-6)
	assert.InDelta(t, -80, reference(t, Softplus{}.Inverse(Softplus{}.Forward(x)))[0], 1e-6)
	assert.InDeltaSlice(t, []float64{-80, -80}, reference(t, Sigmoid{}.LogDet(x)), 1e-6)
	y := reference(t, Simplex{}.Forward(literal([]float64{-80, 80, 0})))
	assert.InDelta(t, 1, y[0]+y[1]+y[2]+y[3], 1e-6)
	assert.InDeltaSlice(t, []float64{0.25, 0.25, 0.25, 0.25}, reference(t, Simplex{}.Forward(literal([]float64{0, 0, 0}))), 1e-7)
}

// TestTo: the bijection for a constraint goes where the constraint says.
func TestTo(t *testing.T) {
	for want, c := range map[Bijection]constraint.Constraint{
		Identity{}: constraint.Real, Exp{}: constraint.Positive, Simplex{}: constraint.Simplex,
		LowerCholesky{}: constraint.LowerCholesky, PositiveDefinite{}: constraint.PositiveDefinite,
	} {
		b, err := To(c)
		require.NoError(t, err)
		assert.Equal(t, want, b)
	}
	b, err := To(constraint.Interval(graph.Scalar(2), graph.Scalar(3)))
	require.NoError(t, err)
	assert.Equal(t, []float64{2.5}, reference(t, b.Forward(graph.Scalar(0))))
	_, err = To(constraint.Count)
	assert.ErrorIs(t, err, graph.ErrArgument)
	assert.ErrorContains(t, err, "is an integer >= 0")
}

// TestWrongInput: shapes when the graph is built, values when it runs.
func TestWrongInput(t *testing.T) {
	for want, f := range map[string]func(){
		"1, 3, 6, 10":          func() { LowerCholesky{}.Forward(literal([]float64{1, 2})) },
		"give matrices":        func() { LowerCholesky{}.Inverse(literal([]float64{1, 2})) },
		"give vectors [... n-": func() { Simplex{}.Forward(graph.Scalar(1)) },
		"n > 1 probabilities":  func() { Simplex{}.Inverse(literal([]float64{1})) },
		"no bijection was":     func() { NewChain() },
		"before the last":      func() { NewChain(Simplex{}, Exp{}) },
	} {
		assert.ErrorContains(t, graph.Try(f), want)
	}
	for want, y := range map[string]graph.Tensor{
		"Interval: high > low is false for element [1]": NewInterval(literal([]float64{0, 1}), graph.Scalar(1)).Forward(graph.Scalar(0)),
		"Interval: low is finite":                       NewInterval(graph.Scalar(math.Inf(-1)), graph.Scalar(1)).Forward(graph.Scalar(0)),
		"Affine: scale is finite and not 0":             NewAffine(graph.Scalar(0), graph.Scalar(0)).Forward(graph.Scalar(0)),
		"Affine: shift is finite":                       NewAffine(graph.Scalar(math.NaN()), graph.Scalar(1)).Forward(graph.Scalar(0)),
	} {
		_, err := graph.Reference(context.Background(), y)
		assert.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, want)
	}
}
