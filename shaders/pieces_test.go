package shaders

import (
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

func TestPiecesKeepBindingsWithinTheLimit(t *testing.T) {
	target := Target{LocalSize: 64, VectorRun: 1, Parallel: 32, Workgroups: 4, MaxRange: 2000}
	outer := func(b, i, j int) *Fused { // z[b i j] = x[b i] y[b j]
		f := NewFused(b, i, j)
		at := f.Space()
		x, y := f.AddArg(Arg{Kind: spirv.Float32, Size: b * i}), f.AddArg(Arg{Kind: spirv.Float32, Size: b * j})
		mul := &Fn{Name: "mul", Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value { return b.Mul(v[0], v[1]) }}
		v := f.Apply(spirv.Float32, mul, f.Load(x, at[0].Scale(i).Add(at[1])), f.Load(y, at[0].Scale(j).Add(at[2])))
		f.Store(f.AddArg(Arg{Kind: spirv.Float32, Size: b * i * j}), at[0].Scale(i*j).Add(at[1].Scale(j)).Add(at[2]), v)
		return f
	}
	require.Len(t, outer(4, 8, 16).Pieces(target), 1, "512 elements fit")

	f := outer(100, 8, 16)
	pieces := f.Pieces(target)
	covered := make([]int, 3)
	for _, p := range pieces {
		for i, r := range p.Ranges {
			assert.Equal(t, covered[i], r.Offset)
			assert.Zero(t, r.Offset%alignment)
			assert.LessOrEqual(t, r.Length, 2000)
			covered[i] += r.Length
		}
	}
	assert.Equal(t, []int{800, 1600, 12800}, covered)

	round := outer(100, 8, 16)
	round.Store(round.AddArg(Arg{Kind: spirv.Float32, Size: 7}), round.Space()[0].Mod(7), round.Literal(spirv.Float32, 0))
	parts := round.Pieces(target)
	assert.Len(t, parts, len(pieces))
	assert.Zero(t, parts[1].Ranges[3], "an argument that goes round is bound whole")
	assert.NotEqual(t, parts[0].Kernel.Code, parts[1].Kernel.Code, "and the pieces tell where they are")

	long := outer(100, 8, 16)
	long.Store(long.AddArg(Arg{Kind: spirv.Float32, Size: 7000}), long.Space()[0].Mod(7), long.Literal(spirv.Float32, 0))
	assert.Len(t, long.Pieces(target), 1, "it cannot be cut when it is too long itself")
}

func TestPiecesForTexels(t *testing.T) {
	target := Target{LocalSize: 64, VectorRun: 1, Parallel: 32, Workgroups: 4, MaxTexels: 1 << 16}
	const n = 3<<18 + 5
	f := NewFused(n)
	at := f.Space()[0]
	x := f.AddArg(Arg{Kind: spirv.Float32, Size: n})
	f.Store(f.AddArg(Arg{Kind: spirv.Float32, Size: n}), at, f.Load(x, at))
	pieces := f.Pieces(target)
	require.Len(t, pieces, 4)
	assert.Equal(t, Range{Offset: 3 * 196672, Length: n - 3*196672}, pieces[3].Ranges[0], "all of about one length")
	for _, p := range pieces[1:] {
		assert.Equal(t, pieces[0].Kernel.Code, p.Kernel.Code)
	}
}

// Words taken over from the first piece are those that a piece's own emission gives.
func TestPiecesAreAsEmittedAlone(t *testing.T) {
	sum := func(b, i int) *Fused { // y[b] = the sum of x[b i], or where i is 4, y[b i] = x[b i] + x[b i]
		f := NewFused(b)
		x := f.AddArg(Arg{Kind: spirv.Float32, Size: b * i})
		if i == 4 {
			f = NewFused(b, i)
			x = f.AddArg(Arg{Kind: spirv.Float32, Size: b * i})
			at := f.Space()[0].Scale(i).Add(f.Space()[1])
			add := &Fn{Name: "add", Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value { return b.Add(v[0], v[1]) }}
			f.Store(f.AddArg(Arg{Kind: spirv.Float32, Size: b * i}), at, f.Apply(spirv.Float32, add, f.Load(x, at), f.Load(x, at)))
			return f
		}
		in := f.ReductionAxes(i)
		v := f.Reduce(Sum, f.Load(x, f.Space()[0].Scale(i).Add(in[0])), in)
		f.Store(f.AddArg(Arg{Kind: spirv.Float32, Size: b}), f.Space()[0], v)
		return f
	}
	for _, target := range []Target{
		{LocalSize: 64, Subgroup: 8, VectorRun: 1, Parallel: 32, Workgroups: 4, MaxRange: 1 << 16},
		{LocalSize: 64, Subgroup: 4, VectorRun: 8, Parallel: 128, Workgroups: 4, MaxRange: 1 << 18, MaxTexels: 1 << 14, TexelScalar: true},
	} {
		for _, inner := range []int{4, 7, 100} {
			for _, n := range []int{1 << 19, 700_000, 1_000_000} {
				b := n / inner
				f := sum(b, inner).collapse()
				strides, alike := f.strides()
				require.True(t, alike)
				pieces := f.Pieces(target)
				require.NotNil(t, pieces[0].Ranges)
				for i, p := range pieces {
					at := p.Ranges[0].Offset / strides[0]
					shift := func(arg int) int { return -at * strides[arg] }
					alone := f.resized(at, p.Ranges[0].Length/strides[0], shift, p.Ranges).Compile(target)
					require.True(t, reflect.DeepEqual(alone, p.Kernel), "piece %d of [%d %d]", i, b, inner)
				}
			}
		}
	}
}

// Kernels over parts of an array that lie whole alignments apart are the same words; others differ by what is left.
func TestPartsOfAnArrayShareAKernel(t *testing.T) {
	const rows, n = 40, 24          // 96 bytes
	part := func(row int) []Piece { // z[i] = x[row, i] - x[row+1, i]
		f := NewFused(n)
		at := f.Space()[0]
		x := f.AddArg(Arg{Kind: spirv.Float32, Size: rows * n})
		sub := &Fn{Name: "sub", Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value { return b.Sub(v[0], v[1]) }}
		f.Store(f.AddArg(Arg{Kind: spirv.Float32, Size: n}), at, f.Apply(spirv.Float32, sub, f.Load(x, at.Add(Const(row*n))), f.Load(x, at.Add(Const((row+1)*n)))))
		pieces := f.Pieces(Target{LocalSize: 64, VectorRun: 1, Parallel: 32, Workgroups: 4, Align: 64})
		require.Equal(t, [][]Range{pieces[0].Ranges}, f.PieceRanges(Target{Align: 64}))
		return pieces
	}
	require.Len(t, part(0), 1)
	assert.Nil(t, part(0)[0].Ranges)
	assert.Equal(t, []Range{{16 * 3, 2 * n}, {}}, part(2)[0].Ranges, "from the row's first element on")
	assert.Equal(t, []Range{{16 * 4, 2*n + 8}, {}}, part(3)[0].Ranges, "from the binding's alignment before it on")
	for row := 4; row < rows-1; row++ {
		assert.Equal(t, part(row % 2)[0].Kernel.Code, part(row)[0].Kernel.Code, row)
	}
	assert.NotEqual(t, part(0)[0].Kernel.Code, part(1)[0].Kernel.Code)
}

// Scalars do not go into the words, but for those that make code simpler, and for many.
func TestScalarsArePushed(t *testing.T) {
	scaled := func(by ...float32) Kernel { // y[i] = x[i] by[0] by[1] ...
		f := NewFused(100)
		at := f.Space()[0]
		mul := &Fn{Name: "mul", Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value { return b.Mul(v[0], v[1]) }}
		v := f.Load(f.AddArg(Arg{Kind: spirv.Float32, Size: 100}), at)
		for _, c := range by {
			v = f.Apply(spirv.Float32, mul, v, f.Literal(spirv.Float32, uint64(math.Float32bits(c))))
		}
		f.Store(f.AddArg(Arg{Kind: spirv.Float32, Size: 100}), at, v)
		return f.Compile(Target{LocalSize: 64, VectorRun: 1, Parallel: 32, Workgroups: 4})
	}
	a, b := scaled(0.1, 3), scaled(-0.7, 0.25)
	assert.Equal(t, a.Code, b.Code)
	assert.Equal(t, []uint32{math.Float32bits(0.1), math.Float32bits(3)}, a.Push[len(a.Push)-2:])
	assert.Equal(t, []uint32{math.Float32bits(-0.7), math.Float32bits(0.25)}, b.Push[len(b.Push)-2:])
	for _, c := range []float32{0, 1, -2, 0.5, float32(math.Inf(-1)), float32(math.NaN())} {
		assert.Len(t, scaled(c).Push, len(a.Push)-2, "%v stays a constant", c)
	}
	assert.Len(t, scaled(3, 4, 5, 6, 7, 8, 9, 10, 11).Push, len(a.Push)-2, "and so do many")
}
