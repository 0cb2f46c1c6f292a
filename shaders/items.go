package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// perItem is a kernel that runs one invocation for each of the items. emit declares the arguments and gives the
// body. Push word 0 is the number of items, the given words follow from 1 on; negative ones wrap, as addresses do.
func perItem(t Target, items int, words []int, emit func(b *spirv.Builder) func(item spirv.Value)) Kernel {
	local := t.workgroup(items)
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{uint32(local), 1, 1}, PreserveNaN: t.PreserveNaN, ScalarShifts: t.ScalarShifts})
	b.Push(1 + len(words))
	push := []uint32{uint32(items)}
	for _, w := range words {
		push = append(push, uint32(w))
	}
	body := emit(b)
	group := b.Add(b.Mul(b.WorkgroupID(1), b.NumWorkgroups(0)), b.WorkgroupID(0))
	item := b.Add(b.Mul(group, b.ConstU32(uint32(local))), b.LocalID(0))
	b.If(b.Lt(item, b.PushU32(0)), func() { body(item) })
	return Kernel{Code: b.Module(), Push: push, Groups: groupsOf(items, local)}
}

// workgroup is how many of n invocations run in one workgroup: few different numbers, so that few variants of a
// kernel serve all sizes.
func (t Target) workgroup(n int) int {
	local := t.LocalSize
	for local > 8 && ceilDiv(n, local) < t.Workgroups {
		local = max(local/8, 8)
	}
	return local
}

// groupsOf spreads the workgroups for n invocations over the dimensions x and y.
func groupsOf(n, local int) [3]uint32 {
	groups := ceilDiv(n, local)
	if groups > maxGroups {
		return [3]uint32{maxGroups, uint32(ceilDiv(groups, maxGroups)), 1}
	}
	return [3]uint32{uint32(groups), 1, 1}
}

// sumLoop is the sum of term(k) for lo <= k < hi.
func sumLoop(b *spirv.Builder, kind spirv.Kind, lo, hi spirv.Value, term func(k spirv.Value) spirv.Value) spirv.Value {
	return b.Loop(lo, hi, b.ConstU32(1), []spirv.Value{b.ConstFloat(kind, 0)}, func(k spirv.Value, sum []spirv.Value) []spirv.Value {
		return []spirv.Value{b.Add(sum[0], term(k))}
	})[0]
}

// eachIndex runs body for 0 <= i < n.
func eachIndex(b *spirv.Builder, n spirv.Value, body func(i spirv.Value)) {
	b.Loop(b.ConstU32(0), n, b.ConstU32(1), nil, func(i spirv.Value, _ []spirv.Value) []spirv.Value {
		body(i)
		return nil
	})
}

// tileDots gives the rows x cols sums over 0 <= k < n of x(r, k) y(c, k), four k a step. n must
// be a multiple of 4.
func tileDots(b *spirv.Builder, kind spirv.Kind, rows, cols int, n spirv.Value, x, y func(i int, k spirv.Value) spirv.Value) []spirv.Value {
	sums := make([]spirv.Value, rows*cols)
	for i := range sums {
		sums[i] = b.ConstFloat(kind, 0)
	}
	return b.Loop(b.ConstU32(0), n, b.ConstU32(4), sums, func(k spirv.Value, sums []spirv.Value) []spirv.Value {
		out := make([]spirv.Value, len(sums))
		copy(out, sums)
		for step := range 4 {
			at := b.Add(k, b.ConstU32(uint32(step)))
			ys := make([]spirv.Value, cols)
			for c := range ys {
				ys[c] = y(c, at)
			}
			for r := range rows {
				v := x(r, at)
				for c := range cols {
					out[r*cols+c] = b.Add(out[r*cols+c], b.Mul(v, ys[c]))
				}
			}
		}
		return out
	})
}
