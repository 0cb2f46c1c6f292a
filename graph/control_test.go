package graph

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// controlCase is a function with control flow, of tensors of the given specs.
type controlCase struct {
	name    string
	in      []Sample
	f       func(x []Tensor) Tensor
	forward bool // has no reverse mode
}

// newton is the square root of x by Newton's method, with as many rounds as it takes.
func newton(x Tensor) Tensor {
	type state struct{ Y, Last Tensor }
	s := While(func(s state) Tensor { return s.Y.Sub(s.Last).Abs().Gt(s.Y.Scale(1e-7)) },
		func(s state) state { return state{s.Y.Add(x.Div(s.Y)).Scale(0.5), s.Y} },
		state{x.AddScalar(1).Scale(0.5), x.Like(0)})
	return s.Y
}

var controlCases = []controlCase{
	{name: "scan", in: []Sample{sample(3), sample(9, 3), sample(3, 3)}, f: func(x []Tensor) Tensor {
		type out struct{ H, Sum Tensor }
		last, ys := Scan(func(h Tensor, x1 Tensor) (Tensor, out) {
			h = h.MatMul(x[2]).Add(x1).Tanh()
			return h, out{h, h.Mul(x1).Sum()}
		}, x[0], x[1])
		return last.Sum().Add(ys.H.Square().Sum()).Add(ys.Sum.Exp().Mean())
	}},
	{name: "reverse scan", in: []Sample{sample(), sample(5)}, f: func(x []Tensor) Tensor {
		last, ys := Scan(func(c, v Tensor) (Tensor, Tensor) { c = c.Scale(0.9).Add(v.Sin()); return c, c.Mul(v) }, x[0], x[1], Reverse())
		return last.Mul(ys.Dot(Iota(0, 5).AsFloat()))
	}},
	{name: "long scan", in: []Sample{sample(7), sample(7)}, f: func(x []Tensor) Tensor {
		last, _ := Scan(func(c Tensor, _ struct{}) (Tensor, struct{}) { return c.Mul(x[1].Sin()).Add(x[1]), struct{}{} }, x[0], struct{}{}, Rounds(301))
		return last.Sum()
	}},
	{name: "fori", in: []Sample{sample(4)}, f: func(x []Tensor) Tensor {
		return Fori(2, 40, func(i, c Tensor) Tensor { return c.Add(x[0].Div(i.AsFloat())).Cos() }, x[0]).Sum()
	}},
	{name: "scan in scan", in: []Sample{sample(3), sample(6, 3)}, f: func(x []Tensor) Tensor {
		last, _ := Scan(func(c, v Tensor) (Tensor, struct{}) {
			in, ys := Scan(func(d, w Tensor) (Tensor, Tensor) { d = d.Mul(w).Add(c.Mean()); return d, d.Sin() }, c.Sum(), v)
			return c.Mul(in.Tanh()).Add(ys), struct{}{}
		}, x[0], x[1])
		return last.Sum()
	}},
	{name: "matmul in scan", in: []Sample{sample(32, 48), sample(48, 48)}, f: func(x []Tensor) Tensor {
		return Fori(0, 5, func(_, h Tensor) Tensor { return h.MatMul(x[1]).Scale(0.1).Tanh() }, x[0]).Square().Mean()
	}},
	{name: "carry handed on", in: []Sample{sample(5), sample(5)}, f: func(x []Tensor) Tensor {
		type pair struct{ A, B Tensor }
		p := Fori(0, 21, func(_ Tensor, p pair) pair { return pair{p.B, p.A.Scale(0.5).Sub(p.B.Sin())} }, pair{x[0], x[1]})
		return p.A.Dot(p.B)
	}},
	{name: "while", forward: true, in: []Sample{sampleIn(0.1, 90)}, f: func(x []Tensor) Tensor { return newton(x[0]) }},
	{name: "while in scan", forward: true, in: []Sample{sampleIn(1, 9, 6)}, f: func(x []Tensor) Tensor {
		_, ys := Scan(func(c, v Tensor) (Tensor, Tensor) { y := newton(v.Add(c)); return c.Add(y).Scale(0.5), y }, Scalar(1), x[0])
		return ys.Sum()
	}},
	{name: "while never", forward: true, in: []Sample{sample(3)}, f: func(x []Tensor) Tensor {
		return While(func(c Tensor) Tensor { return c.Sum().Gt(Scalar(1e6)) }, func(c Tensor) Tensor { return c.Exp() }, x[0]).Sum()
	}},
	{name: "cond", in: []Sample{sample(), sample(4)}, f: func(x []Tensor) Tensor {
		y := Cond(x[0].Gt(Scalar(0)), func(v Tensor) Tensor { return v.Sin().Mul(x[0]) }, func(v Tensor) Tensor { return v.Square().Sub(x[0]) }, x[1])
		return y.Sum()
	}},
	{name: "switch", in: []Sample{sampleIn(-2, 5), sample(4)}, f: func(x []Tensor) Tensor {
		return Switch(x[0].Floor().AsInt(), []func(Tensor) Tensor{
			func(v Tensor) Tensor { return v.Sum() },
			func(v Tensor) Tensor { return v.Exp().Mean() },
			func(v Tensor) Tensor { return v.Dot(v) },
		}, x[1])
	}},
	{name: "while in cond", forward: true, in: []Sample{sampleIn(-9, 9)}, f: func(x []Tensor) Tensor {
		// Newton's method never ends for negative numbers.
		return Cond(x[0].Gt(Scalar(0.01)), newton, func(v Tensor) Tensor { return v.Neg() }, x[0])
	}},
	{name: "cond in scan", in: []Sample{sample(8)}, f: func(x []Tensor) Tensor {
		last, _ := Scan(func(c, v Tensor) (Tensor, struct{}) {
			return Cond(v.Lt(c), func(c Tensor) Tensor { return c.Mul(v) }, func(c Tensor) Tensor { return c.Add(v.Cos()) }, c), struct{}{}
		}, Scalar(0.3), x[0])
		return last
	}},
}

