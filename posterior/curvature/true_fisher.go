package curvature

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/vmap"
)

// Draws is how many labels TrueFisher and DiagTrueFisher draw for each sample, one backward pass each; 1 without it. The matrix is their
// mean, so that its variance falls with their number.
func Draws(n int) Option {
	if n < 1 {
		graph.Fail("curvature", graph.ErrArgument, "give a number of draws", "%d draws of labels", n)
	}
	return func(c *config) { c.draws = n }
}

// TrueFisher is the Fisher matrix of the model's own predictive distribution, dense [N N], estimated by draws: labels y are drawn from
// predictive(forward(params, sample)), not taken from the batch, and the matrix is the sum over samples of g g' with
//
//	g = gradient of predictive(forward(params, sample)).LogProb(y) by the parameters
//
// Its expectation over labels is the GGN where predictive is an exponential family in its natural parameters, such as logits
// (Martens 2020, section 9.2); the empirical Fisher differs from both away from a perfect fit (Kunstner, Hennig and Balles 2019).
//
//	curvature.TrueFisher(forward, distribution.NewCategoricalLogits)
//
// Draws that follow the parameters (reparameterised ones) are held fixed. J, Draws rows for each sample, is written: Chunk bounds it.
func TrueFisher[P, S any, D distribution.Distribution](forward func(P, S) graph.Tensor, predictive func(outputs graph.Tensor) D,
	opts ...Option) func(params P, batch S, key random.Key) graph.Tensor {
	c := configure(opts)
	return func(p P, batch S, key random.Key) graph.Tensor {
		return c.meanOfDraws(sumKeyed("true fisher", c, batch, key, func(part keyed[S]) graph.Tensor {
			j := vmap.Map2(func(p P, s keyed[S]) graph.Tensor {
				return vmap.Map(func(g P) graph.Tensor {
					flat, _ := graph.Ravel(g)
					return flat
				})(scores(forward, predictive, c, p, s))
			}, shared())(p, part)
			return graph.DotGeneral(j, j, []int{0, 1}, []int{0, 1}, nil, nil)
		}))
	}
}

// DiagTrueFisher is the diagonal of TrueFisher, a tree like params, for the same draws.
func DiagTrueFisher[P, S any, D distribution.Distribution](forward func(P, S) graph.Tensor, predictive func(outputs graph.Tensor) D,
	opts ...Option) func(params P, batch S, key random.Key) P {
	c := configure(opts)
	return func(p P, batch S, key random.Key) P {
		total := sumKeyed("diagonal true fisher", c, batch, key, func(part keyed[S]) P {
			g := vmap.Map2(func(p P, s keyed[S]) P { return scores(forward, predictive, c, p, s) }, shared())(p, part)
			return mapLeaves("diagonal true fisher", g, func(x graph.Tensor) graph.Tensor { return x.Square().Sum(0, 1) })
		})
		return mapLeaves("diagonal true fisher", total, c.meanOfDraws)
	}
}

// keyed is a sample with a key of its own.
type keyed[S any] struct {
	Sample S
	Key    random.Key
}

// sumKeyed is sum with a key for each sample, which do not depend on chunks.
func sumKeyed[S, R any](op string, c config, batch S, key random.Key, f func(part keyed[S]) R) R {
	n := samples(op, batch)
	return sum(op, c, keyed[S]{batch, random.Split(key, n)}, f)
}

// scores are gradients of log probabilities of drawn labels for one sample: the draws are the first axis.
func scores[P, S any, D distribution.Distribution](forward func(P, S) graph.Tensor, predictive func(graph.Tensor) D, c config, p P, s keyed[S]) P {
	z, pull := graph.VJP(func(p P) graph.Tensor { return forward(p, s.Sample) }, p)
	fixed := graph.StopGradient(z)
	return vmap.Map(func(key random.Key) P {
		y := graph.StopGradient(predictive(fixed).Sample(key))
		return pull(graph.Grad(func(z graph.Tensor) graph.Tensor { return predictive(z).LogProb(y).Sum() })(z))
	})(random.Split(s.Key, max(c.draws, 1)))
}

func (c config) meanOfDraws(x graph.Tensor) graph.Tensor {
	return x.Scale(1 / float64(max(c.draws, 1)))
}
