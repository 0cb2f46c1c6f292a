package graph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// epilogueCase is a program with a product, and what its dispatches are called with and without epilogues.
type epilogueCase struct {
	name   string
	shapes []Shape
	f      func(in []Tensor) []Tensor
	want   string // the kernels' names in order, without shapes
}

var epilogueCases = []epilogueCase{
	{"bias and relu", []Shape{{120, 80}, {80, 96}, {96}}, func(in []Tensor) []Tensor {
		return []Tensor{in[0].MatMul(in[1]).Add(in[2]).ReLU()}
	}, "matmul + relu"},
	{"rows that are no whole vectors", []Shape{{120, 80}, {80, 101}, {101}, {120, 1}}, func(in []Tensor) []Tensor {
		y := in[0].MatMul(in[1]).Add(in[2]).Mul(in[3])
		return []Tensor{y, y.Gt(Scalar(0))}
	}, "pad; matmul + mul + lt"},
	{"several results", []Shape{{120, 80}, {80, 96}, {96}, {120, 96}}, func(in []Tensor) []Tensor {
		y := in[0].MatMul(in[1])
		z := y.Add(in[2])
		return []Tensor{y, z.Tanh(), z.Add(in[3])}
	}, "matmul + tanh + add"},
	{"other kernels read the product", []Shape{{128, 80}, {80, 128}}, func(in []Tensor) []Tensor {
		y := in[0].MatMul(in[1])
		return []Tensor{y.ReLU(), y.Sum(1)}
	}, "matmul + relu; reduce sum"},
	{"transposed", []Shape{{3, 70, 52}, {3, 52, 60}, {70, 60}}, func(in []Tensor) []Tensor {
		return []Tensor{in[0].MatMul(in[1]).Add(in[2]).Transpose(2, 0, 1).Abs()}
	}, "matmul + abs"},
	{"not at the same position", []Shape{{128, 80}, {80, 128}}, func(in []Tensor) []Tensor {
		y := in[0].MatMul(in[1])
		return []Tensor{y.Add(y.Transpose(1, 0))}
	}, "matmul; add"},
	{"not of all elements", []Shape{{128, 80}, {80, 128}}, func(in []Tensor) []Tensor {
		return []Tensor{in[0].MatMul(in[1]).Slice(0, 3, 100).ReLU()}
	}, "matmul; relu"},
	{"one layer after another", []Shape{{96, 80}, {80, 101}, {101}, {101, 96}, {96}}, func(in []Tensor) []Tensor {
		h := in[0].MatMul(in[1]).Scale(0.1).Add(in[2]).ReLU()
		return []Tensor{h.MatMul(in[3]).Scale(0.1).Add(in[4]).Sigmoid()}
	}, "pad; matmul + relu + pad; matmul + sigmoid"},
	{"two products", []Shape{{96, 80}, {80, 100}, {96, 72}, {72, 100}}, func(in []Tensor) []Tensor {
		return []Tensor{in[0].MatMul(in[1]).ReLU().Add(in[2].MatMul(in[3]))}
	}, "matmul; matmul + add"},
	{"computed later", []Shape{{96, 80}, {80, 100}, {96, 100}}, func(in []Tensor) []Tensor {
		return []Tensor{in[0].MatMul(in[1]).Mul(in[2].Max(Scalar(0.25)).Sum(1).ExpandDims(1).Reciprocal().Exp().Log())}
	}, "log; matmul + mul"},
	{"many summands", []Shape{{4, 40000}, {40000, 4}, {4}}, func(in []Tensor) []Tensor { // of which lavapipe's kernels add some at once
		return []Tensor{in[0].MatMul(in[1]).Add(in[2]).Abs()}
	}, ""},
	{"more texels than a view", []Shape{{2, 16, 512}, {2, 512, 512}, {16, 512}}, func(in []Tensor) []Tensor {
		return []Tensor{in[0].MatMul(in[1]).Sub(in[2]).ReLU()}
	}, ""},
	{"convolution", []Shape{{4, 8, 14, 14}, {32, 8, 3, 3}, {32, 1, 1}}, func(in []Tensor) []Tensor {
		return []Tensor{Conv(in[0], in[1], ConvOptions{}).Add(in[2]).ReLU()}
	}, "transpose; transpose; matmul + relu"},
	{"by zero", []Shape{{96, 80}, {80, 100}}, func(in []Tensor) []Tensor {
		y := in[0].Div(in[0]).MatMul(in[1]) // NaN where in[0] is 0
		return []Tensor{y.Mul(Scalar(0)), y.Max(Scalar(1)), Where(y.Gt(Scalar(0)), y, y.Scale(0.5))}
	}, ""},
}

