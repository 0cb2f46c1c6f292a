package privacy_test

import (
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/integrate/quad"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/posterior/privacy"
)

func between(lo, hi int) (orders []float64) {
	for i := lo; i <= hi; i++ {
		orders = append(orders, float64(i))
	}
	return orders
}

// Values of TensorFlow Privacy's rdp_accountant_test.py (test_compute_rdp_*).
func TestRDPPublished(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		noise, rate float64
		steps       int
		orders      []float64
		want        []float64
		tolerance   float64
	}{
		{10, 0, 1, []float64{20}, []float64{0}, 0},
		{10, 1, 1, []float64{20}, []float64{0.1}, 1e-12},
		{2, 0.1, 10, []float64{5}, []float64{0.07737}, 1e-4},
		{2.5, 0.01, 50, []float64{1.5, 2.5, 5, 50, 100, inf}, []float64{6.5007e-04, 1.0854e-03, 2.1808e-03, 2.3846e-02, 1.6742e+02, inf}, 1e-4},
	} {
		a := privacy.Accountant{Orders: c.orders}
		require.NoError(t, a.Steps(privacy.SampledGaussian{Noise: c.noise, Rate: c.rate}, c.steps))
		got, err := a.RDP()
		require.NoError(t, err)
		for i, w := range c.want {
			if w == 0 || math.IsInf(w, 1) {
				assert.Equal(t, w, got[i])
				continue
			}
			assert.InEpsilon(t, w, got[i], c.tolerance, "order %v", c.orders[i])
		}
	}
}

// The moment is an integral over a normal density: the series against quadrature, at orders of both kinds.
func TestRDPAgainstQuadrature(t *testing.T) {
	for _, c := range []struct{ rate, noise, order float64 }{
		{1e-4, 1, 1.5}, {1e-3, 1, 2}, {0.01, 10, 20}, {0.1, 100, 20.5}, {0.3, 1, 3.7}, {0.5, 0.8, 4}, {0.9, 2, 1.1}, {0.05, 0.7, 8.25}, {0.05, 0.7, 8},
	} {
		got, err := privacy.SampledGaussian{Noise: c.noise, Rate: c.rate}.RDP(c.order)
		require.NoError(t, err)
		s2 := c.noise * c.noise
		// Less 1 inside, with its mean taken off: E[r^alpha] - 1 where r is the ratio, E[r] = 1.
		f := func(z float64) float64 {
			x := c.rate * math.Expm1((2*z-1)/(2*s2)) // r - 1
			return (math.Expm1(c.order*math.Log1p(x)) - c.order*x) * math.Exp(-z*z/(2*s2)) / math.Sqrt(2*math.Pi*s2)
		}
		lo, hi := -12*c.noise, c.order+12*c.noise
		moment := 0.0
		const parts = 200
		for i := range parts {
			w := (hi - lo) / parts
			moment += quad.Fixed(f, lo+float64(i)*w, lo+float64(i+1)*w, 20, quad.Legendre{}, 0)
		}
		want := math.Log1p(moment) / (c.order - 1)
		assert.InDelta(t, want, got, 1e-7*want+1e-12, "%+v", c)
	}
}

// Neighbouring integer and fractional orders use different series; RDP is continuous and grows with the order.
func TestRDPIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := privacy.SampledGaussian{
			Noise: rapid.Float64Range(0.4, 20).Draw(t, "noise"),
			Rate:  math.Exp(rapid.Float64Range(math.Log(1e-4), 0).Draw(t, "log rate")),
		}
		n := float64(rapid.IntRange(2, 40).Draw(t, "order"))
		below, err := m.RDP(n - 1e-6)
		require.NoError(t, err)
		at, err := m.RDP(n)
		require.NoError(t, err)
		above, err := m.RDP(n + 1e-6)
		require.NoError(t, err)
		slack := 1e-11 + 1e-9*at
		assert.GreaterOrEqual(t, at, below-slack)
		assert.GreaterOrEqual(t, above, at-slack)
		assert.InDelta(t, below, above, 1e-3*at+1e-9)
	})
}

