package curvature

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// GGN is the generalised Gauss-Newton matrix, dense [N N]: the sum over samples of J_n' H_n J_n, with J_n the Jacobian of the
// outputs of forward (any shape, k elements) by the parameters, and H_n the Hessian of the loss by the outputs. It is positive
// semidefinite wherever the loss is convex in the outputs (Schraudolph 2002). J_n, k rows for each sample, are written: Chunk
// bounds them.
func GGN[P, S any](forward func(P, S) graph.Tensor, loss func(outputs graph.Tensor, s S) graph.Tensor, opts ...Option) func(params P, batch S) graph.Tensor {
	c := configure(opts)
	return func(p P, batch S) graph.Tensor {
		return sum("ggn", c, batch, func(part S) graph.Tensor {
			type pair struct{ J, HJ graph.Tensor }
			b := vmap.Map2(func(p P, s S) pair {
				flat, unravel := graph.Ravel(p)
				j := graph.JacRev(func(v graph.Tensor) graph.Tensor { return forward(unravel(v), s).Flatten() })(flat)
				return pair{j, outputHessian(forward(p, s), s, loss).MatMul(j)}
			}, shared())(p, part)
			return graph.DotGeneral(b.J, b.HJ, []int{0, 1}, []int{0, 1}, nil, nil)
		})
	}
}

// outputHessian is the Hessian [k k] of a sample's loss by its outputs.
func outputHessian[S any](outputs graph.Tensor, s S, loss func(graph.Tensor, S) graph.Tensor) graph.Tensor {
	k := outputs.Size()
	return graph.Hessian(func(z graph.Tensor) graph.Tensor { return loss(z, s) })(outputs).Reshape(k, k)
}

// DiagGGN is the diagonal of GGN, a tree like params: sum over samples and outputs i, j of J_n,i * (H_n)_ij * J_n,j, with the Jacobians by
// pullbacks. Inside a compiled function those of linear layers are never written.
func DiagGGN[P, S any](forward func(P, S) graph.Tensor, loss func(outputs graph.Tensor, s S) graph.Tensor, opts ...Option) func(params P, batch S) P {
	c := configure(opts)
	return func(p P, batch S) P {
		return sum("diagonal ggn", c, batch, func(part S) P {
			rows := vmap.Map2(func(p P, s S) P {
				z, pull := graph.VJP(func(p P) graph.Tensor { return forward(p, s) }, p)
				h := outputHessian(z, s, loss)
				units := graph.Eye(z.Size()).Convert(z.DType())
				jacobian := vmap.Map(func(unit graph.Tensor) P { return pull(unit.Reshape(z.Shape()...)) })(units)
				return mapLeaves("diagonal ggn", jacobian, func(j graph.Tensor) graph.Tensor {
					return graph.DotGeneral(h, j, []int{1}, []int{0}, nil, nil).Mul(j)
				})
			}, shared())(p, part)
			return mapLeaves("diagonal ggn", rows, func(x graph.Tensor) graph.Tensor { return x.Sum(0, 1) })
		})
	}
}

// GGNVP is the product of GGN with a vector, a tree like params. No matrix is written.
func GGNVP[P, S any](forward func(P, S) graph.Tensor, loss func(outputs graph.Tensor, s S) graph.Tensor, opts ...Option) func(params P, batch S, v P) P {
	c := configure(opts)
	return func(p P, batch S, v P) P {
		check("ggnvp", tree.SameStructure[graph.Tensor](p, v))
		return sum("ggnvp", c, batch, func(part S) P {
			return graph.GNVP(
				func(p P) graph.Tensor { return vmap.Map2(forward, shared())(p, part) },
				func(z graph.Tensor) graph.Tensor { return vmap.Map2(loss)(z, part).Sum() })(p, v)
		})
	}
}

// LinearizedDiag is the predictive distribution of outputs under parameters N(mean, diag(sd)^2) with forward replaced by its
// linearisation at the mean: for each input of a batch the outputs there, and the Cholesky factor of J diag(sd)^2 J'. Where
// that is singular, as with more outputs than parameters, the factor is NaN from the first column on that has no pivot. sd is a
// tree like mean.
func LinearizedDiag[P, S any](forward func(P, S) graph.Tensor) func(mean, sd P, batch S) Linearized {
	const op = "linearized forward"
	return func(mean, sd P, batch S) Linearized {
		check(op, tree.SameStructure[graph.Tensor](mean, sd))
		samples(op, batch)
		type row struct{ Y, Cov graph.Tensor }
		r := vmap.Map2(func(p P, s S) row {
			jacobian := graph.JacRev(func(p P) graph.Tensor { return forward(p, s).Flatten() })(p)
			js, err := tree.Leaves[graph.Tensor](jacobian)
			check(op, err)
			sds, err := tree.Leaves[graph.Tensor](sd)
			check(op, err)
			var cov graph.Tensor
			for i, j := range js {
				a := j.Mul(sds[i]).Reshape(j.Dim(0), -1)
				if c := a.MatMul(a.Transpose()); cov.Valid() {
					cov = cov.Add(c)
				} else {
					cov = c
				}
			}
			return row{forward(p, s), cov}
		}, shared())(mean, batch)
		return Linearized{r.Y, linalg.Cholesky(r.Cov)}
	}
}
