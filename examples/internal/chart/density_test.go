package chart

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDensity(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	draws := make([]float64, 20000)
	for i := range draws {
		draws[i] = 3 + 2*r.NormFloat64()
	}
	x := Linspace(-7, 13, 101)
	assert.Equal(t, []float64{-7, 13}, []float64{x[0], x[100]})
	sum := 0.
	for i, y := range Density(draws, x) {
		z := (x[i] - 3) / 2
		assert.InDelta(t, math.Exp(-z*z/2)/(2*math.Sqrt(2*math.Pi)), y, 0.01)
		sum += 0.2 * y
	}
	assert.InDelta(t, 1, sum, 1e-3)
	// Two draws far apart are two humps.
	assert.InDeltaSlice(t, []float64{0.199471, 0, 0.199471}, KernelDensity([]float64{-9, 9}, []float64{-9, 0, 9}, 1), 1e-6)
	assert.Equal(t, []float64{0, 0}, Density(nil, []float64{1, 2}))
}
