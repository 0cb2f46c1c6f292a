package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// Scatter describes scatters of updates [Batch, Updates, Inner] by rows int32 [Batch, Updates], or [Updates] shared by the batch, into
// results [Batch, Rows, Inner]. Updates whose row is not in 0 to Rows-1 are dropped.
type Scatter struct {
	By                          Reducer // Sum, or Max
	Kind                        spirv.Kind
	Batch, Updates, Inner, Rows int
	SharedRows                  bool
}

// ranges is into how many ranges of rows a result is cut to occupy the device.
func (s Scatter) ranges(t Target, columns int) int {
	owners := max(s.Batch*columns, 1)
	ranges := max(t.Parallel/owners, 1)
	if t.MaxIterations > 0 {
		ranges = max(ranges, ceilDiv(s.Rows, t.MaxIterations/2))
	}
	return min(ranges, s.Rows)
}

// Kernels give every invocation a range of rows in some columns of one result: it alone writes there, first what rows without
// updates hold, then every update in order. So the order of additions is fixed without atomics. Bindings: updates, rows, result. There is one
// kernel, or where its loop over the updates would be longer than the target makes, one for each stretch of updates, to run in order.
func (s Scatter) Kernels(t Target) []Kernel {
	step := max(s.Updates, 1)
	if t.MaxIterations > 0 {
		step = min(step, t.MaxIterations/2)
	}
	kernels := []Kernel{s.kernel(t, 0, min(step, s.Updates))}
	for from := step; from < s.Updates; from += step {
		k := kernels[0]
		k.Push = append([]uint32{}, k.Push...)
		k.Push[7], k.Push[8] = uint32(from), uint32(min(from+step, s.Updates))
		kernels = append(kernels, k)
	}
	return kernels
}

// kernel scatters updates from one number to another; the first ones after filling the result.
func (s Scatter) kernel(t Target, from, to int) Kernel {
	width := 1
	if s.Inner%lanes == 0 && s.Kind != spirv.Float64 { // four doubles are no aligned vector
		width = lanes
	}
	columns := s.Inner / width
	ranges := s.ranges(t, columns)
	length := ceilDiv(s.Rows, ranges)
	ranges = ceilDiv(s.Rows, length)
	next := s.Updates
	if s.SharedRows {
		next = 0
	}
	words := []uint32{uint32(columns), uint32(ranges), uint32(length), uint32(s.Rows), uint32(s.Updates), uint32(next), uint32(from), uint32(to)}
	return grid(t, s.Batch*ranges*columns, words, func(b *spirv.Builder, at spirv.Value) {
		columns, ranges, length, rows, updates, next := b.PushU32(1), b.PushU32(2), b.PushU32(3), b.PushU32(4), b.PushU32(5), b.PushU32(6)
		elem := stored(s.Kind, width)
		up := b.StorageBuffer(0, elem, spirv.ReadOnly)
		row := b.StorageBuffer(1, spirv.U32, spirv.ReadOnly) // negative rows are large
		out := b.StorageBuffer(2, elem, spirv.ReadWrite)

		column := b.Rem(at, columns)
		rest := b.Div(at, columns)
		batch := b.Div(rest, ranges)
		lo := b.Mul(b.Rem(rest, ranges), length)
		hi := b.Min(b.Add(lo, length), rows)
		first := b.Mul(batch, rows)
		place := func(r spirv.Value) spirv.Value { return b.Add(b.Mul(b.Add(first, r), columns), column) }
		one := b.ConstU32(1)
		empty := b.Splat(neutral(b, s.By, s.Kind), width)
		from, to := b.PushU32(7), b.PushU32(8)
		filled := b.Select(b.Eq(from, b.ConstU32(0)), hi, lo)
		b.Loop(lo, filled, one, nil, func(r spirv.Value, _ []spirv.Value) []spirv.Value {
			b.Store(out, place(r), empty)
			return nil
		})
		names := b.Mul(batch, next)
		source := b.Add(b.Mul(b.Mul(batch, updates), columns), column)
		b.Loop(from, to, one, nil, func(u spirv.Value, _ []spirv.Value) []spirv.Value {
			r := b.Load(row, b.Add(names, u))
			b.If(b.And(b.Ge(r, lo), b.Lt(r, hi)), func() {
				v := b.Load(up, b.Add(source, b.Mul(u, columns)))
				old := b.Load(out, place(r))
				if s.By == Sum {
					v = b.Add(old, v)
				} else {
					v = b.Max(old, v)
				}
				b.Store(out, place(r), v)
			})
			return nil
		})
	})
}
