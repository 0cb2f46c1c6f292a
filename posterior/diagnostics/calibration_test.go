package diagnostics_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
)

// classification is what tests of calibration compute on the device.
type classification struct {
	Table       diagnostics.Reliability
	ECE         graph.Tensor
	Brier, Loss graph.Tensor
}

func classify(t *testing.T, dev *gpu.Device, probs []float32, labels []int32, classes, bins int) (out struct {
	count, confidence, accuracy []float32
	ece, brier, loss            float64
}) {
	t.Helper()
	ctx := context.Background()
	p, err := graph.FromSlice(dev, probs, len(labels), classes)
	require.NoError(t, err)
	l, err := graph.FromSlice(dev, labels)
	require.NoError(t, err)
	y, err := graph.Jit2(dev, func(p, l graph.Tensor) classification {
		return classification{diagnostics.ReliabilityTable(p, l, bins), diagnostics.ExpectedCalibrationError(p, l, bins),
			diagnostics.BrierScore(p, l), diagnostics.NegativeLogLikelihood(p, l)}
	})(ctx, p, l)
	require.NoError(t, err)
	read := func(x graph.Tensor) []float32 {
		v, err := x.Floats(ctx)
		require.NoError(t, err)
		return v
	}
	out.count, out.confidence, out.accuracy = read(y.Table.Count), read(y.Table.Confidence), read(y.Table.Accuracy)
	out.ece, out.brier, out.loss = float64(read(y.ECE)[0]), float64(read(y.Brier)[0]), float64(read(y.Loss)[0])
	require.NoError(t, graph.Close(y))
	require.NoError(t, graph.Close([]graph.Tensor{p, l}))
	return out
}

// The examples of other libraries' documentation: torchmetrics' calibration error, scikit-learn's Brier score (of one of two classes: half of
// ours) and log loss.
func TestPublishedCalibration(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		three := classify(t, dev, []float32{0.25, 0.20, 0.55, 0.55, 0.05, 0.40, 0.10, 0.30, 0.60, 0.90, 0.05, 0.05}, []int32{0, 1, 2, 0}, 3, 3)
		assert.InDelta(t, 0.2, three.ece, 1e-6)
		assert.Equal(t, []float32{0, 3, 1}, three.count)
		assert.InDeltaSlice(t, []float32{1. / 6, 1.7 / 3, 0.9}, three.confidence, 1e-6)
		assert.True(t, math.IsNaN(float64(three.accuracy[0])))
		assert.InDeltaSlice(t, []float32{1. / 3, 1}, three.accuracy[1:], 1e-6)
		brier := classify(t, dev, []float32{0.9, 0.1, 0.1, 0.9, 0.2, 0.8, 0.7, 0.3}, []int32{0, 1, 1, 0}, 2, 10)
		assert.InDelta(t, 2*0.0375, brier.brier, 1e-6)
		loss := classify(t, dev, []float32{0.1, 0.9, 0.9, 0.1, 0.8, 0.2, 0.35, 0.65}, []int32{1, 0, 0, 1}, 2, 10)
		assert.InDelta(t, 0.21616, loss.loss, 1e-5)
	})
}

// Against a loop in float64, for tables of random size.
func TestCalibration(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		r := rand.New(rand.NewPCG(7, 7))
		for _, c := range []struct{ n, classes, bins int }{{1, 1, 1}, {1, 3, 10}, {50, 2, 15}, {3000, 10, 10}} {
			probs, labels := make([]float32, c.n*c.classes), make([]int32, c.n)
			count, confidence, right := make([]float64, c.bins), make([]float64, c.bins), make([]float64, c.bins)
			var brier, loss float64
			for i := range labels {
				row := probs[i*c.classes:][:c.classes]
				sum := 0.
				for k := range row {
					row[k] = float32(math.Pow(r.Float64(), 3))
					sum += float64(row[k])
				}
				labels[i] = int32(r.IntN(c.classes))
				best := 0
				for k := range row {
					row[k] = float32(float64(row[k]) / sum)
					if row[k] > row[best] {
						best = k
					}
					hit := 0.
					if int32(k) == labels[i] {
						hit = 1
						loss -= math.Log(float64(row[k])) / float64(c.n)
					}
					brier += (float64(row[k]) - hit) * (float64(row[k]) - hit) / float64(c.n)
				}
				b := min(int(math.Ceil(float64(row[best]*float32(c.bins)))), c.bins) - 1
				count[b]++
				confidence[b] += float64(row[best])
				if int32(best) == labels[i] {
					right[b]++
				}
			}
			got := classify(t, dev, probs, labels, c.classes, c.bins)
			ece := 0.
			for b := range c.bins {
				assert.Equal(t, float32(count[b]), got.count[b])
				ece += math.Abs(right[b]-confidence[b]) / float64(c.n)
				if count[b] > 0 {
					assert.InDelta(t, right[b]/count[b], got.accuracy[b], 1e-6)
					assert.InDelta(t, confidence[b]/count[b], got.confidence[b], 1e-6)
				}
			}
			assert.InDelta(t, ece, got.ece, 2e-6)
			assert.InDelta(t, brier, got.brier, 5e-6)
			assert.InDelta(t, loss, got.loss, 5e-6*max(1, loss))
		}
	})
}