// inputs draws the arrays of a case, with zeros among the first one's elements.
func (c epilogueCase) inputs(t *testing.T, dev *gpu.Device) []Tensor {
	rng := rand.New(rand.NewPCG(3, 4))
	in := make([]Tensor, len(c.shapes))
	for i, s := range c.shapes {
		spec := Spec{Float32, s}
		v := draw(rng, Sample{Spec: spec})
		if i == 0 {
			for j := 0; j < len(v); j += 997 {
				v[j] = 0
			}
		}
		in[i] = upload(t, dev, spec, v)
	}
	return in
}

// kernelNames are the names of the dispatches that a function compiles to, without shapes.
func kernelNames(t *testing.T, dev *gpu.Device, f func([]Tensor) []Tensor, in []Tensor) string {
	params, _, outs := traceLike("test", f, in)
	l, err := lift(params, outs)
	require.NoError(t, err)
	var names []string
	for _, s := range passes(l.outputs, dev.Profile(), jitConfig{}).steps {
		name, _, _ := strings.Cut(s.name, " [")
		names = append(names, name)
	}
	return strings.Join(names, "; ")
}

// tolerance grows with the summands.
func (c epilogueCase) tolerance() float64 { return 4e-6 * max(1, float64(c.shapes[0][1])/1000) }

func (c epilogueCase) check(t *testing.T, dev *gpu.Device) {
	in := c.inputs(t, dev)
	got, err := Jit(dev, c.f)(t.Context(), in)
	require.NoError(t, err)
	for i, y := range c.f(in) {
		want, err := Reference(context.Background(), y)
		require.NoError(t, err)
		requireClose(t, want, readAny(t, dev, got[i]), c.tolerance(), fmt.Sprintf("%s: result %d", c.name, i))
	}
	closeAll(in, got...)
}

// What elementwise kernels do with products is the same in the products' kernels, of every form.
func TestEpilogues(t *testing.T) {
	useEpilogues(t)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range epilogueCases {
			t.Run(c.name, func(t *testing.T) {
				if c.want != "" {
					in := c.inputs(t, dev)
					assert.Equal(t, c.want, kernelNames(t, dev, c.f, in))
					closeAll(in)
				}
				c.check(t, dev)
			})
		}
	})
}

// So it is in all kernels of products, each of the three forms in each family; those for GPUs as well.
func TestEpiloguesInEveryForm(t *testing.T) {
	useEpilogues(t)
	if testing.Short() {
		t.Skip("the driver takes a second for each kernel")
	}
	of := func(a, b Shape, f func(a, b Tensor) Tensor) epilogueCase {
		return epilogueCase{name: fmt.Sprint(a, b), shapes: []Shape{a, b, {90, 1}, {102}}, f: func(in []Tensor) []Tensor {
			y := f(in[0], in[1])
			return []Tensor{y.Mul(in[2]), y.Add(in[3]).ReLU()}
		}}
	}
	cases := []epilogueCase{
		of(Shape{90, 80}, Shape{80, 102}, Tensor.MatMul),
		of(Shape{80, 90}, Shape{80, 102}, func(a, b Tensor) Tensor { return a.Transpose(1, 0).MatMul(b) }),
		of(Shape{90, 80}, Shape{102, 80}, func(a, b Tensor) Tensor { return a.MatMul(b.Transpose(1, 0)) }),
	}
	for _, name := range gputest.Devices(t) {
		for _, family := range []gpu.MatMulFamily{gpu.MatMulTexel, gpu.MatMulQuad, gpu.MatMulShared} {
			t.Run(fmt.Sprint(name, "/", family), func(t *testing.T) {
				dev, err := gpu.Open(t.Context(), gpu.WithDevice(name), gpu.WithProfile(func(p *gpu.Profile) { p.MatMul = family }), gpu.WithCacheDir(""))
				require.NoError(t, err)
				defer dev.Close()
				for _, c := range cases {
					c.check(t, dev)
				}
				assert.Empty(t, dev.ValidationMessages())
			})
		}
	}
}

