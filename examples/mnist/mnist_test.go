package main

import (
	"context"
	"image/png"
	"io"
	"math"
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
	"github.com/lavagrad/lavagrad/vmap"
)

func TestRun(t *testing.T) {
	var log strings.Builder
	out := filepath.Join(t.TempDir(), "sheet.png")
	r, losses, err := run(context.Background(), config{epochs: 4, batch: 16, believing: 2, seed: 1, out: out, digits: 512}, &log)
	require.NoError(t, err)

	require.Len(t, losses, 4)
	assert.Less(t, losses[3], losses[0]/2, "the loss must fall: %v", losses)
	assert.Greater(t, r.TestAccuracy, 0.6)
	assert.Positive(t, r.TrainSeconds)
	assert.Positive(t, r.PerSampleGradsPerS)
	// 500 gradients of all parameters were on the device at once, and never two batches of them.
	oneBatch := int64(500 * 4 * (digits.Pixels*digits.Hidden + digits.Hidden + digits.Hidden*digits.Classes + digits.Classes))
	assert.Greater(t, r.PeakDeviceBytes, oneBatch)
	assert.Less(t, r.PeakDeviceBytes, 2*oneBatch)
	assert.Greater(t, r.PosteriorAccuracy, r.TestAccuracy-0.1)
	assert.Positive(t, r.PosteriorSeconds)
	assert.Positive(t, r.PosteriorECE)
	assert.Less(t, r.PosteriorECE, 0.4)
	assert.Equal(t, out, r.Sheet)
	assert.Contains(t, log.String(), r.Device)

	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	sheet, err := png.Decode(f)
	require.NoError(t, err)
	assert.Greater(t, sheet.Bounds().Dx(), columns*3*28)
	assert.Greater(t, sheet.Bounds().Dy(), rows*3*28)
}

// The norms that the compiler makes without storing gradients are those of the stored ones, and nothing is left on
// the device.
func TestNormsAreThoseOfTheGradients(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	trainSet, testSet, err := digits.Load("", 70)
	require.NoError(t, err)
	model, _, err := train(ctx, dev, trainSet, training{epochs: 1, batch: 7, random: rand.New(rand.NewPCG(3, 0)), log: io.Discard})
	require.NoError(t, err)
	all, perSecond, err := judgeAll(ctx, dev, model, testSet, 32) // 32, 32 and 6
	require.NoError(t, err)
	assert.Positive(t, perSecond)
	require.Len(t, all, 70)

	for i, v := range all {
		require.Equal(t, i, v.index)
		require.Equal(t, int(testSet.Labels[i]), v.label)
	}
	batch, err := digits.NewBatcher(dev, testSet).Range(0, len(all))
	require.NoError(t, err)
	g, err := graph.Jit2(dev, vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0)))(ctx, model, batch)
	require.NoError(t, err)
	squares := make([]float64, len(all))
	for _, leaf := range []graph.Tensor{g.Hidden.W, g.Hidden.B, g.Out.W, g.Out.B} {
		values, err := leaf.Floats(ctx)
		require.NoError(t, err)
		each := len(values) / len(all)
		for i, v := range values {
			squares[i/each] += float64(v) * float64(v)
		}
	}
	for i, v := range all {
		want := math.Sqrt(squares[i])
		assert.InDelta(t, want, v.norm, 1e-5*want+1e-6, "digit %d", i)
	}
	require.NoError(t, graph.Close(model))
	require.NoError(t, graph.Close(batch))
	require.NoError(t, graph.Close(g))
}

func TestHardest(t *testing.T) {
	all := []verdict{{0, 1, 1, 2}, {1, 2, 3, 9}, {2, 4, 4, 0.5}, {3, 5, 6, 4}}
	assert.Equal(t, 0.5, accuracy(all))
	top := hardest(all, 3)
	assert.Equal(t, []int{1, 3, 0}, []int{top[0].index, top[1].index, top[2].index})
	assert.Len(t, hardest(all, 40), 4)
}

func TestErrors(t *testing.T) {
	ctx := context.Background()
	_, _, err := run(ctx, config{epochs: 1, batch: 16, believing: 1, data: t.TempDir()}, io.Discard)
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "-data names the folder")

	_, _, err = run(ctx, config{epochs: 1, batch: 16, believing: 1, device: "no such device", digits: 64}, io.Discard)
	assert.ErrorIs(t, err, gpu.ErrNoDevice)

	_, _, err = run(ctx, config{epochs: 1, batch: 100, believing: 1, digits: 64}, io.Discard)
	assert.ErrorContains(t, err, "choose a smaller -batch")

	_, _, err = run(ctx, config{epochs: 1, batch: 16, digits: 64}, io.Discard)
	assert.ErrorContains(t, err, "-posterior-epochs is 0")

	_, _, err = run(ctx, config{epochs: 1, batch: 16, believing: 1, digits: 64, out: filepath.Join(t.TempDir(), "missing", "x.png")}, io.Discard)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
