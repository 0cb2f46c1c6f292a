package sgmcmc_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

// plane is a normal distribution's mean and precision.
type plane struct{ Mean, Precision graph.Tensor }

// distance is an aux.
type distance struct{ Squared graph.Tensor }

func logPlane(x graph.Tensor, g plane) (graph.Tensor, distance) {
	d := x.Sub(g.Mean)
	return d.Mul(g.Precision.MatMul(d)).Sum().Scale(-0.5), distance{d.Square().Sum()}
}

type planeState = sgmcmc.SGHMCState[graph.Tensor, distance]

// kept is what a run keeps of a state.
type kept struct{ Params, Squared, LogPosterior graph.Tensor }

func keepPlane(s planeState) kept { return kept{s.Params, s.Aux.Squared, s.LogPosterior} }

// planeRun runs chains and reads everything that the run gives.
func planeRun(t *testing.T, dev *gpu.Device, chains int, c posterior.RunConfig, lr posterior.Value, g plane, x graph.Tensor, opts ...graph.JitOption) ([][]float32, error) {
	t.Helper()
	ctx := context.Background()
	transform, key := sgmcmc.SGHMC(logPlane, sgmcmc.SGHMCConfig{LR: lr, Alpha: 1}), random.NewKey(7)
	if chains > 1 {
		transform, key = transform.Chains(), random.Split(key, chains)
	}
	state, err := transform.Init(ctx, dev, x, key)
	require.NoError(t, err)
	run := posterior.NewRunner(transform, func(g plane, _ graph.Tensor) plane { return g }, keepPlane, opts...)
	last, all, err := run.Run(ctx, state, g, c)
	require.NoError(t, graph.Close(state))
	require.NoError(t, graph.Close(key))
	if err != nil {
		return nil, err
	}
	var out [][]float32
	for _, x := range []graph.Tensor{all.Params, all.Squared, all.LogPosterior, last.Params, last.Momenta, last.LogPosterior, last.LR} {
		v, err := x.Floats(ctx)
		require.NoError(t, err)
		out = append(out, v)
	}
	require.NoError(t, graph.Close(last))
	require.NoError(t, graph.Close(all))
	return out, nil
}

// A Runner's loops in lanes, with checks, aux, kept positions and thinning, give what they give in dispatches, to the bit.
func TestRunnerInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		mean, err := graph.FromSlice(dev, []float32{1, -2}, 2)
		require.NoError(t, err)
		precision, err := graph.FromSlice(dev, []float32{1.5, 0.5, 0.5, 1}, 2, 2)
		require.NoError(t, err)
		g := plane{mean, precision}
		for _, chains := range []int{1, 5, 64} {
			shape := []int{chains, 2}
			if chains == 1 {
				shape = shape[1:]
			}
			start := make([]float32, 2*chains)
			for i := range start {
				start[i] = float32(math.Sin(float64(i)))
			}
			x, err := graph.FromSlice(dev, start, shape...)
			require.NoError(t, err)
			for name, c := range map[string]struct {
				run posterior.RunConfig
				lr  posterior.Value
			}{
				"all kept":  {posterior.RunConfig{Steps: 40}, 0.05},
				"thinned":   {posterior.RunConfig{Steps: 40, Thin: 8, Chunk: 2}, 0.05},
				"scheduled": {posterior.RunConfig{Steps: 30, Thin: 3}, schedule.Linear(0.1, 0.01, 30)},
			} {
				t.Run(fmt.Sprint(name, "/", chains), func(t *testing.T) {
					want, err := planeRun(t, dev, chains, c.run, c.lr, g, x, graph.Lanes(graph.LanesNever))
					require.NoError(t, err)
					got, err := planeRun(t, dev, chains, c.run, c.lr, g, x, graph.Lanes(graph.LanesAlways))
					require.NoError(t, err)
					for i := range want {
						for j, w := range want[i] {
							require.Equal(t, math.Float32bits(w), math.Float32bits(got[i][j]), "result %d, element %d: %v and %v", i, j, w, got[i][j])
						}
					}
				})
			}
			require.NoError(t, x.Close())
		}
		require.NoError(t, graph.Close(g))
	})
}

// A check that fails in lanes is the error that it is without.
func TestRunnerChecksInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		nan := float32(math.NaN())
		for name, c := range map[string]struct {
			mean   []float32
			broken int // chain that starts at NaN, -1 for none
			lr     posterior.Value
			want   string
		}{
			"batch":         {[]float32{1, nan}, -1, 0.05, "batch .Mean is not NaN is false for sample [0], element [1]"},
			"log posterior": {[]float32{1, -2}, 3, 0.05, "the log posterior is not NaN is false for sample [3]"},
			"learning rate": {[]float32{1, -2}, -1, schedule.Linear(0.1, -0.1, 20), "learning rate >= 0 is false for sample [0]"},
		} {
			t.Run(name, func(t *testing.T) {
				mean, err := graph.FromSlice(dev, c.mean, 2)
				require.NoError(t, err)
				precision, err := graph.FromSlice(dev, []float32{1.5, 0.5, 0.5, 1}, 2, 2)
				require.NoError(t, err)
				start := make([]float32, 2*6)
				if c.broken >= 0 {
					start[2*c.broken+1] = nan
				}
				x, err := graph.FromSlice(dev, start, 6, 2)
				require.NoError(t, err)
				var texts []string
				for _, mode := range []graph.LaneMode{graph.LanesNever, graph.LanesAlways} {
					_, err := planeRun(t, dev, 6, posterior.RunConfig{Steps: 24}, c.lr, plane{mean, precision}, x, graph.Lanes(mode))
					require.ErrorIs(t, err, graph.ErrCheck)
					texts = append(texts, err.Error())
				}
				assert.Contains(t, texts[0], c.want)
				assert.Equal(t, texts[0], texts[1])
				require.NoError(t, graph.Close([]graph.Tensor{mean, precision, x}))
			})
		}
	})
}
