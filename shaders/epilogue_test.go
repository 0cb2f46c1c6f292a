package shaders_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvtest"
)

// Every kernel of products takes an epilogue, with rows that are whole vectors or not, and arrays read either way.
func TestEpiloguesAreValid(t *testing.T) {
	add := &shaders.Fn{Name: "add", Cost: 1, Emit: func(b *spirv.Builder, x []spirv.Value) spirv.Value { return b.Add(x[0], x[1]) }}
	for i, k := range shaders.MatMulKernels() {
		// Each second of the forms with each target, since spirv-val is a process for each.
		columns, target := []int{64, 67}[i%2], []shaders.Target{{}, {MaxTexels: 1 << 16, PreserveNaN: true}}[i/2%2]
		f := shaders.NewFused(3, 50, columns)
		at := f.Space()
		element := at[0].Scale(50).Add(at[1]).Scale(columns).Add(at[2])
		bias := f.Load(f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: columns}), at[2])
		sum := f.Apply(spirv.Float32, add, f.Product(), bias)
		f.Store(f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: 150 * columns}), element, sum)
		f.Store(f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: 150 * columns}), element, f.Apply(spirv.Float32, add, sum, f.Product()))
		code, views := k.Epilogue(f, columns, target)
		require.Len(t, views, 5)
		spirvtest.Validate(t, code)
	}
}
