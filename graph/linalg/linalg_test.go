package linalg_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/vmap"
)

func tensor(t *testing.T, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func read(t *testing.T, x graph.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return v
}

// reference is x in float64, by the ops' definitions.
func reference(t *testing.T, x graph.Tensor) []float64 {
	t.Helper()
	v, err := graph.Reference(context.Background(), x)
	require.NoError(t, err)
	return v
}

// covariances draws positive definite matrices: r rᵀ/n + 1.
func covariances(seed uint64, count, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 7))
	out := make([]float32, 0, count*n*n)
	for range count {
		r := mat.NewDense(n, n, nil)
		for i := range n {
			for j := range n {
				r.Set(i, j, rng.NormFloat64())
			}
		}
		var a mat.Dense
		a.Mul(r, r.T())
		for i := range n {
			for j := range n {
				v := a.At(i, j) / float64(n)
				if i == j {
					v++
				}
				out = append(out, float32(v))
			}
		}
	}
	return out
}

func normals(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 8))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// dense is a matrix for gonum.
func dense(v []float32, rows, cols int) *mat.Dense {
	return mat.NewDense(rows, cols, wide(v))
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func requireMatrix(t *testing.T, want mat.Matrix, got []float32, tol float64, what string) {
	t.Helper()
	rows, cols := want.Dims()
	require.Len(t, got, rows*cols, what)
	for i := range rows {
		for j := range cols {
			require.InDelta(t, want.At(i, j), float64(got[i*cols+j]), tol, "%s: element %d %d", what, i, j)
		}
	}
}

func TestAgainstGonum(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct{ count, n, k int }{{1, 1, 1}, {5, 3, 2}, {40, 8, 1}, {3, 32, 5}, {2, 33, 4}, {1, 100, 7}} {
			av, bv := covariances(1, c.count, c.n), normals(2, c.count*c.n*c.k)
			a, b := tensor(t, dev, av, c.count, c.n, c.n), tensor(t, dev, bv, c.count, c.n, c.k)
			l := linalg.Cholesky(a)
			factor, solved := read(t, l), read(t, linalg.CholeskySolve(l, b))
			inverse, logdet := read(t, linalg.CholeskyInverse(l)), read(t, linalg.LogDet(a))
			traces := read(t, linalg.Trace(a))
			l.Close()
			for z := range c.count {
				m := dense(av[z*c.n*c.n:][:c.n*c.n], c.n, c.n)
				sym := mat.NewSymDense(c.n, nil)
				for i := range c.n {
					for j := range i + 1 {
						sym.SetSym(i, j, m.At(i, j))
					}
				}
				var chol mat.Cholesky
				require.True(t, chol.Factorize(sym))
				var lower mat.TriDense
				chol.LTo(&lower)
				requireMatrix(t, &lower, factor[z*c.n*c.n:][:c.n*c.n], 1e-5, "factor")
				var x, inv mat.Dense
				require.NoError(t, chol.SolveTo(&x, dense(bv[z*c.n*c.k:][:c.n*c.k], c.n, c.k)))
				requireMatrix(t, &x, solved[z*c.n*c.k:][:c.n*c.k], 3e-5, "solve")
				require.NoError(t, inv.Inverse(m))
				requireMatrix(t, &inv, inverse[z*c.n*c.n:][:c.n*c.n], 1e-5, "inverse")
				assert.InDelta(t, chol.LogDet(), float64(logdet[z]), 1e-5*float64(c.n), "log determinant")
				assert.InDelta(t, mat.Trace(m), float64(traces[z]), 1e-5*float64(c.n), "trace")
			}
		}
	})
}

func TestSolveTriangularAgainstGonum(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n, k = 45, 6
		av, bv := covariances(3, 1, n), normals(4, n*k)
		a, b := tensor(t, dev, av, n, n), tensor(t, dev, bv, n, k)
		m := dense(av, n, n)
		for _, tri := range []graph.Triangle{{}, {Upper: true}, {Transpose: true}, {Upper: true, Transpose: true},
			{UnitDiagonal: true}, {Upper: true, UnitDiagonal: true}} {
			half := mat.NewDense(n, n, nil)
			for i := range n {
				for j := range n {
					switch {
					case i == j && tri.UnitDiagonal:
						half.Set(i, j, 1)
					case i == j, i > j != tri.Upper:
						half.Set(i, j, m.At(i, j))
					}
				}
			}
			var want mat.Dense
			if tri.Transpose {
				require.NoError(t, want.Solve(half.T(), dense(bv, n, k)))
			} else {
				require.NoError(t, want.Solve(half, dense(bv, n, k)))
			}
			requireMatrix(t, &want, read(t, linalg.SolveTriangular(a, b, tri)), 1e-4, "solution")
			first := read(t, linalg.SolveTriangular(a, b.Index(1, 0), tri)) // one vector
			requireMatrix(t, want.ColView(0), first, 1e-4, "vector")
		}
	})
}

