package curvature

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// LinearFunc applies a linear layer: nn.Linear.Apply, or what stands in for it to see inputs and outputs.
type LinearFunc = func(nn.Linear, graph.Tensor) graph.Tensor

// Kronecker are the factors of a linear layer x W + b, W [in out], b [out], over samples and positions, which are the axes of x before
// its last:
//
//	A = sum of a a' [in+1 in+1]   with a = (x, 1), the inputs and the bias's 1
//	G = sum of g H g' [out out]   with g [out k] the Jacobian of the outputs by x W + b, and H the Hessian of the loss by the outputs
//
// The layer's block of the GGN, over W above b row by row, is about kron(A, G) / Positions: exactly so for one position, or where a and
// g H g' are independent. Positions are all positions of all samples, an int32 scalar.
type Kronecker struct{ A, G, Positions graph.Tensor }

// KFAC are the Kronecker factors of the GGN for every linear layer of params (Martens and Grosse 2015), in the order in which
// tree.Leaves[nn.Linear] finds them. forward applies its layers by the function it is given, and gives outputs of one sample:
//
//	func forward(p net, s sample, linear curvature.LinearFunc) graph.Tensor {
//		return linear(p.L2, linear(p.L1, s.X).Tanh())
//	}
//
// Elsewhere the function is nn.Linear.Apply. A layer that is applied to sequences, or several times, adds up over positions and
// applications (the expand setting of Eschenhagen et al. 2023). Every layer of params must be applied, by its own weights; other tensors of params are
// not looked at. Chunk bounds the memory; the factors are sums, Normalize is an error.
func KFAC[P, S any](forward func(p P, s S, linear LinearFunc) graph.Tensor, loss func(outputs graph.Tensor, s S) graph.Tensor, opts ...Option) func(params P, batch S) []Kronecker {
	const op = "kfac"
	c := configure(opts)
	if c.mean {
		graph.Fail(op, graph.ErrArgument, "leave out Normalize, and divide by Positions", "the factors are sums")
	}
	return func(p P, batch S) []Kronecker {
		layers := LinearLayers(op, p)
		return sum(op, c, batch, func(part S) []Kronecker {
			var of []int // the layer of each application
			// p is captured: its layers are told by their tensors.
			all := vmap.Map(func(s S) []application {
				calls := applications(op, layers, func(linear LinearFunc) graph.Tensor { return forward(p, s, linear) },
					func(z graph.Tensor) graph.Tensor { return outputHessian(z, s, loss) })
				of = nil
				for _, a := range calls {
					of = append(of, a.layer)
				}
				return calls
			})(part)
			out := make([]Kronecker, len(layers))
			for i, a := range all {
				f := a.factors(layers[of[i]])
				if k := &out[of[i]]; k.A.Valid() {
					f = Kronecker{k.A.Add(f.A), k.G.Add(f.G), k.Positions.Add(f.Positions)}
				}
				out[of[i]] = f
			}
			return out
		})
	}
}

// LinearLayers are the linear layers of params, in order. It fails where there is none, or one is not W [in out] and b [out].
func LinearLayers[P any](op string, params P) []nn.Linear {
	layers, err := tree.Leaves[nn.Linear](params)
	check(op, err)
	paths, err := tree.Paths[nn.Linear](params)
	check(op, err)
	if len(layers) == 0 {
		graph.Fail(op, graph.ErrArgument, "keep weights and biases in nn.Linear", "params have no linear layer")
	}
	for i, l := range layers {
		if !l.W.Valid() || !l.B.Valid() || l.W.Rank() != 2 || l.B.Rank() != 1 || l.W.Dim(1) != l.B.Dim(0) || l.W.DType() != l.B.DType() {
			graph.Fail(op, graph.ErrShape, "give every layer W [in out] and B [out] of one float type", "the layer %q has W %v and B %v", paths[i], l.W, l.B)
		}
	}
	return layers
}

// application is one use of a layer: inputs [... in], and pullbacks [k ... out] of unit vectors and of the rows of the outputs' Hessian.
type application struct {
	layer int
	X     graph.Tensor
	U, V  graph.Tensor
}

// applications runs forward for one sample. Gradients by the layers' outputs are those by zeros that are added to them.
func applications(op string, layers []nn.Linear, forward func(LinearFunc) graph.Tensor, hessian func(graph.Tensor) graph.Tensor) []application {
	find := func(l nn.Linear) int {
		for i, m := range layers {
			if m.W == l.W && m.B == l.B {
				return i
			}
		}
		graph.Fail(op, graph.ErrArgument, "hand on a layer of params as it is", "the function was given a layer, W %v, that is none of params", l.W)
		return -1
	}
	var calls []application
	var zeros []graph.Tensor
	seen := make([]bool, len(layers))
	forward(func(l nn.Linear, x graph.Tensor) graph.Tensor {
		i, y := find(l), l.Apply(x)
		calls, zeros, seen[i] = append(calls, application{layer: i}), append(zeros, zerosLike(y)), true
		return y
	})
	for i, s := range seen {
		if !s {
			graph.Fail(op, graph.ErrArgument, "apply every layer by the function that forward is given, or leave it out of params",
				"layer %d of params, W %v, was not applied", i, layers[i].W)
		}
	}
	type result struct {
		Z  graph.Tensor
		Xs []graph.Tensor
	}
	// The inputs are results too, so that the network is computed once; their cotangents are zeros.
	out, pull := graph.VJP(func(shift []graph.Tensor) result {
		var xs []graph.Tensor
		z := forward(func(l nn.Linear, x graph.Tensor) graph.Tensor {
			xs = append(xs, x)
			return l.Apply(x).Add(shift[len(xs)-1])
		})
		return result{z, xs}
	}, zeros)
	none := mapLeaves(op, out.Xs, zerosLike)
	back := vmap.Map(func(u graph.Tensor) []graph.Tensor { return pull(result{u.Reshape(out.Z.Shape()...), none}) })
	us := back(graph.Eye(out.Z.Size()).Convert(out.Z.DType()))
	vs := back(hessian(out.Z))
	for i := range calls {
		calls[i].X, calls[i].U, calls[i].V = out.Xs[i], us[i], vs[i]
	}
	return calls
}

// factors adds up over samples, which are the first axis of all fields, and positions.
func (a application) factors(l nn.Linear) Kronecker {
	in, out := l.W.Dim(0), l.W.Dim(1)
	positions := a.X.Size() / max(in, 1)
	x := a.X.Reshape(positions, in)
	x = graph.Concat(1, x, graph.Full(x.DType(), 1, positions, 1))
	u, v := a.U.Reshape(-1, out), a.V.Reshape(-1, out)
	return Kronecker{x.Transpose().MatMul(x), u.Transpose().MatMul(v), graph.Int(positions)}
}

func zerosLike(x graph.Tensor) graph.Tensor { return graph.Full(x.DType(), 0, x.Shape()...) }
