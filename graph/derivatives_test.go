package graph

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// smooth is a differentiable case at its sample point, with directions, as constants of float64 precision.
type smooth struct {
	Case
	values  [][]float64
	t, u    []Tensor // tangents
	ts, us  [][]float64
	cts     []Tensor
	floats  []bool // of the operands
	results []bool // float results
}

// smoothOf draws a case's operands and directions; ok is false where no float operand meets a float result.
func smoothOf(c Case) (s smooth, ok bool) {
	if c.Kinked || len(c.In) == 0 {
		return s, false
	}
	rng := rand.New(rand.NewPCG(3, 4))
	s.Case = c
	direction := func(shape Shape) (Tensor, []float64) {
		v := draw(rng, Sample{Spec: Spec{Float32, shape}})
		return literalOf(Spec{Float32, shape}, v), v
	}
	for _, in := range c.In {
		s.values = append(s.values, draw(rng, in))
		t, tv := direction(in.Spec.Shape)
		u, uv := direction(in.Spec.Shape)
		s.t, s.ts, s.u, s.us = append(s.t, t), append(s.ts, tv), append(s.u, u), append(s.us, uv)
		s.floats = append(s.floats, in.Spec.DType.IsFloat())
		ok = ok || in.Spec.DType.IsFloat()
	}
	some := false
	for _, y := range c.apply(s.at(nil, 0)) {
		ct, _ := direction(y.Shape())
		s.cts = append(s.cts, ct)
		s.results = append(s.results, y.DType().IsFloat())
		some = some || y.DType().IsFloat()
	}
	return s, ok && some
}

// at gives the operands moved by h along a direction.
func (s smooth) at(direction [][]float64, h float64) []Tensor {
	in := make([]Tensor, len(s.values))
	for i, v := range s.values {
		v = append([]float64(nil), v...)
		if direction != nil && s.floats[i] {
			for j := range v {
				v[j] += h * direction[i][j]
			}
		}
		in[i] = literalOf(s.In[i].Spec, v)
	}
	return in
}

// literalOf is a constant with float64 values, so that differences are not rounded to float32.
func literalOf(s Spec, v []float64) Tensor {
	if len(v) == 0 {
		v = []float64{0}
	}
	return constant(s, v...)
}

func references(t *testing.T, ys []Tensor) [][]float64 {
	t.Helper()
	out := make([][]float64, len(ys))
	for i, y := range ys {
		v, err := Reference(context.Background(), y)
		require.NoError(t, err)
		out[i] = v
	}
	return out
}

// requireDerivative compares a derivative along a direction with central differences of f.
func (s smooth) requireDerivative(t *testing.T, f func([]Tensor) []Tensor, direction [][]float64, got []Tensor, of []bool, what string) {
	t.Helper()
	const h = 1e-5
	up, down := references(t, f(s.at(direction, h))), references(t, f(s.at(direction, -h)))
	for i, g := range references(t, got) {
		if !of[i] {
			continue
		}
		want := make([]float64, len(g))
		scale := 1e-4 // differences of numbers of order one have an absolute error of 1e-16 / h
		for j := range want {
			want[j] = (up[i][j] - down[i][j]) / (2 * h)
			scale = max(scale, 1e-4*math.Abs(up[i][j]))
		}
		requireCloseTo(t, scale, want, g, 1e-6, what)
	}
}

// requireTransposed checks that pull is the transpose of the derivative along u: <w, J u> = <J' w, u>.
func (s smooth) requireTransposed(t *testing.T, w, along, pulled []Tensor, of []bool, u [][]float64, what string) {
	t.Helper()
	left, right, size := 0.0, 0.0, 1.0
	ws := references(t, w)
	for i, v := range references(t, along) {
		if of[i] {
			for j := range v {
				left += v[j] * ws[i][j]
				size += math.Abs(v[j] * ws[i][j])
			}
		}
	}
	for i, v := range references(t, pulled) {
		if s.floats[i] {
			for j := range v {
				right += v[j] * u[i][j]
			}
		}
	}
	require.InDelta(t, left, right, 1e-9*size, what)
}

// onlyFloats gives the tensors that are marked.
func onlyFloats(ts []Tensor, of []bool) (out []Tensor) {
	for i, t := range ts {
		if of[i] {
			out = append(out, t)
		}
	}
	return out
}

// TestConformanceDerivatives checks in float64 JVP against central differences and VJP against JVP, and the same of
// the derivatives themselves: forward over forward and over reverse against differences, reverse over both against those.
func TestConformanceDerivatives(t *testing.T) {
	eachCase(func(c Case) {
		s, ok := smoothOf(c)
		if !ok {
			return
		}
		x := s.at(nil, 0)
		jvp := func(x []Tensor) []Tensor { _, dy := JVP(c.apply, x, s.t); return dy }
		vjp := func(x []Tensor) []Tensor { _, pull := VJP(c.apply, x); return pull(s.cts) }
		table.run(t, c, onHost, "jvp", func(t *testing.T) {
			s.requireDerivative(t, c.apply, s.ts, jvp(x), s.results, "jvp")
		})
		table.run(t, c, onHost, "vjp", func(t *testing.T) {
			s.requireTransposed(t, s.cts, jvp(x), vjp(x), s.results, s.ts, "vjp against jvp")
		})
		table.run(t, c, onHost, "second", func(t *testing.T) {
			_, ff := JVP(jvp, x, s.u)
			s.requireDerivative(t, jvp, s.us, ff, s.results, "forward over forward")
			_, fr := JVP(vjp, x, s.u)
			s.requireDerivative(t, vjp, s.us, fr, s.floats, "forward over reverse")
			_, pull := VJP(jvp, x)
			s.requireTransposed(t, s.cts, ff, pull(s.cts), s.results, s.us, "reverse over forward")
			_, pull = VJP(vjp, x)
			s.requireTransposed(t, s.t, fr, pull(s.t), s.floats, s.us, "reverse over reverse")
		})
	})
}

// TestConformanceDerivativesOnDevice compares JVP and VJP on each driver with the evaluator.
func TestConformanceDerivativesOnDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		eachCaseOn(dev, func(c Case) {
			s, ok := smoothOf(c)
			if !ok {
				return
			}
			arrays := func(t *testing.T) (in, along, cts []Tensor) {
				rng := rand.New(rand.NewPCG(7, 8))
				for i, v := range s.values {
					in = append(in, upload(t, dev, c.In[i].Spec, v))
					along = append(along, upload(t, dev, s.t[i].Spec(), s.ts[i]))
				}
				for _, ct := range s.cts {
					cts = append(cts, upload(t, dev, ct.Spec(), draw(rng, Sample{Spec: ct.Spec()})))
				}
				return in, along, cts
			}
			check := func(rule string, derivative func(in, along, cts []Tensor) []Tensor) {
				table.run(t, c, driver(dev), rule, func(t *testing.T) {
					in, along, cts := arrays(t)
					defer func() { closeAll(in); closeAll(along); closeAll(cts) }()
					outs := derivative(in, along, cts)
					defer func() { closeAll(outs) }()
					// The derivative is a graph of several ops, whose errors add up.
					compareOnDevice(t, dev, outs, 0.1, 10*c.tolerance(), rule)
				})
			}
			check("jvp", func(in, along, _ []Tensor) []Tensor {
				_, dy := JVP(c.apply, in, along)
				return onlyFloats(dy, s.results)
			})
			check("vjp", func(in, _, cts []Tensor) []Tensor {
				_, pull := VJP(c.apply, in)
				return onlyFloats(pull(cts), s.floats)
			})
		})
	})
}
