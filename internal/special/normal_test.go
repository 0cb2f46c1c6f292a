package special_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/internal/special"
)

// Values of mpmath with 40 digits.
func TestNormalQuantile(t *testing.T) {
	for _, c := range []struct{ p, want float64 }{
		{5e-324, -38.46740561714434625},
		{1e-310, -37.66306033194952373},
		{2.3e-308, -37.51849724501229673},
		{1e-100, -21.27345356096532429},
		{1e-09, -5.997807015007686861},
		{0.01, -2.326347874040841093},
		{0.075, -1.439531470938455935},
		{0.2, -0.8416212335729141655},
		{0.499, -0.002506630899571766232},
		{0.6, 0.2533471031357997413},
		{0.925, 1.439531470938456229},
		{0.999999, 4.753424308817087766},
	} {
		require.InEpsilon(t, c.want, special.NormalQuantile(c.p-0.5, min(c.p, 1-c.p)), 2e-15, "quantile of %v", c.p)
	}
	require.Equal(t, 0.0, special.NormalQuantile(0, 0.5))
	require.Equal(t, math.Inf(-1), special.NormalQuantile(-0.5, 0))
	require.Equal(t, math.Inf(1), special.NormalQuantile(0.5, 0))
	require.True(t, math.IsNaN(special.NormalQuantile(-0.6, -0.1)))
	require.True(t, math.IsNaN(special.NormalQuantile(math.NaN(), math.NaN())))
}
