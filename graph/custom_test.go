package graph_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// mapRows is vmap over the first axis.
func mapRows(f func(tensor) tensor, in tensor) tensor {
	return graph.Vectorize("vmap", func(x []tensor) []tensor { return []tensor{f(x[0])} }, []tensor{in}, []int{0},
		func(int, int) (int, bool) { return 0, false })[0]
}

// customSin is sin with rules of its own, right but for a factor of 10 that shows which rule ran.
var customSin = map[string]func(tensor) tensor{
	"vjp": graph.CustomVJP(func(x tensor) (tensor, tensor) { return x.Sin(), x },
		func(x, ct tensor) tensor { return ct.Mul(x.Cos()).Scale(10) }),
	"jvp": graph.CustomJVP(tensor.Sin, func(x, t tensor) tensor { return t.Mul(x.Cos()).Scale(10) }),
}

func TestCustomDerivatives(t *testing.T) {
	const x, sin, cos = 0.7, 0.644217687, 0.764842187
	for name, f := range customSin {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, sin, scalarAt(t, f, x), 1e-8)
			assert.InDelta(t, 10*cos, scalarAt(t, d(f), x), 1e-7, "reverse")
			assert.InDelta(t, 10*cos, scalarAt(t, fwd(f), x), 1e-7, "forward")
			assert.InDelta(t, -10*sin, scalarAt(t, d(d(f)), x), 1e-7, "reverse over reverse")
			assert.InDelta(t, -10*sin, scalarAt(t, fwd(d(f)), x), 1e-7, "forward over reverse")
			assert.InDelta(t, -10*sin, scalarAt(t, d(fwd(f)), x), 1e-7, "reverse over forward")
			assert.InDelta(t, -10*cos, scalarAt(t, fwd(d(d(f))), x), 1e-7, "three deep")
			square := func(x tensor) tensor { return f(x).Square() }
			// d/dx sin^2 by the rule is 20 sin cos; its derivative uses the rule again for sin, and the truth for cos.
			assert.InDelta(t, 200*cos*cos-20*sin*sin, scalarAt(t, fwd(d(square)), x), 1e-6, "through the value")
			assert.InDelta(t, 200*cos*cos-20*sin*sin, scalarAt(t, d(d(square)), x), 1e-6, "through the value")

			xs := graph.Literal([]float32{0.7, 0, 1, 2, 3, 4}, 2, 3)
			want := f64(t, xs.Cos().Scale(10))
			sum := func(x tensor) tensor { return f(x).Sum() }
			assert.InDeltaSlice(t, want, f64(t, mapRows(graph.Grad(sum), xs)), 1e-6, "vmap of grad")
			assert.InDeltaSlice(t, want, f64(t, graph.Grad(func(x tensor) tensor { return mapRows(f, x).Sum() })(xs)), 1e-6, "grad of vmap")
			nested := func(x tensor) tensor {
				return mapRows(func(row tensor) tensor { return mapRows(f, row) }, x)
			}
			assert.InDeltaSlice(t, want, f64(t, graph.Grad(func(x tensor) tensor { return nested(x).Sum() })(xs)), 1e-6, "grad of vmap of vmap")
			_, forward := graph.JVP(nested, xs, graph.Ones(2, 3))
			assert.InDeltaSlice(t, want, f64(t, forward), 1e-6, "jvp of vmap of vmap")
		})
	}
}

// A function of several arguments with several results, of which some are mapped and some shared, integers among them.
func TestCustomTrees(t *testing.T) {
	type in struct{ X, W, N tensor }
	forward := func(p in) (pair, in) {
		return pair{p.X.Mul(p.W).Mul(p.N.AsFloat()), p.W.Exp()}, p
	}
	plain := func(p in) pair { r, _ := forward(p); return r }
	vjp := graph.CustomVJP(forward, func(p in, ct pair) in {
		n := p.N.AsFloat()
		return in{X: ct.A.Mul(p.W).Mul(n), W: ct.A.Mul(p.X).Mul(n).Sum().Add(ct.B.Mul(p.W.Exp()))}
	})
	jvp := graph.CustomJVP(plain, func(p, v in) pair {
		n := p.N.AsFloat()
		return pair{v.X.Mul(p.W).Add(p.X.Mul(v.W)).Mul(n), p.W.Exp().Mul(v.W)}
	})
	xs, ws, n := graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 2, 3), vec(0.5, -1), graph.Full(graph.Int32, 2, 3)
	for name, f := range map[string]func(in) pair{"vjp": vjp, "jvp": jvp} {
		for mask := 1; mask < 4; mask++ { // which of X and W are mapped
			loss := func(f func(in) pair) func(pair) tensor {
				return func(p pair) tensor {
					args, axes := []tensor{p.A, p.B}, []int{graph.Shared, graph.Shared}
					for i := range axes {
						if mask>>i&1 == 1 {
							axes[i] = 0
						} else {
							args[i] = args[i].Index(0, 0)
						}
					}
					out := graph.Vectorize("vmap", func(a []tensor) []tensor {
						r := f(in{a[0], a[1], n})
						return []tensor{r.A.Square().Sum(), r.B}
					}, args, axes, func(int, int) (int, bool) { return 0, false })
					return out[0].Sum().Add(out[1].Sin().Sum())
				}
			}
			p := pair{xs, ws}
			want, got := graph.Grad(loss(plain))(p), graph.Grad(loss(f))(p)
			assert.InDeltaSlice(t, f64(t, want.A), f64(t, got.A), 1e-9, "%s %b", name, mask)
			assert.InDeltaSlice(t, f64(t, want.B), f64(t, got.B), 1e-9, "%s %b", name, mask)
			v := pair{graph.Ones(2, 3), vec(1, -2)}
			wantHV, gotHV := graph.HVP(loss(plain))(p, v), graph.HVP(loss(f))(p, v)
			assert.InDeltaSlice(t, f64(t, wantHV.A), f64(t, gotHV.A), 1e-9, "%s %b", name, mask)
			assert.InDeltaSlice(t, f64(t, wantHV.B), f64(t, gotHV.B), 1e-9, "%s %b", name, mask)
		}
	}
}

