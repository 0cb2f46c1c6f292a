package graph

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// given are host values for parameters.
func givenParams(tr *trace, shapes []Shape) ([]Tensor, map[*node]*Host) {
	values := map[*node]*Host{}
	var params []Tensor
	for i, s := range shapes {
		x := tr.param(Spec{Float32, s})
		h := newHost(x.n.spec)
		for j := range h.V {
			h.V[j] = math.Sin(float64(7*i+3*j)) + 0.1
		}
		values[x.n] = h
		params = append(params, x)
	}
	return params, values
}

// Random graphs, cut along any axis of any array into chunks of any size, equal the whole in float64.
func TestRandomChunks(t *testing.T) {
	looped, rests, levels := 0, 0, 0
	for i := 0; i == 0 || i < 50 && min(looped, rests, levels) == 0; i++ { // short runs may meet no loop that waits
		rapid.Check(t, randomChunks(t, &looped, &rests, &levels))
	}
	require.NotZero(t, looped)
	require.NotZero(t, rests)
	require.NotZero(t, levels, "a loop that waits for another")
}

// randomChunks is a random case, which counts what it met.
func randomChunks(t *testing.T, looped, rests, levels *int) func(rt *rapid.T) {
	return func(rt *rapid.T) {
		tr := newTrace("test")
		params, given := givenParams(tr, []Shape{{6, 4}, {6, 3}, {6, 2, 4}, {4, 3}, {6}})
		p := &products{t: rt, pool: params}
		for range rapid.IntRange(3, 14).Draw(rt, "steps") {
			p.chunkStep()
		}
		var outs []*node
		for _, x := range p.pool[len(p.pool)-3:] {
			y := x
			if x.Rank() > 0 && p.intn(2) == 0 {
				y = y.Abs().Sum(p.intn(x.Rank()))
			}
			outs = append(outs, y.n)
		}
		outs = simplify(outs)
		order := reach(outs, nil)
		plan := fuse(outs, map[*node]bool{}, map[*node]bool{})
		seed := order[p.intn(len(order))]
		if seed.spec.Shape.Size() < 2 {
			return
		}
		axis := p.intn(len(seed.spec.Shape))
		if seed.spec.Shape[axis] < 2 {
			return
		}
		most := []int64{0, 1 << 20}[p.intn(2)]
		r := regionOf(order, outs, seed, cut{axis, 1}, plan.root, most)
		if r == nil || len(r.loops) == 0 {
			return
		}
		size := rapid.IntRange(1, r.samples-1).Draw(rt, "size")
		*looped++
		if r.samples%size > 0 {
			*rests++
		}
		if len(r.loops) > 1 {
			*levels++
		}
		got, err := evaluate(t.Context(), r.emit(outs, size, 0), given)
		require.NoError(rt, err)
		want, err := evaluate(t.Context(), outs, given)
		require.NoError(rt, err)
		for i := range want {
			require.Equal(rt, want[i].Spec, got[i].Spec)
			scale := 0.0
			for _, v := range want[i].V {
				scale = max(scale, math.Abs(v))
			}
			for j, v := range want[i].V {
				require.InDelta(rt, v, got[i].V[j], 2e-6*scale+1e-12, fmt.Sprintf("result %d, element %d", i, j))
			}
		}
	}
}

// chunkStep adds to a random graph what chunks meet beside sums of products.
func (p *products) chunkStep() {
	x := p.pick()
	if x.Rank() == 0 || p.intn(2) == 0 {
		p.step()
		return
	}
	axis := p.intn(x.Rank())
	s := x.Shape()
	var y Tensor
	switch p.intn(13) {
	case 0:
		y = x.Abs()
	case 1:
		y = x.ReduceMax(axis)
	case 2:
		y = x.ReduceMin(axis)
	case 3:
		y = Where(x.Lt(x.Like(0.2)), x, x.Like(0.5))
	case 4:
		y = x.CumSum(axis)
	case 5:
		y = x.Sort(axis)
	case 6:
		y = x.Flip(axis)
	case 7:
		y = x.Add(Tensor{newNode(iotaOp{shape: s, axis: axis}, nil, Spec{Int32, s}, 0)}.AsFloat())
	case 8:
		y = x.Take(axis, Iota(0, s[axis]).Mul(Int(3)).Rem(Int(s[axis])))
	case 9:
		y = x.Sub(x.Mean(axis).ExpandDims(axis))
	case 10:
		if s[axis] < 2 {
			return
		}
		y = x.Slice(axis, 1, s[axis])
	case 11:
		y = x.Windows(0, Window{Size: 2, Stride: 1, Dilation: 1, Low: 1})
	case 12:
		y = x.Prod(axis)
	}
	if y.Size() <= 20_000 && y.Rank() < 8 {
		p.pool = append(p.pool, y)
	}
}
