package special

import "math"

// HurwitzPlan says how to sum (x+k)^-(n+1) over k >= 0 for any x > 0 by the formula of Euler and Maclaurin: the number of terms
// to add one by one and that of corrections after them, so that what is left out is below 2^-bits of the sum.
func HurwitzPlan(n, bits int) (terms, corrections int) {
	best := math.Inf(1)
	for c := 1; c <= 8; c++ {
		for t := 1; t < 64; t++ {
			y := float64(t)
			left := math.Abs(Bernoulli(2*c+2)) * rising(n, 2*c+2) * math.Pow(y, -float64(2*c+2))
			if left/(1+float64(n)/(2*y)) > math.Ldexp(1, -bits) {
				continue
			}
			if cost := float64(t*(n+5) + 2*c); cost < best {
				best, terms, corrections = cost, t, c
			}
			break
		}
	}
	return terms, corrections
}

// HurwitzTail are the coefficients in 1/y^2, constant first, of the formula's factor, less its term n/(2y): from y on the sum is
// (n-1)! y^-n times the factor, over n!.
func HurwitzTail(n, corrections int) []float64 {
	c := make([]float64, corrections+1)
	c[0] = 1
	for j := 1; j <= corrections; j++ {
		c[j] = Bernoulli(2*j) * rising(n, 2*j)
	}
	return c
}

// rising is n (n+1) ... (n+k-1) / k!.
func rising(n, k int) float64 {
	r := 1.0
	for j := range k {
		r *= float64(n+j) / float64(j+1)
	}
	return r
}
