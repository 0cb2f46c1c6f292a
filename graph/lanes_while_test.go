package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
)

// dice is a number from 0 to 30 for the sample and the round, in integers, so that both sides of a comparison decide alike in every precision.
func dice(x, round Tensor) Tensor {
	return x.Sum().Scale(16).Floor().AsInt().Abs().Mul(Int(13)).Add(round.Mul(Int(7))).Rem(Int(31))
}

// halvings is c and n after as many halvings of n as it takes to 0, 60 at most.
func halvings(c, n Tensor) (Tensor, Tensor) {
	type state struct{ C, N, Count Tensor }
	s := While(func(s state) Tensor { return s.N.Gt(Int(0)).And(s.Count.Lt(Int(60))) },
		func(s state) state {
			return state{s.C.Scale(0.5).AddScalar(0.25), s.N.Div(Int(2)), s.Count.AddScalar(1)}
		}, state{c, n, Int(0)})
	return s.C, s.Count.AsFloat()
}

// mappedTo is f of each element.
func mappedTo(f func(Tensor) Tensor, x Tensor) Tensor {
	return Vectorize("vmap", func(in []Tensor) []Tensor { return []Tensor{f(in[0])} }, []Tensor{x}, []int{0}, func(int, int) (int, bool) { return 0, false })[0]
}

// branchingLoops are loops of a sample x [3] with loops and branches in them that every lane takes in its own way; w [40 3] is shared.
var branchingLoops = map[string]func(x, w Tensor) Tensor{
	"a while": func(x, w Tensor) Tensor { // no loop around it
		c, n := halvings(x.Add(w.Mean(0)), dice(x, Int(1)).Mul(Int(9999)))
		return c.Add(n)
	},
	"a while on floats": func(x, w Tensor) Tensor { return newton(x.Square().AddScalar(0.5).Sum()).Add(w.Sum(0)) },
	"a while in a scan": func(x, w Tensor) Tensor {
		return Fori(0, 25, func(i, c Tensor) Tensor {
			d, n := halvings(c.Tanh(), dice(x, i).Sub(Int(9)))
			return d.Add(n.Scale(0.03)).Add(w.Index(0, 0))
		}, x)
	},
	"a scan in a while in a scan": func(x, w Tensor) Tensor {
		type state struct{ C, N Tensor }
		return Fori(0, 12, func(i, c Tensor) Tensor {
			s := While(func(s state) Tensor { return s.N.Le(Int(9)).And(s.N.Lt(dice(x, i))) }, func(s state) state {
				d, _ := Scan(func(d Tensor, _ struct{}) (Tensor, struct{}) {
					return d.Sin().Scale(0.98).Add(w.Index(0, 1).Scale(0.01)), struct{}{}
				},
					s.C, struct{}{}, Rounds(17), Rolled())
				return state{d.Sub(w.MatMul(s.C).Tanh().Mean().Scale(0.1)), s.N.AddScalar(1)}
			}, state{c, Int(0)})
			return s.C.Add(s.N.AsFloat().Scale(0.1)).Add(x)
		}, x)
	},
	"a while in a while": func(x, w Tensor) Tensor {
		type state struct{ C, N Tensor }
		s := While(func(s state) Tensor { return dice(x, s.N).Ne(Int(11)).And(s.N.Lt(Int(20))) }, func(s state) state {
			d, n := halvings(s.C, dice(x, s.N))
			return state{s.C.Scale(0.3).Add(d).Add(n), s.N.AddScalar(1)}
		}, state{x, Int(0)})
		return s.C.Add(s.N.AsFloat())
	},
	"a mapped while": func(x, w Tensor) Tensor { // three conditions in a lane
		return Fori(0, 15, func(i, c Tensor) Tensor {
			n := dice(x, i)
			return mappedTo(func(v Tensor) Tensor {
				d, n := halvings(v.Reshape(1), n.Mul(v.Sign().AsInt().AddScalar(1)))
				return d.Index(0, 0).Tanh().Add(n.Scale(0.2)).AddScalar(0.01)
			}, x).Add(c.Scale(0.5))
		}, x).Add(w.Sum(0))
	},
	"a mapped while, alone": func(x, w Tensor) Tensor {
		return mappedTo(func(v Tensor) Tensor {
			d, n := halvings(v.Reshape(1), dice(v, Int(3)))
			return d.Index(0, 0).Add(n.Scale(0.2))
		}, x).Add(w.Sum(0))
	},
	"a while of shared numbers": func(x, w Tensor) Tensor {
		return Fori(0, 15, func(i, c Tensor) Tensor {
			_, n := halvings(w.Index(0, 0), dice(w.Index(0, 0), i))
			return c.Tanh().Add(n.Scale(0.1))
		}, x)
	},
	"a branch in a scan": func(x, w Tensor) Tensor {
		return Fori(0, 30, func(i, c Tensor) Tensor {
			return Cond(dice(x, i).Gt(Int(12)), func(c Tensor) Tensor { return c.Scale(0.7).Sub(w.MatMul(c).Exp().Tanh().MatMul(w).Scale(0.02)) },
				func(c Tensor) Tensor { return c.Scale(0.5).Add(x.Square()).AddScalar(0.1) }, c)
		}, x)
	},
	"a branch with loops": func(x, w Tensor) Tensor {
		return Fori(0, 20, func(i, c Tensor) Tensor {
			return Cond(dice(x, i).Gt(Int(12)), func(c Tensor) Tensor {
				d, n := halvings(c, dice(x, i.AddScalar(1)))
				return d.Add(n.Scale(-0.1))
			}, func(c Tensor) Tensor {
				d, _ := Scan(func(d Tensor, _ struct{}) (Tensor, struct{}) { return d.Scale(0.8).Add(c.Cos()).Flip(0), struct{}{} }, c, struct{}{}, Rounds(9), Rolled())
				return d
			}, c)
		}, x).Add(w.Sum(0))
	},
	"one of several branches": func(x, w Tensor) Tensor { // out of range on both sides: the nearest one
		return Fori(0, 30, func(i, c Tensor) Tensor {
			return Switch(dice(x, i).Div(Int(6)).Sub(Int(2)), []func(Tensor) Tensor{
				func(c Tensor) Tensor { return c.Scale(0.5).AddScalar(0.3) },
				func(c Tensor) Tensor { return w.MatMul(c).Sin().MatMul(w).Scale(0.03) },
				func(c Tensor) Tensor { return c.Scale(0.9).Sub(c.Tanh().Mean().AddScalar(0.1)) },
			}, c)
		}, x)
	},
	"a gradient of a branch": func(x, w Tensor) Tensor {
		return Fori(0, 30, func(i, c Tensor) Tensor {
			f := func(v Tensor) Tensor { // the derivative of the root is NaN for negative numbers, where it is not taken
				return Cond(v.Index(0, 0).Gt(Scalar(0)).And(dice(x, i).Gt(Int(12))), func(v Tensor) Tensor { return v.AddScalar(1e-3).Sqrt().Index(0, 0) },
					func(v Tensor) Tensor { return w.MatMul(v).Cosh().Log().Mean() }, v)
			}
			return c.Sub(Grad(f)(c).Clamp(-1, 1).Scale(0.1)).AddScalar(0.02)
		}, x)
	},
	"what a while is differentiated along": func(x, w Tensor) Tensor {
		return Fori(0, 8, func(i, c Tensor) Tensor {
			_, d := JVP(func(v []Tensor) Tensor { y, _ := halvings(v[0].Mul(v[0]), dice(x, i)); return y }, []Tensor{c}, []Tensor{w.Index(0, 3)})
			return c.Tanh().Add(d.Scale(0.3))
		}, x)
	},
}

func TestBranchingLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for name, f := range branchingLoops {
			for _, b := range []int{1, 37} {
				if b == 1 && testing.Short() {
					continue
				}
				t.Run(fmt.Sprint(name, "/", b), func(t *testing.T) { requireLanes(t, dev, f, b, b > 1) })
			}
		}
	})
}

// requireLanes compares f of b samples in lanes with the evaluator, and with dispatches.
func requireLanes(t *testing.T, dev *gpu.Device, f func(x, w Tensor) Tensor, b int, dispatches bool) {
	t.Helper()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(4, uint64(b)))
	x, w := upload(t, dev, Spec{Float32, Shape{b, 3}}, draw(rng, sample(b, 3))), upload(t, dev, Spec{Float32, Shape{40, 3}}, draw(rng, sample(40, 3)))
	defer closeAll([]Tensor{x, w})
	all := func(in []Tensor) Tensor {
		return Vectorize("vmap", func(in []Tensor) []Tensor { return []Tensor{f(in[0], in[1])} }, in, []int{0, Shared}, func(int, int) (int, bool) { return 0, false })[0]
	}
	y, err := Jit(dev, all, Lanes(LanesAlways))(ctx, []Tensor{x, w})
	require.NoError(t, err)
	defer y.Close()
	got := readAny(t, dev, y)
	requireCloseTo(t, 1e-3, reference(t, all([]Tensor{x, w})), got, 5e-5, "against the evaluator")
	if dispatches {
		z, err := Jit(dev, all, Lanes(LanesNever))(ctx, []Tensor{x, w})
		require.NoError(t, err)
		defer z.Close()
		requireCloseTo(t, 1e-3, readAny(t, dev, z), got, 5e-5, "against dispatches")
	}
}

