package graph

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// einsumLoops is einsum without ellipsis by one loop over all letters.
func einsumLoops(spec string, shapes []Shape, values [][]float64) (Shape, []float64) {
	left, right, _ := strings.Cut(spec, "->")
	parts := strings.Split(left, ",")
	size := map[rune]int{}
	var order []rune
	for i, p := range parts {
		for k, l := range p {
			if _, ok := size[l]; !ok {
				order = append(order, l)
			}
			size[l] = shapes[i][k]
		}
	}
	at := map[rune]int{}
	position := func(letters string) int {
		pos := 0
		for _, l := range letters {
			pos = pos*size[l] + at[l]
		}
		return pos
	}
	var out, all Shape
	for _, l := range right {
		out = append(out, size[l])
	}
	for _, l := range order {
		all = append(all, size[l])
	}
	result := make([]float64, out.Size())
	each(all, func(_ int, idx []int) {
		for i, l := range order {
			at[l] = idx[i]
		}
		product := 1.0
		for i, p := range parts {
			product *= values[i][position(p)]
		}
		result[position(right)] += product
	})
	return out, result
}

func checkEinsum(t require.TestingT, spec, loops string, shapes ...Shape) {
	rng := rand.New(rand.NewPCG(7, 8))
	var in []Tensor
	var values [][]float64
	for _, s := range shapes {
		v := draw(rng, Sample{Spec: Spec{Float32, s}})
		in, values = append(in, literalOf(Spec{Float32, s}, v)), append(values, v)
	}
	y := Einsum(spec, in...)
	got, err := Reference(context.Background(), y)
	require.NoError(t, err)
	shape, want := einsumLoops(loops, shapes, values)
	require.Equal(t, shape.String(), y.Shape().String(), spec)
	require.InDeltaSlice(t, want, got, 1e-12, spec)
}

func TestEinsumAgainstLoops(t *testing.T) {
	for _, c := range []struct {
		spec, loops string
		shapes      []Shape
	}{
		{"ij,jk->ik", "", []Shape{{3, 4}, {4, 5}}},
		{"ij,jk", "ij,jk->ik", []Shape{{3, 4}, {4, 5}}},
		{"ba", "ba->ab", []Shape{{3, 4}}},
		{"i,i", "i,i->", []Shape{{5}, {5}}},
		{"i,j->ij", "", []Shape{{2}, {3}}},
		{"ij->ji", "", []Shape{{2, 3}}},
		{"ij->", "", []Shape{{2, 3}}},
		{"ij->j", "", []Shape{{2, 3}}},
		{"ii->i", "", []Shape{{4, 4}}},
		{"ii", "ii->", []Shape{{4, 4}}},
		{"iii->i", "", []Shape{{3, 3, 3}}},
		{"iji->j", "", []Shape{{3, 2, 3}}},
		{"ijij->ji", "", []Shape{{3, 2, 3, 2}}},
		{"ii,ij->j", "", []Shape{{3, 3}, {3, 2}}},
		{"bi,bj->bij", "", []Shape{{2, 3}, {2, 4}}},
		{"b,bi,bj->ij", "", []Shape{{5}, {5, 3}, {5, 4}}},
		{"i,ij,j->", "", []Shape{{3}, {3, 4}, {4}}},
		{"bti,btj,bsi,bsj->b", "", []Shape{{2, 3, 4}, {2, 3, 5}, {2, 3, 4}, {2, 3, 5}}},
		{"bi,bcj,bcd,bi,bdj->ij", "", []Shape{{2, 3}, {2, 4, 5}, {2, 4, 4}, {2, 3}, {2, 4, 5}}},
		{"ij,k->i", "", []Shape{{2, 3}, {4}}}, // letters of one operand only, in both
		{",ij->ij", "", []Shape{{}, {2, 3}}},
		{"ij,jk->ki", "", []Shape{{2, 0}, {0, 3}}},
		{"ii->i", "", []Shape{{0, 0}}},
		{"Zb,aZ", "Zb,aZ->ab", []Shape{{2, 3}, {4, 2}}},
		{" i j , j k -> i k ", "ij,jk->ik", []Shape{{3, 4}, {4, 5}}},
		// Ellipses, written out for the loops.
		{"...ij,...jk->...ik", "xyij,xyjk->xyik", []Shape{{2, 3, 4, 5}, {2, 3, 5, 2}}},
		{"...ij,...jk", "xij,xjk->xik", []Shape{{2, 3, 4}, {2, 4, 2}}},
		{"...ij,jk->...ik", "xij,jk->xik", []Shape{{2, 3, 4}, {4, 2}}},
		{"...ij,...jk->ik...", "xij,jk->ikx", []Shape{{2, 3, 4}, {4, 2}}},
		{"i...->...", "ix->x", []Shape{{3, 4}}},
		{"i...i->...i", "ixi->xi", []Shape{{3, 4, 3}}},
		{"...i,...i->i", "i,i->i", []Shape{{3}, {3}}},
		{"...", "xy->xy", []Shape{{3, 4}}},
		{"...a,...a->...", "xya,ya->xy", []Shape{{2, 3, 4}, {3, 4}}},
	} {
		if c.loops == "" {
			c.loops = c.spec
		}
		checkEinsum(t, c.spec, c.loops, c.shapes...)
	}
	// Axes of length 1 under the dots stretch.
	x, y := Literal([]float32{1, 2, 3}, 3, 1), Literal([]float32{10, 20}, 1, 2)
	got, err := Reference(context.Background(), Einsum("...,...->...", x, y))
	require.NoError(t, err)
	assert.Equal(t, []float64{10, 20, 20, 40, 30, 60}, got)
}

