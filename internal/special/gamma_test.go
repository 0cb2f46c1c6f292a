package special_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/internal/special"
)

func TestPolygamma(t *testing.T) {
	// By mpmath, in 40 digits.
	for _, c := range []struct {
		n       int
		x, want float64
	}{
		{0, 0.001, -1000.57557193181028},
		{0, 0.5, -1.96351002602142348},
		{0, 1.4616321, -4.35146369587697737e-8},
		{0, 2, 0.422784335098467139},
		{0, 7.25, 1.91045352688373603},
		{0, 123.5, 4.81218710943314307},
		{0, -0.5, 0.0364899739785765206},
		{0, -1.5734, 0.000978896661344487524},
		{0, -2.001, 1000.91988932194002},
		{0, -7.3, 4.33730730551005014},
		{1, 0.001, 1000001.64253319583},
		{1, 0.5, 4.93480220054467931},
		{1, 1.4616321, 0.967672285268291878},
		{1, 2, 0.644934066848226436},
		{1, 7.25, 0.14787923315893217},
		{1, 123.5, 0.00813003651985576116},
		{1, -0.5, 8.93480220054467931},
		{1, -1.5734, 9.93997808458083489},
		{1, -2.001, 1000002.89509483543},
		{1, -7.3, 14.9513831814339212},
		{2, 0.001, -2000000002.39763216},
		{2, 0.5, -16.82879664423432},
		{2, 1.4616321, -0.885526407713053529},
		{2, 2, -0.404113806319188571},
		{2, 7.25, -0.0218289522951977392},
		{2, 123.5, -0.0000660971297562037214},
		{2, -0.5, -0.828796644234319996},
		{2, -1.5734, -15.5816128125658687},
		{2, -2.001, 1999999999.83367795},
		{2, -7.3, 68.8211740635903354},
		{5, 0.001, 1.19999999999999985e+20},
		{5, 0.5, 7691.1135486024355},
		{5, 1.4616321, 12.93888842057287},
		{5, 2, 2.08116743813389677},
		{5, 7.25, 0.00166735751922825599},
		{5, 123.5, 8.52412489386720418e-10},
		{5, -0.5, 15371.1135486024355},
		{5, -1.5734, 23308.3913285056915},
		{5, -2.001, 1.20000000000079297e+20},
		{5, -7.3, 165660.173638741795},
		{12, 0.001, -4.7900159999999987e+47},
		{12, 0.5, -3923983571677.60943},
		{12, 1.4616321, -3450984.87791229515},
		{12, 2, -58779.8898314524269},
		{12, 7.25, -0.00389949153534535539},
		{12, 123.5, -3.32742156236243577e-18},
		{12, -0.5, -2464477.60942682855},
		{12, -1.5734, -30246364812540.6618},
		{12, -2.001, 4.79001600000685807e+47},
		{12, -7.3, 3004370635081423.59},
	} {
		// Next to a zero the argument's own rounding, and cancellation, leave an absolute error.
		require.InDelta(t, c.want, special.Polygamma(c.n, c.x), 3e-14*math.Abs(c.want)+1e-14, "polygamma(%d, %v)", c.n, c.x)
	}
}

func TestPolygammaIsTheDerivative(t *testing.T) {
	const h = 1e-5
	for n := range 6 {
		for _, x := range []float64{-3.3, -0.6, 0.4, 1.4616, 3, 20} {
			want := (special.Polygamma(n, x+h) - special.Polygamma(n, x-h)) / (2 * h)
			got := special.Polygamma(n+1, x)
			require.InEpsilon(t, want, got, 1e-6, "order %d at %v", n+1, x)
		}
	}
}

func TestEdges(t *testing.T) {
	inf, nan, negZero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	for _, c := range []struct {
		n       int
		x, want float64
	}{
		{0, 0, -inf}, {0, negZero, inf}, {0, -1, nan}, {0, inf, inf}, {0, -inf, nan}, {0, nan, nan},
		{1, 0, inf}, {1, negZero, inf}, {1, -1, inf}, {1, inf, 0}, {1, -inf, nan}, {1, nan, nan},
		{2, 0, -inf}, {2, negZero, inf}, {2, -1, nan}, {2, inf, negZero}, {2, -inf, nan}, {2, nan, nan},
	} {
		got := special.Polygamma(c.n, c.x)
		if math.IsNaN(c.want) {
			require.True(t, math.IsNaN(got), "polygamma(%d, %v) = %v", c.n, c.x, got)
			continue
		}
		require.Equal(t, math.Float64bits(c.want), math.Float64bits(got), "polygamma(%d, %v) = %v", c.n, c.x, got)
	}
	require.Equal(t, inf, special.Lgamma(-inf))
	require.Equal(t, inf, special.Lgamma(-2))
	require.InDelta(t, 1.2655121234846454, special.Lgamma(-0.5), 1e-15)
}