// TensorFlow Privacy's rdp_accountant_test.py: test_get_privacy_spent_check_target_delta and test_check_composition.
func TestEpsilonClassicPublished(t *testing.T) {
	a := privacy.Accountant{Orders: between(2, 32)}
	require.NoError(t, a.Steps(privacy.SampledGaussian{Noise: 4, Rate: 0.01}, 10000))
	rdp, err := a.RDP()
	require.NoError(t, err)
	s, err := privacy.EpsilonClassic(a.Orders, rdp, 1e-5)
	require.NoError(t, err)
	assert.InDelta(t, 1.258575, s.Epsilon, 1e-6)
	assert.Equal(t, 20.0, s.Order)

	a = privacy.Accountant{Orders: []float64{1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 64, 256}}
	require.NoError(t, a.Steps(privacy.SampledGaussian{Noise: 0.4, Rate: 1e-4}, 40000))
	require.NoError(t, a.Steps(privacy.SampledGaussian{Noise: 2, Rate: 0.1}, 100))
	rdp, err = a.RDP()
	require.NoError(t, err)
	s, err = privacy.EpsilonClassic(a.Orders, rdp, 1e-5)
	require.NoError(t, err)
	assert.InDelta(t, 8.509656, s.Epsilon, 1e-6)
	assert.Equal(t, 2.5, s.Order)
}

// The table of TensorFlow Privacy's MNIST tutorial (tutorials/README.md): 60,000 records in batches of 256, delta 1e-5, and
// that tutorial's orders.
func TestMNISTTutorialPublished(t *testing.T) {
	var orders []float64
	for i := 1; i < 100; i++ {
		orders = append(orders, 1+float64(i)/10)
	}
	orders = append(orders, between(12, 63)...)
	for _, c := range []struct {
		noise, epochs, epsilon float64
	}{{1.3, 15, 1.19}, {1.1, 60, 3.01}, {0.7, 45, 7.10}} {
		const rate = 256. / 60000
		m, steps := privacy.SampledGaussian{Noise: c.noise, Rate: rate}, int(math.Ceil(c.epochs/rate))
		a := privacy.Accountant{Orders: orders}
		require.NoError(t, a.Steps(m, steps))
		rdp, err := a.RDP()
		require.NoError(t, err)
		s, err := privacy.EpsilonClassic(orders, rdp, 1e-5)
		require.NoError(t, err)
		assert.InDelta(t, c.epsilon, s.Epsilon, 0.006)
		improved, err := a.Epsilon(1e-5)
		require.NoError(t, err)
		assert.Less(t, improved.Epsilon, s.Epsilon)
		back, err := a.Delta(improved.Epsilon)
		require.NoError(t, err)
		assert.InEpsilon(t, 1e-5, back.Delta, 1e-6)
	}
}

// Google's dp_accounting, rdp_privacy_accountant_test.py: test_compute_epsilon_delta_pure_dp and _gaussian.
func TestEpsilonImprovedPublished(t *testing.T) {
	orders := between(2, 32)
	rdp := make([]float64, len(orders))
	for i := range rdp {
		rdp[i] = 1.1
	}
	s, err := privacy.Epsilon(orders, rdp, 1e-5)
	require.NoError(t, err)
	assert.InDelta(t, 1.32783806176, s.Epsilon, 1e-9)
	assert.Equal(t, 32.0, s.Order)
	s, err = privacy.Delta(orders, rdp, 1.32783806176)
	require.NoError(t, err)
	assert.InEpsilon(t, 1e-5, s.Delta, 1e-7)

	var a privacy.Accountant
	for i := 1001; i < 100000; i++ {
		a.Orders = append(a.Orders, 0.001*float64(i))
	}
	require.NoError(t, a.Steps(privacy.SampledGaussian{Noise: 4.530877117, Rate: 1}, 1))
	s, err = a.Epsilon(1e-6)
	require.NoError(t, err)
	assert.InDelta(t, 1, s.Epsilon, 1e-6)
	s, err = a.Delta(1)
	require.NoError(t, err)
	assert.InDelta(t, 1e-6, s.Delta, 1e-9)
}

