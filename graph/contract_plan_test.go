package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// planned is the plans for the function's result on a CPU driver.
func planned(t *testing.T, opts planOptions, f func(in []Tensor) Tensor, shapes ...Shape) *contractor {
	t.Helper()
	var in []Tensor
	tr := newTrace("test")
	for _, s := range shapes {
		in = append(in, tr.param(Spec{Float32, s}))
	}
	out := simplify([]*node{f(in).n})
	p := gpu.Profile{Kind: gpu.CPU, Driver: "lavapipe", Cores: 2, MaxAllocation: 1 << 40, MaxStorageRange: 1 << 40, Rates: gpu.BuiltInRates(gpu.CPU, "lavapipe")}
	return planContractions(out, machineOf(p, opts.budget), !opts.noGram)
}

// perSampleGradient is that of a weight at x [b t i] and g [b t j], or without t.
func perSampleGradient(x, g Tensor) Tensor {
	if x.Rank() == 2 {
		return Einsum("bi,bj->bij", x, g)
	}
	return Einsum("bti,btj->bij", x, g)
}

// The forms that the literature does by hand are found from the plain expressions: operations and memory are near the best ones known.
func TestPlansOfPerSampleExpressions(t *testing.T) {
	const mega = 1e6
	norms := func(in []Tensor) Tensor { return perSampleGradient(in[0], in[1]).Square().Sum(1, 2) }
	for _, c := range []struct {
		name        string
		f           func([]Tensor) Tensor
		shapes      []Shape
		flops       float64 // at most
		bytes       float64 // of intermediates, at most
		materialise bool    // the samples' gradients are the cheapest way
	}{
		{"norms of dense layers", norms, []Shape{{256, 784}, {256, 128}}, 1 * mega, 0.1 * mega, false},
		{"diagonal Fisher", func(in []Tensor) Tensor { return perSampleGradient(in[0], in[1]).Square().Sum(0) },
			[]Shape{{256, 784}, {256, 128}}, 53 * mega, 1 * mega, false},
		{"clip and sum", func(in []Tensor) Tensor {
			return perSampleGradient(in[0], in[1]).Mul(in[2].Reshape(256, 1, 1)).Sum(0)
		}, []Shape{{256, 784}, {256, 128}, {256}}, 52 * mega, 1 * mega, false},
		{"J v", func(in []Tensor) Tensor { return perSampleGradient(in[0], in[1]).Mul(in[2]).Sum(1, 2) },
			[]Shape{{256, 784}, {256, 128}, {784, 128}}, 52 * mega, 0.2 * mega, false},
		{"tangent kernel of two batches", func(in []Tensor) Tensor {
			a, b := perSampleGradient(in[0], in[1]).Reshape(256, -1), perSampleGradient(in[2], in[3]).Reshape(256, -1)
			return a.MatMul(b.Transpose())
		}, []Shape{{256, 784}, {256, 128}, {256, 784}, {256, 128}}, 121 * mega, 0.6 * mega, false},
		{"norms of a transformer's layer", norms, []Shape{{32, 64, 768}, {32, 64, 3072}}, 1010 * mega, 1.1 * mega, false},
		{"norms where both ways cost the same", norms, []Shape{{64, 60, 288}, {64, 60, 64}}, 150 * mega, 4.8 * mega, true},
		{"diagonal Gauss-Newton", func(in []Tensor) Tensor {
			x, g, h := in[0], in[1], in[2]
			j := Einsum("bi,bcj->bcij", x, g)
			return Einsum("bcij,bcd->bdij", j, h).Mul(j).Sum(0, 1)
		}, []Shape{{256, 784}, {256, 10, 128}, {256, 10, 10}}, 60 * mega, 3 * mega, false},
		{"Gauss-Newton product", func(in []Tensor) Tensor {
			x, g, h, v := in[0], in[1], in[2], in[3]
			j := Einsum("bi,bcj->bcij", x, g)
			jv := Einsum("bcij,ij->bc", j, v)
			return Einsum("bdij,bd->ij", j, Einsum("bcd,bc->bd", h, jv))
		}, []Shape{{256, 784}, {256, 10, 128}, {256, 10, 10}, {784, 128}}, 106 * mega, 0.5 * mega, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planned(t, planOptions{}, c.f, c.shapes...)
			require.NotEmpty(t, p.order, "nothing was planned")
			var total work
			largest := 0.0
			for _, q := range p.order {
				for _, b := range q.terms {
					total = total.plus(b.tree.work)
					b.steps(b.tree, func(s *planTree) {
						t.Log(b.notation(s))
						if s != b.tree && s.stored {
							largest = max(largest, 4*b.extent(s.labels))
						}
					})
					if b.tree.stored {
						total.bytes -= 4 * b.extent(b.tree.labels) // the result
					}
				}
			}
			assert.LessOrEqual(t, total.flops, c.flops)
			assert.LessOrEqual(t, total.bytes, c.bytes)
			gradients := 4 * float64(c.shapes[0][0]*c.shapes[0][len(c.shapes[0])-1]*c.shapes[1][len(c.shapes[1])-1])
			assert.Equal(t, c.materialise, largest >= gradients, "largest intermediate: %v bytes", largest)
		})
	}
}

