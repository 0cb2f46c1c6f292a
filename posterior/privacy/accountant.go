package privacy

import (
	"fmt"
	"math"
	"slices"
)

// DefaultOrders are the Rényi orders that an Accountant looks at: 1.1 to 10.9 by tenths, 11 to 63 by ones, and some large ones
// for runs of little noise or little sampling.
func DefaultOrders() []float64 {
	var orders []float64
	for i := 1; i < 100; i++ {
		orders = append(orders, 1+float64(i)/10)
	}
	for i := 11; i < 64; i++ {
		orders = append(orders, float64(i))
	}
	return append(orders, 72, 80, 96, 112, 128, 160, 192, 256, 384, 512, 1024)
}

// Accountant adds up the privacy loss of a run. Its zero value has spent nothing and uses DefaultOrders. Orders may be set
// before the first step. It is not safe for concurrent use.
type Accountant struct {
	Orders []float64
	rdp    []float64
}

// Steps adds n steps of a mechanism. n must not be negative.
func (a *Accountant) Steps(m SampledGaussian, n int) error {
	if err := m.check(); err != nil {
		return err
	}
	if n < 0 {
		return fmt.Errorf("privacy: %w: %d steps", ErrArgument, n)
	}
	if err := a.prepare(); err != nil {
		return err
	}
	if n == 0 {
		return nil // without noise 0 * Inf would be NaN
	}
	for i, o := range a.Orders {
		a.rdp[i] += float64(n) * m.rdp(o)
	}
	return nil
}

func (a *Accountant) prepare() error {
	if a.Orders == nil {
		a.Orders = DefaultOrders()
	}
	if a.rdp == nil {
		for _, o := range a.Orders {
			if !(o > 1) {
				return fmt.Errorf("privacy: %w: Rényi order %v, want orders above 1", ErrArgument, o)
			}
		}
		a.rdp = make([]float64, len(a.Orders))
	}
	if len(a.rdp) != len(a.Orders) || len(a.Orders) == 0 {
		return fmt.Errorf("privacy: %w: %d orders, %d in use; set Orders before the first step and leave them", ErrArgument, len(a.Orders), len(a.rdp))
	}
	return nil
}

// RDP is what has been spent so far, for each of Orders.
func (a *Accountant) RDP() ([]float64, error) {
	err := a.prepare()
	return slices.Clone(a.rdp), err
}

// Spent is a statement of differential privacy: (Epsilon, Delta), and the Rényi order that gave it.
type Spent struct {
	Epsilon, Delta, Order float64
}

// Epsilon is what the run has spent at a delta between 0 and 1, by the improved conversion (Epsilon of the package).
func (a *Accountant) Epsilon(delta float64) (Spent, error) {
	if err := a.prepare(); err != nil {
		return Spent{}, err
	}
	return Epsilon(a.Orders, a.rdp, delta)
}

// Delta is the delta of the run at an epsilon.
func (a *Accountant) Delta(epsilon float64) (Spent, error) {
	if err := a.prepare(); err != nil {
		return Spent{}, err
	}
	return Delta(a.Orders, a.rdp, epsilon)
}

// EpsilonOf is the epsilon of n steps of a mechanism at a delta.
func EpsilonOf(m SampledGaussian, n int, delta float64) (float64, error) {
	var a Accountant
	if err := a.Steps(m, n); err != nil {
		return 0, err
	}
	s, err := a.Epsilon(delta)
	return s.Epsilon, err
}

// maxNoise is where NoiseFor gives up.
const maxNoise = 1e6

// NoiseFor is the least noise multiplier, to one part in 10,000 and on the safe side, with which n steps at a sampling rate
// stay within epsilon at a delta: what EpsilonOf gives for it is at most epsilon. An epsilon that no noise up to a million
// reaches is ErrArgument.
func NoiseFor(epsilon, delta, rate float64, n int) (float64, error) {
	if !(epsilon > 0) {
		return 0, fmt.Errorf("privacy: %w: epsilon %v, want a positive number", ErrArgument, epsilon)
	}
	reached := func(noise float64) (bool, error) {
		e, err := EpsilonOf(SampledGaussian{noise, rate}, n, delta)
		return e <= epsilon, err
	}
	if ok, err := reached(0); ok || err != nil {
		return 0, err // no steps, or no record is ever drawn
	}
	lo, hi := 0.0, 1.0
	for {
		ok, err := reached(hi)
		if err != nil {
			return 0, err
		}
		if ok {
			break
		}
		if lo, hi = hi, 2*hi; hi > maxNoise {
			return 0, fmt.Errorf("privacy: %w: epsilon %v at delta %v is out of reach of %d steps at rate %v; allow a larger one, or take fewer steps", ErrArgument, epsilon, delta, n, rate)
		}
	}
	for hi-lo > 1e-4*hi {
		mid := (lo + hi) / 2
		ok, err := reached(mid)
		if err != nil {
			return 0, err
		}
		if ok {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi, nil
}

// best runs over all orders and keeps the one with the least value; a NaN, such as of an infinite RDP, is no bound.
func best(orders, rdp []float64, bound func(order, rdp float64) float64) (value, order float64, err error) {
	if len(orders) != len(rdp) || len(orders) == 0 {
		return 0, 0, fmt.Errorf("privacy: %w: %d orders with %d values of RDP, want as many of both, and at least one", ErrArgument, len(orders), len(rdp))
	}
	value, order = math.Inf(1), orders[0]
	for i, o := range orders {
		if !(o > 1) || !(rdp[i] >= 0) {
			return 0, 0, fmt.Errorf("privacy: %w: RDP %v at order %v, want orders above 1 and values that are not negative", ErrArgument, rdp[i], o)
		}
		if math.IsInf(rdp[i], 1) {
			continue
		}
		if b := bound(o, rdp[i]); b < value {
			value, order = b, o
		}
	}
	return value, order, nil
}
