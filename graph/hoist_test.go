package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// hoistCase is a loop, and the shapes of the arrays that its rounds may not carry.
type hoistCase struct {
	name string
	in   []Sample
	f    func(x []Tensor) []Tensor
	gone []Shape
	less []Shape // of these one less
	kept []Shape // sums that stay in the loop
}

// recur is the sum of the last state of a net over a sequence xs [t i], from weights [i h], [h h] and [h].
func recur(xs, wx, wh, b Tensor, opts ...ScanOption) Tensor {
	last, _ := Scan(func(h, x Tensor) (Tensor, struct{}) {
		return x.MatMul(wx).Add(h.MatMul(wh)).Add(b).Tanh(), struct{}{}
	}, Zeros(b.Dim(0)), xs, opts...)
	return last.Sum()
}

// weightGradients of recur for each sample of x[0] [b t i].
func weightGradients(x []Tensor, opts ...ScanOption) []Tensor {
	return Vectorize("vmap", func(v []Tensor) []Tensor {
		return Grad(func(w []Tensor) Tensor { return recur(v[0], w[0], w[1], w[2], opts...) })(v[1:])
	}, x, []int{0, Shared, Shared, Shared}, func(int, int) (int, bool) { return 0, false })
}

var hoistCases = func() []hoistCase {
	const b, rounds, in, h = 5, 23, 24, 20
	net := []Sample{sample(b, rounds, in), sampleIn(-0.3, 0.3, in, h), sampleIn(-0.3, 0.3, h, h), sample(h)}
	weights, bias := []Shape{{b, in, h}, {b, h, h}}, []Shape{{b, h}}
	return []hoistCase{
		{name: "norms of samples", in: net, gone: weights, less: bias, f: func(x []Tensor) []Tensor {
			var sum Tensor
			for _, g := range weightGradients(x) {
				sum = addTangent(sum, g.Square().Reshape(b, -1).Sum(1))
			}
			return []Tensor{sum}
		}},
		{name: "samples", in: net, gone: weights, less: bias, f: func(x []Tensor) []Tensor { return weightGradients(x) }},
		{name: "reverse", in: net, gone: weights, less: bias, f: func(x []Tensor) []Tensor { return weightGradients(x, Reverse()) }},
		{name: "vmap in chunks", in: net, gone: weights[1:], f: func(x []Tensor) []Tensor {
			_, norms := Scan(func(_ struct{}, s Tensor) (struct{}, Tensor) {
				return struct{}{}, weightGradients(append([]Tensor{s}, x[1:]...))[1].Square().Sum(1, 2)
			}, struct{}{}, x[0].Reshape(1, b, rounds, in).stretch(Shape{3, b, rounds, in}), Rolled())
			return []Tensor{norms}
		}},
		{name: "loop in a loop", in: []Sample{sample(7, 3, 40), sampleIn(-0.2, 0.2, 40, 60), sampleIn(-0.2, 0.2, 60, 40)}, gone: []Shape{{40, 60}, {60, 40}},
			f: func(x []Tensor) []Tensor {
				return Grad(func(w []Tensor) Tensor {
					last, _ := Scan(func(h, xs Tensor) (Tensor, struct{}) {
						h, _ = Scan(func(h, v Tensor) (Tensor, struct{}) {
							return h.Add(v).MatMul(w[0]).Sin().MatMul(w[1]), struct{}{}
						}, h, xs, Rolled())
						return h.Scale(0.5), struct{}{}
					}, Zeros(40), x[0], Rolled())
					return last.Sum()
				})(x[1:])
			}},
		{name: "embeddings and gains", in: []Sample{sampleOf(Int32, -1, 60, b, rounds), sample(60, 16), sample(16), sampleIn(-0.2, 0.2, 16, 16)},
			gone: []Shape{{b, 60, 16}, {b, 16, 16}}, less: []Shape{{b, 16}}, f: func(x []Tensor) []Tensor {
				return Vectorize("vmap", func(v []Tensor) []Tensor {
					return Grad(func(w []Tensor) Tensor {
						last, _ := Scan(func(h, token Tensor) (Tensor, struct{}) {
							e := w[0].Take(0, token)
							return e.Mul(w[1]).Add(h.MatMul(w[2])).Tanh(), struct{}{}
						}, Zeros(16), v[0], Rolled())
						return last.Sum()
					})(v[1:])
				}, x, []int{0, Shared, Shared, Shared}, func(int, int) (int, bool) { return 0, false })
			}},
		{name: "differences from a start", in: []Sample{sample(30, 20), sample(30, 25), sample(20, 25)}, gone: []Shape{{20, 25}}, f: func(x []Tensor) []Tensor {
			type pair struct{ A, B Tensor }
			last, _ := Scan(func(sum Tensor, v pair) (Tensor, struct{}) {
				return v.A.Outer(v.B).Neg().Add(sum.Sub(v.A.Scale(0.5).Outer(v.B.Square()))), struct{}{}
			}, x[2], pair{x[0], x[1]}, Rolled())
			return []Tensor{last}
		}},
		{name: "a sum that is read", in: []Sample{sample(30, 20), sample(30, 25)}, kept: []Shape{{20, 25}}, f: func(x []Tensor) []Tensor {
			type pair struct{ A, B Tensor }
			last, ys := Scan(func(sum Tensor, v pair) (Tensor, Tensor) {
				sum = sum.Add(v.A.Outer(v.B))
				return sum, sum.Index(0, 0)
			}, Zeros(20, 25), pair{x[0], x[1]}, Rolled())
			return []Tensor{last, ys}
		}},
		{name: "a sum that is scaled", in: []Sample{sample(30, 20), sample(30, 25)}, kept: []Shape{{20, 25}}, f: func(x []Tensor) []Tensor {
			type pair struct{ A, B Tensor }
			last, _ := Scan(func(sum Tensor, v pair) (Tensor, struct{}) { return sum.Scale(0.9).Add(v.A.Outer(v.B)), struct{}{} },
				Zeros(20, 25), pair{x[0], x[1]}, Rolled())
			return []Tensor{last}
		}},
		{name: "parts of the data", in: []Sample{sample(9, 40, 4), sample(4, 32), sampleIn(-0.3, 0.3, 32, 32)}, kept: []Shape{{4, 32}, {32, 32}},
			f: func(x []Tensor) []Tensor {
				total, _ := Scan(func(sums []Tensor, part Tensor) ([]Tensor, struct{}) {
					gs := Grad(func(w []Tensor) Tensor {
						return part.MatMul(w[0]).Tanh().MatMul(w[1]).Sin().Sum()
					})(x[1:])
					for i, g := range gs {
						gs[i] = sums[i].Add(g)
					}
					return gs, struct{}{}
				}, []Tensor{Zeros(4, 32), Zeros(32, 32)}, x[0], Rolled())
				return total
			}},
	}
}()