func (c controlCase) draw(rng *rand.Rand) (in, tangents [][]float64) {
	for _, s := range c.in {
		in = append(in, draw(rng, s))
		tangents = append(tangents, draw(rng, Sample{Spec: s.Spec}))
	}
	return in, tangents
}

func (c controlCase) literals(v [][]float64) []Tensor {
	out := make([]Tensor, len(v))
	for i, s := range c.in {
		out[i] = literalOf(s.Spec, v[i])
	}
	return out
}

func reference(t *testing.T, x Tensor) []float64 {
	t.Helper()
	v, err := Reference(context.Background(), x)
	require.NoError(t, err)
	return v
}

// Derivatives of control flow on the evaluator: against central differences, against each other, and once more.
func TestControlFlowDerivatives(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for _, c := range controlCases {
		t.Run(c.name, func(t *testing.T) {
			for seed := range seeds {
				values, tangents := c.draw(rand.New(rand.NewPCG(7, seed)))
				in, ts := c.literals(values), c.literals(tangents)
				moved := func(h float64) []Tensor {
					m := make([][]float64, len(values))
					for i, v := range values {
						for j, x := range v {
							m[i] = append(m[i], x+h*tangents[i][j])
						}
					}
					return c.literals(m)
				}
				const h = 1e-5
				differences := func(f func([]Tensor) Tensor) float64 {
					return (reference(t, f(moved(h)))[0] - reference(t, f(moved(-h)))[0]) / (2 * h)
				}
				_, d := JVP(c.f, in, ts)
				forward := reference(t, d)[0]
				want := differences(c.f)
				require.InDelta(t, want, forward, 2e-6*(1+math.Abs(want)), "jvp")
				if c.forward {
					continue
				}
				along := func(x []Tensor) Tensor { // the derivative along ts, in reverse mode
					var sum Tensor
					for i, g := range Grad(c.f)(x) {
						sum = addTangent(sum, g.Mul(ts[i]).Sum())
					}
					return sum
				}
				require.InDelta(t, forward, reference(t, along(in))[0], 1e-9*(1+math.Abs(forward)), "vjp against jvp")
				second := differences(along)
				_, d = JVP(along, in, ts)
				require.InDelta(t, second, reference(t, d)[0], 1e-5*(1+math.Abs(second)), "forward over reverse")
				var sum float64
				for i, g := range Grad(along)(in) {
					for j, v := range reference(t, g) {
						sum += v * tangents[i][j]
					}
				}
				require.InDelta(t, second, sum, 1e-5*(1+math.Abs(second)), "reverse over reverse")
			}
		})
	}
}

