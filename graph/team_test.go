package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// shuffles reports a kernel whose subgroups shuffle: it declares the capability GroupNonUniformShuffle.
func shuffles(code []uint32) bool {
	for at := 5; at < len(code) && code[at]&0xffff == 17; at += int(code[at] >> 16) {
		if code[at+1] == 65 {
			return true
		}
	}
	return false
}

// withTeams counts the kernels that f compiles in which a workgroup folds together.
func withTeams(f func()) (count int) {
	old := inspectKernel
	inspectKernel = func(name string, code []uint32) {
		if shuffles(code) {
			count++
		}
		if old != nil {
			old(name, code)
		}
	}
	defer func() { inspectKernel = old }()
	f()
	return count
}

// The GPU's form of reductions on the CPU drivers, whose subgroups have 4 and 8 invocations, by workgroups of several and of a single subgroup.
func TestReductionsByWorkgroups(t *testing.T) {
	for _, size := range []int{8, 64} {
		gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
			require.True(t, dev.Profile().SubgroupOps)
			rng := rand.New(rand.NewPCG(7, uint64(size)))
			in := func(lo, hi float64, shape ...int) Tensor {
				s := Spec{Float32, Shape(shape)}
				return upload(t, dev, s, draw(rng, Sample{Spec: s, Lo: lo, Hi: hi}))
			}
			long, odd, rows, ragged, deep := in(0, 1, 1<<18), in(0, 1, 100_003), in(-1, 1, 3, 5000), in(-1, 1, 5, 1037), in(-1, 1, 2, 3, 1030, 2)
			whole := in(-1, 1, 4, 3000)
			count := whole.Scale(1000).Convert(Int32)
			for _, c := range []struct {
				name  string
				y     Tensor
				teams int
			}{
				{"all", long.Sum(), 1},
				{"all, odd", odd.Sum(), 1},
				{"mean of squares", odd.Square().Mean(), 1},
				{"rows", rows.Sum(1), 1},
				{"rows in no whole vectors", ragged.Sum(1), 1},
				{"largest", ragged.ReduceMax(1), 1},
				{"least", rows.Exp().ReduceMin(1), 1},
				{"product", ragged.Scale(0.01).AddScalar(1).Prod(1), 1},
				{"two axes", deep.Sum(2, 3), 1},
				{"inner product", rows.Mul(rows.Exp()).Sum(1).Sqrt(), 1},
				{"integers", count.Sum(1), 1},
				{"the least integer", count.ReduceMin(), 1},
				{"epilogue", rows.Sub(rows.Mean(1).ExpandDims(1)).Square().Sum(1), 1},
				{"columns", rows.Sum(0), 0},
				{"short", ragged.Slice(1, 0, 3).Sum(1), 0},
			} {
				var got []float64
				teams := withTeams(func() { got = readAny(t, dev, c.y) })
				assert.GreaterOrEqual(t, teams, c.teams, c.name)
				if c.teams == 0 {
					assert.Zero(t, teams, c.name)
				}
				want, err := Reference(t.Context(), c.y)
				require.NoError(t, err)
				requireClose(t, want, got, 2e-6, c.name)
				c.y.Close()
			}
			closeAll([]Tensor{long, odd, rows, ragged, deep, whole, count})
		}, gpu.WithProfile(func(p *gpu.Profile) { p.WorkgroupFolds, p.LocalSize = true, size }))
	}
}

// Wherever in a row NaN, infinities or the extremes lie, minimum, maximum and sum of it are what the evaluator says.
func TestWorkgroupsKeepNaN(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 1500
		var values []float32
		marks := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 7, -7}
		places := []int{0, 1, 5, 31, 32, 255, 256, 700, 1279, n - 1}
		for _, mark := range marks {
			for _, at := range places {
				row := make([]float32, n)
				for i := range row {
					row[i] = float32(i%11)/11 - 0.5
				}
				row[at] = mark
				values = append(values, row...)
			}
		}
		// A few rows at a time: many are computed by an invocation each.
		per, teams := len(places)*n, 0
		for m := range marks {
			x := uploadFloats(t, dev, values[m*per:(m+1)*per], len(places), n)
			for _, f := range []func(Tensor) Tensor{
				func(x Tensor) Tensor { return x.ReduceMax(1) }, func(x Tensor) Tensor { return x.ReduceMin(1) }, func(x Tensor) Tensor { return x.Sum(1) },
			} {
				y := f(x)
				var got []float64
				teams += withTeams(func() { got = readAny(t, dev, y) })
				want, err := Reference(t.Context(), y)
				require.NoError(t, err)
				requireClose(t, want, got, 2e-6, fmt.Sprint("row of ", marks[m]))
				y.Close()
			}
			x.Close()
		}
		assert.Equal(t, 3, teams, "a program of one form is compiled once")
	}, gpu.WithProfile(func(p *gpu.Profile) { p.WorkgroupFolds = true }))
}

// A sum of a million terms keeps the error of blocks, and equal runs give equal bits.
func TestWorkgroupSumsAreAccurateAndRepeat(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const n = 1 << 20
		rng := rand.New(rand.NewPCG(1, 2))
		values, sum := make([]float32, n), 0.0
		for i := range values {
			values[i] = rng.Float32()
			sum += float64(values[i])
		}
		x := uploadFloats(t, dev, values, n)
		var results []float64
		for range 3 {
			y := x.Sum()
			results = append(results, readAny(t, dev, y)...)
			y.Close()
		}
		assert.InEpsilon(t, sum, results[0], 3e-7)
		assert.Len(t, slices.Compact(results), 1)
		x.Close()
	}, gpu.WithProfile(func(p *gpu.Profile) { p.WorkgroupFolds = true }))
}

func uploadFloats(t *testing.T, dev *gpu.Device, values []float32, shape ...int) Tensor {
	x, err := FromSlice(dev, values, shape...)
	require.NoError(t, err)
	return x
}