// What was certain and wrong costs infinitely much; confidences on an edge of a bin belong to the bin below.
func TestCalibrationEdges(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		y := classify(t, dev, []float32{1, 0, 0.5, 0.5}, []int32{1, 1}, 2, 2)
		assert.True(t, math.IsInf(y.loss, 1))
		assert.Equal(t, []float32{1, 1}, y.count)
		assert.Equal(t, []float32{0.5, 1}, y.confidence)
		assert.Equal(t, []float32{0, 0}, y.accuracy)
		assert.InDelta(t, 0.75, y.ece, 1e-6)
		assert.InDelta(t, 1.25, y.brier, 1e-6)
	})
}

func TestCalibrationErrors(t *testing.T) {
	p, l := graph.Literal([]float32{0.5, 0.5, 1, 0}, 2, 2), graph.Iota(0, 2)
	for _, f := range []func(p, l graph.Tensor){
		func(p, l graph.Tensor) { diagnostics.ReliabilityTable(p, l, 10) },
		func(p, l graph.Tensor) { diagnostics.ExpectedCalibrationError(p, l, 10) },
		func(p, l graph.Tensor) { diagnostics.BrierScore(p, l) },
		func(p, l graph.Tensor) { diagnostics.NegativeLogLikelihood(p, l) },
	} {
		assert.NoError(t, graph.Try(func() { f(p, l) }))
		assert.ErrorIs(t, graph.Try(func() { f(graph.Tensor{}, l) }), graph.ErrDType)
		assert.ErrorIs(t, graph.Try(func() { f(l, l) }), graph.ErrDType)
		assert.ErrorIs(t, graph.Try(func() { f(p, p) }), graph.ErrDType)
		assert.ErrorIs(t, graph.Try(func() { f(p.Index(0, 0), l) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(p.ExpandDims(0), l) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(p, graph.Iota(0, 3)) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(p.Slice(0, 0, 0), l.Slice(0, 0, 0)) }), graph.ErrShape)
	}
	assert.ErrorIs(t, graph.Try(func() { diagnostics.ReliabilityTable(p, l, 0) }), graph.ErrArgument)

	ctx := context.Background()
	err := graph.EvalOn(ctx, gputest.Open(t), diagnostics.BrierScore(graph.Literal([]float32{0.5, 0.5, 0.5, 0.4}, 2, 2), l))
	require.ErrorIs(t, err, graph.ErrCheck)
	assert.ErrorContains(t, err, "Brier score: probabilities is in the simplex")
	err = graph.EvalOn(ctx, gputest.Open(t), diagnostics.BrierScore(p, l.AddScalar(1)))
	require.ErrorIs(t, err, graph.ErrCheck)
}

func ExampleExpectedCalibrationError() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	probs := graph.Literal([]float32{0.9, 0.1, 0.6, 0.4, 0.2, 0.8}, 3, 2)
	labels := graph.Literal([]float32{0, 1, 1}).AsInt()
	y, err := graph.Jit2(dev, func(p, l graph.Tensor) graph.Tensor { return diagnostics.ExpectedCalibrationError(p, l, 10) })(ctx, probs, labels)
	if err != nil {
		log.Fatal(err)
	}
	v, err := y.Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.3f\n", v) // 0.1, 0.6 and 0.2 away, each in a bin of its own
	// Output: 0.300
}
