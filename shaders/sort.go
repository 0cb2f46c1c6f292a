package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Sort describes stable sorts of the rows of an array [Rows, N]: kernels find the permutation. Elements are compared by keys, uint32 words
// of the same order, so that no driver's way with NaN or denormals matters: the zeros are equal, NaN comes last.
type Sort struct {
	Kind       spirv.Kind
	Rows, N    int
	Descending bool
}

// The radix of the sort by digits.
const (
	digitBits = 8
	digits    = 1 << digitBits
)

// ranked is the longest row that is sorted by comparing all pairs.
const ranked = 128

// ByRank reports rows so short that one kernel, Ranks, sorts them.
func (s Sort) ByRank() bool { return s.N <= ranked }

// key is the word that stands for an element.
func (s Sort) key(b *spirv.Builder, word spirv.Value) spirv.Value {
	key := word
	sign := b.ConstU32(1 << 31)
	switch s.Kind {
	case spirv.Int32:
		key = b.Xor(word, sign)
	case spirv.Float32:
		word = b.Select(b.Eq(word, sign), b.ConstU32(0), word)
		key = b.Xor(word, b.Select(b.Ge(word, sign), b.ConstU32(1<<32-1), sign))
	}
	if s.Descending {
		key = b.Not(key)
	}
	if s.Kind == spirv.Float32 {
		nan := b.Gt(b.And(word, b.ConstU32(1<<31-1)), b.ConstU32(0x7f800000))
		key = b.Select(nan, b.ConstU32(1<<32-1), key)
	}
	return key
}

// Ranks counts for every element those before it, and writes its position to the place of that rank. Bindings: elements, permutation.
func (s Sort) Ranks(t Target) Kernel {
	return grid(t, s.Rows*s.N, []uint32{uint32(s.N)}, func(b *spirv.Builder, at spirv.Value) {
		x := b.StorageBuffer(0, spirv.U32, spirv.ReadOnly)
		out := b.StorageBuffer(1, spirv.I32, spirv.WriteOnly)
		n := b.PushU32(1)
		i := b.Rem(at, n)
		first := b.Sub(at, i)
		mine := s.key(b, b.Load(x, at))
		zero, one := b.ConstU32(0), b.ConstU32(1)
		count := func(lo, hi, rank spirv.Value, before func(x, y spirv.Value) spirv.Value) spirv.Value {
			return b.Loop(lo, hi, one, []spirv.Value{rank}, func(j spirv.Value, c []spirv.Value) []spirv.Value {
				other := s.key(b, b.Load(x, b.Add(first, j)))
				return []spirv.Value{b.Add(c[0], b.Select(before(other, mine), one, zero))}
			})[0]
		}
		rank := count(zero, i, zero, b.Le) // equal elements to the left stay there
		rank = count(b.Add(i, one), n, rank, b.Lt)
		b.Store(out, b.Add(first, rank), b.Bitcast(i, spirv.Int32))
	})
}

// Passes is how many digits the sort goes through, the least first.
func (s Sort) Passes() int {
	if s.Kind == spirv.Bool {
		return 1
	}
	return 32 / digitBits
}

// Block is how many neighbours in a row one invocation handles.
func (s Sort) Block(t Target) int {
	return min(max(ceilDiv(s.Rows*s.N, t.Parallel), 4*digits), s.N)
}

// Counters is the number of counters: for every row, digit and block.
func (s Sort) Counters(block int) int { return s.Rows * digits * ceilDiv(s.N, block) }

// Offsets is the scan that turns counts into the places where blocks put their elements.
func (s Sort) Offsets(block int) Scan {
	return Scan{By: ScanSum, Kind: spirv.Uint32, Outer: s.Rows, N: digits * ceilDiv(s.N, block), Inner: 1, Exclusive: true}
}

// digitPass is an invocation of a pass: a block of a row.
type digitPass struct {
	Sort
	b                     *spirv.Builder
	first                 spirv.Value // element of the row that the block begins with, in the array
	row, start            spirv.Value // the row's first element; the block's first position in it
	length, blocks, shift spirv.Value
	counter               spirv.Value // of digit 0; the next digit's follows after as many as there are blocks
}