// A thousand columns: the residual of the factor is of the order of rounding.
func TestLargeFactorResidual(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 1001
		av := covariances(5, 1, n)
		a := tensor(t, dev, av, n, n)
		l := linalg.Cholesky(a)
		lv := read(t, l)
		var back mat.Dense
		lower := dense(lv, n, n)
		back.Mul(lower, lower.T())
		requireMatrix(t, &back, av, 2e-5, "l times its transpose")
		b := normals(6, n)
		x := read(t, linalg.CholeskySolve(l, tensor(t, dev, b, n)))
		var product mat.VecDense
		product.MulVec(dense(av, n, n), mat.NewVecDense(n, wide(x)))
		requireMatrix(t, &product, b, 2e-4, "a times the solution")
		l.Close()
	})
}

func TestGradients(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 6
		a := tensor(t, dev, covariances(7, 1, n), n, n)
		w := tensor(t, dev, normals(8, n*n), n, n)
		b := tensor(t, dev, normals(9, n), n)
		// Of log det a it is the inverse.
		var inv mat.Dense
		require.NoError(t, inv.Inverse(dense(read(t, a.AddScalar(0)), n, n)))
		g := graph.Grad(linalg.LogDet)(a)
		requireMatrix(t, &inv, read(t, g), 1e-5, "gradient of log det")

		for name, f := range map[string]func(graph.Tensor) graph.Tensor{
			"cholesky": func(a graph.Tensor) graph.Tensor { return linalg.Cholesky(a).Mul(w).Sum() },
			"inverse":  func(a graph.Tensor) graph.Tensor { return linalg.CholeskyInverse(linalg.Cholesky(a)).Mul(w).Sum() },
			"solve":    func(a graph.Tensor) graph.Tensor { return linalg.SolvePositiveDefinite(a, b).Dot(b) },
			"normal": func(a graph.Tensor) graph.Tensor {
				l := linalg.Cholesky(a)
				return b.Dot(linalg.CholeskySolve(l, b)).Add(linalg.CholeskyLogDet(l)).Scale(-0.5)
			},
			"triangular": func(a graph.Tensor) graph.Tensor {
				return linalg.SolveTriangular(a, b, graph.Triangle{Upper: true}).Square().Sum()
			},
			"trace": func(a graph.Tensor) graph.Tensor { return linalg.Trace(a.Mul(a)) },
		} {
			t.Run(name, func(t *testing.T) { checkDerivatives(t, f, a, w) })
		}
	})
}

// checkDerivatives compares directional derivatives of f and of its gradient along d, forward and backward, with
// central differences of the float64 evaluator, and the device with the evaluator.
func checkDerivatives(t *testing.T, f func(graph.Tensor) graph.Tensor, a, d graph.Tensor) {
	const h = 1e-5
	grad := graph.Grad(f)
	along := func(x graph.Tensor) graph.Tensor { return grad(x).Mul(d).Sum() }
	at := func(f func(graph.Tensor) graph.Tensor, s float64) float64 {
		return reference(t, f(a.Add(d.Scale(s))))[0]
	}
	slope := (at(f, h) - at(f, -h)) / (2 * h)
	_, tangent := graph.JVP(f, a, d)
	assert.InEpsilon(t, slope, reference(t, tangent)[0], 1e-6, "jvp")
	assert.InEpsilon(t, slope, at(along, 0), 1e-6, "gradient")
	bend := (at(along, h) - at(along, -h)) / (2 * h)
	_, over := graph.JVP(along, a, d)
	assert.InEpsilon(t, bend, reference(t, over)[0], 1e-6, "forward over reverse")
	twice := graph.Grad(along)(a)
	assert.InEpsilon(t, bend, reference(t, twice.Mul(d).Sum())[0], 1e-6, "reverse over reverse")
	want := reference(t, twice)
	scale := 1.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	assert.InDeltaSlice(t, want, wide(read(t, twice)), 1e-5*scale, "second derivative on the device")
}

