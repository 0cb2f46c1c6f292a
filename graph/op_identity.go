package graph

import "github.com/lavagrad/lavagrad/shaders"

// identityRules are shared by ops that hand their first operand through.
type identityRules struct{}

func (identityRules) Class() Class                  { return View }
func (identityRules) Infer(in []Spec) (Spec, error) { return in[0], nil }
func (identityRules) Eval(out *Host, in []*Host)    { copy(out.V, in[0].V) }
func (identityRules) Cases() []Case                 { return nil }
func (identityRules) Lower(l *Lowering, _ Operands, at []shaders.Index) *shaders.Expr {
	return l.At(0, at)
}

// aliasOp is its operand under another name. Differentiation runs the user's function on aliases of
// the arguments, so that a captured argument and a differentiated one are told apart.
type aliasOp struct{ identityRules }

func (aliasOp) Name() string                   { return "alias" }
func (aliasOp) JVP(_ Call, t []Tensor) Tensor  { return t[0] }
func (aliasOp) VJP(_ Call, ct Tensor) []Tensor { return []Tensor{ct} }

// Batch needs no alias: the transform that made it has ended when vmap rewrites what it left.
func (aliasOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return in[0] }

// stopGradientOp is its operand without its derivatives.
type stopGradientOp struct{ identityRules }

func (stopGradientOp) Name() string                                        { return "stop gradient" }
func (stopGradientOp) JVP(Call, []Tensor) Tensor                           { return Tensor{} }
func (stopGradientOp) VJP(Call, Tensor) []Tensor                           { return []Tensor{{}} }
func (o stopGradientOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

// StopGradient is t, but no gradient flows through it to what t was computed from. A Grad taken
// inside f is not touched by StopGradient(Grad(f)(x)).
func StopGradient(t Tensor) Tensor { return apply(stopGradientOp{}, t) }
