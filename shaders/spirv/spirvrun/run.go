package spirvrun

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/stretchr/testify/require"
)

// Run runs a kernel once and returns its output. The inputs are the storage
// buffers 0, 1, ..., and the output, of outWords words, is the one after them;
// the push words are the kernel's push constants.
func Run(tb testing.TB, d *gpu.Device, code []uint32, groups [3]uint32, push []uint32, outWords int, inputs ...[]uint32) []uint32 {
	tb.Helper()
	ctx := context.Background()
	spec := gpu.ProgramSpec{Name: tb.Name()}
	dispatch := gpu.Dispatch{Push: push, Groups: groups}
	var arrays []*gpu.Array
	var kinds []gpu.BindingKind
	defer func() {
		for _, a := range arrays {
			require.NoError(tb, a.Close())
		}
	}()
	add := func(a *gpu.Array, err error) {
		require.NoError(tb, err)
		arrays = append(arrays, a)
		kinds = append(kinds, gpu.Storage)
		spec.Slots = append(spec.Slots, a.Size())
		dispatch.Bindings = append(dispatch.Bindings, gpu.Binding{Slot: len(arrays) - 1})
	}
	for _, in := range inputs {
		data := make([]byte, 4*len(in))
		for i, w := range in {
			binary.LittleEndian.PutUint32(data[4*i:], w)
		}
		add(d.Upload(ctx, data))
	}
	add(d.Upload(ctx, make([]byte, 4*outWords))) // what the kernel does not write is 0
	dispatch.Bindings[len(inputs)].Write = true

	k, err := d.Kernel(ctx, gpu.KernelSpec{Name: tb.Name(), Code: code, Bindings: kinds, PushWords: len(push)})
	require.NoError(tb, err)
	dispatch.Kernel = k
	spec.Dispatches = []gpu.Dispatch{dispatch}
	p, err := d.NewProgram(ctx, spec)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, p.Close()) }()
	require.NoError(tb, p.Run(ctx, arrays))

	raw := make([]byte, 4*outWords)
	require.NoError(tb, arrays[len(inputs)].Download(ctx, raw))
	out := make([]uint32, outWords)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return out
}
