package special

import "math"

// PPND16 are the coefficients of the normal quantile function by M. Wichura, Algorithm AS 241, Applied Statistics 37 (1988),
// 477-484: numerators and denominators, constant first, for the centre |p - 1/2| <= PPNDCentre in its square less that, for
// r = sqrt(-log(tail)) up to PPNDFar in r - PPNDTail, and beyond in r - PPNDFar.
var PPND16 = [3][2][]float64{
	{{3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
		4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
		{1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
			2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3}},
	{{1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
		1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
		{1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
			1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}},
	{{6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
		2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
		{1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
			7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}},
}

// The borders between the three forms of PPND16.
const (
	PPNDCentre = 0.425
	PPNDTail   = 1.6
	PPNDFar    = 5
)

// NormalQuantile is the z with P(Z <= z) = p for a standard normal Z, from p - 1/2 and the probability of the nearer tail, each
// without loss: ±Inf where the tail is 0, NaN where it is negative.
func NormalQuantile(q, tail float64) float64 {
	if math.Abs(q) <= PPNDCentre {
		return q * ratio(PPND16[0], PPNDCentre*PPNDCentre-q*q)
	}
	if !(tail > 0) {
		if tail == 0 {
			return math.Copysign(math.Inf(1), q)
		}
		return math.NaN()
	}
	log := math.Log(tail)
	if tail < 0x1p-1022 { // which the assembler of amd64 takes for a normal number
		log = math.Log(tail*0x1p64) - 64*math.Ln2
	}
	r := math.Sqrt(-log)
	z := 0.0
	if r <= PPNDFar {
		z = ratio(PPND16[1], r-PPNDTail)
	} else {
		z = ratio(PPND16[2], r-PPNDFar)
	}
	return math.Copysign(z, q)
}

func ratio(c [2][]float64, x float64) float64 {
	var y [2]float64
	for k := range y {
		for i := len(c[k]) - 1; i >= 0; i-- {
			y[k] = y[k]*x + c[k][i]
		}
	}
	return y[0] / y[1]
}
