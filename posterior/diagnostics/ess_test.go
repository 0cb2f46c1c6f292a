package diagnostics_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
)

// mixing is all that is known of how chains mix.
type mixing[T any] struct{ ESS, Bulk, Error, RHat, RankRHat T }

func mixingOf(x graph.Tensor) mixing[graph.Tensor] {
	return mixing[graph.Tensor]{diagnostics.ESS(x), diagnostics.BulkESS(x), diagnostics.StandardError(x), diagnostics.SplitRHat(x), diagnostics.RankRHat(x)}
}

func measure(t *testing.T, dev *gpu.Device, draws []float32, shape ...int) (out mixing[[]float32]) {
	t.Helper()
	ctx := context.Background()
	x, err := graph.FromSlice(dev, draws, shape...)
	require.NoError(t, err)
	y, err := graph.Jit(dev, mixingOf)(ctx, x)
	require.NoError(t, err)
	for _, p := range []struct {
		to   *[]float32
		from graph.Tensor
	}{{&out.ESS, y.ESS}, {&out.Bulk, y.Bulk}, {&out.Error, y.Error}, {&out.RHat, y.RHat}, {&out.RankRHat, y.RankRHat}} {
		require.Equal(t, shape[2:], []int(p.from.Shape()))
		*p.to, err = p.from.Floats(ctx)
		require.NoError(t, err)
	}
	require.NoError(t, graph.Close(y))
	require.NoError(t, x.Close())
	return out
}

// Against the R package posterior 1.4.0 (Bürkner, Gabry, Kay and Vehtari): three chains of odd length of an autocorrelated, an antithetic (where it
// caps the size), a coarse and drifting, and a heavy-tailed series.
func TestPublishedMixing(t *testing.T) {
	const steps, chains = 101, 3
	draws := make([]float32, steps*chains*4)
	seed := 42.
	for e, phi := range []float64{0.7, -0.4, 0.95, 0.2} {
		for c := range chains {
			v := 0.
			for s := range steps {
				seed = math.Mod(seed*16807, 2147483647) // Park and Miller's generator, exact in float64
				v = float64(phi*v) + (seed/2147483647 - 0.5)
				y, grid := v, 1024.
				switch e {
				case 2:
					y, grid = v+float64(c)*0.5, 4
				case 3:
					y = v / (0.65 - math.Abs(v))
				}
				draws[(s*chains+c)*4+e] = float32(math.Floor(y*grid) / grid)
			}
		}
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		got := measure(t, dev, draws, steps, chains, 4)
		for e, want := range []mixing[float64]{
			{66.64683, 70.23928, 0.04650012, 1.041923, 1.040286},
			{743.1364, 743.1364, 0.01133098, 0.9923482, 1.000383},
			{6.749949, 7.092667, 0.3769406, 1.397151, 1.371283},
			{132.896, 139.5295, 0.1436852, 1.025277, 1.026385},
		} {
			assert.InEpsilon(t, want.ESS, got.ESS[e], 1e-4, "element %d", e)
			assert.InEpsilon(t, want.Bulk, got.Bulk[e], 1e-4, "element %d", e)
			assert.InEpsilon(t, want.RHat, got.RHat[e], 1e-5, "element %d", e)
			assert.InEpsilon(t, want.RankRHat, got.RankRHat[e], 1e-5, "element %d", e)
			assert.InEpsilon(t, want.Error, got.Error[e], 1e-4, "element %d", e)
		}
	})
}

// split gives the halves of chains of element e of draws [steps chains elements].
func split(draws []float32, steps, chains, elements, e int) (halves [][]float64) {
	for c := range chains {
		all := make([]float64, steps)
		for s := range all {
			all[s] = float64(draws[(s*chains+c)*elements+e])
		}
		halves = append(halves, all[:steps/2], all[steps-steps/2:])
	}
	return halves
}

// essInFloat64 follows the definition: all autocorrelations first, then the positive pairs, then the least so far.
func essInFloat64(halves [][]float64) float64 {
	m, n := float64(len(halves)), len(halves[0])
	cov := make([]float64, n)
	var means []float64
	for _, h := range halves {
		mean := stat.Mean(h, nil)
		means = append(means, mean)
		for lag := range n {
			for i := range n - lag {
				cov[lag] += (h[i] - mean) * (h[i+lag] - mean) / float64(n) / m
			}
		}
	}
	within := cov[0] * float64(n) / float64(n-1)
	total := cov[0] + stat.Variance(means, nil)
	var pairs []float64
	tau := -1.
	for k := 0; ; k += 2 {
		rho := func(lag int) float64 {
			if lag == 0 {
				return 1
			}
			return 1 - (within-cov[lag])/total
		}
		even, odd := rho(k), rho(k+1)
		if even+odd <= 0 || k+2 >= n-2 {
			tau += max(even, 0)
			break
		}
		pairs = append(pairs, even+odd)
		tau += 2 * slices.Min(pairs)
	}
	size := m * float64(n)
	return size / max(tau, 1/math.Log10(size))
}

// scoresInFloat64 are normal scores by counting what is smaller and what is equal.
func scoresInFloat64(halves [][]float64) [][]float64 {
	all := slices.Concat(halves...)
	out := make([][]float64, len(halves))
	for i, h := range halves {
		for _, v := range h {
			less, equal := 0., 0.
			for _, w := range all {
				if w < v {
					less++
				} else if w == v {
					equal++
				}
			}
			rank := less + (equal+1)/2
			out[i] = append(out[i], distuv.UnitNormal.Quantile((rank-0.375)/(float64(len(all))+0.25)))
		}
	}
	return out
}