// Selections become branches where a side takes long, and give the same; here all do that can.
func TestBranchesInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		old := inspectKernel
		defer func() { branchCost, branchesJump, inspectKernel = 150, false, old }()
		count := 0
		inspectKernel = func(name string, code []uint32) {
			if strings.HasPrefix(name, "lanes") {
				count = strings.Count(string(wordsOf(code)), string(wordsOf([]uint32{3<<16 | 247}))) // OpSelectionMerge
			}
			old(name, code)
		}
		for _, name := range []string{"a while in a scan", "a mapped while", "a branch in a scan", "a branch with loops", "one of several branches", "a gradient of a branch"} {
			t.Run(name, func(t *testing.T) {
				branchCost, branchesJump = math.MaxInt32, false
				requireLanes(t, dev, branchingLoops[name], 21, false)
				selections := count
				branchCost, branchesJump = 1, true
				requireLanes(t, dev, branchingLoops[name], 21, false)
				switch name {
				case "a while in a scan":
					assert.Equal(t, selections, count)
				case "one of several branches":
					assert.Equal(t, selections+2, count)
				default:
					assert.Greater(t, count, selections)
				}
			})
		}
	})
}

func wordsOf(code []uint32) (b []byte) {
	for _, w := range code {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// Lanes of a while that dispatches cut: each goes on where it stopped, until none does.
func TestWhileLanesInManyDispatches(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		old := mostLaneRounds
		defer func() { mostLaneRounds = old }()
		const lanes = 21
		collatz := func(x Tensor) Tensor { // how many rounds until 1, and the largest number on the way
			type state struct{ N, Count, Most Tensor }
			s := While(func(s state) Tensor { return s.N.Gt(Int(1)) }, func(s state) state {
				next := Where(s.N.Rem(Int(2)).Eq(Int(0)), s.N.Div(Int(2)), s.N.Mul(Int(3)).Add(Int(1)))
				return state{next, s.Count.AddScalar(1), s.Most.Max(next)}
			}, state{x, Int(0), x})
			return Stack(0, s.Count, s.Most)
		}
		x := upload(t, dev, Spec{Int32, Shape{lanes}}, []float64{1, 2, 3, 27, 97, 871, 6, 7, 1, 9, 703, 15, 31, 41, 47, 54, 55, 62, 63, 71, 73})
		one := upload(t, dev, Spec{Int32, Shape{}}, []float64{27})
		all := func(x Tensor) Tensor { return mappedTo(collatz, x) }
		want, wantOne := reference(t, all(x)), reference(t, collatz(one))
		for _, most := range []int{1, 7, 50, 1000} {
			mostLaneRounds = most
			y, err := Jit(dev, all, Lanes(LanesAlways))(ctx, x)
			require.NoError(t, err)
			require.Equal(t, want, readAny(t, dev, y), "%d rounds in a dispatch", most)
			y.Close()
			y, err = Jit(dev, collatz, Lanes(LanesAlways))(ctx, one)
			require.NoError(t, err)
			require.Equal(t, wantOne, readAny(t, dev, y), "%d rounds in a dispatch", most)
			y.Close()
		}
		closeAll([]Tensor{x, one})
	})
}

// More rounds than lavapipe's 65,535: in several dispatches, for each lane its own number.
func TestWhileLanesPastTheDriversIterations(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		x := upload(t, dev, Spec{Int32, Shape{5}}, []float64{3, 70_000, 200_003, 0, 65_535})
		type state struct{ N, Sum Tensor }
		count := func(x Tensor) Tensor {
			return While(func(s state) Tensor { return s.N.Lt(x) }, func(s state) state { return state{s.N.AddScalar(1), s.Sum.Add(s.N.Rem(Int(3)))} }, state{Int(0), Int(0)}).Sum
		}
		y, err := Jit(dev, func(x Tensor) Tensor { return mappedTo(count, x) }, Lanes(LanesAlways))(ctx, x)
		require.NoError(t, err)
		require.Equal(t, []float64{3, 69_999, 200_002, 0, 65_535}, readAny(t, dev, y))
		y.Close()

		// Inside another loop a dispatch cannot end in the middle: such a loop is refused where the driver ends loops and the while has no bound.
		inner := func(x Tensor) Tensor {
			return Fori(0, 100, func(_, c Tensor) Tensor { return c.Add(mappedTo(count, x)) }, x)
		}
		y, err = Jit(dev, inner, Lanes(LanesAlways))(ctx, x)
		require.NoError(t, err) // the while inside runs in lanes, the loop around it in dispatches
		require.Equal(t, []float64{303, 7_069_900, 20_200_203, 0, 6_619_035}, readAny(t, dev, y))
		closeAll([]Tensor{x}, y)
	})
}

