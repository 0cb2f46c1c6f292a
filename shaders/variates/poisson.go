package variates

import (
	"math"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

const (
	poissonSwitch = 10      // the rate from which on candidates are drawn; PTRS wants 10 or more
	poissonMost   = 1 << 24 // the largest rate: its neighbours are still floats
	poissonRounds = 32      // a round rejects with a probability below 0.2
	poissonSteps  = 64      // the search below ends long before
)

// Poisson is a draw from the Poisson distribution, for rates from 0 to 2^24; for others it is -1. Round r takes
// the words for counter (c0, r) under the key.
//
// Rates below 10 search the distribution function for the quantile of one word. Others take W. Hörmann, The
// transformed rejection method for generating Poisson random variables, Insurance: Mathematics and Economics 12
// (1993), 39-45, algorithm PTRS, with the logarithm of the probability in C. Loader's form (Fast and accurate computation
// of binomial probabilities, 2000), in which large terms do not cancel.
func Poisson(k0, k1, c0 uint32, rate float64) float64 { return source{k0, k1, c0, false}.poisson(rate) }

// Poisson64 is Poisson for a float64 rate: round r takes the words for counters (c0, 2r) and (c0, 2r+1).
func Poisson64(k0, k1, c0 uint32, rate float64) float64 {
	return source{k0, k1, c0, true}.poisson(rate)
}

// leastTerm ends the search for a quantile: what is left out is less likely than the least step of a probability.
func leastTerm(double bool) float64 {
	if double {
		return 0x1p-60
	}
	return 0x1p-27
}

func (s source) poisson(rate float64) float64 {
	switch {
	case !(rate >= 0 && rate <= poissonMost):
		return -1
	case rate < poissonSwitch:
		w, _ := s.round(0)
		p, term := w.probability(), math.Exp(-rate)
		n, sum := 0.0, term
		for p > sum && (n < rate || term > leastTerm(s.double)) {
			n++
			term *= rate / n
			sum += term
		}
		return n
	}
	b := 0.931 + 2.53*math.Sqrt(rate)
	a := -0.059 + 0.02483*b
	inverse := 1.1239 + 1.1328/(b-3.4)
	most := 0.9277 - 3.6224/(b-2)
	for r := range uint32(poissonRounds) {
		first, second := s.round(r)
		u, edge := first.centred()
		v := second.probability()
		n := math.Floor((2*a/edge+b)*u + rate + 0.43)
		if edge >= 0.07 && v <= most {
			return n
		}
		if n < 0 || edge < 0.013 && v > edge {
			continue
		}
		if second.exponential() >= math.Log(inverse/(a/(edge*edge)+b))-logPoisson(n, rate) {
			return n
		}
	}
	return math.Floor(rate)
}

// logPoisson is log(rate^n e^-rate / n!) for rates of 10 and more: -rate for n = 0, else by Stirling's series and
// the deviance n log(n/rate) - (n - rate).
func logPoisson(n, rate float64) float64 {
	if n == 0 {
		return -rate
	}
	d := n - rate
	v := d / (n + rate)
	deviance := n*math.Log(n/rate) - d
	if math.Abs(v) < 0.1 {
		s := v * v
		deviance = d*v + 2*n*v*s*(1.0/3+s*(1.0/5+s*(1.0/7+s/9)))
	}
	i := 1 / n
	return -deviance - 0.5*math.Log(2*math.Pi*n) - i*(1.0/12-i*i*(1.0/360-i*i/1260))
}

// EmitPoisson is Poisson in kernel code for a float32 rate, Poisson64 for a float64: an i32.
func EmitPoisson(b *spirv.Builder, k0, k1, c0, rate spirv.Value) (n spirv.Value) {
	b.Precise(func() {
		k := kit{b, rate.Type.Kind, k0, k1, c0}
		f := k.f
		valid := b.And(b.Ge(rate, f(0)), b.Le(rate, f(poissonMost)))
		low := b.And(valid, b.Lt(rate, f(poissonSwitch)))
		high := b.And(valid, b.Not(low))
		found := b.Select(low, k.poissonSearch(rate, low), k.poissonRounds(rate, high))
		n = b.Convert(b.Select(valid, found, f(-1)), spirv.Int32)
	})
	return n
}

// poissonSearch is right where active holds.
func (k kit) poissonSearch(rate, active spirv.Value) spirv.Value {
	b, f, lanes := k.Builder, k.f, rate.Type.Lanes
	p := b.Select(active, k.first(0).probability(), f(0))
	first := k.exp(b.Neg(rate))
	on := func(v []spirv.Value) spirv.Value { // round, n, term, sum
		return b.And(b.Gt(p, v[3]), b.Or(b.Lt(v[1], rate), b.Gt(v[2], f(leastTerm(k.double())))))
	}
	out := b.While([]spirv.Value{b.ConstU32(0), b.Splat(f(0), lanes), first, first},
		func(v []spirv.Value) spirv.Value {
			return b.And(b.Lt(v[0], b.ConstU32(poissonSteps)), b.Any(on(v)))
		},
		func(v []spirv.Value) []spirv.Value {
			go1 := on(v)
			n := b.Add(v[1], f(1))
			term := b.Mul(v[2], b.Div(rate, n))
			return []spirv.Value{
				b.Add(v[0], b.ConstU32(1)),
				b.Select(go1, n, v[1]), b.Select(go1, term, v[2]), b.Select(go1, b.Add(v[3], term), v[3]),
			}
		})
	return out[1]
}

// poissonRounds is right where active holds.
func (k kit) poissonRounds(rate, active spirv.Value) spirv.Value {
	b, f, lanes := k.Builder, k.f, rate.Type.Lanes
	rate = b.Select(active, rate, f(poissonSwitch)) // what is not active shall not make NaN
	w := b.Add(b.Mul(f(2.53), b.Sqrt(rate)), f(0.931))
	a := b.Sub(b.Mul(f(0.02483), w), f(0.059))
	inverse := b.Add(b.Div(f(1.1328), b.Sub(w, f(3.4))), f(1.1239))
	most := b.Sub(f(0.9277), b.Div(f(3.6224), b.Sub(w, f(2))))
	waiting := func(n spirv.Value) spirv.Value { return b.Lt(n, f(0)) }
	out := b.While([]spirv.Value{b.ConstU32(0), b.Splat(b.Select(active, f(-1), f(0)), lanes)},
		func(v []spirv.Value) spirv.Value {
			return b.And(b.Lt(v[0], b.ConstU32(poissonRounds)), b.Any(waiting(v[1])))
		},
		func(v []spirv.Value) []spirv.Value {
			first, second := k.round(v[0])
			below, size, edge := first.centred()
			u := b.Select(below, b.Neg(size), size)
			p := second.probability()
			n := b.Floor(b.Add(b.Add(b.Mul(b.Add(b.Div(b.Mul(f(2), a), edge), w), u), rate), f(0.43)))
			quick := b.And(b.Ge(edge, f(0.07)), b.Le(p, most))
			never := b.Or(b.Lt(n, f(0)), b.And(b.Lt(edge, f(0.013)), b.Gt(p, edge)))
			hat := k.log(b.Div(inverse, b.Add(b.Div(a, b.Mul(edge, edge)), w)))
			slow := b.Ge(second.exponential(), b.Sub(hat, k.logPoisson(n, rate)))
			take := b.Or(quick, b.And(b.Not(never), slow))
			return []spirv.Value{b.Add(v[0], b.ConstU32(1)), b.Select(b.And(waiting(v[1]), take), n, v[1])}
		})
	return b.Select(waiting(out[1]), b.Floor(rate), out[1])
}

func (k kit) logPoisson(n, rate spirv.Value) spirv.Value {
	b, f := k.Builder, k.f
	zero := b.Le(n, f(0))
	n = b.Select(zero, f(1), n)
	d := b.Sub(n, rate)
	v := b.Div(d, b.Add(n, rate))
	s := b.Mul(v, v)
	series := f(1.0 / 9)
	for _, c := range []float64{1.0 / 7, 1.0 / 5, 1.0 / 3} {
		series = b.Add(b.Mul(series, s), f(c))
	}
	near := b.Add(b.Mul(d, v), b.Mul(b.Mul(b.Mul(b.Mul(f(2), n), v), s), series))
	far := b.Sub(b.Mul(n, k.log(b.Div(n, rate))), d)
	deviance := b.Select(b.Lt(b.Abs(v), f(0.1)), near, far)
	i := b.Div(f(1), n)
	s = b.Mul(i, i)
	rest := b.Mul(i, b.Sub(f(1.0/12), b.Mul(s, b.Sub(f(1.0/360), b.Mul(s, f(1.0/1260))))))
	y := b.Sub(b.Sub(b.Neg(deviance), b.Mul(f(0.5), k.log(b.Mul(f(2*math.Pi), n)))), rest)
	return b.Select(zero, b.Neg(rate), y)
}
