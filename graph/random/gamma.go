package random

import "github.com/lavagrad/lavagrad/graph"

// Gamma draws from the gamma distribution with density x^(a-1) e^-x / Gamma(a); divide by a rate for others. A concentration that
// is not positive and finite gives NaN. Draws are differentiable by the concentration at a fixed quantile (implicit
// reparameterisation, Figurnov et al., NeurIPS 2018), to any order and with a relative error below 1e-5, in float64 1e-12, for
// concentrations from 1e-3 to 1e4.
//
// Source: Marsaglia and Tsang, ACM TOMS 26 (2000), 363-372. For concentrations below about 0.05, in float64 0.01,
// draws underflow to 0: use LogGamma.
func Gamma[A Param](key Key, concentration A, shape ...int) graph.Tensor {
	return gammaDraw("gamma", graph.GammaOfCounter, key, tensors("gamma", of("the concentration", concentration))[0], shape)
}

// LogGamma draws the logarithm of a gamma variate, finite also where the variate is not.
func LogGamma[A Param](key Key, concentration A, shape ...int) graph.Tensor {
	return gammaDraw("log gamma", graph.LogGammaOfCounter, key, tensors("log gamma", of("the concentration", concentration))[0], shape)
}

func gammaDraw(op string, draw func(k0, k1, c0, a graph.Tensor) graph.Tensor, key Key, a graph.Tensor, shape []int) graph.Tensor {
	k0, k1 := key.words(op)
	return draw(k0, k1, counter(op, resultShape(op, shape, a.Shape())), a)
}

// Beta draws from the beta distribution with density proportional to x^(a-1) (1-x)^(b-1), from two gamma variates:
// NaN where a or b is not positive and finite. Draws are differentiable by both.
func Beta[A, B Param](key Key, a A, b B, shape ...int) graph.Tensor {
	const op = "beta"
	p := tensors(op, of("a", a), of("b", b))
	x, y := p[0], p[1]
	shape = resultShape(op, shape, x.Shape(), y.Shape())
	first, second := Split2(key)
	return gammaDraw(op, graph.LogGammaOfCounter, first, x, shape).Sub(gammaDraw(op, graph.LogGammaOfCounter, second, y, shape)).Sigmoid()
}

// Dirichlet draws probabilities along the last axis from the Dirichlet distribution with concentrations [... n], from
// n gamma variates: NaN where one of the concentrations is not positive and finite. The shape, to which the
// other axes are broadcast, does not include the axis of the probabilities; without one it is that of those axes. Draws
// are differentiable by the concentrations.
func Dirichlet(key Key, concentration graph.Tensor, shape ...int) graph.Tensor {
	const op = "dirichlet"
	a := tensors(op, of("the concentration", concentration))[0]
	if a.Rank() == 0 || a.Dim(-1) == 0 {
		graph.Fail(op, graph.ErrShape, "give concentrations [... n] for n > 0 probabilities", "concentrations are %v", a.Spec())
	}
	n := a.Dim(-1)
	rows := resultShape(op, shape, a.Shape()[:a.Rank()-1])
	logs := gammaDraw(op, graph.LogGammaOfCounter, key, a, append(append([]int{}, rows...), n))
	return logs.Sub(logs.LogSumExp(-1).ExpandDims(-1)).Exp()
}

// StudentT draws from Student's t distribution with df degrees of freedom, a normal draw over the root of a gamma variate:
// NaN where df is not positive and finite. Draws are differentiable by df.
func StudentT[D Param](key Key, df D, shape ...int) graph.Tensor {
	const op = "student t"
	half := tensors(op, of("df", df))[0].Scale(0.5)
	shape = resultShape(op, shape, half.Shape())
	first, second := Split2(key)
	log := gammaDraw(op, graph.LogGammaOfCounter, second, half, shape)
	return NormalOf(half.DType(), first, shape...).Mul(half.Log().Sub(log).Scale(0.5).Exp())
}
