package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Sort describes stable sorts of the rows of an array [Rows, N]: kernels find the permutation. Elements are compared by keys, one or two uint32
// words of the same order, so that no driver's way with NaN or denormals matters: the zeros are equal, NaN comes last.
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

// ranked is the longest row that is sorted by comparing all pairs: about where on both CPU drivers a row takes as long by digits, of which
// it has 256 counters to clear and scan four times.
const ranked = 64

// ByRank reports rows so short that one kernel, Ranks, sorts them.
func (s Sort) ByRank() bool { return s.N <= ranked }

// words is how many words an element and its key have.
func (s Sort) words() int { return s.Kind.Bytes() / 4 }

// load reads the words of an element, or of a key, the low one first.
func (s Sort) load(b *spirv.Builder, x *spirv.Buffer, at spirv.Value) []spirv.Value {
	n := s.words()
	out := make([]spirv.Value, n)
	for i := range out {
		out[i] = b.Load(x, b.Add(b.Mul(at, b.ConstU32(uint32(n))), b.ConstU32(uint32(i))))
	}
	return out
}

// key is what an element is compared by, in place of its words.
func (s Sort) key(b *spirv.Builder, words []spirv.Value) []spirv.Value {
	key := append([]spirv.Value{}, words...)
	sign, zero, all := b.ConstU32(1<<31), b.ConstU32(0), b.ConstU32(1<<32-1)
	high := len(words) - 1
	isNaN := b.ConstBool(false)
	switch s.Kind {
	case spirv.Int32:
		key[0] = b.Xor(key[0], sign)
	case spirv.Float32, spirv.Float64:
		size := b.And(words[high], b.ConstU32(1<<31-1))
		inf := b.ConstU32(0x7f800000)
		least := b.Eq(words[high], sign) // -0
		if s.Kind == spirv.Float64 {
			inf = b.ConstU32(0x7ff00000)
			least = b.And(least, b.Eq(words[0], zero))
			isNaN = b.And(b.Eq(size, inf), b.Ne(words[0], zero))
		}
		isNaN = b.Or(isNaN, b.Gt(size, inf))
		key[high] = b.Select(least, zero, key[high])
		negative := b.Ge(key[high], sign)
		for i := range key {
			flip := zero
			if i == high {
				flip = sign
			}
			key[i] = b.Xor(key[i], b.Select(negative, all, flip))
		}
	}
	for i := range key {
		if s.Descending {
			key[i] = b.Not(key[i])
		}
		key[i] = b.Select(isNaN, all, key[i])
	}
	return key
}

// less compares keys.
func less(b *spirv.Builder, x, y []spirv.Value) spirv.Value {
	if len(x) == 1 {
		return b.Lt(x[0], y[0])
	}
	return b.Or(b.Lt(x[1], y[1]), b.And(b.Eq(x[1], y[1]), b.Lt(x[0], y[0])))
}

// Ranks counts for every element those before it, and writes its position to the place of that rank. Bindings: elements, permutation.
func (s Sort) Ranks(t Target) Kernel {
	return grid(t, s.Rows*s.N, []uint32{uint32(s.N)}, func(b *spirv.Builder, at spirv.Value) {
		x := b.StorageBuffer(0, spirv.U32, spirv.ReadOnly)
		out := b.StorageBuffer(1, spirv.I32, spirv.WriteOnly)
		n := b.PushU32(1)
		i := b.Rem(at, n)
		first := b.Sub(at, i)
		mine := s.key(b, s.load(b, x, at))
		zero, one := b.ConstU32(0), b.ConstU32(1)
		count := func(lo, hi, rank spirv.Value, before func(other []spirv.Value) spirv.Value) spirv.Value {
			return b.Loop(lo, hi, one, []spirv.Value{rank}, func(j spirv.Value, c []spirv.Value) []spirv.Value {
				other := s.key(b, s.load(b, x, b.Add(first, j)))
				return []spirv.Value{b.Add(c[0], b.Select(before(other), one, zero))}
			})[0]
		}
		// Equal elements to the left stay there.
		rank := count(zero, i, zero, func(other []spirv.Value) spirv.Value { return b.Not(less(b, mine, other)) })
		rank = count(b.Add(i, one), n, rank, func(other []spirv.Value) spirv.Value { return less(b, other, mine) })
		b.Store(out, b.Add(first, rank), b.Bitcast(i, spirv.Int32))
	})
}

// Passes is how many digits the sort goes through, the least first.
func (s Sort) Passes() int {
	if s.Kind == spirv.Bool {
		return 1
	}
	return s.words() * passesOfWord
}

const passesOfWord = 32 / digitBits

// KeyWords is the number of words of all keys.
func (s Sort) KeyWords() int { return s.Rows * s.N * s.words() }

// Block is how many neighbours in a row one invocation handles.
func (s Sort) Block(t Target) int {
	block := max(ceilDiv(s.Rows*s.N, t.Parallel), 4*digits)
	if t.MaxIterations > 0 {
		block = min(block, t.MaxIterations/2) // it loops over digits, too
	}
	return min(block, s.N)
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
	number                int
	first                 spirv.Value // element of the row that the block begins with, in the array
	row, start            spirv.Value // the row's first element; the block's first position in it
	length, blocks, shift spirv.Value
	counter               spirv.Value // of digit 0; the next digit's follows after as many as there are blocks
}

func (s Sort) pass(t Target, block, pass int, body func(p digitPass)) Kernel {
	blocks := ceilDiv(s.N, block)
	words := []uint32{uint32(s.N), uint32(block), uint32(blocks), uint32(pass % passesOfWord * digitBits)}
	return grid(t, s.Rows*blocks, words, func(b *spirv.Builder, at spirv.Value) {
		n, size := b.PushU32(1), b.PushU32(2)
		p := digitPass{Sort: s, b: b, number: pass, blocks: b.PushU32(3), shift: b.PushU32(4)}
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
func (p digitPass) at(key []spirv.Value) spirv.Value {
	b := p.b
	digit := b.And(b.Shr(key[p.number/passesOfWord], p.shift), b.ConstU32(digits-1))
	return b.Add(p.counter, b.Mul(digit, p.blocks))
}

// element is the key of the block's element j: in the first pass of the element itself, then as the last pass wrote it.
func (p digitPass) element(x *spirv.Buffer, j spirv.Value) []spirv.Value {
	v := p.load(p.b, x, p.b.Add(p.first, j))
	if p.number == 0 {
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
			at := p.at(p.element(x, j))
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
			key := p.element(x, j)
			counter := p.at(key)
			place := b.Load(offsets, counter)
			b.Store(offsets, counter, b.Add(place, one))
			at := b.Add(p.row, place)
			position := b.Bitcast(b.Add(p.start, j), spirv.Int32)
			if from != nil {
				position = b.Load(from, b.Add(p.first, j))
			}
			if keys != nil {
				for i, word := range key {
					b.Store(keys, b.Add(b.Mul(at, b.ConstU32(uint32(len(key)))), b.ConstU32(uint32(i))), word)
				}
			}
			b.Store(to, at, position)
			return nil
		})
	})
}
