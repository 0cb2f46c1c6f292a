package chart

import (
	"math"
	"slices"
)

// Linspace are n >= 2 numbers from lo to hi at equal distances.
func Linspace(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}

// Density estimates the probability density of draws at the points x by KernelDensity, with Silverman's width 0.9 min(sd, interquartile
// range/1.34) n^(-1/5) (Silverman 1986, equation 3.31): for densities of one hump.
func Density(draws, x []float64) []float64 {
	sorted := slices.Sorted(slices.Values(draws))
	n := float64(len(sorted))
	if n == 0 {
		return make([]float64, len(x))
	}
	mean, square := 0., 0.
	for _, v := range sorted {
		mean += v / n
	}
	for _, v := range sorted {
		square += (v - mean) * (v - mean) / n
	}
	quartiles := sorted[len(sorted)*3/4] - sorted[len(sorted)/4]
	return KernelDensity(sorted, x, 0.9*min(math.Sqrt(square), quartiles/1.34)*math.Pow(n, -0.2))
}

// KernelDensity is the mean of normal densities of standard deviation width around the draws, at the points x; 0 without draws.
func KernelDensity(draws, x []float64, width float64) []float64 {
	sorted := slices.Sorted(slices.Values(draws))
	n := float64(len(sorted))
	out := make([]float64, len(x))
	for i, at := range x {
		const reach = 6 // widths: further draws add less than 1e-8
		from, _ := slices.BinarySearch(sorted, at-reach*width)
		for _, v := range sorted[from:] {
			z := (v - at) / width
			if z > reach {
				break
			}
			out[i] += math.Exp(-z*z/2) / (n * width * math.Sqrt(2*math.Pi))
		}
	}
	return out
}
