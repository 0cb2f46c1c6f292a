package solve_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/solve"
	"github.com/lavagrad/lavagrad/vmap"
)

// vector is a tree of 4 + 3 elements.
type vector struct {
	A graph.Tensor // [2 2]
	B graph.Tensor // [3]
}

func tensor(t *testing.T, dev *gpu.Device, v []float64, shape ...int) graph.Tensor {
	t.Helper()
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	x, err := graph.FromSlice(dev, f, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// system is a random positive definite matrix of 7 rows and a right-hand side.
func system(seed uint64) (a *mat.SymDense, b []float64) {
	r := rand.New(rand.NewPCG(seed, 0))
	m := mat.NewDense(7, 7, nil)
	b = make([]float64, 7)
	for i := range 7 {
		b[i] = float64(float32(r.NormFloat64()))
		for j := range 7 {
			m.Set(i, j, r.NormFloat64())
		}
	}
	a = mat.NewSymDense(7, nil)
	a.SymOuterK(1, m)
	for i := range 7 {
		for j := i; j < 7; j++ {
			v := a.At(i, j)
			if i == j {
				v++
			}
			a.SetSym(i, j, float64(float32(v)))
		}
	}
	return a, b
}

func elements(a *mat.SymDense) (v []float64) {
	for i := range 7 {
		for j := range 7 {
			v = append(v, a.At(i, j))
		}
	}
	return v
}

func product(a graph.Tensor) func(vector) vector {
	return func(x vector) vector {
		flat, unravel := graph.Ravel(x)
		return unravel(a.MatMul(flat))
	}
}

func fromFlat(b graph.Tensor) vector {
	return vector{b.Slice(0, 0, 4).Reshape(2, 2), b.Slice(0, 4, 7)}
}

// Against gonum's factorisation: plain, damped, preconditioned and from a start, for several systems at once.
func TestCG(t *testing.T) {
	ctx := context.Background()
	diagonal := func(a, r graph.Tensor) graph.Tensor { return r.Div(a.Diagonal(0)) }
	for name, c := range map[string]struct {
		damping float64
		change  func(a graph.Tensor, c *solve.CGConfig[vector])
	}{
		"plain":  {0, func(graph.Tensor, *solve.CGConfig[vector]) {}},
		"damped": {2, func(_ graph.Tensor, c *solve.CGConfig[vector]) { c.Damping = 2 }},
		"preconditioned": {0, func(a graph.Tensor, c *solve.CGConfig[vector]) {
			c.Preconditioner = func(v vector) vector {
				flat, unravel := graph.Ravel(v)
				return unravel(diagonal(a, flat))
			}
		}},
		"started": {0.5, func(_ graph.Tensor, c *solve.CGConfig[vector]) {
			c.Damping = 0.5
			c.Start = &vector{graph.Ones(2, 2), graph.Ones(3)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
				var as, bs, want []float64
				for seed := range uint64(3) {
					a, b := system(seed)
					as, bs = append(as, elements(a)...), append(bs, b...)
					for i := range 7 {
						a.SetSym(i, i, a.At(i, i)+c.damping)
					}
					var x mat.VecDense
					require.NoError(t, x.SolveVec(a, mat.NewVecDense(7, b)))
					want = append(want, x.RawVector().Data...)
				}
				type result struct {
					X                            graph.Tensor
					Error, Converged, Iterations graph.Tensor
				}
				y, err := graph.Jit2(dev, vmap.Map2(func(a, b graph.Tensor) result {
					s := solve.CG(product(a), fromFlat(b), func(cfg *solve.CGConfig[vector]) {
						cfg.Tolerance = 1e-6
						c.change(a, cfg)
					})
					x, _ := graph.Ravel(s.X)
					return result{x, s.Error, s.Converged, s.Iterations}
				}))(ctx, tensor(t, dev, as, 3, 7, 7), tensor(t, dev, bs, 3, 7))
				require.NoError(t, err)
				defer graph.Close(y)
				x, err := y.X.Floats(ctx)
				require.NoError(t, err)
				for i, w := range want {
					assert.InDelta(t, w, x[i], 2e-4*(1+math.Abs(w)))
				}
				ok, err := y.Converged.Bools(ctx)
				require.NoError(t, err)
				assert.Equal(t, []bool{true, true, true}, ok)
				n, err := y.Iterations.Ints(ctx)
				require.NoError(t, err)
				for _, k := range n {
					assert.Positive(t, k)
					assert.LessOrEqual(t, k, int32(20))
				}
			})
		})
	}
}

// The ways to end: at once for b = 0, at the limit of iterations, and at negative curvature or NaN, unconverged.
func TestCGEnds(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		run := func(diagonal, b []float64, max int) (x []float32, ok bool, n int32) {
			t.Helper()
			y, err := graph.Jit2(dev, func(d, b graph.Tensor) solve.CGResult[graph.Tensor] {
				return solve.CG(d.Mul, b, func(c *solve.CGConfig[graph.Tensor]) { c.MaxIterations = max })
			})(ctx, tensor(t, dev, diagonal), tensor(t, dev, b))
			require.NoError(t, err)
			defer graph.Close(y)
			x, err = y.X.Floats(ctx)
			require.NoError(t, err)
			oks, err := y.Converged.Bools(ctx)
			require.NoError(t, err)
			ns, err := y.Iterations.Ints(ctx)
			require.NoError(t, err)
			return x, oks[0], ns[0]
		}
		x, ok, n := run([]float64{1, 2}, []float64{0, 0}, 10)
		assert.Equal(t, []float32{0, 0}, x)
		assert.True(t, ok)
		assert.Zero(t, n)
		_, ok, n = run([]float64{1, 20, 300}, []float64{1, 1, 1}, 1)
		assert.False(t, ok)
		assert.Equal(t, int32(1), n)
		x, ok, n = run([]float64{-1, -1}, []float64{1, 2}, 10)
		assert.Equal(t, []float32{0, 0}, x)
		assert.False(t, ok)
		assert.Equal(t, int32(1), n)
		_, ok, _ = run([]float64{1, 1}, []float64{math.NaN(), 2}, 10)
		assert.False(t, ok)
	})
}