// Every function on the device: value, derivative, and vmap over every combination of arguments against a loop.
func TestControlFlowOnDevice(t *testing.T) {
	batches := []int{0, 1, 3}
	if testing.Short() {
		batches = batches[2:]
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range controlCases {
			t.Run(c.name, func(t *testing.T) {
				values, tangents := c.draw(rand.New(rand.NewPCG(8, 9)))
				var in, ts []Tensor
				for i, s := range c.in {
					in = append(in, upload(t, dev, s.Spec, values[i]))
					ts = append(ts, upload(t, dev, s.Spec, tangents[i]))
				}
				y, dy := JVP(c.f, in, ts)
				outs := []Tensor{y, dy}
				if !c.forward {
					outs = append(outs, Grad(c.f)(in)...)
				}
				for i, o := range outs {
					requireCloseTo(t, 1e-3, reference(t, o), readAny(t, dev, o), 2e-5, []string{"value", "jvp", "grad", "grad", "grad"}[i])
				}
				closeAll(append(in, ts...), outs...)
				for mask := 1; mask < 1<<len(c.in); mask++ {
					for _, b := range batches {
						c.checkVmap(t, dev, mask, b)
					}
				}
			})
		}
	})
}

func (c controlCase) checkVmap(t *testing.T, dev *gpu.Device, mask, b int) {
	rng := rand.New(rand.NewPCG(5, uint64(mask)))
	axes := make([]int, len(c.in))
	in := make([]Tensor, len(c.in))
	for i, s := range c.in {
		axes[i] = Shared
		shape := s.Spec.Shape
		if mask>>i&1 == 1 {
			axes[i] = i % (len(shape) + 1)
			shape = append(append(append(Shape{}, shape[:axes[i]]...), b), shape[axes[i]:]...)
		}
		in[i] = upload(t, dev, Spec{s.Spec.DType, shape}, draw(rng, Sample{Spec: Spec{s.Spec.DType, shape}, Lo: s.Lo, Hi: s.Hi}))
	}
	f := func(x []Tensor) []Tensor {
		outs := []Tensor{c.f(x)}
		if !c.forward {
			outs = append(outs, Grad(c.f)(x)...)
		}
		return outs
	}
	got := Vectorize("vmap", f, in, axes, func(int, int) (int, bool) { return 0, false })
	want := make([][]float64, len(got))
	for s := range b {
		one := make([]Tensor, len(in))
		for i, x := range in {
			one[i] = x
			if axes[i] != Shared {
				one[i] = x.Index(axes[i], s)
			}
		}
		for i, o := range f(one) {
			want[i] = append(want[i], reference(t, o)...)
		}
	}
	for i, g := range got {
		what := []string{"value", "grad", "grad", "grad"}[i]
		requireCloseTo(t, 1e-3, want[i], reference(t, g), 1e-9, "evaluated vmap of "+what)
		requireCloseTo(t, 1e-3, want[i], readAny(t, dev, g), 5e-5, "vmap of "+what)
	}
	closeAll(in, got...)
}

// Gradients that the branch not taken would spoil stay out of the result.
func TestCondKeepsNaNOut(t *testing.T) {
	f := func(x Tensor) Tensor {
		return Cond(x.Gt(Scalar(0)), func(v Tensor) Tensor { return v.Sqrt() }, func(v Tensor) Tensor { return v.Scale(3) }, x)
	}
	assert.Equal(t, []float64{3}, reference(t, Grad(f)(Scalar(0))))
	assert.Equal(t, []float64{3}, reference(t, Grad(f)(Scalar(-4))))
}