func TestGradientIsSymmetric(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 5
		a, w := tensor(t, dev, covariances(10, 1, n), n, n), tensor(t, dev, normals(11, n*n), n, n)
		g := read(t, graph.Grad(func(a graph.Tensor) graph.Tensor { return linalg.Cholesky(a).Mul(w).Sum() })(a))
		lower := read(t, graph.Grad(func(a graph.Tensor) graph.Tensor { return a.Cholesky().Mul(w).Sum() })(a))
		for i := range n {
			for j := range i {
				assert.InDelta(t, g[i*n+j], g[j*n+i], 1e-6)
				assert.InDelta(t, 2*g[i*n+j], lower[i*n+j], 1e-5, "the entry that was read has all of the gradient")
				assert.Zero(t, lower[j*n+i])
			}
			assert.InDelta(t, g[i*n+i], lower[i*n+i], 1e-5)
		}
	})
}

// Only the triangle that is named is read: NaN elsewhere does no harm.
func TestOnlyTheTriangleIsRead(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		nan := float32(math.NaN())
		a := tensor(t, dev, []float32{4, nan, 2, 10}, 2, 2)
		assert.Equal(t, []float32{2, 0, 1, 3}, read(t, a.Cholesky()))
		unit := tensor(t, dev, []float32{nan, 3, nan, nan}, 2, 2)
		b := tensor(t, dev, []float32{7, 2}, 2)
		assert.Equal(t, []float32{1, 2}, read(t, linalg.SolveTriangular(unit, b, graph.Triangle{Upper: true, UnitDiagonal: true})))
	})
}

func TestNotPositiveDefinite(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n, bad = 70, 40
		for name, pivot := range map[string]float32{"negative": -1, "zero": 0, "nan": float32(math.NaN())} {
			v := make([]float32, 3*n*n)
			for z := range 3 {
				for i := range n {
					v[z*n*n+i*n+i] = 4
				}
			}
			v[n*n+bad*n+bad] = pivot
			l := read(t, linalg.Cholesky(tensor(t, dev, v, 3, n, n)))
			for z := range 3 {
				for i := range n {
					for j := range n {
						got := l[z*n*n+i*n+j]
						switch {
						case z == 1 && j >= bad && i >= j:
							require.True(t, math.IsNaN(float64(got)), "%s: element %d %d is %v", name, i, j, got)
						case i == j:
							require.Equal(t, float32(2), got, name)
						default:
							require.Zero(t, got, "%s: element %d %d of %d", name, i, j, z)
						}
					}
				}
			}
		}
	})
}

func TestCheckedCholeskyNamesTheSample(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		v := covariances(12, 4, 3)
		v[2*9+1*3+1] = -5 // sample 2, column 1
		a := tensor(t, dev, v, 4, 3, 3)
		good := read(t, linalg.CheckedCholesky(a.Slice(0, 0, 2)))
		assert.Equal(t, read(t, linalg.Cholesky(a.Slice(0, 0, 2))), good)

		_, err := vmap.Map(linalg.CheckedCholesky)(a).Floats(context.Background())
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "cholesky: positive definite matrix, pivot > 0 is false for sample [2], element [1]")
		_, err = linalg.CheckedCholesky(a).Floats(context.Background())
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "false for element [2 1]")
	})
}

func TestZeroDiagonalDivides(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		a := tensor(t, dev, []float32{0, 0, 1, 1}, 2, 2)
		x := read(t, linalg.SolveTriangular(a, tensor(t, dev, []float32{1, 5}, 2), graph.Triangle{}))
		assert.True(t, math.IsInf(float64(x[0]), 1), "%v", x)
		assert.True(t, math.IsInf(float64(x[1]), -1), "%v", x)
	})
}

