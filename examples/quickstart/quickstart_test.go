package main

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// noise writes a data set of pictures of noise in Fashion-MNIST's format, so that the tests need no download.
func noise(t *testing.T, n int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	order := rand.New(rand.NewPCG(1, 2))
	write := func(name string, magic uint32, shape []uint32, body []byte) {
		f, err := os.Create(filepath.Join(folder, name))
		require.NoError(t, err)
		z := gzip.NewWriter(f)
		require.NoError(t, binary.Write(z, binary.BigEndian, append([]uint32{magic}, shape...)))
		_, err = z.Write(body)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.NoError(t, f.Close())
	}
	pictures := make([]byte, n*digits.Pixels)
	for i := range pictures {
		pictures[i] = byte(order.IntN(256))
	}
	write("t10k-images-idx3-ubyte.gz", 0x803, []uint32{uint32(n), 28, 28}, pictures)
	write("t10k-labels-idx1-ubyte.gz", 0x801, []uint32{uint32(n)}, make([]byte, n))
	return folder
}

func TestRun(t *testing.T) {
	var log strings.Builder
	out := filepath.Join(t.TempDir(), "picture.png")
	r, err := run(context.Background(), config{algorithm: "vi-diag", epochs: 8, batch: 16, draws: 8, seed: 1, ood: noise(t, 300), out: out, digits: 512}, &log)
	require.NoError(t, err)
	assert.Greater(t, r.Accuracy, 0.6)
	assert.Positive(t, r.ECE)
	assert.Less(t, r.ECE, 0.3)
	assert.Positive(t, r.NLL)
	assert.Greater(t, r.AUROC, 0.6, "noise looks like no digit")
	assert.Len(t, r.In, 512)
	assert.Len(t, r.Out, 300)
	total := float32(0)
	for _, n := range r.Count {
		total += n
	}
	assert.Equal(t, float32(512), total)
	assert.Contains(t, log.String(), "epoch 8 of 8")
	assert.Contains(t, log.String(), out)

	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, 2*432, picture.Bounds().Dx())
}

// A chain's states are kept from the second half on, as many as asked for, or as there are.
func TestChain(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	set, _, err := digits.Load("", 256)
	require.NoError(t, err)
	start, err := digits.NewMLP(dev, rand.New(rand.NewPCG(1, 0)))
	require.NoError(t, err)
	key := random.NewKey(1)
	c := training{start: start, Fitting: digits.Fitting{Dev: dev, Set: set, Epochs: 4, Batch: 64, Key: key, Order: rand.New(rand.NewPCG(1, 1)), Log: io.Discard}}
	sample := algorithms(256, 16)["sghmc"]
	for draws, want := range map[int]int{1: 1, 3: 3, 8: 8, 100: 8} {
		c.draws = draws
		c.Order = rand.New(rand.NewPCG(1, 1))
		models, err := sample(ctx, c)
		require.NoError(t, err)
		assert.Equal(t, graph.Shape{want, digits.Classes}, models.Out.B.Shape())
		b, err := models.Out.B.Floats(ctx)
		require.NoError(t, err)
		if want > 1 {
			assert.NotEqual(t, b[:digits.Classes], b[len(b)-digits.Classes:], "draws are of different steps")
		}
		require.NoError(t, graph.Close(models))
	}
	require.NoError(t, graph.Close(start))
	require.NoError(t, graph.Close(key))
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	good := config{algorithm: "vi-diag", epochs: 1, batch: 16, draws: 2, ood: noise(t, 4), digits: 64}
	with := func(change func(c *config)) error {
		c := good
		change(&c)
		_, err := run(ctx, c, io.Discard)
		return err
	}
	assert.ErrorContains(t, with(func(c *config) { c.algorithm = "magic" }), `no algorithm "magic"`)
	assert.ErrorContains(t, with(func(c *config) { c.batch = 100 }), "batches no larger than the set")
	assert.ErrorContains(t, with(func(c *config) { c.draws = 0 }), "0 draws")
	assert.ErrorIs(t, with(func(c *config) { c.device = "no such device" }), gpu.ErrNoDevice)
	assert.ErrorIs(t, with(func(c *config) { c.data = t.TempDir() }), os.ErrNotExist)
	err := with(func(c *config) { c.ood = t.TempDir() })
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "bash tools/fashion-mnist.sh")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err = digits.Fashion("", 0)
	if _, stat := os.Stat("/usr/share/datasets/fashion-mnist"); stat != nil {
		assert.ErrorContains(t, err, "bash tools/fashion-mnist.sh")
	} else {
		assert.NoError(t, err)
	}
	assert.ErrorIs(t, with(func(c *config) { c.out = filepath.Join(t.TempDir(), "missing", "x.png") }), os.ErrNotExist)
}
