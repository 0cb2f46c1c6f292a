package tree_test

import (
	"testing"

	"github.com/lavagrad/lavagrad/tree"
)

func BenchmarkAppendLeaves(b *testing.B) {
	b.Run("tree=struct/leaves=4", func(b *testing.B) { benchAppendLeaves(b, mlp{}) })
	b.Run("tree=layers/leaves=24", func(b *testing.B) { benchAppendLeaves(b, make([]linear, 12)) })
	b.Run("tree=net/leaves=8", func(b *testing.B) { benchAppendLeaves(b, twoLayers()) })
}

func benchAppendLeaves[T any](b *testing.B, t T) {
	var leaves []num
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if leaves, err = tree.AppendLeaves(leaves[:0], t); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendKey(b *testing.B) {
	b.Run("tree=struct/leaves=4", func(b *testing.B) { benchAppendKey(b, mlp{}) })
	b.Run("tree=layers/leaves=24", func(b *testing.B) { benchAppendKey(b, make([]linear, 12)) })
	b.Run("tree=net/leaves=8", func(b *testing.B) { benchAppendKey(b, twoLayers()) })
	b.Run("tree=node/leaves=4", func(b *testing.B) { benchAppendKey(b, node{Act: relu, Sizes: []int{1, 2}}) })
}

func benchAppendKey[T any](b *testing.B, t T) {
	var key []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if key, err = tree.AppendKey[num](key[:0], t); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnflatten(b *testing.B) {
	b.Run("tree=struct/leaves=4", func(b *testing.B) { benchUnflatten(b, mlp{}) })
	b.Run("tree=layers/leaves=24", func(b *testing.B) { benchUnflatten(b, make([]linear, 12)) })
	b.Run("tree=net/leaves=8", func(b *testing.B) { benchUnflatten(b, twoLayers()) })
}

func benchUnflatten[T any](b *testing.B, t T) {
	leaves, err := tree.Leaves[num](t)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.Unflatten(t, leaves); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMap2(b *testing.B) {
	m := mlp{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.Map2(func(x, y num) num { return num{x.V + y.V} }, m, m); err != nil {
			b.Fatal(err)
		}
	}
}