// A convolution over many places has a gradient smaller than its operands: it stays as it is.
func TestPlanLeavesWhatIsBest(t *testing.T) {
	norms := func(in []Tensor) Tensor { return perSampleGradient(in[0], in[1]).Square().Sum(1, 2) }
	assert.Empty(t, planned(t, planOptions{}, norms, Shape{64, 576, 288}, Shape{64, 576, 64}).order)
	assert.Empty(t, planned(t, planOptions{}, func(in []Tensor) Tensor {
		return in[0].MatMul(in[1]).Add(in[2]).ReLU().Sum(1)
	}, Shape{64, 100}, Shape{100, 50}, Shape{50}).order)
	assert.Empty(t, planned(t, planOptions{}, func(in []Tensor) Tensor { return in[0].AsInt().Outer(in[0].AsInt()).Sum(0) }, Shape{100}).order, "integers")
	assert.Empty(t, planned(t, planOptions{}, norms, Shape{0, 64, 288}, Shape{0, 64, 1000}).order, "no samples")
}

// Norms of one layer make the gradients; weighting and adding them up then reads these rather than multiply again.
func TestPlansShareIntermediates(t *testing.T) {
	p := planned(t, planOptions{}, func(in []Tensor) Tensor {
		j := perSampleGradient(in[0], in[1])
		norms := j.Square().Sum(1, 2)
		return j.Mul(norms.Sqrt().Reciprocal().Reshape(64, 1, 1)).Sum(0)
	}, Shape{64, 60, 288}, Shape{64, 60, 64})
	require.Len(t, p.order, 2)
	var free, stored []string
	for _, q := range p.order {
		for _, b := range q.terms {
			stored = append(stored, b.keys...)
			var walk func(*planTree)
			walk = func(s *planTree) {
				if s.free {
					free = append(free, b.name(s.set).key)
				} else if s.left != nil {
					walk(s.left)
					walk(s.right)
				}
			}
			walk(b.tree)
		}
	}
	require.NotEmpty(t, free)
	assert.Subset(t, stored, free, "what one takes for free another one computes")
}