func TestControlFlowErrors(t *testing.T) {
	x := Scalar(1)
	id := func(v Tensor) Tensor { return v }
	for name, c := range map[string]struct {
		f    func()
		kind error
		text string
	}{
		"carry changes shape": {func() { Fori(0, 9, func(_, c Tensor) Tensor { return Stack(0, c, c) }, x) }, ErrShape, "float32[2]"},
		"carry changes dtype": {func() { While(func(c Tensor) Tensor { return c.Gt(x) }, func(c Tensor) Tensor { return c.AsInt() }, x) }, ErrShape, "int32"},
		"condition no bool":   {func() { While(id, id, x) }, ErrDType, "bool"},
		"predicate no scalar": {func() { Cond(Ones(3).Gt(x), id, id, x) }, ErrDType, "bool[3]"},
		"branches differ":     {func() { Cond(x.Gt(x), id, func(v Tensor) Tensor { return v.AsInt() }, x) }, ErrShape, "otherwise"},
		"no branch":           {func() { Switch[Tensor, Tensor](Int(0), nil, x) }, ErrArgument, "no branches"},
		"no rounds":           {func() { Scan(func(c Tensor, _ struct{}) (Tensor, Tensor) { return c, c }, x, struct{}{}) }, ErrArgument, "graph.Rounds"},
		"ragged": {func() {
			Scan(func(c Tensor, v [2]Tensor) (Tensor, Tensor) { return c, c }, x, [2]Tensor{Ones(3), Ones(4)})
		}, ErrShape, "3 rounds"},
		"grad of while": {func() {
			Grad(func(x Tensor) Tensor {
				return While(func(c Tensor) Tensor { return c.Gt(x) }, func(c Tensor) Tensor { return c.Scale(0.5) }, x)
			})(x)
		}, ErrArgument, "use Scan or Fori"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Try(c.f)
			require.ErrorIs(t, err, c.kind)
			assert.Contains(t, err.Error(), c.text)
			assert.Contains(t, err.Error(), "control_test.go:")
		})
	}
}

// Checks inside loops and branches fail the call, from the evaluator and from the device, when and only when their round or
// branch runs.
func TestChecksInControlFlow(t *testing.T) {
	positive := func(v Tensor) Tensor { return v.Check(v.Gt(v.Like(0)), "value > 0") }
	scanned := func(x Tensor) Tensor {
		_, ys := Scan(func(c, v Tensor) (Tensor, Tensor) { return c, positive(v).Log() }, Scalar(0), x)
		return ys.Sum()
	}
	nested := func(x Tensor) Tensor {
		return Fori(0, 30, func(_, c Tensor) Tensor { return c.Add(scanned(x)) }, Scalar(0))
	}
	halved := func(x Tensor) Tensor { // leaves the loop before it would reach 0
		return While(func(c Tensor) Tensor { return c.Gt(Scalar(1)) }, func(c Tensor) Tensor { return positive(c.AddScalar(-1)) }, x.Index(0, 0))
	}
	chosen := func(x Tensor) Tensor {
		return Cond(x.Index(0, 0).Gt(Scalar(0)), positive, func(v Tensor) Tensor { return v.Neg() }, x).Sum()
	}
	bad := make([]float32, 40)
	for i := range bad {
		bad[i] = float32(30 - i) // 0 and less from position 30 on
	}
	good := make([]float32, 40)
	for i := range good {
		good[i] = float32(i) + 1.5
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for name, c := range map[string]struct {
			f    func(Tensor) Tensor
			x    []float32
			fail bool
		}{
			"scan":           {scanned, bad, true},
			"scan, good":     {scanned, good, false},
			"nested":         {nested, bad, true},
			"nested, good":   {nested, good, false},
			"while":          {halved, []float32{4}, false}, // 4, 3, 2, 1: rounds after that would reach 0
			"while, bad":     {func(x Tensor) Tensor { return halved(x).Add(mapped(func(v Tensor) Tensor { return positive(v) }, x)) }, []float32{4, -1}, true},
			"while, good":    {halved, []float32{3.5}, false},
			"while, never":   {halved, []float32{-5}, false},
			"cond, taken":    {chosen, []float32{1, -1}, true},
			"cond, not":      {chosen, []float32{-1, -1}, false},
			"vmap of a scan": {func(x Tensor) Tensor { return mapped(scanned, x.Reshape(4, -1)) }, bad, true},
			"vmap of a while": {func(x Tensor) Tensor {
				return mapped(halved, x.Reshape(3, 1))
			}, []float32{2.5, -1, 9.5}, false},
			"vmap of a cond": {func(x Tensor) Tensor { return mapped(chosen, x.Reshape(3, 2)) }, []float32{1, 1, -1, -1, 2, -3}, true},
		} {
			t.Run(name, func(t *testing.T) {
				x, err := FromSlice(dev, c.x)
				require.NoError(t, err)
				y := c.f(x)
				_, wanted := Reference(context.Background(), y)
				err = Eval(context.Background(), y)
				if !c.fail {
					require.NoError(t, wanted)
					require.NoError(t, err)
					closeAll([]Tensor{x}, y)
					return
				}
				require.ErrorIs(t, wanted, ErrCheck)
				require.ErrorIs(t, err, ErrCheck)
				assert.Contains(t, err.Error(), "value > 0")
				assert.Contains(t, err.Error(), "control_test.go:")
				x.Close()
			})
		}
	})
}

