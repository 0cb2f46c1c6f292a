package laplace

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/tree"
)

// Config are the options of all approximations but DenseHessian.
type Config struct {
	// Precision is what the precision begins with, that of a normal prior: a number (times the identity) or a tree like params (the
	// diagonal), for dense forms also a matrix over the ravelled params; for KFAC a number. nil means 0.
	Precision any
	// Temperature multiplies the covariance; a number, nil means 1.
	Temperature posterior.Value
	// PerSample says that the log posterior, or log likelihood, gives a value for each sample, [n], instead of one number. The state's LogPosterior
	// is their sum then.
	PerSample bool
	// Chunk is how many samples of a batch are worked on at a time, which bounds the memory; 0 means all.
	Chunk int
	// Draws is how many labels the true Fisher draws for a sample; 0 means 1. Other forms do not use it.
	Draws int
}

// State is what all approximations keep: a tree of tensors. Temperature may be changed by setting the field.
type State[P, A any] struct {
	Params       P            // the mean
	LogPosterior graph.Tensor // of the last batch, a scalar: for GGN and KFAC its log likelihood, for the true Fisher that of drawn labels; NaN before
	Temperature  graph.Tensor // float32 scalar
	Count        graph.Tensor // batches seen, int32 scalar
	Key          random.Key   // of the true Fisher's draws
	Aux          *A           // of the last batch; nil before the first, and where A has no tensors
}

func newState[P, A any](op string, temperature posterior.Value, params P, key random.Key) State[P, A] {
	posterior.CheckParams(op, params)
	return State[P, A]{
		Params: params, LogPosterior: graph.Scalar(math.NaN()), Temperature: graph.Scalar(posterior.Number(op, "Temperature", temperature, 1, 0)),
		Count: graph.Int(0), Key: key,
	}
}

// after is the state after a batch, whose log density is f.
func after[P, B, A any](s State[P, A], f func(P, B) (graph.Tensor, A), batch B) State[P, A] {
	g := posterior.Evaluate(f, s.Params, batch)
	s.LogPosterior, s.Aux = g.LogPosterior.Convert(graph.Float32), g.Aux
	s.Count = s.Count.AddScalar(1)
	return s
}

// deviation is the square root of the temperature, in the dtype of what it multiplies.
func (s State[P, A]) deviation(x graph.Tensor) graph.Tensor { return s.temperature(x).Sqrt() }

func (s State[P, A]) temperature(x graph.Tensor) graph.Tensor {
	return s.Temperature.Check(s.Temperature.Ge(graph.Scalar(0)), "laplace: temperature >= 0").Convert(x.DType())
}

// options are the config's for package curvature.
func (c Config) options(op string) (opts []curvature.Option) {
	if c.Chunk < 0 || c.Draws < 0 {
		graph.Fail(op, graph.ErrArgument, "give 0 or more", "Chunk is %d, Draws is %d", c.Chunk, c.Draws)
	}
	if c.Chunk > 0 {
		opts = append(opts, curvature.Chunk(c.Chunk))
	}
	if c.Draws > 0 {
		opts = append(opts, curvature.Draws(c.Draws))
	}
	return opts
}

// total is f as a number for the batch.
func total[P, B, A any](op string, c Config, f func(P, B) (graph.Tensor, A)) func(P, B) (graph.Tensor, A) {
	if !c.PerSample {
		return f
	}
	return func(p P, b B) (graph.Tensor, A) {
		y, aux := f(p, b)
		n := batchSize(op, b)
		if !y.Valid() || !y.Shape().Equal(graph.Shape{n}) {
			graph.Fail(op, graph.ErrShape, "return a value for each sample, or leave out PerSample", "the log density of %d samples is %v", n, y)
		}
		return y.Sum(), aux
	}
}

// batchSize is the length of the first leaf of a batch; package curvature checks the others.
func batchSize[B any](op string, batch B) int {
	leaves, err := tree.Leaves[graph.Tensor](batch)
	if err != nil || len(leaves) == 0 || !leaves[0].Valid() || leaves[0].Rank() == 0 {
		graph.Fail(op, graph.ErrArgument, "give a tree of tensors with the samples in front", "the batch has no samples")
	}
	return leaves[0].Dim(0)
}

// likelihood is the log likelihood of a batch.
func likelihood[P, B, A any](forward func(P, B) (graph.Tensor, A), outer func(graph.Tensor, B) graph.Tensor) func(P, B) (graph.Tensor, A) {
	return func(p P, b B) (graph.Tensor, A) {
		z, aux := forward(p, b)
		return outer(z, b), aux
	}
}

// one is a sample as a batch of one.
func one[B any](op string, sample B) B {
	return posterior.Map(op, func(x []graph.Tensor) graph.Tensor { return x[0].ExpandDims(0) }, sample)
}

// outputs is forward for one sample; the outputs keep the batch axis.
func outputs[P, B, A any](op string, forward func(P, B) (graph.Tensor, A)) func(P, B) graph.Tensor {
	return func(p P, sample B) graph.Tensor {
		z, _ := forward(p, one(op, sample))
		if !z.Valid() || z.Rank() == 0 || z.Dim(0) != 1 {
			graph.Fail(op, graph.ErrShape, "return outputs with the samples in front", "forward gave %v for a batch of one", z)
		}
		return z
	}
}

// loss is the negative log likelihood of one sample.
func loss[B any](op string, outer func(graph.Tensor, B) graph.Tensor) func(graph.Tensor, B) graph.Tensor {
	return func(z graph.Tensor, sample B) graph.Tensor {
		y := outer(z, one(op, sample))
		if !y.Valid() || y.Size() != 1 {
			graph.Fail(op, graph.ErrShape, "return one number for each sample, or their sum or mean", "for a batch of one the log likelihood is %v", y)
		}
		return y.Reshape().Neg()
	}
}

// known is a curvature that is checked to have no NaN.
func known(op string, x graph.Tensor) graph.Tensor {
	return x.Check(x.Eq(x), op+": curvature is not NaN")
}

// leavesOf are the tensors of a tree.
func leavesOf[P any](op string, p P) []graph.Tensor {
	leaves, err := tree.Leaves[graph.Tensor](p)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give a tree of tensors", "%v", err)
	}
	return leaves
}
