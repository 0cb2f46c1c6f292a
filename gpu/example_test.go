package gpu_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/lavagrad/lavagrad/gpu"
)

// y = 2 x + 1 on the best device there is. The kernel is testdata/affine.comp, compiled by glslc.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = dev.Close() }() // frees what is below, too
	code, err := modules.ReadFile("testdata/affine.spv")
	if err != nil {
		log.Fatal(err)
	}
	kernel, err := dev.Kernel(ctx, gpu.KernelSpec{
		Name: "affine", Code: asWords(code), Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage},
		PushWords: 3, Spec: []uint32{64, math.Float32bits(1)}, // local size, scale
	})
	if err != nil {
		log.Fatal(err)
	}
	program, err := dev.NewProgram(ctx, gpu.ProgramSpec{
		Name: "affine", Slots: []int64{16, 16},
		Dispatches: []gpu.Dispatch{{
			Kernel: kernel, Bindings: []gpu.Binding{{Slot: 0}, {Slot: 1, Write: true}},
			Push: []uint32{4, math.Float32bits(2), math.Float32bits(1)}, Groups: [3]uint32{1, 1, 1},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	x, err := dev.Upload(ctx, bytesOf([]float32{1, 2, 3, 4}))
	if err != nil {
		log.Fatal(err)
	}
	y, err := dev.NewArray(16)
	if err != nil {
		log.Fatal(err)
	}
	if err := program.Run(ctx, []*gpu.Array{x, y}); err != nil {
		log.Fatal(err)
	}
	out := make([]byte, 16)
	if err := y.Download(ctx, out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(floatsOf(out))
	// Output: [3 5 7 9]
}

// x = 2 x, ten times over: a program with a counted loop.
func ExampleLoop() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	code, err := modules.ReadFile("testdata/affine.spv")
	if err != nil {
		log.Fatal(err)
	}
	kernel, err := dev.Kernel(ctx, gpu.KernelSpec{Name: "affine", Code: asWords(code), PushWords: 3, Spec: []uint32{64, math.Float32bits(1)},
		Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage}})
	if err != nil {
		log.Fatal(err)
	}
	program, err := dev.NewProgram(ctx, gpu.ProgramSpec{
		Name: "doubled", Slots: []int64{16},
		Dispatches: []gpu.Dispatch{{
			Kernel: kernel, Bindings: []gpu.Binding{{Slot: 0}, {Slot: 0, Write: true}},
			Push: []uint32{4, math.Float32bits(2), math.Float32bits(0)}, Groups: [3]uint32{1, 1, 1},
		}},
		Loops: []gpu.Loop{{First: 0, Last: 1, Count: 10}},
	})
	if err != nil {
		log.Fatal(err)
	}
	x, err := dev.Upload(ctx, bytesOf([]float32{1, 2, 3, 4}))
	if err != nil {
		log.Fatal(err)
	}
	if err := program.Run(ctx, []*gpu.Array{x}); err != nil {
		log.Fatal(err)
	}
	out := make([]byte, 16)
	if err := x.Download(ctx, out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(floatsOf(out))
	// Output: [1024 2048 3072 4096]
}
