package shaders

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// at evaluates an index for given positions of the axes.
func (x Index) at(pos []int) int {
	v := x.c
	for _, t := range x.terms {
		var a int
		switch t.atom.kind {
		case axisAtom:
			a = pos[t.atom.axis.id]
		case divAtom:
			a = t.atom.base.at(pos) / t.atom.by
		case modAtom:
			a = t.atom.base.at(pos) % t.atom.by
		case clampAtom:
			a = min(max(t.atom.base.at(pos), t.atom.lo), t.atom.hi)
		}
		v += t.coef * a
	}
	return v
}

// However indices are simplified, their values stay, and lie within their bounds.
func TestIndexArithmeticKeepsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := NewFused(rapid.SliceOfN(rapid.IntRange(2, 9), 1, 3).Draw(t, "space")...)
		type pair struct {
			x Index
			v func(pos []int) int
		}
		pool := []pair{{Const(3), func([]int) int { return 3 }}}
		for _, a := range f.axes {
			pool = append(pool, pair{a.Index(), func(pos []int) int { return pos[a.id] }})
		}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			p := pool[rapid.IntRange(0, len(pool)-1).Draw(t, "p")]
			q := pool[rapid.IntRange(0, len(pool)-1).Draw(t, "q")]
			c := rapid.IntRange(1, 12).Draw(t, "c")
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0:
				pool = append(pool, pair{p.x.Add(q.x), func(pos []int) int { return p.v(pos) + q.v(pos) }})
			case 1:
				pool = append(pool, pair{p.x.Scale(c), func(pos []int) int { return p.v(pos) * c }})
			case 2:
				pool = append(pool, pair{p.x.Div(c), func(pos []int) int { return p.v(pos) / c }})
			case 3:
				pool = append(pool, pair{p.x.Mod(c), func(pos []int) int { return p.v(pos) % c }})
			case 4:
				// x - c may be negative: only a clamp may follow.
				low := p.x.Add(Const(-c)).Clamp(0, 2*c)
				pool = append(pool, pair{low, func(pos []int) int { return min(max(p.v(pos)-c, 0), 2*c) }})
			}
		}
		pos := make([]int, len(f.axes))
		for i, a := range f.axes {
			pos[i] = rapid.IntRange(0, a.Extent-1).Draw(t, "pos")
		}
		for _, p := range pool {
			v := p.x.at(pos)
			assert.Equal(t, p.v(pos), v, "%s", p.x)
			lo, hi := p.x.bounds()
			assert.True(t, lo <= v && v <= hi, "%d outside [%d, %d] of %s", v, lo, hi, p.x)
		}
	})
}

func TestReshapesOfAlignedAxesVanish(t *testing.T) {
	f := NewFused(6, 4, 5)
	i := f.Space()
	linear := i[0].Scale(20).Add(i[1].Scale(5)).Add(i[2])
	assert.Equal(t, i[0].String(), linear.Div(20).String())
	assert.Equal(t, i[1].Scale(5).Add(i[2]).String(), linear.Mod(20).String())
	assert.Equal(t, i[2].String(), linear.Mod(5).String())
}

func TestReshapeAndBackIsNothing(t *testing.T) {
	x := NewFused(5*144 + 3).Space()[0]
	there := x.Div(144).Scale(144).Add(x.Div(12).Mod(12).Scale(12)).Add(x.Mod(12))
	assert.Equal(t, x.String(), there.String())
}
