package gpu_test

import (
	"context"
	"embed"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
)

//go:embed testdata/*.spv
var modules embed.FS

var ctx = context.Background()

// words returns a module of testdata.
func words(t testing.TB, name string) []uint32 {
	t.Helper()
	text, err := modules.ReadFile("testdata/" + name + ".spv")
	require.NoError(t, err)
	return asWords(text)
}

func asWords(text []byte) []uint32 {
	code := make([]uint32, len(text)/4)
	for i := range code {
		code[i] = binary.LittleEndian.Uint32(text[4*i:])
	}
	return code
}

const localSize = 64

// affine is the kernel y = a x + b; its dispatch is made by affineCall.
func affine(t testing.TB, d *gpu.Device) *gpu.Kernel {
	t.Helper()
	k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "affine", Code: words(t, "affine"), Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage},
		PushWords: 3, Spec: []uint32{localSize, math.Float32bits(1)}})
	require.NoError(t, err)
	return k
}

func affineCall(k *gpu.Kernel, n int, a, b float32, x, y gpu.Binding) gpu.Dispatch {
	y.Write = true
	return gpu.Dispatch{Kernel: k, Bindings: []gpu.Binding{x, y}, Push: []uint32{uint32(n), math.Float32bits(a), math.Float32bits(b)},
		Groups: [3]uint32{uint32((n + localSize - 1) / localSize), 1, 1}}
}

// affineProgram computes argument 1 from argument 0 in one dispatch.
func affineProgram(t testing.TB, d *gpu.Device, n int, a, b float32) *gpu.Program {
	t.Helper()
	p, err := d.NewProgram(ctx, gpu.ProgramSpec{Name: "affine", Slots: []int64{int64(4 * n), int64(4 * n)},
		Dispatches: []gpu.Dispatch{affineCall(affine(t, d), n, a, b, gpu.Binding{Slot: 0}, gpu.Binding{Slot: 1})}})
	require.NoError(t, err)
	closeAfter(t, p)
	return p
}

// closeAfter closes something at the end of the test, before the device.
func closeAfter(t testing.TB, c interface{ Close() error }) {
	t.Cleanup(func() { require.NoError(t, c.Close()) })
}

func bytesOf(x []float32) []byte {
	b := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return b
}

func floatsOf(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

func upload(t testing.TB, d *gpu.Device, x []float32) *gpu.Array {
	t.Helper()
	a, err := d.Upload(ctx, bytesOf(x))
	require.NoError(t, err)
	closeAfter(t, a)
	return a
}

func newArray(t testing.TB, d *gpu.Device, n int) *gpu.Array {
	t.Helper()
	a, err := d.NewArray(int64(4 * n))
	require.NoError(t, err)
	closeAfter(t, a)
	return a
}

func download(t testing.TB, a *gpu.Array) []float32 {
	t.Helper()
	b := make([]byte, a.Size())
	require.NoError(t, a.Download(ctx, b))
	return floatsOf(b)
}

// equal compares bit for bit and reports the first difference: the diffs of require.Equal take minutes for a million numbers.
func equal(t testing.TB, want, got []float32) bool {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d numbers, want %d", len(got), len(want))
		return false
	}
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			t.Errorf("number %d of %d is %v, want %v", i, len(want), got[i], want[i])
			return false
		}
	}
	return true
}

// ramp is 0, 1, 2, ...
func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	return x
}

// mapped applies f to every element.
func mapped(x []float32, f func(float32) float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}
