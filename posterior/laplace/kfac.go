package laplace

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/tree"
)

// KFACState is KFAC's state. With n = Positions, a layer's precision, over W above b, is
//
//	kron(A/sqrt(n) + sqrt(Prior) I, G/sqrt(n) + sqrt(Prior) I)
//
// which is kron(A, G)/n + Prior I and two mixed terms (Ritter, Botev and Barber 2018, section 3). Layers are independent.
type KFACState[P, A any] struct {
	State[P, A]
	Layers []curvature.Kronecker // in the order of tree.Leaves[nn.Linear](Params)
	Prior  graph.Tensor          // precision of the prior, float32 scalar; may be changed by setting the field
}

// WithAux is the state with another aux: the tensors are the same.
func (s KFACState[P, A]) WithAux(aux A) KFACState[P, A] { s.Aux = &aux; return s }

const kfac = "kfac laplace"

// KFAC adds the Kronecker factors of the GGN for each linear layer (curvature.KFAC): memory and time grow as those of the layers' widths, not
// of all parameters. Every parameter must be in an nn.Linear; for a model that has others, see posterior.Subset. forward applies its layers
// by the function that it is given, and gives outputs with the samples in front:
//
//	func forward(p net, b batch, linear curvature.LinearFunc) (graph.Tensor, posterior.None) {
//		return linear(p.L2, linear(p.L1, b.X).Tanh()), posterior.None{}
//	}
//
// Elsewhere the function is nn.Linear.Apply. outerLogLikelihood is that of DiagGGN.
func KFAC[P, B, A any](forward func(p P, batch B, linear curvature.LinearFunc) (graph.Tensor, A),
	outerLogLikelihood func(outputs graph.Tensor, batch B) graph.Tensor, c Config) *posterior.Transform[P, B, KFACState[P, A]] {
	plain := func(p P, b B) (graph.Tensor, A) { return forward(p, b, nn.Linear.Apply) }
	f := total(kfac, c, likelihood(plain, outerLogLikelihood))
	return posterior.NewTransform(
		func(params P, key random.Key) KFACState[P, A] {
			s := KFACState[P, A]{State: newState[P, A](kfac, c.Temperature, params, key)}
			s.Prior = graph.Scalar(posterior.Number(kfac, "Precision", c.Precision, 0, 0))
			for _, l := range onlyLayers(params) {
				in, out := l.W.Dim(0)+1, l.W.Dim(1)
				s.Layers = append(s.Layers, curvature.Kronecker{
					A: graph.Full(l.W.DType(), 0, in, in), G: graph.Full(l.W.DType(), 0, out, out), Positions: graph.Int(0)})
			}
			return s
		},
		func(s KFACState[P, A], batch B) KFACState[P, A] {
			next := KFACState[P, A]{State: after(s.State, f, batch), Prior: s.Prior, Layers: slices.Clone(s.Layers)}
			add := curvature.KFAC(func(p P, sample B, linear curvature.LinearFunc) graph.Tensor {
				return outputs(kfac, func(p P, b B) (graph.Tensor, A) { return forward(p, b, linear) })(p, sample)
			}, loss(kfac, outerLogLikelihood), c.options(kfac)...)(s.Params, batch)
			for i, k := range add {
				l := &next.Layers[i]
				*l = curvature.Kronecker{A: l.A.Add(known(kfac, k.A)), G: l.G.Add(known(kfac, k.G)), Positions: l.Positions.Add(k.Positions)}
			}
			return next
		},
		func(s KFACState[P, A]) KFACState[P, A] { s.Aux = nil; return s },
	)
}

// onlyLayers are the layers of params, which must hold nothing else.
func onlyLayers[P any](params P) []nn.Linear {
	layers := curvature.LinearLayers(kfac, params)
	inside := map[graph.Tensor]bool{}
	for _, l := range layers {
		inside[l.W], inside[l.B] = true, true
	}
	err := tree.Walk(params, func(path string, x graph.Tensor) error {
		if !inside[x] {
			graph.Fail(kfac, graph.ErrArgument, "leave it out of params (posterior.Subset) or keep it in an nn.Linear", "params %q, %v, is in no linear layer", path, x.Spec())
		}
		return nil
	})
	if err != nil {
		graph.Fail(kfac, graph.ErrArgument, "give a tree of tensors", "%v", err)
	}
	return layers
}

// precision are the two matrices whose Kronecker product is a layer's precision.
func (s KFACState[P, A]) precision(k curvature.Kronecker) (a, g graph.Tensor) {
	root := s.Prior.Check(s.Prior.Ge(graph.Scalar(0)), kfac+": prior precision >= 0").Sqrt()
	n := k.Positions.Max(graph.Int(1)).AsFloat().Rsqrt() // no data: the prior alone
	factor := func(m graph.Tensor) graph.Tensor {
		eye := graph.Eye(m.Dim(0)).Convert(m.DType())
		return m.Mul(n.Convert(m.DType())).Add(eye.Mul(root.Convert(m.DType())))
	}
	return factor(k.A), factor(k.G)
}

