package graph

// Linearize runs f once at p and returns its value with the linear function that best approximates f there:
// from a tangent tree like p to the derivative of the value along it, J t. It may be called any number of times;
// each call is what JVP(f, p, t) gives, without running f again.
func Linearize[P, R any](f func(P) R, p P) (R, func(tangent P) R) {
	primals := leavesOf("linearize", p)
	tr := newTrace("linearize")
	defer tr.close()
	fresh := tr.aliases(primals)
	value := f(rebuild("linearize", p, fresh))
	outs := leavesOf("linearize", value)
	order := recordSince(outs, fresh)
	return value, func(tangent P) R {
		ts := alike("linearize", "tangent", "argument", tangent, p)
		return rebuild("linearize", value, pushAlong(order, fresh, ts, outs))
	}
}