// One matrix for a batch of vectors, a matrix each, and a batch of matrices for one vector agree with a loop.
func TestVmap(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const count, n = 5, 4
		a, b := tensor(t, dev, covariances(13, count, n), count, n, n), tensor(t, dev, normals(14, count*n), count, n)
		a0, b0 := a.Index(0, 0), b.Index(0, 0)
		f := linalg.SolvePositiveDefinite
		each := read(t, vmap.Map2(f)(a, b))
		oneMatrix := read(t, vmap.Map2(f, vmap.In(vmap.Shared, 0))(a0, b))
		oneVector := read(t, vmap.Map2(f, vmap.In(0, vmap.Shared))(a, b0))
		for z := range count {
			az, bz := a.Index(0, z), b.Index(0, z)
			assert.Equal(t, read(t, f(az, bz)), each[z*n:][:n])
			assert.Equal(t, read(t, f(a0, bz)), oneMatrix[z*n:][:n])
			assert.Equal(t, read(t, f(az, b0)), oneVector[z*n:][:n])
		}
		// Batch axes broadcast without vmap, too.
		wide := tensor(t, dev, normals(15, 2*count*n), 2, count, n, 1)
		all := read(t, f(a, wide))
		two := read(t, f(a, wide.Index(0, 1)))
		assert.Equal(t, two, all[count*n:])
	})
}

func TestPerSampleGradients(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const count, n = 4, 3
		a := tensor(t, dev, covariances(16, count, n), count, n, n)
		g := read(t, vmap.Map(graph.Grad(linalg.LogDet))(a))
		for z := range count {
			assert.InDeltaSlice(t, wide(read(t, graph.Grad(linalg.LogDet)(a.Index(0, z)))), wide(g[z*n*n:][:n*n]), 1e-6)
		}
	})
}

func TestWrongShapes(t *testing.T) {
	m := graph.Zeros(3, 3)
	for name, c := range map[string]struct {
		kind error
		text string
		f    func()
	}{
		"not square":      {graph.ErrShape, "float32[2 3], not square", func() { linalg.Cholesky(graph.Zeros(2, 3)) }},
		"a vector":        {graph.ErrShape, "give matrices [... n n]", func() { linalg.LogDet(graph.Zeros(3)) }},
		"integers":        {graph.ErrDType, "convert with AsFloat", func() { linalg.Trace(graph.Full(graph.Int32, 1, 3, 3)) }},
		"rows":            {graph.ErrShape, "right-hand sides [... n k]", func() { linalg.CholeskySolve(m, graph.Zeros(4)) }},
		"a scalar":        {graph.ErrShape, "[... n k] or [n]", func() { linalg.SolveTriangular(m, graph.Scalar(1), graph.Triangle{}) }},
		"batch axes":      {graph.ErrShape, "must broadcast", func() { linalg.CholeskySolve(graph.Zeros(2, 3, 3), graph.Zeros(5, 3, 1)) }},
		"dtypes":          {graph.ErrDType, "convert one of them", func() { m.SolveTriangular(graph.Full(graph.Int32, 1, 3, 1), graph.Triangle{}) }},
		"lower of vector": {graph.ErrShape, "not square", func() { graph.Zeros(4).Cholesky() }},
	} {
		t.Run(name, func(t *testing.T) {
			err := graph.Try(c.f)
			require.ErrorIs(t, err, c.kind)
			assert.ErrorContains(t, err, c.text)
			assert.ErrorContains(t, err, "linalg_test.go", "the user's line")
		})
	}
}

// A batch of more matrices than one binding of lavapipe (128 MiB) holds is factored and solved in parts.
func TestBatchLongerThanABinding(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const count, n = 37_300, 30
		ctx := context.Background()
		sizes := tensor(t, dev, make([]float32, count), count).Add(graph.Iota(0, count).Rem(graph.Int(7)).AsFloat()).AddScalar(1)
		eye := graph.Iota(0, n, n).Eq(graph.Iota(1, n, n)).AsFloat()
		l := sizes.Square().Reshape(count, 1, 1).Mul(eye).Cholesky()
		require.NoError(t, graph.Eval(ctx, l)) // an array of its own
		sums := l.SolveTriangular(sizes.Reshape(count, 1, 1).Mul(graph.Ones(count, n, 1)), graph.Triangle{Transpose: true}).Sum(1, 2)
		each, factors := read(t, sums), read(t, l.Sum(1, 2))
		l.Close()
		for z := range count {
			require.Equal(t, float32(n), each[z], "solution %d", z)
			require.Equal(t, float32(n*(z%7+1)), factors[z], "factor %d", z)
		}
	})
}
