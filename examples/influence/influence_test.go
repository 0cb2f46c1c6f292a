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
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

func TestRun(t *testing.T) {
	var log strings.Builder
	out := filepath.Join(t.TempDir(), "sheet.png")
	r, err := run(context.Background(), config{train: 1500, epochs: 4, errors: 0.04, leave: 4, fitted: 200, seed: 1, out: out}, &log)
	require.NoError(t, err)
	assert.Equal(t, 60, r.Errors)
	assert.Greater(t, r.Accuracy, 0.7)
	assert.Greater(t, r.Recall, 0.2, "by chance it is 0.04")
	assert.Greater(t, r.RecallDouble, r.Recall)
	assert.Greater(t, r.HarmfulWrong, 0.2)
	assert.Greater(t, r.Correlation, 0.98)
	assert.Contains(t, log.String(), r.Device)
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	_, err = png.Decode(f)
	require.NoError(t, err)
}

// trained is a model with some training and test digits on the device.
func trained(t *testing.T, dev *gpu.Device) (m MLP, training, test digits.Digit) {
	t.Helper()
	set, testSet, err := digits.Load("", 200)
	require.NoError(t, err)
	models, err := train(context.Background(), dev, set, config{epochs: 2, seed: 3})
	require.NoError(t, err)
	require.Len(t, models, 2)
	training, err = digits.NewBatcher(dev, set).Range(0, 200)
	require.NoError(t, err)
	test, err = digits.NewBatcher(dev, testSet).Upload([]int{5, 7})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, graph.Close([]any{models, training, test})) })
	return models[1], training, test
}

// The influences are products of gradients that are written out here, and are not there.
func TestInfluenceIsAProductOfGradients(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	m, training, test := trained(t, dev)
	grads := graph.Jit2(dev, func(m MLP, d digits.Digit) graph.Tensor {
		g := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))(m, d)
		return vmap.Map(func(g MLP) graph.Tensor { flat, _ := graph.Ravel(g); return flat })(g)
	})
	read := func(d digits.Digit) []float32 {
		x, err := grads(ctx, m, d)
		require.NoError(t, err)
		defer x.Close()
		v, err := x.Floats(ctx)
		require.NoError(t, err)
		return v
	}
	a, b := read(test), read(training)
	size := len(b) / 200
	dot := func(a, b []float32) (sum float64) {
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	type both struct{ Test, Training digits.Digit }
	tracin, err := sums(ctx, dev, []MLP{m, m}, both{test, training}, func(m MLP, b both) graph.Tensor { return influence(m, b.Test, b.Training) })
	require.NoError(t, err)
	self, err := sums(ctx, dev, []MLP{m}, training, selfInfluence)
	require.NoError(t, err)
	require.Len(t, tracin, 2*200)
	require.Len(t, self, 200)
	for i := range 200 {
		g := b[i*size : (i+1)*size]
		assert.InDelta(t, rate*dot(g, g), self[i], 1e-3*(1+float64(self[i])))
		for j := range 2 {
			want := 2 * rate * dot(a[j*size:(j+1)*size], g)
			assert.InDelta(t, want, tracin[j*200+i], 1e-3*(1+math.Abs(want)))
		}
	}

	// What the compiled functions take beside their arguments is far below a gradient for each digit.
	cost, err := graph.Cost(func(b both) graph.Tensor { return influence(m, b.Test, b.Training) }, both{test, training})
	require.NoError(t, err)
	assert.Less(t, cost.Peak(), int64(200*size*4)/20)
	parameters, err := tree.Size(m, graph.Tensor.Size)
	require.NoError(t, err)
	assert.Equal(t, parameters, size)
	cost, err = graph.Cost(func(d digits.Digit) graph.Tensor { return selfInfluence(m, d) }, training)
	require.NoError(t, err)
	assert.Less(t, cost.Peak(), int64(200*size*4)/20)
}

// To leave out a digit changes the loss as predicted, digit by digit.
func TestLeaveOut(t *testing.T) {
	ctx := context.Background()
	dev := gputest.Open(t)
	m, training, test := trained(t, dev)
	single := must(tree.Map(func(x graph.Tensor) graph.Tensor { return x.Slice(0, 0, 1) }, test))
	defer graph.Close(single)
	out, err := leaveOut(ctx, dev, m, training, single, 8)
	require.NoError(t, err)
	require.Len(t, out.Index, 8)
	largest := 0.0
	for i := range out.Real {
		largest = max(largest, math.Abs(out.Real[i]))
	}
	assert.Positive(t, largest)
	for i := range out.Real {
		// The prediction is of first order: 1 of 200 digits is not next to nothing.
		assert.InDelta(t, out.Predicted[i], out.Real[i], 0.1*math.Abs(out.Predicted[i])+0.01*largest, "digit %d", out.Index[i])
	}
	assert.Greater(t, correlation(out.Predicted, out.Real), 0.99)
	for _, count := range []int{1, 201} {
		_, err := leaveOut(ctx, dev, m, training, single, count)
		assert.ErrorContains(t, err, "left out, one at a time")
	}
}

func TestRanks(t *testing.T) {
	v := []float32{1, -5, 3, 0, 2, 3}
	assert.Equal(t, []int{2, 5, 4, 0, 3, 1}, ranked(v))
	assert.Equal(t, []int{1, 2, 5, 0}, chosen(v, 4))
	assert.Equal(t, 0.5, recall([]int{2, 3}, ranked(v), 2))
	assert.InDelta(t, 1, correlation([]float64{1, 2, 4}, []float64{10, 20, 40}), 1e-12)
	assert.InDelta(t, -1, correlation([]float64{1, 2, 4}, []float64{-1, -2, -4}), 1e-12)

	set, _, err := digits.Load("", 100)
	require.NoError(t, err)
	wrong, which := mislabel(set, 0.2, rand.New(rand.NewPCG(1, 1)))
	different := 0
	for i := range set.Labels {
		assert.Less(t, int(wrong.Labels[i]), digits.Classes)
		if wrong.Labels[i] != set.Labels[i] {
			different++
			assert.Contains(t, which, i)
		}
	}
	assert.Equal(t, 20, different)
}

func TestWrongInput(t *testing.T) {
	for says, c := range map[string]config{
		"wrong labels":    {train: 200, epochs: 1, errors: 0.7},
		"are no training": {train: 50, epochs: 1, errors: 0.1},
		"are none":        {train: 20, epochs: 1, errors: 0.01},
		"-data names":     {train: 20, epochs: 1, errors: 0.1, data: t.TempDir()},
	} {
		_, err := run(context.Background(), c, io.Discard)
		assert.ErrorContains(t, err, says)
	}
}
