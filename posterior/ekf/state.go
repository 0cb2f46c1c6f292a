package ekf

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// State is what both filters keep: a tree of tensors. LR may be changed by setting the field: nothing is compiled again. Chains may differ in it. A
// schedule sets it at every step.
type State[P, A any] struct {
	Params        P            // the mean
	LogLikelihood graph.Tensor // mean over the samples of the last batch at the mean before it, a float32 scalar; NaN before the first
	LR            graph.Tensor // of the next step, float32 scalar
	Count         graph.Tensor // steps done, int32 scalar
	Aux           *A           // of the last step's log likelihood; nil before the first, and where A has no tensors
}

// settings are what both configs have.
type settings struct {
	lr        posterior.Value
	perSample bool
	chunk     int
}

func (c settings) lrAt(op string, step graph.Tensor) graph.Tensor {
	return posterior.At(op, "LR", c.lr, math.NaN(), 0, step)
}

func newState[P, A any](op string, c settings, params P) State[P, A] {
	posterior.CheckParams(op, params)
	c.options(op)
	count := graph.Int(0)
	return State[P, A]{Params: params, LogLikelihood: graph.Scalar(math.NaN()), LR: c.lrAt(op, count), Count: count}
}

// options are the config's for package curvature.
func (c settings) options(op string) []curvature.Option {
	opts := []curvature.Option{curvature.Normalize()}
	switch {
	case c.chunk < 0:
		graph.Fail(op, graph.ErrArgument, "give a number of samples, or 0 for all at a time", "Chunk is %d", c.chunk)
	case c.chunk > 0:
		opts = append(opts, curvature.Chunk(c.chunk))
	}
	return opts
}

// step is what an update works with.
type step[P, B, A any] struct {
	grad P // mean of J
	lr   graph.Tensor
	of   func(P, B) graph.Tensor // the log likelihood of one sample
	next State[P, A]             // all set but Params
}

// begin evaluates the log likelihood and checks the learning rate.
func begin[P, B, A any](op string, c settings, logLikelihood func(P, B) (graph.Tensor, A), s State[P, A], batch B) step[P, B, A] {
	sample := curvature.PerSamplify(logLikelihood)
	of := func(p P, b B) graph.Tensor {
		y, _ := sample(p, b)
		return y
	}
	g := posterior.Evaluate(func(p P, b B) (graph.Tensor, A) {
		y, aux := logLikelihood(p, b)
		n := samples(op, b)
		switch {
		case !c.perSample:
			y = vmap.Map2(of, vmap.In(vmap.Shared, 0))(p, b)
		case !y.Valid() || !y.Shape().Equal(graph.Shape{n}) || !y.DType().IsFloat():
			graph.Fail(op, graph.ErrShape, "return a value for each sample, or leave out PerSample", "the log likelihood of %d samples is %v", n, y)
		}
		return y.Mean(), aux
	}, s.Params, batch)
	next := s
	next.LogLikelihood, next.Aux = g.LogPosterior.Convert(graph.Float32), g.Aux
	next.Count = s.Count.AddScalar(1)
	if _, ok := posterior.Schedule(c.lr); ok {
		next.LR = c.lrAt(op, next.Count)
	}
	return step[P, B, A]{
		grad: g.Grad, lr: s.LR.Check(s.LR.Ge(graph.Scalar(0)), op+": learning rate >= 0"), of: of, next: next,
	}
}

// samples is the length of the first axis of a batch's first leaf; package curvature checks the others.
func samples[B any](op string, batch B) int {
	leaves, err := tree.Leaves[graph.Tensor](batch)
	if err != nil || len(leaves) == 0 || leaves[0].Rank() == 0 {
		graph.Fail(op, graph.ErrArgument, "give a tree of tensors with the samples in front", "the batch has no samples")
	}
	return leaves[0].Dim(0)
}

// known is a curvature that is checked to be finite. Where the log likelihood is NaN, the check of that has more to say.
func (d step[P, B, A]) known(op string, x graph.Tensor) graph.Tensor {
	return x.Check(x.IsFinite().Or(d.next.LogLikelihood.IsNaN()), op+": fisher is finite")
}
