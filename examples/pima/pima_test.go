package main

import (
	"context"
	"flag"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var long = flag.Bool("long", false, "run the whole example, with 1,024 chains")

// The table is the one whose moments are known: 268 of 768 with diabetes, a mean glucose of 120.8945 with standard deviation 31.9726.
func TestData(t *testing.T) {
	d, err := load()
	require.NoError(t, err)
	assert.Equal(t, []string{"pregnant", "glucose", "pressure", "triceps", "insulin", "mass", "pedigree", "age", "intercept"}, d.names)
	require.Len(t, d.x, 768)
	sum := 0.
	for i, y := range d.y {
		sum += y
		assert.Len(t, d.x[i], 9)
		assert.EqualValues(t, 1, d.x[i][8])
	}
	assert.EqualValues(t, 268, sum)
	for j, want := range []float64{(6 - 3.8450521) / 3.3695781, (148 - 120.8945312) / 31.9726182, (72 - 69.1054688) / 19.3558072} {
		assert.InDelta(t, want, d.x[0][j], 1e-6)
	}
}

// The means of SGHMC are within three standard errors of HMC's, and a twentieth of a standard deviation that its step length may shift them by; all three methods say nearly the same, as maximum likelihood does (R's glm).
func TestPosterior(t *testing.T) {
	c := defaults()
	if !*long {
		// Fewer chains, but not shorter ones: effective sizes cannot be told from a few draws of each.
		c.sghmc = plan{chains: 128, warmup: 240, draws: 20, thin: 20}
		c.hmc = plan{chains: 32, warmup: 150, draws: 50, thin: 1}
		c.mapSteps = 200
	}
	c.out = filepath.Join(t.TempDir(), "pima.png")
	r, err := run(context.Background(), c, t.Output())
	require.NoError(t, err)
	assert.FileExists(t, c.out)
	likeliest := []float64{0.41507, 1.12428, -0.25735, 0.00987, -0.13734, 0.70722, 0.31317, 0.17486, -0.87110}
	for i, name := range r.names {
		difference := r.SGHMC.Mean[i] - r.HMC.Mean[i]
		assert.Less(t, math.Abs(difference), 3*difference/r.apart(i)+r.HMC.SD[i]/20, name)
		assert.InEpsilon(t, r.HMC.SD[i], r.SGHMC.SD[i], 0.2, name)
		assert.InEpsilon(t, r.HMC.SD[i], r.Laplace.SD[i], 0.15, name)
		assert.InDelta(t, likeliest[i], r.Laplace.Mean[i], 0.01, name)
		assert.InDelta(t, r.HMC.Mean[i], r.Laplace.Mean[i], 0.4*r.HMC.SD[i], name)
		assert.Greater(t, r.SGHMC.ESS[i], 200., name)
		assert.Greater(t, r.HMC.ESS[i], 200., name)
		assert.Less(t, r.HMC.RHat[i], 1.2, name)
	}
}
