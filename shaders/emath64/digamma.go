package emath64

import "github.com/lavagrad/lavagrad/shaders/spirv"

var (
	// Chebyshev fit of digamma(x) / (x - root) in x - 1.5 on [1, 2]; error 2^-58.
	digammaPoly = []float64{
		0.9510558760318328, -0.4236274212814606, 0.24054248424078697, -0.14840492305388092, 0.09498872445289039, -0.06192213327548831,
		0.040760833940846085, -0.026975796659787055, 0.017907248317313294, -0.011908220105959716, 0.007927021796868154,
		-0.005279937255532708, 0.003518106563802472, -0.0023454947398380833, 0.0015633696313653504, -0.0010364584817312839,
		0.0006909255761282986, -0.00048595039220036254, 0.00032395945401345196, -0.00014480643368061614, 9.653646261410062e-05,
		-0.0001782188548855923, 0.00011881232908510335,
	}
	// Chebyshev fit of x^2 (log x - 1/(2x) - digamma(x)) in 1/x^2 - 1/8 for x >= 2; error of digamma 2^-56.
	digammaTail = []float64{
		0.08234693724440534, -0.0074941634740464036, 0.0028696993889608274, -0.002098882246815661, 0.0022840997802940975,
		-0.003268915857535332, 0.005722465244424579, -0.011698508593346662, 0.027038175355917418, -0.06815253310254438,
		0.18779561182055662, -0.6646764066016358, 2.2065634671041146, -0.12400518800383972, -4.097724223369104, -246.55417265976055,
		1004.1765132997648,
	}
)

// Digamma returns the derivative of Lgamma: -Inf at 0, Inf at -0 and Inf; NaN at -1, -2, ... and -Inf, where the one-sided limits
// differ. For x < 0 the error is relative to the larger of |result| and digamma(1-x): next to a zero two numbers of that size
// cancel.
//
// Source: Abramowitz and Stegun, 6.3.5, 6.3.7, 6.3.18.
func Digamma(b *spirv.Builder, x value) value {
	return precise(b, x, func(e emitter) value {
		zero, one := e.f(0), e.f(1)
		_, word := e.Words(x)
		a, negative := e.abs(x), e.Ge(word, e.u(0x80000000)) // of -0 too
		below, large := e.Lt(a, one), e.Ge(a, e.f(2))

		// digamma(1+w) on [0, 1] by a polynomial with the root taken out.
		const rootLow = 9.5499954299656977e-17
		w := e.clamp(e.Select(below, a, e.Sub(a, one)), 0, 1)
		d := e.Sub(e.Sub(w, e.f(gammaRoot)), e.f(rootLow))
		near := e.Mul(d, e.poly(e.Sub(w, e.f(0.5)), digammaPoly...))

		// log a - 1/(2a) - ..., of which the second goes into c.
		i := e.Div(one, a)
		z := e.clamp(e.Mul(i, i), 0, 0.25)
		tail := e.Mul(z, e.poly(e.Sub(z, e.f(0.125)), digammaTail...))
		base := e.Select(large, e.Sub(Log(b, a), tail), near)

		// Times 1/a: digamma(x) = digamma(1+x) - 1/x, and for x < 0 the reflection starts from digamma(1+a).
		c := e.Select(large, e.f(-0.5), e.Select(below, e.f(-1), zero))
		c = e.Select(negative, e.Add(c, one), c)
		v := e.Add(base, e.Select(e.Eq(c, zero), zero, e.Mul(c, i)))
		r := e.fraction(a)
		v = e.Select(negative, e.Add(v, e.cotPi(r)), v)
		v = e.Select(e.Eq(x, e.inf()), x, v)
		pole := e.And(negative, e.And(e.Eq(r, zero), e.Ne(a, zero)))
		return e.Select(e.Or(pole, e.IsNaN(x)), e.nan(), v)
	})
}