func TestCustomErrors(t *testing.T) {
	w := vec(2)
	for name, make := range map[string]func(w tensor) func(tensor) tensor{
		"vjp": func(w tensor) func(tensor) tensor {
			return graph.CustomVJP(func(x tensor) (tensor, tensor) { return x.Mul(w), x }, func(_, ct tensor) tensor { return ct.Scale(2) })
		},
		"jvp": func(w tensor) func(tensor) tensor {
			return graph.CustomJVP(w.Mul, func(_, t tensor) tensor { return t.Scale(2) })
		},
	} {
		// Captured and not differentiated by, or stopped: fine.
		assert.Equal(t, []float64{2}, f64(t, graph.Grad(func(x tensor) tensor { return make(w)(x).Sum() })(vec(3))))
		stopped := func(w tensor) tensor { return make(graph.StopGradient(w))(vec(3)).Sum() }
		assert.Equal(t, []float64{0}, f64(t, graph.Grad(stopped)(w)))
		// Captured and differentiated by.
		by := func(w tensor) tensor { return make(w)(vec(3)).Sum() }
		err := graph.Try(func() { graph.Grad(by)(w) })
		require.ErrorIs(t, err, graph.ErrArgument, name)
		require.ErrorContains(t, err, "captured")
		require.ErrorIs(t, graph.Try(func() { graph.JVP(by, w, w) }), graph.ErrArgument, name)
	}
	wrongShape := graph.CustomVJP(func(x tensor) (tensor, tensor) { return x.Sum(), x }, func(x, ct tensor) tensor { return ct })
	require.ErrorIs(t, graph.Try(func() { graph.Grad(wrongShape)(vec(1, 2)) }), graph.ErrShape)
	nothing := graph.CustomVJP(func(x tensor) (tensor, tensor) { return x.Sum(), x }, func(x, ct tensor) tensor { return tensor{} })
	require.ErrorIs(t, graph.Try(func() { graph.Grad(nothing)(vec(1, 2)) }), graph.ErrArgument)
}

// On a device: the program of a custom function is that of its value, and equal programs are cached.
func TestCustomAndCheckpointOnDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x, err := graph.FromSlice(dev, []float32{0.5, 1, -2})
		require.NoError(t, err)
		defer x.Close()
		inner := func(x tensor) tensor { return customSin["vjp"](x).Mul(customSin["jvp"](x)) }
		for _, f := range []func(tensor) tensor{inner, graph.Checkpoint(inner)} {
			f := func(x tensor) tensor { return f(x).Tanh().Sum() }
			var programs int64
			for i := range 3 {
				g := graph.Grad(f)(x)
				want := f64(t, g)
				got, err := g.Floats(context.Background())
				require.NoError(t, err)
				for j, w := range want {
					assert.InDelta(t, w, got[j], 1e-5)
				}
				g.Close()
				if i == 0 {
					programs = dev.Stats().Programs
				}
			}
			assert.Equal(t, programs, dev.Stats().Programs, "the same form compiles once")
		}
	})
}

