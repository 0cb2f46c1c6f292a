package graph

// broadcastAll brings operands to their common shape by NumPy's rule.
func broadcastAll(op string, in ...Tensor) []Tensor {
	shape := in[0].must(op).spec.Shape
	for i, t := range in[1:] {
		s, err := broadcastShapes(shape, t.must(op).spec.Shape)
		if err != nil {
			fail(op, ErrShape, "reshape one of them, or insert axes of length 1 with ExpandDims",
				"shapes %v and %v do not broadcast (operand %d): %v", shape, t.Shape(), i+1, err)
		}
		shape = s
	}
	out := make([]Tensor, len(in))
	for i, t := range in {
		out[i] = t.BroadcastTo(shape...)
	}
	return out
}

func pointwise(r *rule, in ...Tensor) Tensor {
	if len(in) > 1 {
		in = broadcastAll(r.name, in...)
	}
	return apply(elementwise{r}, in...)
}

// Arithmetic on two tensors of one number type, broadcast by NumPy's rule.

// Add is t + u.
func (t Tensor) Add(u Tensor) Tensor { return pointwise(addRule, t, u) }

// Sub is t - u.
func (t Tensor) Sub(u Tensor) Tensor { return pointwise(subRule, t, u) }

// Mul is the elementwise product t * u.
func (t Tensor) Mul(u Tensor) Tensor { return pointwise(mulRule, t, u) }

// Div is t / u; integers are truncated towards zero, and their division by zero is unspecified.
func (t Tensor) Div(u Tensor) Tensor { return pointwise(divRule, t, u) }

// Rem is the integer remainder with the sign of t.
func (t Tensor) Rem(u Tensor) Tensor { return pointwise(remRule, t, u) }

// Pow is t to the power of u, for floats.
func (t Tensor) Pow(u Tensor) Tensor { return pointwise(powRule, t, u) }

// Max is the larger of both, NaN where either is NaN. Equal operands share the gradient.
func (t Tensor) Max(u Tensor) Tensor { return pointwise(maxRule, t, u) }

// Min is the smaller of both, NaN where either is NaN. Equal operands share the gradient.
func (t Tensor) Min(u Tensor) Tensor { return pointwise(minRule, t, u) }

// Scale multiplies with a constant of t's own type, which for integers is a whole number.
func (t Tensor) Scale(c float64) Tensor { return t.Mul(t.Like(c)) }

// AddScalar adds a constant of t's own type.
func (t Tensor) AddScalar(c float64) Tensor { return t.Add(t.Like(c)) }

// Neg is -t.
func (t Tensor) Neg() Tensor { return pointwise(negRule, t) }

// Abs is |t|; its gradient at 0 is 0.
func (t Tensor) Abs() Tensor { return pointwise(absRule, t) }

// Sign is -1, 0 or 1; zeros keep their sign, NaN stays NaN. Its gradient is 0.
func (t Tensor) Sign() Tensor { return pointwise(signRule, t) }

// Floor rounds down. Its gradient is 0, as is that of Ceil and Round.
func (t Tensor) Floor() Tensor { return pointwise(floorRule, t) }

// Ceil rounds up.
func (t Tensor) Ceil() Tensor { return pointwise(ceilRule, t) }

// Round rounds to the nearest integer, halves to even.
func (t Tensor) Round() Tensor { return pointwise(roundRule, t) }

// Reciprocal is 1 / t.
func (t Tensor) Reciprocal() Tensor { return pointwise(recipRule, t) }

// Square is t * t.
func (t Tensor) Square() Tensor { return t.Mul(t) }

// Sqrt is the square root, NaN below zero.
func (t Tensor) Sqrt() Tensor { return pointwise(sqrtRule, t) }

// Rsqrt is 1 / sqrt(t).
func (t Tensor) Rsqrt() Tensor { return pointwise(rsqrtRule, t) }

// Exp is e to the power of t.
func (t Tensor) Exp() Tensor { return pointwise(expRule, t) }

// Expm1 is exp(t) - 1, accurate near zero.
func (t Tensor) Expm1() Tensor { return pointwise(expm1Rule, t) }

// Log is the natural logarithm: -Inf at zero, NaN below.
func (t Tensor) Log() Tensor { return pointwise(logRule, t) }

// Log1p is log(1 + t), accurate near zero.
func (t Tensor) Log1p() Tensor { return pointwise(log1pRule, t) }

// Tanh is the hyperbolic tangent.
func (t Tensor) Tanh() Tensor { return pointwise(tanhRule, t) }

// Sigmoid is 1 / (1 + exp(-t)).
func (t Tensor) Sigmoid() Tensor { return pointwise(sigmoidRule, t) }

// Softplus is log(1 + exp(t)).
func (t Tensor) Softplus() Tensor { return pointwise(softplusRule, t) }

// Sin is the sine of t in radians.
func (t Tensor) Sin() Tensor { return pointwise(sinRule, t) }

// Cos is the cosine of t in radians.
func (t Tensor) Cos() Tensor { return pointwise(cosRule, t) }

// ReLU is max(t, 0); its gradient at 0 is 0.
func (t Tensor) ReLU() Tensor { return pointwise(reluRule, t) }

// Comparisons give bool tensors; every comparison with NaN but Ne is false.

// Eq is t == u.
func (t Tensor) Eq(u Tensor) Tensor { return pointwise(eqRule, t, u) }

// Ne is t != u.
func (t Tensor) Ne(u Tensor) Tensor { return pointwise(neRule, t, u) }

// Lt is t < u.
func (t Tensor) Lt(u Tensor) Tensor { return pointwise(ltRule, t, u) }

// Le is t <= u.
func (t Tensor) Le(u Tensor) Tensor { return pointwise(leRule, t, u) }

// Gt is t > u.
func (t Tensor) Gt(u Tensor) Tensor { return pointwise(ltRule, u, t) }

// Ge is t >= u.
func (t Tensor) Ge(u Tensor) Tensor { return pointwise(leRule, u, t) }

// IsNaN is true where t is not a number.
func (t Tensor) IsNaN() Tensor { return pointwise(isNaNRule, t) }
