package graph

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/shaders"
)

// products builds random graphs of sums of products, with the views between them that the planner sees through.
type products struct {
	t    *rapid.T
	pool []Tensor
}

func (p *products) intn(n int) int { return rapid.IntRange(0, n-1).Draw(p.t, "choice") }

func (p *products) pick() Tensor {
	if len(p.pool) > 3 && p.intn(2) == 0 {
		return p.pool[len(p.pool)-1-p.intn(3)]
	}
	return p.pool[p.intn(len(p.pool))]
}

// contraction of two tensors: axes of one length are paired or not, and labels of both are kept or summed.
func (p *products) contraction() Tensor {
	x, y := p.pick(), p.pick()
	var o contractOp
	free := map[int]int{} // labels of x that y may pair with
	for i, d := range x.Shape() {
		o.a = append(o.a, i)
		free[i] = d
	}
	for i, d := range y.Shape() {
		label := 10 + i
		for l := range x.Rank() {
			if free[l] == d && p.intn(3) > 0 {
				label = l
				delete(free, l)
				break
			}
		}
		o.b = append(o.b, label)
	}
	for _, l := range slices.Concat(o.a, o.b) {
		both := slices.Contains(o.a, l) && slices.Contains(o.b, l)
		if !slices.Contains(o.out, l) && (!both || p.intn(2) == 0) {
			o.out = slices.Insert(o.out, p.intn(len(o.out)+1), l)
		}
	}
	return apply(o, x, y)
}

func (p *products) step() {
	x := p.pick()
	s := x.Shape()
	axis := 0
	if len(s) > 0 {
		axis = p.intn(len(s))
	}
	var y Tensor
	switch p.intn(18) {
	case 0, 1, 2, 3:
		y = p.contraction()
	case 4, 5:
		y = x.Square()
	case 6, 7:
		if len(s) == 0 {
			return
		}
		y = x.Sum(axis)
	case 8: // a factor along one axis
		if len(s) == 0 {
			return
		}
		shape := make([]int, len(s))
		for i := range shape {
			shape[i] = 1
		}
		shape[axis] = s[axis]
		f := Iota(0, s[axis]).AsFloat().AddScalar(0.5).Reshape(shape...)
		if y = x.Mul(f); p.intn(2) == 0 {
			y = x.Div(f)
		}
	case 9:
		perm := make([]int, len(s))
		for i := range perm {
			j := p.intn(i + 1)
			perm[i], perm[j] = perm[j], i
		}
		y = x.Transpose(perm...)
	case 10: // axes merged
		if len(s) < 2 {
			return
		}
		at := p.intn(len(s) - 1)
		y = x.Reshape(slices.Concat(s[:at], Shape{s[at] * s[at+1]}, s[at+2:])...)
	case 11: // an axis split, or one of length 1
		if len(s) == 0 || s[axis]%2 != 0 {
			y = x.ExpandDims(p.intn(len(s) + 1))
			break
		}
		y = x.Reshape(slices.Concat(s[:axis], Shape{2, s[axis] / 2}, s[axis+1:])...)
	case 12:
		y = x.Scale(-0.75)
		if p.intn(2) == 0 {
			y = x.Neg()
		}
	case 13: // sums of what has one shape
		for _, z := range p.pool {
			if z.Shape().Equal(s) && z.n != x.n {
				y = x.Add(z)
			}
		}
		if !y.Valid() {
			y = x.Add(x.Mul(x.Like(0.5)))
		}
	case 14: // axes joined
		if len(s) == 0 {
			return
		}
		y = Concat(axis, x, x.Scale(0.5))
		if p.intn(2) == 0 {
			y = x.Pad(axis, p.intn(3), p.intn(3))
		}
	case 16, 17: // rows added up, as an embedding's gradient: some indices are equal, some out of range or held within
		if len(s) == 0 {
			return
		}
		const rows = 7
		idx := Iota(0, s[axis]).Mul(Int(5)).Rem(Int(2 + p.intn(7)))
		if p.intn(2) == 0 {
			idx = idx.Max(Int(0)).Min(Int(rows - 1))
		}
		o := scatterOp{kind: shaders.Sum, idx: []int{axis}, rows: rows}
		for i := range s {
			o.up, o.out = append(o.up, i), append(o.out, i)
		}
		o.out[axis] = indexed
		y = apply(o, x, idx)
	case 15:
		y = x.Pow(Full(Float32, float64(2+p.intn(2)), s...))
	}
	if y.Valid() && y.Size() <= 20_000 && y.Rank() < 8 {
		p.pool = append(p.pool, y)
	}
}

// Whatever is planned, with any machine, equals the plain form in float64.
func TestRandomContractions(t *testing.T) {
	planned := 0
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTrace("test")
		given := map[*node]*Host{}
		p := &products{t: rt}
		for i, s := range []Shape{{3, 4}, {3, 6}, {3, 2, 4}, {4, 6}, {3}} {
			x := tr.param(Spec{Float32, s})
			h := newHost(x.n.spec)
			for j := range h.V {
				h.V[j] = math.Sin(float64(7*i+3*j)) + 0.1
			}
			given[x.n] = h
			p.pool = append(p.pool, x)
		}
		inputs := len(p.pool)
		for range rapid.IntRange(2, 14).Draw(rt, "steps") {
			p.step()
		}
		var outs []*node
		for _, x := range p.pool[max(inputs, len(p.pool)-2):] {
			y := x
			if x.Rank() > 0 && p.intn(2) == 0 {
				if p.intn(2) == 0 {
					y = x.Square()
				}
				y = y.Sum(p.intn(x.Rank()))
			}
			outs = append(outs, y.n)
		}
		if len(outs) == 0 {
			return
		}
		// A machine without the price of dispatches takes apart the smallest.
		m := machine{matmul: 1e9, vector: 1e9, bytes: []float64{1e7, 1e9, 1e12}[p.intn(3)], dispatch: []float64{0, 1e-6}[p.intn(2)], budget: 1e9}
		if p.intn(4) == 0 {
			m.budget = 100
		}
		plain := simplify(outs)
		c := planContractions(plain, m, p.intn(3) > 0)
		planned += len(c.order)
		got, err := evaluate(t.Context(), c.rewrite(plain), given)
		require.NoError(rt, err)
		want, err := evaluate(t.Context(), outs, given)
		require.NoError(rt, err)
		for i := range want {
			require.Equal(rt, want[i].Shape, got[i].Shape)
			scale := 0.0
			for _, v := range want[i].V {
				scale = max(scale, math.Abs(v))
			}
			for j, v := range want[i].V {
				require.InDelta(rt, v, got[i].V[j], 1e-6*scale+1e-12, fmt.Sprintf("result %d, element %d", i, j))
			}
		}
	})
	require.NotZero(t, planned, "random graphs that nothing is planned in test nothing")
}
