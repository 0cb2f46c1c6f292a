package shaders

import "github.com/lavagrad/lavagrad/shaders/spirv"

// grid emits a kernel that runs body once for each of n positions, an invocation each. Push constant 0 is n, the given words follow:
// so the code does not depend on them. Bindings are storage buffers.
func grid(t Target, n int, words []uint32, body func(b *spirv.Builder, at spirv.Value)) Kernel {
	local := t.LocalSize
	for local > 8 && ceilDiv(n, local) < t.Workgroups {
		local = max(local/8, 8)
	}
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{uint32(local), 1, 1}, PreserveNaN: t.PreserveNaN, ScalarShifts: t.ScalarShifts})
	k := Kernel{Push: append([]uint32{uint32(n)}, words...)}
	b.Push(len(k.Push))
	group := b.Add(b.Mul(b.WorkgroupID(1), b.NumWorkgroups(0)), b.WorkgroupID(0))
	at := b.Add(b.Mul(group, b.ConstU32(uint32(local))), b.LocalID(0))
	b.If(b.Lt(at, b.PushU32(0)), func() { body(b, at) })
	k.Code = b.Module()
	groups := ceilDiv(n, local)
	k.Groups = [3]uint32{uint32(groups), 1, 1}
	if groups > maxGroups {
		k.Groups = [3]uint32{maxGroups, uint32(ceilDiv(groups, maxGroups)), 1}
	}
	return k
}

// stored is the element type of a buffer whose values have the given kind in registers.
func stored(k spirv.Kind, lanes int) spirv.Type {
	if k == spirv.Bool {
		k = spirv.Uint32
	}
	return spirv.Type{Kind: k, Lanes: lanes}
}
