package schedule_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/vmap"
)

// at evaluates a schedule at steps 0 to n-1 by one mapped call on the device.
func at(t *testing.T, dev *gpu.Device, s schedule.Schedule, n int) []float32 {
	t.Helper()
	ctx := context.Background()
	y, err := graph.Jit(dev, func(struct{}) graph.Tensor { return vmap.Map(s)(graph.Iota(0, n)) })(ctx, struct{}{})
	require.NoError(t, err)
	defer y.Close()
	v, err := y.Floats(ctx)
	require.NoError(t, err)
	return v
}

func TestSchedules(t *testing.T) {
	cosine := func(k, n float64) float64 { return 0.1 + 0.9*(1+math.Cos(math.Pi*min(k/n, 1)))/2 }
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct {
			name string
			s    schedule.Schedule
			want func(k float64) float64
		}{
			{"number", schedule.Of(2), func(float64) float64 { return 2 }},
			{"tensor", schedule.Of(graph.Scalar(0.5)), func(float64) float64 { return 0.5 }},
			{"function", schedule.Of(func(k graph.Tensor) graph.Tensor { return k.AsFloat().Square() }), func(k float64) float64 { return k * k }},
			{"constant", schedule.Constant(-1.5), func(float64) float64 { return -1.5 }},
			{"linear", schedule.Linear(1, 3, 8), func(k float64) float64 { return 1 + 2*min(k/8, 1) }},
			{"step", schedule.Step(4, 0.5, 3), func(k float64) float64 { return 4 * math.Pow(0.5, math.Floor(k/3)) }},
			{"negative step", schedule.Step(4, -0.5, 3), func(k float64) float64 { return 4 * math.Pow(-0.5, math.Floor(k/3)) }},
			{"step to 0", schedule.Step(4, 0, 3), func(k float64) float64 { return 4 * math.Pow(0, math.Floor(k/3)) }},
			{"exponential", schedule.Exponential(2, 0.9, 1), func(k float64) float64 { return 2 * math.Pow(0.9, k) }},
			{"exponential in 4", schedule.Exponential(2, 0.9, 4), func(k float64) float64 { return 2 * math.Pow(0.9, k/4) }},
			{"cosine", schedule.Cosine(1, 0.1, 10), func(k float64) float64 { return cosine(k, 10) }},
			{"polynomial", schedule.Polynomial(0.1, 5, 0.55), func(k float64) float64 { return 0.1 * math.Pow(1+k/5, -0.55) }},
			{"join", schedule.Join([]int{3, 5}, schedule.Constant(1), schedule.Linear(0, 4, 4), schedule.Exponential(8, 0.5, 1)), func(k float64) float64 {
				switch {
				case k < 3:
					return 1
				case k < 5:
					return k - 3
				}
				return 8 * math.Pow(0.5, k-5)
			}},
			{"warm-up", schedule.Warmup(4, schedule.Constant(2)), func(k float64) float64 { return 2 * min(k/4, 1) }},
			{"no warm-up", schedule.Warmup(0, schedule.Constant(2)), func(float64) float64 { return 2 }},
			{"warm-up cosine", schedule.WarmupCosine(1, 0.1, 4, 14), func(k float64) float64 {
				if k < 4 {
					return k / 4
				}
				return cosine(k-4, 10)
			}},
		} {
			for k, v := range at(t, dev, c.s, 18) {
				want := c.want(float64(k))
				assert.InDelta(t, want, v, 2e-6*math.Abs(want)+1e-7, "%s at step %d", c.name, k)
			}
		}
	})
}

func TestScheduleErrors(t *testing.T) {
	one := schedule.Constant(1)
	for what, f := range map[string]func(){
		"infinite":   func() { schedule.Of(math.Inf(1)) },
		"nil":        func() { schedule.Of(schedule.Schedule(nil)) },
		"no tensor":  func() { schedule.Of(graph.Tensor{}) },
		"linear":     func() { schedule.Linear(0, 1, 0) },
		"every":      func() { schedule.Step(1, 0.5, 0) },
		"factor":     func() { schedule.Exponential(1, 0, 1) },
		"b":          func() { schedule.Polynomial(1, 0, 1) },
		"ends":       func() { schedule.Join([]int{1}, one) },
		"order":      func() { schedule.Join([]int{2, 1}, one, one, one) },
		"warm-up":    func() { schedule.Warmup(-1, one) },
		"too long":   func() { schedule.WarmupCosine(1, 0, 5, 5) },
		"cosine nan": func() { schedule.Cosine(math.NaN(), 0, 5) },
	} {
		assert.ErrorIs(t, graph.Try(f), graph.ErrArgument, what)
	}
	vector := schedule.Of(func(graph.Tensor) graph.Tensor { return graph.Zeros(2) })
	assert.ErrorIs(t, graph.Try(func() { vector(graph.Int(0)) }), graph.ErrShape)
	whole := schedule.Of(func(step graph.Tensor) graph.Tensor { return step })
	assert.ErrorIs(t, graph.Try(func() { whole(graph.Int(0)) }), graph.ErrShape)
}

// A schedule is evaluated where the step is: here for five steps at once.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	rate := schedule.WarmupCosine(1, 0, 2, 4)
	rates, err := graph.Jit(dev, vmap.Map(rate))(ctx, graph.Iota(0, 5))
	if err != nil {
		log.Fatal(err)
	}
	defer rates.Close()
	v, err := rates.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", v)
	// Output: [0.00 0.50 1.00 0.50 0.00]
}