// Against float64, for the shortest chains, one chain, and more chains than draws, with a mean a thousand times the spread.
func TestMixing(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range []struct{ steps, chains, elements int }{{4, 1, 1}, {14, 64, 1}, {150, 4, 3}} {
			r := rand.New(rand.NewPCG(5, uint64(c.steps)))
			draws := make([]float32, c.steps*c.chains*c.elements)
			for chain := range c.chains {
				for e := range c.elements {
					v := r.NormFloat64()
					for s := range c.steps {
						v = 0.5*float64(e)*v + r.NormFloat64()
						draws[(s*c.chains+chain)*c.elements+e] = float32(1000*float64(e) + v)
					}
				}
			}
			got := measure(t, dev, draws, c.steps, c.chains, c.elements)
			for e := range c.elements {
				halves := split(draws, c.steps, c.chains, c.elements, e)
				all := slices.Concat(halves...)
				ess := essInFloat64(halves)
				assert.InEpsilon(t, ess, got.ESS[e], 1e-3, "%v, element %d", c, e)
				assert.InEpsilon(t, essInFloat64(scoresInFloat64(halves)), got.Bulk[e], 1e-3, "%v, element %d", c, e)
				assert.InEpsilon(t, stat.StdDev(all, nil)/math.Sqrt(ess), got.Error[e], 1e-3, "%v, element %d", c, e)
				var within float64
				var means []float64
				for _, h := range halves {
					within += stat.Variance(h, nil) / float64(len(halves))
					means = append(means, stat.Mean(h, nil))
				}
				n := float64(c.steps / 2)
				want := math.Sqrt((n-1)/n + stat.Variance(means, nil)/within)
				assert.InEpsilon(t, want, got.RHat[e], 1e-4, "%v, element %d", c, e)
			}
		}
	})
}

// The sizes of autoregressive series are known: N (1 - phi) / (1 + phi). Chains of other spread are seen by ranks of distances only.
func TestMixingOfKnownSeries(t *testing.T) {
	const steps, chains = 1000, 8
	r := rand.New(rand.NewPCG(1, 2))
	phis := []float64{0, 0.5, 0.9}
	draws := make([]float32, steps*chains*4)
	for c := range chains {
		for e, phi := range phis {
			v := r.NormFloat64() / math.Sqrt(1-phi*phi)
			for s := range steps {
				v = phi*v + r.NormFloat64()
				draws[(s*chains+c)*4+e] = float32(v)
			}
		}
		for s := range steps {
			draws[(s*chains+c)*4+3] = float32(r.NormFloat64() * float64(1+c%2))
		}
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		got := measure(t, dev, draws, steps, chains, 4)
		for e, phi := range phis {
			want := steps * chains * (1 - phi) / (1 + phi)
			assert.InEpsilon(t, want, got.ESS[e], 0.25, "%v", phi)
			assert.InEpsilon(t, want, got.Bulk[e], 0.25, "%v", phi)
			assert.Less(t, got.RankRHat[e], float32(1.02))
		}
		assert.Less(t, got.RHat[3], float32(1.01))
		assert.Greater(t, got.RankRHat[3], float32(1.05))
	})
}

func TestMixingEdges(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		equal := measure(t, dev, []float32{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 4, 2)
		for _, v := range [][]float32{equal.ESS, equal.Bulk, equal.Error, equal.RHat, equal.RankRHat} {
			require.Len(t, v, 1)
			assert.True(t, math.IsNaN(float64(v[0])), "%v", equal)
		}
		assert.Empty(t, measure(t, dev, nil, 4, 2, 0).ESS)
	})
	for _, f := range []func(graph.Tensor) graph.Tensor{diagnostics.ESS, diagnostics.BulkESS, diagnostics.StandardError, diagnostics.SplitRHat, diagnostics.RankRHat} {
		assert.ErrorIs(t, graph.Try(func() { f(graph.Tensor{}) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(graph.Zeros(100)) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(graph.Zeros(3, 4)) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(graph.Zeros(4, 0, 2)) }), graph.ErrShape)
		assert.ErrorIs(t, graph.Try(func() { f(graph.Iota(0, 8, 2)) }), graph.ErrDType)
		err := graph.EvalOn(context.Background(), gputest.Open(t), f(graph.Literal([]float32{1, 2, 3, float32(math.Inf(1))}, 4, 1)))
		require.ErrorIs(t, err, graph.ErrCheck)
		assert.ErrorContains(t, err, "draws is finite is false for element [3 0]")
	}
}

func ExampleBulkESS() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	// Two chains of 500 draws that remember nothing, and that of a clock.
	draws := make([]float32, 500*2*2)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range draws {
		if draws[i] = float32(r.NormFloat64()); i%2 == 1 {
			draws[i] = float32(i / 4)
		}
	}
	x, err := graph.FromSlice(dev, draws, 500, 2, 2)
	if err != nil {
		log.Fatal(err)
	}
	y, err := graph.Jit(dev, diagnostics.BulkESS)(ctx, x)
	if err != nil {
		log.Fatal(err)
	}
	v, err := y.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v[0] > 900, v[1] < 10)
	// Output: true true
}