// A check in a scan names the first element that is false in any round, however its condition is carried.
func TestChecksOfVectorsInScans(t *testing.T) {
	rows := func(elements int) func(x Tensor) Tensor { // rounds of which round r adds x[r] to element 2r+1 of ones
		return func(x Tensor) Tensor {
			_, ys := Scan(func(c, v Tensor) (Tensor, Tensor) {
				y := Where(Iota(0, elements).Eq(c.Scale(2).AddScalar(1).AsInt()), v, Ones())
				return c.AddScalar(1), y.Check(y.Gt(Scalar(0)), "row > 0").Sum()
			}, Scalar(0), x, Rolled())
			return ys.Sum()
		}
	}
	captured := func(rounds int) func(x Tensor) Tensor {
		return func(x Tensor) Tensor {
			return Fori(0, rounds, func(_, c Tensor) Tensor { return c.Scale(0.5).Check(x.Gt(Scalar(0)), "captured > 0") }, Scalar(1))
		}
	}
	good, bad := []float32{1, 1, 1, 1}, []float32{1, 1, -1, -1}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for name, c := range map[string]struct {
			f    func(Tensor) Tensor
			x    []float32
			text string // "" for no failure
		}{
			"few":                   {rows(9), bad, "row > 0 is false for element [5]"},
			"few, good":             {rows(9), good, ""},
			"many":                  {rows(carriedCheck + 1), bad, "row > 0 is false for element [5]"},
			"many, good":            {rows(carriedCheck + 1), good, ""},
			"captured":              {captured(300), bad, "captured > 0 is false for element [2]"},
			"captured, good":        {captured(300), good, ""},
			"captured, not a round": {captured(0), bad, ""},
		} {
			t.Run(name, func(t *testing.T) {
				x, err := FromSlice(dev, c.x)
				require.NoError(t, err)
				y := c.f(x)
				err = Eval(context.Background(), y)
				if c.text == "" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, ErrCheck)
					assert.Contains(t, err.Error(), c.text)
				}
				closeAll([]Tensor{x}, y)
			})
		}
	})
}