func (s Sort) pass(t Target, block, pass int, body func(p digitPass)) Kernel {
	blocks := ceilDiv(s.N, block)
	words := []uint32{uint32(s.N), uint32(block), uint32(blocks), uint32(pass * digitBits)}
	return grid(t, s.Rows*blocks, words, func(b *spirv.Builder, at spirv.Value) {
		n, size := b.PushU32(1), b.PushU32(2)
		p := digitPass{Sort: s, b: b, blocks: b.PushU32(3), shift: b.PushU32(4)}
		i := b.Rem(at, p.blocks)
		row := b.Div(at, p.blocks)
		p.row = b.Mul(row, n)
		p.start = b.Mul(i, size)
		p.first = b.Add(p.row, p.start)
		p.length = b.Min(size, b.Sub(n, p.start))
		p.counter = b.Add(b.Mul(b.Mul(row, b.ConstU32(digits)), p.blocks), i)
		body(p)
	})
}

// at is the counter of a key's digit.
func (p digitPass) at(key spirv.Value) spirv.Value {
	b := p.b
	digit := b.And(b.Shr(key, p.shift), b.ConstU32(digits-1))
	return b.Add(p.counter, b.Mul(digit, p.blocks))
}

// load is the key of the block's element j: in the first pass of the element itself, then as the last pass wrote it.
func (p digitPass) load(x *spirv.Buffer, pass int, j spirv.Value) spirv.Value {
	v := p.b.Load(x, p.b.Add(p.first, j))
	if pass == 0 {
		return p.key(p.b, v)
	}
	return v
}

// Count counts the digits of every block. Bindings: elements (later the keys), counters.
func (s Sort) Count(t Target, block, pass int) Kernel {
	return s.pass(t, block, pass, func(p digitPass) {
		b := p.b
		x := b.StorageBuffer(0, spirv.U32, spirv.ReadOnly)
		counters := b.StorageBuffer(1, spirv.U32, spirv.ReadWrite)
		zero, one := b.ConstU32(0), b.ConstU32(1)
		b.Loop(zero, b.ConstU32(digits), one, nil, func(d spirv.Value, _ []spirv.Value) []spirv.Value {
			b.Store(counters, b.Add(p.counter, b.Mul(d, p.blocks)), zero)
			return nil
		})
		b.Loop(zero, p.length, one, nil, func(j spirv.Value, _ []spirv.Value) []spirv.Value {
			at := p.at(p.load(x, pass, j))
			b.Store(counters, at, b.Add(b.Load(counters, at), one))
			return nil
		})
	})
}

// Move puts every element to its place by one digit. Bindings: elements (later the keys), positions (not in the first pass), the
// scanned counters, moved keys (not in the last pass), moved positions.
func (s Sort) Move(t Target, block, pass int) Kernel {
	return s.pass(t, block, pass, func(p digitPass) {
		b := p.b
		binding := 0
		next := func(elem spirv.Type, access spirv.Access) *spirv.Buffer {
			binding++
			return b.StorageBuffer(binding-1, elem, access)
		}
		x := next(spirv.U32, spirv.ReadOnly)
		var from, keys *spirv.Buffer
		if pass > 0 {
			from = next(spirv.I32, spirv.ReadOnly)
		}
		offsets := next(spirv.U32, spirv.ReadWrite)
		if pass < s.Passes()-1 {
			keys = next(spirv.U32, spirv.WriteOnly)
		}
		to := next(spirv.I32, spirv.WriteOnly)
		one := b.ConstU32(1)
		b.Loop(b.ConstU32(0), p.length, one, nil, func(j spirv.Value, _ []spirv.Value) []spirv.Value {
			key := p.load(x, pass, j)
			counter := p.at(key)
			place := b.Load(offsets, counter)
			b.Store(offsets, counter, b.Add(place, one))
			at := b.Add(p.row, place)
			position := b.Bitcast(b.Add(p.start, j), spirv.Int32)
			if from != nil {
				position = b.Load(from, b.Add(p.first, j))
			}
			if keys != nil {
				b.Store(keys, at, key)
			}
			b.Store(to, at, position)
			return nil
		})
	})
}
