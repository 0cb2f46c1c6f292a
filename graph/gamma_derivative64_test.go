package graph

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// quantileDerivatives are d log x / d a of gamma variates at a fixed probability: concentration, draw, derivative, by differences of
// mpmath's incomplete gamma function with 60 digits.
var quantileDerivatives = [][3]float64{
	{0.001, 1e-12, 27055.4491841462736},
	{0.001, 0.01, 4080.11099196501435},
	{0.001, 0.3, 1223.73841626015542},
	{0.001, 1.5, 449.01114616097883},
	{0.001, 8.0, 112.600819043135123},
	{0.05, 1e-12, 542.66352249310849},
	{0.05, 0.01, 83.1154298722820136},
	{0.05, 0.3, 25.6157780043127513},
	{0.05, 1.5, 9.69871865639365078},
	{0.05, 8.0, 2.55966829669352415},
	{0.3, 1e-12, 91.5394340902782193},
	{0.3, 0.01, 14.9206953561458868},
	{0.3, 0.3, 5.08666605739923589},
	{0.3, 1.5, 2.14201518712688171},
	{0.3, 8.0, 0.658802698703941782},
	{1.0, 1e-12, 28.0538054510412923},
	{1.0, 0.01, 5.0556922369867339},
	{1.0, 0.3, 1.98592821885394144},
	{1.0, 1.5, 0.953958294867520131},
	{1.0, 8.0, 0.346117105729358513},
	{2.5, 0.05, 1.66490572406365235},
	{2.5, 0.36546257938634397, 0.953500645767272273},
	{2.5, 2.5, 0.427469207995052257},
	{2.5, 3.9230249470757705, 0.338427859686845206},
	{2.5, 7.480587314765198, 0.234881847726067686},
	{30.0, 10.28198792981402, 0.0545968421730560366},
	{30.0, 22.60574547368026, 0.0384846943534686926},
	{30.0, 30.0, 0.0335191239027570103},
	{30.0, 34.929503017546494, 0.0310339522620027909},
	{30.0, 47.25326056141273, 0.0264785327919917358},
	{1000.0, 886.1580042339383, 0.00106182384219219314},
	{1000.0, 957.3092515877269, 0.0010221433486877292},
	{1000.0, 1000.0, 0.00100016668332380596},
	{1000.0, 1028.4604989415154, 0.000986198466819058488},
	{1000.0, 1099.6117462953039, 0.000953431560152551803},
	{10000.0, 9640.0, 0.000101846098379487346},
	{10000.0, 9865.0, 0.000100682815206521752},
	{10000.0, 10000.0, 0.000100001666683332381},
	{10000.0, 10090.0, 0.0000995543411288339413},
	{10000.0, 10315.0, 0.000098458953710277414},
}

// TestGammaDerivative64: the derivative of draws in float64.
func TestGammaDerivative64(t *testing.T) {
	n := len(quantileDerivatives)
	as, xs, logs := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, q := range quantileDerivatives {
		as[i], xs[i], logs[i] = q[0], q[1], math.Log(q[1])
	}
	require64 := func(t *testing.T, got []float64) {
		t.Helper()
		worst := 0.0
		for i, q := range quantileDerivatives {
			require.InEpsilon(t, q[2], got[i], 1e-12, "concentration %v, draw %v", q[0], q[1])
			worst = max(worst, math.Abs(got[i]/q[2]-1))
		}
		t.Logf("largest relative error %.2g", worst)
	}
	s := Spec{Float64, Shape{n}}
	got, err := Reference(context.Background(), logGammaDerivative(constant(s, as...), constant(s, xs...), constant(s, logs...)))
	require.NoError(t, err)
	require64(t, got)
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !hasFloat64(dev) {
			requireFloat64Missing(t, dev)
			return
		}
		a, x, log := upload(t, dev, s, as), upload(t, dev, s, xs), upload(t, dev, s, logs)
		y := logGammaDerivative(a, x, log)
		require64(t, readAny(t, dev, y))
		closeAll([]Tensor{a, x, log}, y)
	})
}