// Gradients that are results are there to be read; Gram matrices and large intermediates can be forbidden.
func TestPlanOptions(t *testing.T) {
	norms := func(in []Tensor) Tensor { return perSampleGradient(in[0], in[1]).Square().Sum(1, 2) }
	shapes := []Shape{{32, 64, 768}, {32, 64, 3072}}
	assert.NotEmpty(t, planned(t, planOptions{}, norms, shapes...).order)
	assert.Empty(t, planned(t, planOptions{noGram: true}, norms, shapes...).order, "the sum over t is squared as it is")

	weighted := func(in []Tensor) Tensor { return perSampleGradient(in[0], in[1]).Mul(in[2].Reshape(32, 1, 1)).Sum(0) }
	assert.NotEmpty(t, planned(t, planOptions{noGram: true}, weighted, append(shapes, Shape{32})...).order, "linear sums are no Gram form")
	dense := []Shape{{32, 768}, {32, 3072}}
	assert.NotEmpty(t, planned(t, planOptions{noGram: true}, norms, dense...).order, "without t all terms are positive")

	largest := func(opts planOptions) float64 {
		most := 0.0
		for _, q := range planned(t, opts, norms, Shape{64, 60, 288}, Shape{64, 60, 64}).order {
			for _, b := range q.terms {
				b.steps(b.tree, func(s *planTree) {
					if s.stored && s != b.tree {
						most = max(most, 4*b.extent(s.labels))
					}
				})
			}
		}
		return most
	}
	assert.Greater(t, largest(planOptions{}), 4e6)
	assert.Less(t, largest(planOptions{budget: 1 << 20}), 1e6, "Gram matrices instead")
}

// Eleven operands and more are ordered by a search that is not exact: it is as good as dynamic programming where both can be done.
func TestGreedyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		p := planner{m: machine{matmul: 20e9, vector: 4e9, bytes: 9e9, dispatch: 4e-5, budget: 1e12}, names: map[factorSet]naming{}}
		n := 5 + r.IntN(4)
		for range n + 1 {
			p.lens = append(p.lens, float64(2+r.IntN(60)))
		}
		for i := range n { // a chain of matrices, some with a label more
			f := factor{name: fmt.Sprint(i), axes: []int{i, i + 1}, stored: true}
			if extra := r.IntN(2 * n); extra <= n && extra != i && extra != i+1 {
				f.axes = append(f.axes, extra)
			}
			for _, l := range f.axes {
				f.labels |= 1 << l
			}
			p.factors = append(p.factors, f)
		}
		p.out = 1 | 1<<n
		var items []*planTree
		for i, f := range p.factors {
			items = append(items, &planTree{set: 1 << i, labels: f.labels & p.result(1<<i), stored: true})
		}
		exact := p.exact(items)
		found := p.greedy(items)
		for range 4 {
			found = p.improve(found)
		}
		assert.LessOrEqual(t, exact.work.seconds, found.work.seconds*(1+1e-9))
		assert.InEpsilon(t, exact.work.seconds, found.work.seconds, 0.3, "%d operands", n)
	}
}

// The gradients of an embedding's table are never written: the norms compare tokens, and sums add up rows once.
func TestPlansOfEmbeddings(t *testing.T) {
	const b, length, width, words = 32, 12, 16, 10_000
	gradients := func(g Tensor) Tensor {
		tokens := Iota(0, b, length).Mul(Int(31)).Add(Iota(1, b, length)).Rem(Int(words))
		return apply(scatterOp{shaders.Sum, []int{0, 1, 2}, []int{0, 1}, []int{0, indexed, 2}, words}, g, tokens)
	}
	for name, f := range map[string]func([]Tensor) Tensor{
		"norms":          func(in []Tensor) Tensor { return gradients(in[0]).Square().Sum(1, 2) },
		"sum of squares": func(in []Tensor) Tensor { return gradients(in[0]).Square().Sum(0) },
		"weighted sum":   func(in []Tensor) Tensor { return gradients(in[0]).Mul(in[1].Reshape(b, 1, 1)).Sum(0) },
	} {
		p := planned(t, planOptions{}, f, Shape{b, length, width}, Shape{b})
		require.Len(t, p.order, 1, name)
		for _, q := range p.order[0].terms {
			q.steps(q.tree, func(s *planTree) {
				assert.LessOrEqual(t, q.extent(s.labels), float64(b*length*length*width), "%s: %s", name, q.notation(s))
			})
		}
	}
}
