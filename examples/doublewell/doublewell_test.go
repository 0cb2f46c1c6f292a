package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The exact moments are those known by quadrature; SGHMC has them within its error, VI sees one well and the moments of that.
func TestDoubleWell(t *testing.T) {
	c := defaults()
	c.chains, c.draws, c.viSteps = 2048, 4, 300
	c.out = filepath.Join(t.TempDir(), "doublewell.png")
	r, err := run(context.Background(), c, t.Output())
	require.NoError(t, err)
	assert.FileExists(t, c.out)
	for i, want := range []float64{0, 1.98745, 4.35681, 24.28407} {
		assert.InDelta(t, want, r.Exact[i], 1e-5)
		// 4.5 standard errors of 2,048 independent draws or more, and what steps of this size give.
		sd := []float64{2.1, 0.64, 2.3, 25}[i]
		assert.InDelta(t, want, r.SGHMC[i], 4.5*sd/45+0.02*want)
	}
	// The normal distribution nearest to one well alone.
	assert.InDelta(t, 2.1, abs(r.mean), 0.15)
	assert.InDelta(t, 0.55, r.sd, 0.1)
}

func abs(x float64) float64 { return max(x, -x) }