// carried lists the shapes of the carries of all loops.
func carried(outputs []*node) (shapes []Shape) {
	for _, n := range reach(outputs, nil) {
		if o, ok := n.op.(scanOp); ok {
			for _, p := range o.body.params[:o.carry] {
				shapes = append(shapes, p.spec.Shape)
			}
			shapes = append(shapes, carried(o.body.outs)...)
		}
	}
	return shapes
}

// Loops carry no sum of products that is larger than its factors; what they compute stays the same.
func TestSumsLeaveLoops(t *testing.T) {
	defer func(k bool) { keepLoops = k }(keepLoops)
	keepLoops = true
	for _, c := range hoistCases {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrace("test")
			var params []Tensor
			for _, s := range c.in {
				params = append(params, tr.param(s.Spec))
			}
			outs := nodes(c.f(params))
			shapes := func(plan planOptions) []Shape { return carried((&executable{}).addChecks(outs, false, plan)) }
			count := func(list []Shape, s Shape) (n int) {
				for _, x := range list {
					if x.Equal(s) {
						n++
					}
				}
				return n
			}
			for _, s := range c.less {
				assert.Equal(t, count(shapes(planOptions{plain: true}), s)-1, count(shapes(planOptions{}), s), "sums %v in the loop", s)
			}
			for _, s := range slices.Concat(c.gone, c.kept) {
				assert.Equal(t, slices.ContainsFunc(c.kept, s.Equal), count(shapes(planOptions{}), s) > 0, "a sum %v in the loop", s)
				assert.NotZero(t, count(shapes(planOptions{plain: true}), s), "as it is written there is a sum %v", s)
			}
			gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
				rng := rand.New(rand.NewPCG(3, 1))
				var in []Tensor
				for _, s := range c.in {
					in = append(in, upload(t, dev, s.Spec, draw(rng, s)))
				}
				for _, opts := range [][]JitOption{nil, {WithoutContraction()}} {
					got, err := Jit(dev, c.f, opts...)(t.Context(), in)
					require.NoError(t, err)
					for i, o := range c.f(in) {
						requireCloseTo(t, 1e-2, reference(t, o), readAny(t, dev, got[i]), 2e-5, "result")
					}
					require.NoError(t, Close(got))
				}
				require.NoError(t, Close(in))
			})
		})
	}
}

// The gradient of a layer that every step of a sequence applies to a batch is one product over steps and samples.
func TestGradientOfALoopIsOneProduct(t *testing.T) {
	defer func(k bool) { keepLoops = k }(keepLoops)
	keepLoops = true
	const b, rounds, in, h = 80, 20, 64, 128
	tr := newTrace("test")
	x := []Tensor{tr.param(Spec{Float32, Shape{b, rounds, in}}), tr.param(Spec{Float32, Shape{in, h}}), tr.param(Spec{Float32, Shape{h, h}}), tr.param(Spec{Float32, Shape{h}})}
	outs := nodes(Grad(func(w []Tensor) Tensor {
		return Vectorize("vmap", func(v []Tensor) []Tensor { return []Tensor{recur(v[0], w[0], w[1], w[2])} },
			x[:1], []int{0}, func(int, int) (int, bool) { return 0, false })[0].Mean()
	})(x[1:]))
	inLoop := slices.ContainsFunc(carried((&executable{}).addChecks(outs, false, planOptions{budget: b * rounds})), Shape{in, h}.Equal)
	assert.True(t, inLoop, "the budget does not hold what would be handed out")
	outs = simplify((&executable{}).addChecks(outs, false, planOptions{}))
	for _, s := range carried(outs) {
		assert.False(t, s.Equal(Shape{in, h}) || s.Equal(Shape{h, h}) || s.Equal(Shape{h}), "a sum %v in the loop", s)
	}
	for _, n := range outs[:2] {
		o, ok := storage(n).op.(contractOp)
		require.True(t, ok, "a %s", n.op.Name())
		assert.Len(t, o.summed(), 2, "%v sums over steps and samples", o)
	}
}
