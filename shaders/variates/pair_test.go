package variates_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/variates"
)

// TestNormalPairOnDevices compares pairs with the definition.
func TestNormalPairOnDevices(t *testing.T) {
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		const n = 1 << 18
		w0, w1 := words(n, 11), words(n, 12)
		for i := range n { // the hard words of one do not always meet those of the other
			w1[i] ^= w0[(i*7)%n]
		}
		for which := range 2 {
			got := apply(t, d, func(b *spirv.Builder, x []spirv.Value) spirv.Value {
				z0, z1 := variates.EmitNormalPair(b, x[0], x[1])
				return [2]spirv.Value{z0, z1}[which]
			}, w0, w1)
			worst := 0.0
			for i := range n {
				z0, z1 := variates.NormalPair(w0[i], w1[i])
				want, y := [2]float64{z0, z1}[which], float64(math.Float32frombits(got[i]))
				e := math.Abs(y-want) / math.Abs(want)
				require.LessOrEqual(t, e, 8e-7, "%#x, %#x give %v, want %v", w0[i], w1[i], y, want)
				worst = max(worst, e)
			}
			t.Logf("number %d: largest relative error %.2g", which, worst)
		}
	})
}

// TestNormalPairTurnsRound: the upper bits of the second word turn a point by right angles and over, and lose no place of the circle.
func TestNormalPairTurnsRound(t *testing.T) {
	var angles []float64
	const n = 1 << 12
	for i := range uint32(n) {
		x, y := variates.NormalPair(0x1234567, i<<20|0x80000)
		angles = append(angles, math.Mod(math.Atan2(y, x)+2*math.Pi, 2*math.Pi))
		assert.InDelta(t, math.Sqrt(2*variates.Exponential(0x1234567)), math.Hypot(x, y), 1e-12)
	}
	slices.Sort(angles)
	for i, a := range angles {
		require.InDelta(t, (float64(i)+0.5)*2*math.Pi/n, a, 1e-3)
	}
}

// TestNormalPairMoments: each number is standard normal, by its moments up to the sixth, and the two are independent, by mixed ones.
func TestNormalPairMoments(t *testing.T) {
	const n = 1 << 21
	rng := rand.New(rand.NewPCG(3, 5))
	normal := [7]float64{1, 0, 1, 0, 3, 0, 15}
	var sums, squares [7][7]float64
	for range n {
		w := rng.Uint64()
		x, y := variates.NormalPair(uint32(w), uint32(w>>32))
		px := 1.0
		for i := range 7 {
			py := 1.0
			for j := range 7 - i {
				m := px * py
				sums[i][j] += m
				squares[i][j] += m * m
				py *= y
			}
			px *= x
		}
	}
	for i := range 7 {
		for j := range 7 - i {
			mean := sums[i][j] / n
			sd := math.Sqrt((squares[i][j]/n - mean*mean) / n)
			assert.InDelta(t, normal[i]*normal[j], mean, 4*sd+1e-12, "x^%d y^%d", i, j)
		}
	}
	farthest, _ := variates.NormalPair(0, 1<<31)
	assert.Less(t, math.Abs(farthest), 6.77)
	_, least := variates.NormalPair(math.MaxUint32, 0)
	assert.NotZero(t, least)
}
