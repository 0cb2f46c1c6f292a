package shaders

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/emath"
	"github.com/lavagrad/lavagrad/shaders/emath64"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Scanner is what a scan folds its values with.
type Scanner uint8

// The scanners.
const (
	ScanSum       Scanner = iota
	ScanProd              // product
	ScanMax               // NaN from the first NaN on
	ScanMin               // likewise
	ScanLogAddExp         // log(exp(x) + exp(y)), of floats
	ScanLinear            // of pairs: y[i] = a[i] y[i-1] + b[i] from y = 0
)

// String gives the scanner's name.
func (s Scanner) String() string {
	return [...]string{"sum", "prod", "max", "min", "logsumexp", "linear"}[s]
}

// Operands is how many arrays a scan reads: two for ScanLinear, a and b.
func (s Scanner) Operands() int {
	if s == ScanLinear {
		return 2
	}
	return 1
}

// Scan describes scans along the middle axis of arrays [Outer, N, Inner].
type Scan struct {
	By              Scanner
	Kind            spirv.Kind
	Outer, N, Inner int
	Reverse         bool // from the last element to the first
	Exclusive       bool // each result leaves out the element at its place; sums of integers only
}

// shortestChunk is the fewest elements of a scan that are worth an invocation of their own.
const shortestChunk = 64

// Chunk is how many elements an invocation scans, N when one goes through all: chunks make work for the whole device where there
// are few scans. A chunked scan folds each chunk (Totals), scans the totals [Outer, N/Chunk, Inner] and
// then each chunk from what stands before it.
func (s Scan) Chunk(t Target) int {
	chunk, scans := s.N, s.Outer*s.Inner
	if s.N >= 8*shortestChunk && scans*2 <= t.Parallel {
		chunk = max(ceilDiv(s.N*scans, t.Parallel), shortestChunk)
	}
	if t.MaxIterations > 0 {
		chunk = min(chunk, t.MaxIterations)
	}
	return chunk
}

// neutral changes nothing; of float sums it is -0, which keeps the sign of a zero.
func (s Scan) neutral(b *spirv.Builder) spirv.Value {
	float := s.Kind == spirv.Float32 || s.Kind == spirv.Float64
	switch s.By {
	case ScanSum:
		if float {
			return b.ConstFloat(s.Kind, math.Copysign(0, -1))
		}
	case ScanProd:
		return neutral(b, Prod, s.Kind)
	case ScanMax:
		return neutral(b, Max, s.Kind)
	case ScanMin:
		return neutral(b, Min, s.Kind)
	case ScanLogAddExp:
		return b.ConstFloat(s.Kind, math.Inf(-1))
	}
	return neutral(b, Sum, s.Kind)
}

func (s Scan) fold(b *spirv.Builder, x, y spirv.Value) spirv.Value {
	switch s.By {
	case ScanSum:
		return b.Add(x, y)
	case ScanProd:
		return b.Mul(x, y)
	case ScanMax:
		return b.Max(x, y)
	case ScanMin:
		return b.Min(x, y)
	}
	if s.Kind == spirv.Float64 {
		return emath64.LogAddExp(b, x, y)
	}
	return emath.LogAddExp(b, x, y)
}

// scanner is an invocation of a scan: its chunk of one scan, and where that lies.
type scanner struct {
	Scan
	b                *spirv.Builder
	chunk, chunks    spirv.Value
	outer, inner     spirv.Value
	n, width, lo, hi spirv.Value
	in               []*spirv.Buffer
}

// run emits a kernel with an invocation for each chunk.
func (s Scan) run(t Target, length int, body func(k scanner)) Kernel {
	chunks := ceilDiv(s.N, length)
	words := []uint32{uint32(s.N), uint32(s.Inner), uint32(length), uint32(chunks)}
	return grid(t, s.Outer*chunks*s.Inner, words, func(b *spirv.Builder, at spirv.Value) {
		k := scanner{Scan: s, b: b, n: b.PushU32(1), width: b.PushU32(2), chunks: b.PushU32(4)}
		size := b.PushU32(3)
		k.inner = b.Rem(at, k.width)
		rest := b.Div(at, k.width)
		k.chunk, k.outer = b.Rem(rest, k.chunks), b.Div(rest, k.chunks)
		k.lo = b.Mul(k.chunk, size)
		k.hi = b.Min(b.Add(k.lo, size), k.n)
		for i := range s.By.Operands() {
			k.in = append(k.in, b.StorageBuffer(i, stored(s.Kind, 1), spirv.ReadOnly))
		}
		body(k)
	})
}