// Checks of what a loop carries add no dispatch to a round.
func TestChecksAddNoDispatchToRounds(t *testing.T) {
	dev := gputest.Open(t)
	x := stand(Spec{Float32, Shape{100}})
	y := Fori(0, 300, func(_, c Tensor) Tensor {
		c = c.Check(c.Gt(Scalar(0)), "positive")
		return c.Scale(0.5).Check(c.Lt(Scalar(10)), "below 10")
	}, Tensor{x})
	round := func(checked bool) int {
		loops := passes((&executable{}).addChecks([]*node{y.n}, checked, planOptions{}), dev.Profile(), jitConfig{lanes: LanesNever}).loops
		require.Len(t, loops, 1)
		return loops[0].last - loops[0].first
	}
	assert.Equal(t, 2, round(false), "a pair of rounds")
	assert.Equal(t, 2, round(true))
}

// A short fold with few results is computed where it is used.
func TestShortFoldsOfFewResultsJoin(t *testing.T) {
	dev := gputest.Open(t)
	double := func(x Tensor) Tensor { return x.Square().Sum().Scale(2) }
	most := briefFolds
	if profileOf(dev).Kind == gpu.CPU {
		most = briefFoldsCPU
	}
	for n, one := range map[int]bool{3: true, most: true, most + 1: false} {
		c, err := CostOn(dev, double, Placeholder(Float32, n))
		require.NoError(t, err)
		assert.Equal(t, one, c.Dispatches == 1, "%d elements: %d dispatches", n, c.Dispatches)
	}
}

// Reductions of several arrays to numbers share a kernel as long as they fold little.
func TestBriefFoldsShareAKernel(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		f := func(in []Tensor) []Tensor {
			return []Tensor{in[0].Sum(), in[1].ReduceMin(), in[2].Exp().Sum().Add(in[0].ReduceMax()), in[1].Index(0, 0).Scale(2)}
		}
		for n, one := range map[int]bool{7: true, 1 << 14: false} {
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			var in, marks []Tensor
			for _, size := range []int{n, 5, 9} {
				in, marks = append(in, upload(t, dev, Spec{Float32, Shape{size}}, draw(rng, sample(size)))), append(marks, Placeholder(Float32, size))
			}
			c, err := CostOn(dev, f, marks)
			require.NoError(t, err)
			assert.Equal(t, one, c.Dispatches == 1, "%d elements: %d dispatches", n, c.Dispatches)
			outs := f(in)
			requireAgreement(t, dev, outs, "brief folds")
			closeAll(in, outs...)
		}
	})
}

// mapped sums f over the rows of x.
func mapped(f func(Tensor) Tensor, x Tensor) Tensor {
	return Vectorize("vmap", func(in []Tensor) []Tensor { return []Tensor{f(in[0])} }, []Tensor{x}, []int{0}, func(int, int) (int, bool) { return 0, false })[0].Sum()
}

// Short loops are written out; as loops they give the same.
func TestShortLoopsAsLoops(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for rounds := range 5 {
			f := func(x, w Tensor) Tensor {
				last, ys := Scan(func(c, v Tensor) (Tensor, Tensor) { c = c.Scale(0.5).Add(v.Mul(w)); return c, c.Sin() }, w, x, Reverse())
				return last.Add(ys.Sum(0))
			}
			rng := rand.New(rand.NewPCG(1, uint64(rounds)))
			x := upload(t, dev, Spec{Float32, Shape{rounds, 3}}, draw(rng, sample(rounds, 3)))
			w := upload(t, dev, Spec{Float32, Shape{3}}, draw(rng, sample(3)))
			for _, loops := range []bool{false, true} {
				keepLoops = loops
				y := f(x.Scale(1+0.5*float64(b2i(loops))), w) // another constant, another program
				requireCloseTo(t, 1e-3, reference(t, y), readAny(t, dev, y), 1e-5, "scan")
				y.Close()
			}
			keepLoops = false
			closeAll([]Tensor{x, w})
		}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestEndlessLoopOnHost: what is computed on the host heeds the context, too.
func TestEndlessLoopOnHost(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	endless := While(func(x Tensor) Tensor { return x.Ge(Scalar(0)) }, func(x Tensor) Tensor { return x.Mul(x) }, Scalar(0))
	_, err := endless.Floats(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
