package distribution_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
)

// inFloat64 are one family for each kind of formula and draw: CPU drivers take seconds to compile all of them in float64.
var inFloat64 = []string{"normal", "gamma", "laplace", "poisson, large"}

// TestFloat64: with parameters of float64, log densities are computed and draws made in it.
func TestFloat64(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !dev.Info().Features.Float64 {
			_, err := graph.FromSlice(dev, []float64{1.25})
			require.ErrorIs(t, err, graph.ErrDType)
			return
		}
		type point struct{ P, X graph.Tensor }
		type result struct{ Log, Draws graph.Tensor }
		double := func(v []float64) graph.Tensor {
			x, err := graph.FromSlice(dev, v)
			require.NoError(t, err)
			t.Cleanup(func() { x.Close() })
			return x
		}
		in := map[string]point{}
		for _, name := range inFloat64 {
			in[name] = point{double(families[name].p), double(families[name].x)}
		}
		of := func(in map[string]point, key random.Key) map[string]result {
			out := map[string]result{}
			for i, name := range names(in) {
				d := families[name].build(scalars(in[name].P))
				out[name] = result{d.LogProb(in[name].X), d.Sample(random.FoldIn(key, i), 40)}
			}
			return out
		}
		key := keyOn(t, dev, 11)
		got, err := graph.Jit2(dev, of)(ctx, in, key)
		require.NoError(t, err)
		defer func() {
			for _, r := range got {
				assert.NoError(t, graph.Close(r))
			}
		}()
		exact := of(in, key)
		for _, name := range inFloat64 {
			f := families[name]
			logs, err := graph.Read[float64](ctx, got[name].Log)
			require.NoError(t, err)
			tolerance := 1e-13
			if strings.Contains(name, ",") {
				tolerance = 1e-8 // what gonum's formulas leave
			}
			for i, x := range f.x {
				want := f.log(f.p, x)
				assert.InDelta(t, want, logs[i], tolerance*max(1, math.Abs(want)), "%s: log prob at %v", name, x)
			}
			draws, err := graph.Reference(ctx, exact[name].Draws)
			require.NoError(t, err)
			if f.discrete {
				assert.Equal(t, draws, read(t, got[name].Draws.AsFloat()), name)
				continue
			}
			on, err := graph.Read[float64](ctx, got[name].Draws)
			require.NoError(t, err)
			short := 0
			for i, x := range on {
				assert.InDelta(t, draws[i], x, 1e-12*max(1, math.Abs(x)), "%s: draw %d", name, i)
				if float64(float32(x)) == x {
					short++
				}
			}
			assert.Less(t, short, 3, "%s: draws that are float32", name)
		}
	})
}