// place is the element number j of the invocation's scan.
func (k scanner) place(j spirv.Value) spirv.Value {
	b := k.b
	if k.Reverse {
		j = b.Sub(b.Sub(k.n, b.ConstU32(1)), j)
	}
	return b.Add(b.Mul(b.Add(b.Mul(k.outer, k.n), j), k.width), k.inner)
}

// total is the place of chunk c in the arrays of totals.
func (k scanner) total(c spirv.Value) spirv.Value {
	b := k.b
	return b.Add(b.Mul(b.Add(b.Mul(k.outer, k.chunks), c), k.width), k.inner)
}

// each runs step over the chunk's elements.
func (k scanner) each(carried []spirv.Value, step func(at spirv.Value, x, carried []spirv.Value) []spirv.Value) []spirv.Value {
	b := k.b
	return b.Loop(k.lo, k.hi, b.ConstU32(1), carried, func(j spirv.Value, c []spirv.Value) []spirv.Value {
		at := k.place(j)
		x := make([]spirv.Value, len(k.in))
		for i, buf := range k.in {
			x[i] = b.Load(buf, at)
		}
		return step(at, x, c)
	})
}

// Totals folds every chunk. Bindings: the operands, then as many arrays of totals.
func (s Scan) Totals(t Target, chunk int) Kernel {
	return s.run(t, chunk, func(k scanner) {
		b := k.b
		var out []*spirv.Buffer
		for i := range k.in {
			out = append(out, b.StorageBuffer(len(k.in)+i, stored(s.Kind, 1), spirv.WriteOnly))
		}
		start := []spirv.Value{s.neutral(b)}
		if s.By == ScanLinear {
			start = []spirv.Value{neutral(b, Prod, s.Kind), start[0]}
		}
		totals := k.each(start, func(_ spirv.Value, x, c []spirv.Value) []spirv.Value {
			if s.By == ScanLinear {
				return []spirv.Value{b.Mul(x[0], c[0]), b.Add(b.Mul(x[0], c[1]), x[1])}
			}
			return []spirv.Value{s.fold(b, c[0], x[0])}
		})
		for i, v := range totals {
			b.Store(out[i], k.total(k.chunk), v)
		}
	})
}

// Scans scans every chunk. Bindings: the operands, then the result; before it, when a chunk is not all, the scanned totals.
func (s Scan) Scans(t Target, chunk int) Kernel {
	return s.run(t, chunk, func(k scanner) {
		b := k.b
		elem := stored(s.Kind, 1)
		binding := len(k.in)
		start := s.neutral(b)
		if chunk < s.N {
			totals := b.StorageBuffer(binding, elem, spirv.ReadOnly)
			binding++
			first := start
			start = b.IfElse(b.Gt(k.chunk, b.ConstU32(0)), func() []spirv.Value {
				return []spirv.Value{b.Load(totals, k.total(b.Sub(k.chunk, b.ConstU32(1))))}
			}, func() []spirv.Value { return []spirv.Value{first} })[0]
		}
		out := b.StorageBuffer(binding, elem, spirv.WriteOnly)
		k.each([]spirv.Value{start}, func(at spirv.Value, x, c []spirv.Value) []spirv.Value {
			var y spirv.Value
			if s.By == ScanLinear {
				y = b.Add(b.Mul(x[0], c[0]), x[1])
			} else {
				y = s.fold(b, c[0], x[0])
			}
			if s.Exclusive {
				b.Store(out, at, c[0])
			} else {
				b.Store(out, at, y)
			}
			return []spirv.Value{y}
		})
	})
}