func TestNoiseFor(t *testing.T) {
	const rate, delta, steps = 256. / 60000, 1e-5, 2000
	for _, epsilon := range []float64{0.5, 3} {
		noise, err := privacy.NoiseFor(epsilon, delta, rate, steps)
		require.NoError(t, err)
		e, err := privacy.EpsilonOf(privacy.SampledGaussian{Noise: noise, Rate: rate}, steps, delta)
		require.NoError(t, err)
		assert.LessOrEqual(t, e, epsilon)
		e, err = privacy.EpsilonOf(privacy.SampledGaussian{Noise: noise * (1 - 2e-4), Rate: rate}, steps, delta)
		require.NoError(t, err)
		assert.Greater(t, e, epsilon)
	}
	noise, err := privacy.NoiseFor(1, delta, rate, 0)
	require.NoError(t, err)
	assert.Zero(t, noise)
}

func TestCornersOfTheAccountant(t *testing.T) {
	e, err := privacy.EpsilonOf(privacy.SampledGaussian{Rate: 0.1}, 1, 1e-5)
	require.NoError(t, err)
	assert.Equal(t, math.Inf(1), e, "no noise")
	e, err = privacy.EpsilonOf(privacy.SampledGaussian{Rate: 0.1}, 0, 1e-5)
	require.NoError(t, err)
	assert.Zero(t, e, "no steps")
	e, err = privacy.EpsilonOf(privacy.SampledGaussian{Rate: 0, Noise: 1}, 10, 1e-5)
	require.NoError(t, err)
	assert.Zero(t, e, "nobody drawn")
	// Pure differential privacy: an infinite order.
	s, err := privacy.Epsilon([]float64{math.Inf(1)}, []float64{0.7}, 1e-5)
	require.NoError(t, err)
	assert.Equal(t, 0.7, s.Epsilon)
}

func TestErrors(t *testing.T) {
	var a privacy.Accountant
	ok := privacy.SampledGaussian{Noise: 1, Rate: 0.1}
	_, order := ok.RDP(1)
	_, delta := a.Epsilon(0)
	_, delta1 := a.Epsilon(1)
	_, epsilon := a.Delta(-1)
	_, lengths := privacy.Epsilon([]float64{2}, nil, 1e-5)
	_, negative := privacy.EpsilonClassic([]float64{2}, []float64{-1}, 1e-5)
	_, target := privacy.NoiseFor(0, 1e-5, 0.1, 1)
	_, reach := privacy.NoiseFor(1e-9, 1e-30, 1, 1000000)
	for what, err := range map[string]error{
		"noise":     a.Steps(privacy.SampledGaussian{Noise: -1, Rate: 0.1}, 1),
		"noise nan": a.Steps(privacy.SampledGaussian{Noise: math.NaN(), Rate: 0.1}, 1),
		"rate":      a.Steps(privacy.SampledGaussian{Noise: 1, Rate: 1.1}, 1),
		"steps":     a.Steps(ok, -1),
		"orders":    (&privacy.Accountant{Orders: []float64{0.5}}).Steps(ok, 1),
		"order":     order, "delta 0": delta, "delta 1": delta1, "epsilon": epsilon, "lengths": lengths, "negative": negative, "target": target, "reach": reach,
	} {
		assert.ErrorIs(t, err, privacy.ErrArgument, what)
	}
	require.NoError(t, a.Steps(ok, 1))
	a.Orders = a.Orders[:3]
	assert.ErrorIs(t, a.Steps(ok, 1), privacy.ErrArgument)
}

// What DP-SGD on MNIST costs, and the noise that a budget of epsilon 3 asks for.
func Example() {
	const rate, steps, delta = 256. / 60000, 14062, 1e-5
	epsilon, err := privacy.EpsilonOf(privacy.SampledGaussian{Noise: 1.1, Rate: rate}, steps, delta)
	if err != nil {
		log.Fatal(err)
	}
	noise, err := privacy.NoiseFor(3, delta, rate, steps)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("epsilon %.2f; for epsilon 3 a noise multiplier of %.2f\n", epsilon, noise)
	// Output: epsilon 2.60; for epsilon 3 a noise multiplier of 1.01
}