// Specs drawn at random: any letters, repeated or not, any subset of them in the result.
func TestEinsumRandomSpecs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := map[byte]int{}
		var parts, seen []string
		var shapes []Shape
		for range rapid.IntRange(1, 4).Draw(t, "operands") {
			part := ""
			shape := Shape{}
			for range rapid.IntRange(0, 3).Draw(t, "rank") {
				l := byte('a' + rapid.IntRange(0, 4).Draw(t, "letter"))
				if _, ok := size[l]; !ok {
					size[l] = rapid.IntRange(1, 3).Draw(t, "length")
					seen = append(seen, string(l))
				}
				part += string(l)
				shape = append(shape, size[l])
			}
			parts, shapes = append(parts, part), append(shapes, shape)
		}
		out := ""
		if len(seen) > 0 {
			for _, l := range rapid.Permutation(seen).Draw(t, "result")[:rapid.IntRange(0, len(seen)).Draw(t, "kept")] {
				out += l
			}
		}
		spec := strings.Join(parts, ",") + "->" + out
		checkEinsum(t, spec, spec, shapes...)
	})
}

func TestEinsumOnDevice(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		rng := rand.New(rand.NewPCG(1, 1))
		shapes := []Shape{{4, 7}, {4, 5, 3}, {4, 5, 5}, {4, 5, 3}}
		var in []Tensor
		var values [][]float64
		for _, s := range shapes {
			v := draw(rng, Sample{Spec: Spec{Float32, s}})
			in, values = append(in, upload(t, dev, Spec{Float32, s}, v)), append(values, v)
		}
		const spec = "bi,bcj,bcd,bdj->bij"
		y := Einsum(spec, in...)
		_, want := einsumLoops(spec, shapes, values)
		requireClose(t, want, readAny(t, dev, y), 1e-6, spec)
		closeAll(in, y)
	})
}

// Einsum contracts the cheap pair first: what it multiplies never has the axes of all operands.
func TestEinsumOrder(t *testing.T) {
	a, b, c := Zeros(10, 1000), Zeros(1000, 10), Zeros(10, 1000)
	y := Einsum("ij,jk,kl->il", a, b, c)
	first := y.n.in()
	require.Len(t, first, 2)
	assert.Contains(t, []string{first[0].spec.String(), first[1].spec.String()}, "float32[10 10]")
}

func TestDotGeneral(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	sa, sb := Shape{2, 3, 4, 5}, Shape{5, 6, 2, 3}
	va, vb := draw(rng, Sample{Spec: Spec{Float32, sa}}), draw(rng, Sample{Spec: Spec{Float32, sb}})
	y := DotGeneral(literalOf(Spec{Float32, sa}, va), literalOf(Spec{Float32, sb}, vb), []int{-1, 1}, []int{0, 3}, []int{0}, []int{2})
	got, err := Reference(context.Background(), y)
	require.NoError(t, err)
	shape, want := einsumLoops("abcd,deab->ace", []Shape{sa, sb}, [][]float64{va, vb})
	assert.Equal(t, shape, y.Shape())
	assert.InDeltaSlice(t, want, got, 1e-12)
}

func TestEinsumErrors(t *testing.T) {
	a, b := Zeros(2, 3), Zeros(3, 4)
	for want, f := range map[string]func(){
		"1 parts for 2 operands":                         func() { Einsum("ij->ij", a, b) },
		"3 letters for 2 axes":                           func() { Einsum("ijk->ij", a) },
		"j is 3, but axis 0 of operand 1 (float32[2 3])": func() { Einsum("ij,jk", a, a) },
		"z of the result stands in no operand":           func() { Einsum("ij->z", a) },
		"i stands twice in the result":                   func() { Einsum("ij->ii", a) },
		"'1' is no letter":                               func() { Einsum("i1->i", a) },
		"the result leaves out the axes under the dots":  func() { Einsum("i...->i", a) },
		"axes under ... broadcast":                       func() { Einsum("...,...", a, b) },
		"no operands":                                    func() { Einsum("->") },
		"operand 1 is int32[]":                           func() { Einsum("ij,->ij", a, Int(1)) },
		"want numbers":                                   func() { Einsum("i->", Full(Bool, 1, 2)) },
		"3 letters for 2 axes; name every":               func() { Einsum("...ijk", a) },
		"name the axes of both operands":                 func() { DotGeneral(a, b, []int{1}, nil, nil, nil) },
		"axis 1 of [2 3]":                                func() { DotGeneral(a, b, []int{1, 1}, []int{0, 0}, nil, nil) },
	} {
		err := Try(f)
		require.Error(t, err, want)
		assert.Contains(t, err.Error(), want)
		assert.Contains(t, err.Error(), "einsum_test.go:")
	}
}