// A check inside a while in lanes fails when and only when a round that runs says so, and names the sample.
func TestChecksInWhileLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		down := func(c Tensor) Tensor { // leaves the loop before it would reach 0
			return While(func(c Tensor) Tensor { return c.Sum().Gt(Scalar(1)) }, func(c Tensor) Tensor { c = c.AddScalar(-1); return c.Check(c.Gt(Scalar(0)), "above 0") }, c)
		}
		for name, f := range map[string]func(x Tensor) Tensor{
			"alone": down,
			"inside": func(x Tensor) Tensor {
				return Fori(0, 40, func(_, c Tensor) Tensor { return c.Tanh().Add(down(x)) }, x)
			},
		} {
			run := map[LaneMode]func(context.Context, Tensor) (Tensor, error){}
			for _, m := range []LaneMode{LanesAlways, LanesNever} {
				run[m] = Jit(dev, func(x Tensor) Tensor { return mappedTo(f, x) }, Lanes(m))
			}
			for at, v := range map[int]float32{-1: 0, 0: 2, 17: 1.5, 59: 7.25} {
				var texts []string
				for _, m := range []LaneMode{LanesNever, LanesAlways} {
					in := make([]float32, 60)
					for i := range in {
						in[i] = 0.25 + float32(i/2%5) // both numbers of a sample end there
					}
					if at >= 0 {
						in[at], in[at^1] = 0.5, v+3
					}
					x, err := FromSlice(dev, in, 30, 2)
					require.NoError(t, err)
					y, err := run[m](ctx, x)
					x.Close()
					if at < 0 {
						require.NoError(t, err, name)
						y.Close()
						continue
					}
					require.ErrorIs(t, err, ErrCheck)
					assert.Contains(t, err.Error(), fmt.Sprintf("above 0 is false for sample [%d], element [%d]", at/2, at%2))
					texts = append(texts, err.Error())
				}
				if at >= 0 {
					assert.Equal(t, texts[0], texts[1])
				}
			}
		}
	})
}

func TestMostRounds(t *testing.T) {
	type state struct{ N, M, X Tensor }
	for name, c := range map[string]struct {
		cond func(s state) Tensor
		want int
	}{
		"below":                {func(s state) Tensor { return s.N.Lt(Int(10)) }, 10},
		"at most":              {func(s state) Tensor { return s.N.Le(Int(10)) }, 11},
		"in steps of 3 from 2": {func(s state) Tensor { return s.M.Lt(Int(10)) }, 3},
		"the least of several": {func(s state) Tensor { return s.M.Lt(Int(100)).And(s.X.Gt(Scalar(0))).And(s.N.Lt(Int(9))) }, 9},
		"none at all":          {func(s state) Tensor { return s.N.Lt(Int(-3)) }, 0},
		"or":                   {func(s state) Tensor { return s.N.Lt(Int(10)).Or(s.X.Gt(Scalar(0))) }, shaders.Endless},
		"not counted":          {func(s state) Tensor { return s.X.Lt(Scalar(10)) }, shaders.Endless},
		"down":                 {func(s state) Tensor { return s.N.Gt(Int(-10)) }, shaders.Endless},
		"past the last number": {func(s state) Tensor { return s.M.Lt(Int(math.MaxInt32 - 1)) }, shaders.Endless},
		"not known":            {func(s state) Tensor { return s.N.Lt(s.X.AsInt()) }, shaders.Endless},
	} {
		t.Run(name, func(t *testing.T) {
			f := func(x Tensor) Tensor {
				return While(c.cond, func(s state) state { return state{s.N.AddScalar(1), s.M.AddScalar(3), s.X.Scale(0.5)} }, state{Int(0), Int(2), x}).X
			}
			for _, y := range []Tensor{f(Scalar(3)), mappedTo(f, Ones(4))} {
				found := false
				for _, n := range reach([]*node{y.n}, nil) {
					if o, ok := n.op.(whileOp); ok {
						assert.Equal(t, c.want, o.mostRounds(n.in()))
						found = true
					}
				}
				assert.True(t, found)
			}
		})
	}
}
