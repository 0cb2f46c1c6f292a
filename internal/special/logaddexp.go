package special

import "math"

// LogAddExp is log(e^x + e^y) without overflow; infinities are limits.
func LogAddExp(x, y float64) float64 {
	d := math.Abs(x - y)
	if x == y {
		d = 0 // equal infinities
	}
	return max(x, y) + math.Log1p(math.Exp(-d))
}
