package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// withLanes makes every loop that can a kernel with lanes while f runs, and tells how many dispatches with lanes were compiled.
func withLanes(f func()) (count int) {
	keepLoops, lanesAnyway = true, true
	old := inspectKernel
	inspectKernel = func(name string, code []uint32) {
		if strings.HasPrefix(name, "lanes") {
			count++
		}
		if old != nil {
			old(name, code)
		}
	}
	defer func() { keepLoops, lanesAnyway, inspectKernel = false, false, old }()
	f()
	return count
}

// All control flow gives the same with lanes, wherever they are possible.
func TestControlFlowInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		used := map[string]bool{}
		for _, c := range controlCases {
			t.Run(c.name, func(t *testing.T) {
				for _, b := range []int{1, 3} {
					rng := rand.New(rand.NewPCG(8, uint64(b)))
					in, axes := make([]Tensor, len(c.in)), make([]int, len(c.in))
					for i, s := range c.in {
						spec := s.Spec
						axes[i] = Shared
						if i != 1 {
							axes[i], spec.Shape = 0, spec.Shape.prepend(b)
						}
						in[i] = upload(t, dev, spec, draw(rng, Sample{Spec: spec, Lo: s.Lo, Hi: s.Hi}))
					}
					f := func(x []Tensor) []Tensor {
						return Vectorize("vmap", func(x []Tensor) []Tensor {
							outs := []Tensor{c.f(x)}
							if !c.forward {
								outs = append(outs, Grad(c.f)(x)...)
							}
							return outs
						}, x, axes, func(int, int) (int, bool) { return 0, false })
					}
					want := f(in)
					if n := withLanes(func() {
						got, err := Jit(dev, f)(ctx, in)
						require.NoError(t, err)
						for i, g := range got {
							requireCloseTo(t, 1e-3, reference(t, want[i]), readAny(t, dev, g), 5e-5, fmt.Sprint("output ", i))
						}
						closeAll(got)
					}); n > 0 {
						used[c.name] = true
					}
					closeAll(append(in, want...))
				}
			})
		}
		for _, name := range []string{"scan", "reverse scan", "long scan", "fori", "carry handed on"} {
			assert.True(t, used[name], "%s ran without lanes", name)
		}
	})
}

// laneLoops are loops of a sample that lanes must be able to run, with what is special in them.
var laneLoops = map[string]func(x, w Tensor) Tensor{
	"long reductions that share a loop": func(x, w Tensor) Tensor { // w [40 3]
		return Fori(0, 30, func(_, c Tensor) Tensor { return c.Add(w.MatMul(c).Tanh().MatMul(w).Scale(0.01)) }, x)
	},
	"a reduction of a reduction": func(x, w Tensor) Tensor {
		return Fori(0, 30, func(_, c Tensor) Tensor {
			z := w.MatMul(c)
			return c.Scale(0.9).Add(z.Sub(z.LogSumExp()).Exp().MatMul(w))
		}, x)
	},
	"a loop in a loop": func(x, w Tensor) Tensor {
		return Fori(0, 20, func(_, c Tensor) Tensor {
			d := Fori(0, 7, func(i, d Tensor) Tensor { return d.Scale(0.5).Add(c.Sin()).Add(i.AsFloat().Scale(0.1)) }, c.Square())
			return c.Add(d).Scale(0.3).Add(w.Mean(0))
		}, x)
	},
	"a loop that does not change": func(x, w Tensor) Tensor {
		d := Fori(0, 50, func(_, d Tensor) Tensor { return d.Cos() }, x)
		return Fori(0, 20, func(_, c Tensor) Tensor {
			e := Fori(0, 9, func(_, e Tensor) Tensor { return e.Add(d).Tanh() }, c)
			return e.Add(d)
		}, x).Add(w.Sum(0))
	},
	"steps that are kept": func(x, w Tensor) Tensor {
		_, ys := Scan(func(c, v Tensor) (Tensor, Tensor) { c = c.Mul(v.Sin()).Add(v); return c, c.Square() }, x, w, Reverse())
		return ys.Sum(1)
	},
	"long reductions of what stays": func(x, w Tensor) Tensor { // once before the rounds, not as often as there are rounds
		type state struct{ X, Rate Tensor }
		s := Fori(0, 50, func(_ Tensor, s state) state {
			all := w.Mul(s.Rate).Square().Sum(0)
			return state{s.X.Scale(0.9).Add(all.Scale(0.01)), s.Rate}
		}, state{x, x.Sum().Scale(0.1)})
		return s.X
	},
	"a loop of what stays": func(x, w Tensor) Tensor {
		type state struct{ X, Rate Tensor }
		s := Fori(0, 50, func(_ Tensor, s state) state {
			d := Fori(0, 11, func(_, d Tensor) Tensor { return d.Add(s.Rate).Tanh() }, s.Rate)
			return state{s.X.Scale(0.9).Add(d), s.Rate}
		}, state{x, x.Scale(0.1)})
		return s.X.Add(w.Sum(0))
	},
	"values that stay": func(x, w Tensor) Tensor {
		type state struct {
			X, Rate, Count Tensor
		}
		s := Fori(0, 60, func(_ Tensor, s state) state {
			return state{s.X.Sub(s.X.Tanh().Mul(s.Rate)), s.Rate, s.Count.AddScalar(1)}
		}, state{x, Scalar(0.01), Int(0)})
		return s.X.Add(s.Rate).Add(s.Count.AsFloat()).Add(w.Sum(0))
	},
}

func TestLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		for name, f := range laneLoops {
			for _, b := range []int{1, 5, 300} {
				t.Run(fmt.Sprint(name, "/", b), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(3, uint64(b)))
					x, w := upload(t, dev, Spec{Float32, Shape{b, 3}}, draw(rng, sample(b, 3))), upload(t, dev, Spec{Float32, Shape{40, 3}}, draw(rng, sample(40, 3)))
					all := func(in []Tensor) Tensor {
						return Vectorize("vmap", func(in []Tensor) []Tensor { return []Tensor{f(in[0], in[1])} }, in, []int{0, Shared}, func(int, int) (int, bool) { return 0, false })[0]
					}
					y, err := Jit(dev, all, Lanes(LanesAlways))(ctx, []Tensor{x, w})
					require.NoError(t, err)
					requireCloseTo(t, 1e-3, reference(t, all([]Tensor{x, w})), readAny(t, dev, y), 2e-5, name)
					closeAll([]Tensor{x, w}, y)
				})
			}
		}
	})
}

// More rounds than a dispatch makes: the carry goes on from dispatch to dispatch, whatever their number.
func TestLanesInManyDispatches(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		old := mostLaneRounds
		defer func() { mostLaneRounds = old }()
		for _, most := range []int{7, 10, 20, 33} {
			mostLaneRounds = most
			for _, rounds := range []int{20, 33, 41, 60} {
				f := func(x Tensor) Tensor {
					type state struct{ X, N Tensor }
					last, ys := Scan(func(s state, _ struct{}) (state, Tensor) {
						n := s.N.AddScalar(1)
						return state{s.X.Mul(n.AsFloat().Sin().ExpandDims(0)).AddScalar(1), n}, s.X
					}, state{x, Int(0)}, struct{}{}, Rounds(rounds))
					return last.X.Add(ys.Sum(0)).Add(last.N.AsFloat())
				}
				x := upload(t, dev, Spec{Float32, Shape{4}}, []float64{1, -2, 0.5, 3})
				y, err := Jit(dev, f, Lanes(LanesAlways))(ctx, x)
				require.NoError(t, err)
				requireCloseTo(t, 1e-3, reference(t, f(x)), readAny(t, dev, y), 2e-5, fmt.Sprint(most, " of ", rounds))
				closeAll([]Tensor{x}, y)
			}
		}
	})
}

// A check inside lanes names the sample, whichever it is.
func TestChecksInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		f := func(x Tensor) Tensor {
			one := func(in []Tensor) []Tensor {
				return []Tensor{Fori(0, 50, func(_, c Tensor) Tensor {
					c = Fori(0, 3, func(_, d Tensor) Tensor { return d.Check(d.Lt(Scalar(100)), "below 100") }, c)
					return c.Add(c.Scale(0.01)).Check(c.Gt(Scalar(-7)), "above -7")
				}, in[0])}
			}
			return Vectorize("vmap", one, []Tensor{x}, []int{0}, func(int, int) (int, bool) { return 0, false })[0]
		}
		run := Jit(dev, f, Lanes(LanesAlways))
		values := make([]float32, 600)
		for i := range values {
			values[i] = float32(i % 50)
		}
		for _, c := range []struct {
			at         int
			value      float32
			text, from string
		}{
			{-1, 0, "", ""},
			{0, 90, "below 100 is false for sample [0]", ""},
			{599, 70, "below 100 is false for sample [599], element [1]", ""},
			{411, -6, "above -7 is false for sample [411]", ""},
		} {
			v := append([]float32(nil), values...)
			if c.at >= 0 {
				v[c.at] = c.value
			}
			x, err := FromSlice(dev, v, 300, 2)
			require.NoError(t, err)
			y, err := run(ctx, x)
			if c.at < 0 {
				require.NoError(t, err)
				closeAll([]Tensor{x}, y)
				continue
			}
			require.ErrorIs(t, err, ErrCheck)
			assert.Contains(t, err.Error(), fmt.Sprintf("sample [%d], element [%d]", c.at/2, c.at%2))
			assert.Contains(t, err.Error(), strings.SplitN(c.text, " is", 2)[0])
			x.Close()
		}
	})
}

func TestLanesImpossible(t *testing.T) {
	dev := gputest.Open(t)
	ctx := context.Background()
	x := upload(t, dev, Spec{Float32, Shape{64}}, make([]float64, 64))
	defer x.Close()
	for name, c := range map[string]struct {
		f   func(Tensor) Tensor
		why string
	}{
		"sort": {func(c Tensor) Tensor { return c.Sort(0).Scale(0.5) }, "has kernels of its own"},
		"size": {func(c Tensor) Tensor {
			return c.Reshape(8, 8).MatMul(c.Reshape(8, 8)).MatMul(c.Reshape(8, 8)).Flatten().Sin()
		}, "operations for a sample"},
		"lookup": {func(c Tensor) Tensor { return c.Take(0, c.AsInt()).Add(c) }, "computed position"},
	} {
		t.Run(name, func(t *testing.T) {
			f := func(x Tensor) Tensor { return Fori(0, 100, func(_, d Tensor) Tensor { return c.f(d) }, x) }
			_, err := Jit(dev, f, Lanes(LanesAlways))(ctx, x)
			require.ErrorIs(t, err, ErrArgument)
			assert.ErrorContains(t, err, c.why)
			assert.ErrorContains(t, err, "lanes_test.go:")
			y, err := Jit(dev, f)(ctx, x)
			require.NoError(t, err)
			require.False(t, math.IsInf(readAny(t, dev, y)[0], 0))
			y.Close()
		})
	}
}
