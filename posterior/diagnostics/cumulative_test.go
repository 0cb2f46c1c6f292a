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
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
)

// Against gonum, for every prefix, with a mean a thousand times the spread, and for short sequences.
func TestCumulative(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		for _, n := range []int{0, 1, 2, 40} {
			r := rand.New(rand.NewPCG(1, uint64(n)))
			data, x := make([]float64, 3*n), make([]float32, 3*n)
			for i := range x {
				x[i] = float32(1000*float64(i%3) + r.NormFloat64())
				data[i] = float64(x[i])
			}
			in, err := graph.FromSlice(dev, x, n, 3)
			require.NoError(t, err)
			type result struct{ Mean, Cov, Population graph.Tensor }
			y, err := graph.Jit(dev, func(x graph.Tensor) result {
				return result{diagnostics.CumulativeMean(x), diagnostics.CumulativeCov(x, 1), diagnostics.CumulativeCov(x, 0)}
			})(ctx, in)
			require.NoError(t, err)
			read := func(x graph.Tensor) []float32 {
				v, err := x.Floats(ctx)
				require.NoError(t, err)
				return v
			}
			mean, cov, population := read(y.Mean), read(y.Cov), read(y.Population)
			require.Len(t, cov, 9*n)
			for k := range n {
				prefix := mat.NewDense(k+1, 3, data[:3*(k+1)])
				for i := range 3 {
					column := mat.Col(nil, i, prefix)
					assert.InDelta(t, stat.Mean(column, nil), mean[3*k+i], 1e-4*float64(i)+1e-6)
					for j := range 3 {
						want, at := stat.Covariance(column, mat.Col(nil, j, prefix), nil), 9*k+3*i+j
						if k == 0 {
							assert.True(t, math.IsNaN(float64(cov[at])), "n %d, element %d: %v, %v", n, at, cov[at], population[at])
							assert.Zero(t, population[at])
							continue
						}
						assert.InDelta(t, want, cov[at], 2e-3)
						assert.InDelta(t, want*float64(k)/float64(k+1), population[at], 2e-3)
					}
				}
			}
			require.NoError(t, graph.Close(y))
			require.NoError(t, in.Close())
		}
	})
}

func TestCumulativeErrors(t *testing.T) {
	assert.ErrorIs(t, graph.Try(func() { diagnostics.CumulativeMean(graph.Scalar(1)) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.CumulativeMean(graph.Iota(0, 3)) }), graph.ErrDType)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.CumulativeCov(graph.Zeros(3), 1) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.CumulativeCov(graph.Zeros(3, 2, 2), 1) }), graph.ErrShape)
	assert.ErrorIs(t, graph.Try(func() { diagnostics.CumulativeCov(graph.Zeros(3, 2), 2) }), graph.ErrArgument)
}

func ExampleCumulativeMean() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	y, err := graph.Jit(dev, diagnostics.CumulativeMean)(ctx, graph.Literal([]float32{1, 3, 5}))
	if err != nil {
		log.Fatal(err)
	}
	v, err := y.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: [1 2 3]
}