func TestCGErrors(t *testing.T) {
	b := graph.Zeros(2)
	same := func(x graph.Tensor) graph.Tensor { return x }
	for what, f := range map[string]func(c *solve.CGConfig[graph.Tensor]){
		"damping":    func(c *solve.CGConfig[graph.Tensor]) { c.Damping = -1 },
		"tolerance":  func(c *solve.CGConfig[graph.Tensor]) { c.Tolerance = math.NaN() },
		"iterations": func(c *solve.CGConfig[graph.Tensor]) { c.MaxIterations = -1 },
	} {
		assert.ErrorIs(t, graph.Try(func() { solve.CG(same, b, f) }), graph.ErrArgument, what)
	}
	assert.ErrorIs(t, graph.Try(func() { solve.CG(func(x graph.Tensor) graph.Tensor { return x.Sum() }, b) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { solve.CG(same, graph.Int(1)) }), graph.ErrDType)
	assert.ErrorIs(t, graph.Try(func() { solve.CG(func(x []graph.Tensor) []graph.Tensor { return nil }, []graph.Tensor{b}) }), graph.ErrArgument)
	assert.ErrorIs(t, graph.Try(func() { solve.CG(func(x []graph.Tensor) []graph.Tensor { return x }, nil) }), graph.ErrArgument)
}

// Newton's direction by Hessian-vector products: one step finds the minimum of a quadratic.
func ExampleCG() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	loss := func(p graph.Tensor) graph.Tensor {
		d := p.Sub(graph.Literal([]float32{1, 2}))
		return d.Square().Sum().Add(d.Sum().Square())
	}
	newton := graph.Jit(dev, func(p graph.Tensor) graph.Tensor {
		hessian := func(v graph.Tensor) graph.Tensor { return graph.HVP(loss)(p, v) }
		return p.Sub(solve.CG(hessian, graph.Grad(loss)(p)).X)
	})
	p, err := newton(ctx, graph.Zeros(2))
	if err != nil {
		log.Fatal(err)
	}
	v, err := p.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", v)
	// Output: [1.000 2.000]
}
