package spirv_test

import (
	"fmt"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// A kernel that sums its input in steps of four, and what folding makes of
// index arithmetic on constants.
func ExampleBuilder() {
	b := spirv.NewBuilder(spirv.Config{Name: "sum4", LocalSize: [3]uint32{64, 1, 1}})
	x := b.StorageBuffer(0, spirv.F32, spirv.ReadOnly)
	y := b.StorageBuffer(1, spirv.F32, spirv.WriteOnly)
	b.Push(1) // word 0: number of sums
	i := b.GlobalID(0)
	b.If(b.Lt(i, b.PushU32(0)), func() {
		first := b.Mul(i, b.ConstU32(4))
		sum := b.Loop(b.ConstU32(0), b.ConstU32(4), b.ConstU32(1), []spirv.Value{b.ConstF32(0)},
			func(k spirv.Value, c []spirv.Value) []spirv.Value {
				return []spirv.Value{b.Add(c[0], b.Load(x, b.Add(first, k)))}
			})
		b.Store(y, i, sum[0])
	})
	fmt.Printf("magic %#x\n", b.Module()[0])

	n, ok := b.IntConst(b.Rem(b.Add(b.ConstU32(30), b.ConstU32(4)), b.ConstU32(8)))
	fmt.Println(n, ok)
	// Output:
	// magic 0x7230203
	// 2 true
}
