package safetensors_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/graph/safetensors"
)

var ctx = context.Background()

type model struct {
	Layers []nn.Linear
	Head   map[string]graph.Tensor
	Key    random.Key
	Flags  graph.Tensor
	Empty  *graph.Tensor
	Heads  int
}

func newModel() model {
	e := graph.Zeros(0, 3)
	return model{
		Layers: []nn.Linear{nn.NewLinear(random.NewKey(1), 2, 3), nn.NewLinear(random.NewKey(2), 3, 1)},
		Head:   map[string]graph.Tensor{"a.b": graph.Scalar(2.5), `q"]`: graph.Int(-7)},
		Key:    random.NewKey(3), Flags: graph.Iota(0, 3).Gt(graph.Int(0)), Empty: &e, Heads: 4,
	}
}

func placeholders(t *testing.T, m model) model {
	like, err := graph.EvalShape(func(m model) model { return m }, m)
	require.NoError(t, err)
	return like
}

func TestSaveAndLoad(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		m := newModel()
		file := filepath.Join(t.TempDir(), "model.safetensors")
		require.NoError(t, safetensors.Save(ctx, file, m))
		got, err := safetensors.Load(ctx, dev, file, placeholders(t, m))
		require.NoError(t, err)
		defer graph.Close(got)
		require.Equal(t, 4, got.Heads)
		require.Equal(t, dev, got.Head["a.b"].Device())
		require.Equal(t, graph.Shape{0, 3}, got.Empty.Shape())
		for i, pair := range [][2]graph.Tensor{
			{m.Layers[0].W, got.Layers[0].W}, {m.Layers[1].B, got.Layers[1].B}, {m.Head["a.b"], got.Head["a.b"]},
			{m.Head[`q"]`], got.Head[`q"]`]}, {m.Key.Bits, got.Key.Bits}, {m.Flags, got.Flags},
		} {
			want, err := graph.Reference(ctx, pair[0])
			require.NoError(t, err)
			have, err := graph.Reference(ctx, pair[1])
			require.NoError(t, err)
			require.InDeltaSlice(t, want, have, 1e-7, "pair %d", i)
			require.Equal(t, pair[0].Spec(), pair[1].Spec())
		}
		entries, err := os.ReadDir(filepath.Dir(file))
		require.NoError(t, err)
		require.Len(t, entries, 1, "no temporary file is left")
	})
}

// TestLayout: what other readers of the format see.
func TestLayout(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(ctx, &b, map[string][]graph.Tensor{"w": {graph.Literal([]float32{1, 2}, 2, 1), graph.Full(graph.Bool, 1)}}))
	n := binary.LittleEndian.Uint64(b.Bytes())
	require.Zero(t, n%8)
	require.JSONEq(t, `{"w.0":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"w.1":{"dtype":"BOOL","shape":[],"data_offsets":[8,9]}}`, string(b.Bytes()[8:8+n]))
	require.Equal(t, []byte{0, 0, 128, 63, 0, 0, 0, 64, 1}, b.Bytes()[8+n:])
}

func TestReadMap(t *testing.T) {
	dev := gputest.Open(t)
	// A file of torch's has metadata, and its tensors in any order.
	all, err := safetensors.ReadMap(ctx, dev, file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"I32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`,
		0, 0, 128, 63, 5, 0, 0, 0))
	require.NoError(t, err)
	defer graph.Close(all)
	a, err := all["a"].Float(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, a)
	b, err := all["b"].Ints(ctx)
	require.NoError(t, err)
	require.Equal(t, []int32{5}, b)
}

func file(header string, data ...byte) *bytes.Reader {
	return bytes.NewReader(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...))
}

func TestErrors(t *testing.T) {
	dev := gputest.Open(t)
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(ctx, &b, []graph.Tensor{graph.Zeros(2), graph.Zeros(3)}))
	for name, c := range map[string]struct {
		like []graph.Tensor
		kind error
		word string
	}{
		"missing": {[]graph.Tensor{graph.Zeros(2), graph.Zeros(3), graph.Zeros(1)}, graph.ErrArgument, `the data lacks ["2"]`},
		"foreign": {[]graph.Tensor{graph.Zeros(2)}, graph.ErrArgument, `["1"], which the tree has not`},
		"shape":   {[]graph.Tensor{graph.Zeros(2), graph.Zeros(4)}, graph.ErrShape, `"1" is [3] in the data, float32[4] in the tree`},
		"dtype":   {[]graph.Tensor{graph.Zeros(2), graph.Zeros(3).AsInt()}, graph.ErrDType, `"1" is F32 in the data, int32[3] in the tree`},
		"not set": {[]graph.Tensor{graph.Zeros(2), {}}, graph.ErrArgument, "zero Tensor"},
	} {
		_, err := safetensors.Read(ctx, dev, bytes.NewReader(b.Bytes()), c.like)
		require.ErrorIs(t, err, c.kind, name)
		require.ErrorContains(t, err, c.word, name)
		require.ErrorContains(t, err, "safetensors_test.go:", name)
	}
	err := safetensors.Write(ctx, &b, map[string]map[string]graph.Tensor{"a": {"b.c": graph.Zeros(1)}, "a.b": {"c": graph.Zeros(1)}})
	require.ErrorIs(t, err, graph.ErrArgument, "two leaves of one name")
	for name, r := range map[string]*bytes.Reader{
		"empty":     bytes.NewReader(nil),
		"huge":      bytes.NewReader(bytes.Repeat([]byte{255}, 8)),
		"no JSON":   file("{"),
		"type":      file(`{"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}`, 0, 0),
		"shape":     file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
		"overflow":  file(`{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,0]}}`),
		"hole":      file(`{"a":{"dtype":"BOOL","shape":[],"data_offsets":[1,2]}}`, 0, 0),
		"size":      file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,5]}}`, 0, 0, 0, 0, 0),
		"too short": file(`{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}`, 0, 0),
	} {
		_, err := safetensors.ReadMap(ctx, dev, r)
		require.ErrorIs(t, err, safetensors.ErrFormat, name)
	}
	_, err = safetensors.Load(ctx, dev, filepath.Join(t.TempDir(), "none"), graph.Zeros(1))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func FuzzReadMap(f *testing.F) {
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`), []byte{0, 0, 0, 0})
	dev, err := gpu.Open(ctx)
	require.NoError(f, err)
	f.Cleanup(func() { dev.Close() })
	f.Fuzz(func(t *testing.T, header, data []byte) {
		all, err := safetensors.ReadMap(ctx, dev, file(string(header), data...))
		if err != nil {
			require.ErrorIs(t, err, safetensors.ErrFormat)
			return
		}
		var b bytes.Buffer
		require.NoError(t, safetensors.Write(ctx, &b, all))
		require.NoError(t, graph.Close(all))
	})
}
