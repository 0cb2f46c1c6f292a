package main

import (
	"context"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/privacy"
)

func small() training {
	return training{epochs: 15, hidden: 16, lot: 128, epsilon: 60, delta: 1e-3, clip: 1, rate: 1, momentum: 0.9, seed: 1, log: io.Discard}
}

func TestRun(t *testing.T) {
	var log strings.Builder
	out := filepath.Join(t.TempDir(), "chart.png")
	c := small()
	r, err := run(context.Background(), config{training: c, out: out, digits: 512}, &log)
	require.NoError(t, err)

	require.Len(t, r.Epochs, c.epochs)
	assert.Greater(t, r.Accuracy, 0.6)
	want, err := privacy.EpsilonOf(privacy.SampledGaussian{Noise: r.Noise, Rate: 128. / 512}, c.epochs*512/128, c.delta)
	require.NoError(t, err)
	assert.InDelta(t, want, r.Epsilon, 1e-9)
	assert.LessOrEqual(t, r.Epsilon, c.epsilon)
	assert.Greater(t, r.Epsilon, 0.99*c.epsilon, "the budget is used")
	for i := 1; i < len(r.Epochs); i++ {
		assert.Greater(t, r.Epochs[i].Epsilon, r.Epochs[i-1].Epsilon)
	}
	assert.Contains(t, log.String(), r.Device)

	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	_, err = png.Decode(f)
	require.NoError(t, err)
}

// Without noise a step goes no farther than its lot allows, however large the gradients are, and different steps draw
// different lots. Nothing is left on the device.
func TestStepIsClipped(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	set, _, err := digits.Load("", 256)
	require.NoError(t, err)
	data, err := digits.NewBatcher(dev, set).Range(0, 256)
	require.NoError(t, err)
	defer graph.Close(data)
	c := small()
	c.lot, c.clip = 32, 0.01
	opt := optim.Chain(optim.Scale(1/c.lot), optim.SGD(1))
	step := graph.Jit2(dev, c.step(opt, 256))
	start := graph.Jit(dev, func(k random.Key) State {
		m := newMLP(k, c.hidden)
		return State{m, optim.Init(opt, m), random.FoldIn(k, 7)}
	})
	moved := graph.Jit2(dev, func(a, b MLP) graph.Tensor {
		return graph.SquaredNorm(struct{ A, B graph.Tensor }{a.Hidden.W.Sub(b.Hidden.W), a.Hidden.B.Sub(b.Hidden.B)}).
			Add(graph.SquaredNorm(struct{ A, B graph.Tensor }{a.Out.W.Sub(b.Out.W), a.Out.B.Sub(b.Out.B)})).Sqrt()
	})
	key := random.NewKey(3)
	defer graph.Close(key)
	s, err := start(ctx, key)
	require.NoError(t, err)
	var lengths []float32
	for range 3 {
		next, err := step(ctx, s, data)
		require.NoError(t, err)
		d, err := moved(ctx, s.Model, next.Model)
		require.NoError(t, err)
		length, err := d.Float(ctx)
		require.NoError(t, err)
		assert.Positive(t, length)
		assert.LessOrEqual(t, length, float32(c.clip)*float32(c.capacity())/float32(c.lot))
		lengths = append(lengths, length)
		require.NoError(t, graph.Close(d))
		require.NoError(t, graph.Close(s))
		s = next
	}
	require.NoError(t, graph.Close(s))
	assert.NotEqual(t, lengths[0], lengths[1])
	assert.NotEqual(t, lengths[1], lengths[2])
}

func TestWrongInput(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	set, _, err := digits.Load("", 64)
	require.NoError(t, err)
	data, err := digits.NewBatcher(dev, set).Range(0, 64)
	require.NoError(t, err)
	defer graph.Close(data)
	for says, change := range map[string]func(*training){
		"at least one epoch": func(c *training) { c.epochs = 0 },
		"a lot from 1":       func(c *training) { c.lot = 1000 },
		"epsilon -1":         func(c *training) { c.epsilon = -1 },
		"delta 2":            func(c *training) { c.delta = 2 },
		"clip 0":             func(c *training) { c.clip = 0 },
		"learning rate -1":   func(c *training) { c.rate = -1 },
	} {
		c := small()
		c.lot = 16
		change(&c)
		_, _, err := train(ctx, dev, data, data, c)
		assert.ErrorContains(t, err, says)
	}
	_, err = run(ctx, config{training: small(), data: t.TempDir()}, io.Discard)
	assert.ErrorContains(t, err, "-data names")
}
