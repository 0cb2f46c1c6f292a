package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/solve"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

// weightDecay is the l2 penalty on the last layer, which makes its optimum unique.
const weightDecay = 1e-2

// weighted is a sample of the last layer: features, class and the weight of its loss, 1 or, where it is left out, 0.
type weighted struct{ X, Y, Weight graph.Tensor }

// The last layer alone is a logistic regression: its loss is convex, and its Gauss-Newton matrix is the Hessian.

func headLogits(l nn.Linear, s weighted) graph.Tensor { return l.Apply(s.X) }

func headLoss(logits graph.Tensor, s weighted) graph.Tensor {
	return nn.CrossEntropy(logits, s.Y).Mul(s.Weight)
}

func sampleLoss(l nn.Linear, s weighted) graph.Tensor { return headLoss(headLogits(l, s), s) }

// objective is what the last layer minimises: the mean over the samples, those left out counting 0, and the penalty.
func objective(l nn.Linear, s weighted) graph.Tensor {
	mean := vmap.Map2(sampleLoss, vmap.In(vmap.Shared, 0))(l, s).Mean()
	return mean.Add(graph.SquaredNorm(l).Scale(weightDecay / 2))
}

// solveHessian is H^-1 b for the Hessian of the objective, by conjugate gradients on products with it.
func solveHessian(l nn.Linear, s weighted, b nn.Linear, tolerance float64) nn.Linear {
	hessian := curvature.GGNVP(headLogits, headLoss, curvature.Normalize())
	return solve.CG(func(v nn.Linear) nn.Linear { return hessian(l, s, v) }, b, func(c *solve.CGConfig[nn.Linear]) {
		c.Damping, c.MaxIterations, c.Tolerance = weightDecay, 200, tolerance
	}).X
}

// newton is a step of Newton's method on the objective. It need not be exact, as the next one mends what it leaves.
func newton(l nn.Linear, s weighted) nn.Linear {
	step := solveHessian(l, s, graph.Grad2(objective)(l, s), 1e-3)
	return must(tree.Map2(graph.Tensor.Sub, l, step))
}

// must passes on what cannot fail: trees of one type without pointers, slices or maps have one structure.
func must[T any](v T, err error) T {
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return v
}

// fitSteps are Newton steps from the network's own last layer, which is close; refitSteps are those after one digit has gone.
const fitSteps, refitSteps = 10, 2

// fitted is the optimum of the objective, and the length of the gradient there.
type fitted struct {
	Head     nn.Linear
	Gradient graph.Tensor
}

func fit(l nn.Linear, s weighted, steps int) fitted {
	l = graph.Fori(0, steps, func(_ graph.Tensor, l nn.Linear) nn.Linear { return newton(l, s) }, l)
	return fitted{l, graph.SquaredNorm(graph.Grad2(objective)(l, s)).Sqrt()}
}

// leftOut compares, for one test digit, the predicted and the real rise of its loss when single training digits are left out.
type leftOut struct {
	Index           []int
	Predicted, Real []float64
}

// correlation is Pearson's.
func correlation(a, b []float64) float64 {
	var ma, mb, ab, aa, bb float64
	for i := range a {
		ma, mb = ma+a[i]/float64(len(a)), mb+b[i]/float64(len(a))
	}
	for i := range a {
		ab, aa, bb = ab+(a[i]-ma)*(b[i]-mb), aa+(a[i]-ma)*(a[i]-ma), bb+(b[i]-mb)*(b[i]-mb)
	}
	return ab / math.Sqrt(aa*bb)
}

// leaveOut fits the last layer to a training set, predicts for every digit there by influence functions,
//
//	rise of the test loss = g_test' H^-1 g_train / n
//
// (Koh and Liang 2017, arXiv 1703.04730, equation 2), and then really leaves out count digits, one at a time: half of them
// those of the largest prediction in absolute value, half spread over all others.
func leaveOut(ctx context.Context, dev *gpu.Device, m MLP, training, test digits.Digit, count int) (out leftOut, err error) {
	defer graph.Recover(&err)
	n := training.Y.Dim(0)
	if count < 2 || count > n {
		return out, fmt.Errorf("influence: %d of %d digits left out, one at a time: give 2 or more, and not more than there are", count, n)
	}
	type inputs struct {
		Head             nn.Linear
		Training, Single weighted
	}
	prepare := graph.Jit3(dev, func(m MLP, training, test digits.Digit) inputs {
		return inputs{m.Out, weighted{m.Features(training.X), training.Y, graph.Ones(n)}, weighted{m.Features(test.X), test.Y, graph.Ones(1)}.sample()}
	})
	in, err := prepare(ctx, m, training, test)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, graph.Close(in)) }()
	best, err := graph.Jit(dev, func(in inputs) fitted { return fit(in.Head, in.Training, fitSteps) })(ctx, in)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, graph.Close(best)) }()
	if g, err := best.Gradient.Float(ctx); err != nil || !(g < 1e-4) {
		return out, errors.Join(err, fmt.Errorf("influence: the last layer did not converge: its gradient has length %v", g))
	}

	predict := graph.Jit2(dev, func(l nn.Linear, in inputs) graph.Tensor {
		v := solveHessian(l, in.Training, graph.Grad2(sampleLoss)(l, in.Single), 1e-5)
		return products(sampleLoss, l, in.Training, v).Scale(1 / float64(n))
	})
	p, err := predict(ctx, best.Head, in)
	if err != nil {
		return out, err
	}
	all, err := p.Floats(ctx)
	if err := errors.Join(err, p.Close()); err != nil {
		return out, err
	}
	out.Index = chosen(all, count)
	which := make([]int32, count)
	for i, at := range out.Index {
		which[i] = int32(at)
		out.Predicted = append(out.Predicted, float64(all[at]))
	}

	// Many models at once: each leaves out another digit.
	index, err := graph.FromSlice(dev, which)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	refit := graph.Jit3(dev, func(l nn.Linear, in inputs, without graph.Tensor) graph.Tensor {
		before := sampleLoss(l, in.Single)
		return vmap.Map(func(i graph.Tensor) graph.Tensor {
			s := in.Training
			s.Weight = graph.Iota(0, n).Ne(i).AsFloat()
			return sampleLoss(fit(l, s, refitSteps).Head, in.Single).Sub(before)
		})(without)
	})
	r, err := refit(ctx, best.Head, in, index)
	if err != nil {
		return out, err
	}
	rises, err := r.Floats(ctx)
	if err := errors.Join(err, r.Close()); err != nil {
		return out, err
	}
	for _, v := range rises {
		out.Real = append(out.Real, float64(v))
	}
	return out, nil
}

// sample is the only one of a batch of one.
func (w weighted) sample() weighted {
	return must(tree.Map(func(x graph.Tensor) graph.Tensor { return x.Index(0, 0) }, w))
}