// factors are their lower Cholesky factors.
func (s KFACState[P, A]) factors(k curvature.Kronecker) (a, g graph.Tensor) {
	a, g = s.precision(k)
	return linalg.CheckedCholesky(a), linalg.CheckedCholesky(g)
}

// LogProbUnnormalized is -sum over layers of trace(D' A D G) / (2 Temperature), a scalar: the log density but for a constant. D are the distances of
// params, W above b, from Params, and A and G the factors of the layer's precision. As the prior of further data it makes inference continue.
func (s KFACState[P, A]) LogProbUnnormalized(params P) graph.Tensor {
	d, err := tree.Leaves[nn.Linear](posterior.Map(kfac, func(x []graph.Tensor) graph.Tensor { return x[0].Sub(x[1]) }, params, s.Params))
	if err != nil || len(d) != len(s.Layers) {
		graph.Fail(kfac, graph.ErrArgument, "give params like the state's", "got %d linear layers, want %d: %v", len(d), len(s.Layers), err)
	}
	var sum graph.Tensor
	for i, l := range d {
		a, g := s.precision(s.Layers[i])
		w := graph.Concat(0, l.W, l.B.ExpandDims(0))
		y := a.MatMul(w).Mul(w.MatMul(g)).Sum()
		if i > 0 {
			y = sum.Add(y)
		}
		sum = y
	}
	return sum.Div(s.temperature(sum)).Scale(-0.5)
}

// Sample draws parameters: a tree like Params with the sample shape in front of every leaf's own. With the factors' Cholesky factors a and g, a
// layer is its mean + a^-T xi g^-1. A factor that is not positive definite is an error of the run with the column of the pivot.
func (s KFACState[P, A]) Sample(key random.Key, shape ...int) P {
	layers := curvature.LinearLayers(kfac, s.Params)
	count := graph.Shape(shape).Size()
	for i, l := range layers {
		in, out := l.W.Dim(0), l.W.Dim(1)
		a, g := s.factors(s.Layers[i])
		xi := random.NormalOf(l.W.DType(), random.FoldIn(key, i), in+1, count*out)
		x := a.SolveTriangular(xi, graph.Triangle{Transpose: true}).Reshape((in+1)*count, out)
		x = g.SolveTriangular(x.Transpose(), graph.Triangle{Transpose: true}).Transpose().Reshape(in+1, count, out).MoveAxis(1, 0)
		x = x.Mul(s.deviation(x))
		layers[i] = nn.Linear{
			W: x.Slice(1, 0, in).Reshape(slices.Concat(graph.Shape(shape), l.W.Shape())...).Add(l.W),
			B: x.Slice(1, in, in+1).Reshape(slices.Concat(graph.Shape(shape), l.B.Shape())...).Add(l.B),
		}
	}
	p, err := tree.Unflatten(s.Params, layers)
	if err != nil {
		panic("BUG: laplace: layers do not fit their own tree: " + err.Error())
	}
	return p
}

// Mean is Params.
func (s KFACState[P, A]) Mean() P { return s.Params }

// OutputCovariance is J Sigma J', [n k k], for a tree of Jacobians of k outputs at n inputs, leaves [n k ...]; Sigma is the covariance.
func (s KFACState[P, A]) OutputCovariance(j P) graph.Tensor {
	// W is [n k in out], b [n k out].
	js, err := tree.Leaves[nn.Linear](j)
	if err != nil {
		panic("BUG: laplace: a Jacobian is no tree of layers: " + err.Error())
	}
	var cov graph.Tensor
	for i, l := range js {
		n, k, in, out := l.W.Dim(0), l.W.Dim(1), l.W.Dim(2), l.W.Dim(3)
		a, g := s.factors(s.Layers[i])
		// For the covariance kron(a a', g g')^-1 the root of the form is a^-1 J g^-T.
		w := graph.Concat(2, l.W, l.B.ExpandDims(2)).MoveAxis(2, 0).Reshape(in+1, -1)
		w = a.SolveTriangular(w, graph.Triangle{}).Reshape(-1, out)
		w = g.SolveTriangular(w.Transpose(), graph.Triangle{}).Transpose().Reshape(in+1, n, k, out)
		w = w.MoveAxis(0, 2).Reshape(n, k, -1)
		cov = addGram(cov, w.Mul(s.deviation(w)), i)
	}
	return cov
}