// The step of a perceptron: each layer is one dispatch forward, and one backward that masks its gradient; in place, a weight's update is in its gradient's product.
func TestEpiloguesOfAPerceptron(t *testing.T) {
	useEpilogues(t)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		shapes := []Shape{{128, 96}, {96, 64}, {64}, {64, 112}, {112}, {128, 112}}
		forward := func(p []Tensor, x Tensor) Tensor {
			return x.MatMul(p[0]).Add(p[1]).ReLU().MatMul(p[2]).Add(p[3])
		}
		c := epilogueCase{name: "step", shapes: shapes, f: func(in []Tensor) []Tensor {
			p := in[1:5]
			grads := Grad(func(p []Tensor) Tensor { return forward(p, in[0]).Sub(in[5]).Square().Mean() })(p)
			out := make([]Tensor, len(p))
			for i, g := range grads {
				out[i] = p[i].Sub(g.Scale(0.1))
			}
			return out
		}}
		in := c.inputs(t, dev)
		value := func(in []Tensor) []Tensor { return []Tensor{forward(in[1:5], in[0])} }
		assert.Equal(t, "matmul + relu; matmul + add", kernelNames(t, dev, value, in))
		assert.Equal(t, 7, strings.Count(kernelNames(t, dev, c.f, in), ";")+1, kernelNames(t, dev, c.f, in))
		told, err := Explain(dev, value, in)
		require.NoError(t, err)
		assert.Contains(t, told, "its kernel goes on to relu at graph/epilogue_test.go:")
		closeAll(in)
		if !testing.Short() {
			c.check(t, dev)
		}
	})
}

// A weight is written over by its own update in the gradient's product, but not where the product reads it as an operand, too.
func TestEpiloguesInPlace(t *testing.T) {
	useEpilogues(t)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for name, f := range map[string]func(in [3]Tensor) [3]Tensor{
			"update": func(in [3]Tensor) [3]Tensor {
				return [3]Tensor{in[0].Sub(in[1].Transpose(1, 0).MatMul(in[2])), in[1], in[2]}
			},
			"operand": func(in [3]Tensor) [3]Tensor { return [3]Tensor{in[0].Sub(in[0].MatMul(in[0])), in[1], in[2]} },
		} {
			in := epilogueCase{shapes: []Shape{{96, 96}, {80, 96}, {80, 96}}}.inputs(t, dev)
			state := [3]Tensor(in)
			params, _, outs := traceLike("test", f, state)
			l, err := lift(params, outs)
			require.NoError(t, err)
			steps := passes(l.outputs, dev.Profile(), jitConfig{})
			require.Equal(t, "matmul + sub", strings.Split(steps.steps[0].name, " [")[0])
			assert.Equal(t, name == "update", steps.mayOverwrite(storage(steps.outputs[0]), l.params[0]), name)
			want, err := Reference(t.Context(), f(state)[0])
			require.NoError(t, err)
			state, err = JitInPlace(dev, f)(t.Context(), state)
			require.NoError(t, err)
			requireClose(t, want, readAny(t, dev, state[0]), 4e-6, name)
			closeAll(state[:])
		}
	})
}

// useEpilogues makes the compiler use them on all drivers.
func useEpilogues(t *testing.T) {
	epiloguesAnyway = true
	t.Cleanup(func() { epiloguesAnyway = false })
}