func TestCheckpointDerivatives(t *testing.T) {
	w := graph.Literal([]float32{0.5, -0.3, 0.2, 0.8}, 2, 2)
	plain := func(p pair) pair { // a captured tensor, two results
		h := p.A.MatMul(w).Tanh().Mul(p.B)
		return pair{h.Sin(), h.Sum()}
	}
	loss := func(f func(pair) pair) func(pair) tensor {
		return func(p pair) tensor {
			r := f(f(p))
			return r.A.Square().Sum().Add(r.B)
		}
	}
	wrap := func(p pair) pair { return pair{p.A, p.B.Sum()} }
	f := func(p pair) pair { return wrap(plain(p)) }
	p, v := pair{vec(0.4, -0.6), graph.Scalar(0.9)}, pair{vec(1, 2), graph.Scalar(-1)}
	same := func(what string, want, got pair) {
		assert.InDeltaSlice(t, f64(t, want.A), f64(t, got.A), 1e-10, what)
		assert.InDeltaSlice(t, f64(t, want.B), f64(t, got.B), 1e-10, what)
	}
	a, b := loss(f), loss(graph.Checkpoint(f))
	assert.Equal(t, f64(t, a(p)), f64(t, b(p)))
	same("reverse", graph.Grad(a)(p), graph.Grad(b)(p))
	same("forward over reverse", graph.HVP(a)(p, v), graph.HVP(b)(p, v))
	_, da := graph.JVP(a, p, v)
	_, db := graph.JVP(b, p, v)
	assert.InDeltaSlice(t, f64(t, da), f64(t, db), 1e-10, "forward")
	twice := func(f func(pair) tensor) func(pair) tensor {
		return func(p pair) tensor { g := graph.Grad(f)(p); return g.A.Square().Sum().Add(g.B) }
	}
	same("reverse over reverse", graph.Grad(twice(a))(p), graph.Grad(twice(b))(p))

	// By what it captured, under vmap and in vmap.
	captured := func(check func(func(tensor) tensor) func(tensor) tensor) func(tensor) tensor {
		return func(w tensor) tensor {
			row := check(func(x tensor) tensor { return x.Mul(w).Tanh().Mul(x) })
			return mapRows(row, graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 3, 2)).Square().Sum()
		}
	}
	plainly := func(f func(tensor) tensor) func(tensor) tensor { return f }
	ga, gb := captured(plainly), captured(graph.Checkpoint[tensor, tensor])
	assert.InDeltaSlice(t, f64(t, graph.Grad(ga)(vec(0.3, -0.1))), f64(t, graph.Grad(gb)(vec(0.3, -0.1))), 1e-10)
	ws := graph.Literal([]float32{0.3, -0.1, 0.2, 0.5}, 2, 2)
	assert.InDeltaSlice(t, f64(t, mapRows(graph.Grad(ga), ws)), f64(t, mapRows(graph.Grad(gb), ws)), 1e-10)
}

// The backward pass of a deep network holds fewer activations when its blocks are checkpointed.
func TestCheckpointSavesMemory(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const layers, blocks, batch, width = 16, 4, 256, 64
		loss := func(check func(func(pair) tensor) func(pair) tensor) func(pair) tensor {
			block := check(func(p pair) tensor {
				h := p.A
				for range layers / blocks {
					h = h.MatMul(p.B).Tanh()
				}
				return h
			})
			return func(p pair) tensor {
				h := p.A
				for range blocks {
					h = block(pair{h, p.B})
				}
				return h.Square().Sum()
			}
		}
		w, x := make([]float32, width*width), make([]float32, batch*width)
		for i := range w {
			w[i] = float32(i*7919%101-50) / 400
		}
		for i := range x {
			x[i] = float32(i*104729%211-105) / 100
		}
		xs, err := graph.FromSlice(dev, x, batch, width)
		require.NoError(t, err)
		ws, err := graph.FromSlice(dev, w, width, width)
		require.NoError(t, err)
		p := pair{xs, ws}
		defer graph.Close(p)
		measure := func(f func(pair) tensor) (int64, []float32) {
			run := graph.Jit(dev, func(p pair) tensor { return graph.Grad(f)(p).B })
			before := dev.Stats()
			dev.ResetPeak()
			g, err := run(context.Background(), p)
			require.NoError(t, err)
			defer g.Close()
			v, err := g.Floats(context.Background())
			require.NoError(t, err)
			return dev.Stats().PeakBytes - before.LiveBytes, v
		}
		// The arena only grows: the smaller program comes first.
		less, got := measure(loss(graph.Checkpoint[pair, tensor]))
		all, want := measure(loss(func(f func(pair) tensor) func(pair) tensor { return f }))
		assert.InDeltaSlice(t, want, got, 1e-4)
		activation := int64(4 * batch * width)
		assert.GreaterOrEqual(t, all+less, layers*activation, "without checkpoints every layer's activation is held") // the arena of the first is part of both
		assert.LessOrEqual(t, less, (layers/blocks+blocks+4)*activation, "with them one block's, and the blocks' ends")
		t.Logf("peak %d KiB with checkpoints, %d KiB more without", less>>10, all>>10)
	})
}
