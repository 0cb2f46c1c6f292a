package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/vmap"
)

// sample is a labelled example, or with one more axis in front a batch.
type sample struct{ X, Y graph.Tensor }

// model is a classifier with a batch. Its parameters are a list of leaves, weight and bias of each layer in turn.
type model struct {
	name   string // of the workloads, before the slash
	kind   string // as the peer knows it
	params int
	clip   float64
	inputs func(generator) []array
	logits func(p []graph.Tensor, x graph.Tensor) graph.Tensor
}

// mlpModel is a perceptron with ReLU between its layers. About half of the samples reach the clipping norm.
func mlpModel(widths []int, batch int, clip float64) model {
	names := make([]string, len(widths))
	for i, w := range widths {
		names[i] = strconv.Itoa(w)
	}
	return model{
		name: fmt.Sprintf("mlp%s_B%d", strings.Join(names, "-"), batch), kind: "mlp", params: 2 * (len(widths) - 1), clip: clip,
		inputs: func(g generator) (all []array) {
			for i := range len(widths) - 1 {
				all = append(all, g.linear(widths[i], widths[i+1])...)
			}
			return append(all, g.normal(1, batch, widths[0]), g.classes(widths[len(widths)-1], batch))
		},
		logits: perceptron,
	}
}

func perceptron(p []graph.Tensor, x graph.Tensor) graph.Tensor {
	layers := linears(p)
	for _, l := range layers[:len(layers)-1] {
		x = l.Apply(x).ReLU()
	}
	return layers[len(layers)-1].Apply(x)
}

// cnnModel is the network of torch.func's tutorial on per-sample gradients: 1,199,882 parameters, images of 28 x 28.
func cnnModel(batch int, clip float64) model {
	return model{
		name: fmt.Sprintf("cnn_B%d", batch), kind: "cnn", params: 8, clip: clip,
		inputs: func(g generator) []array {
			all := append(g.conv(1, 32, 3), g.conv(32, 64, 3)...)
			all = append(append(all, g.linear(9216, 128)...), g.linear(128, 10)...)
			return append(all, g.normal(1, batch, 1, 28, 28), g.classes(10, batch))
		},
		logits: func(p []graph.Tensor, x graph.Tensor) graph.Tensor {
			x = nn.Conv{W: p[0], B: p[1]}.Apply(x, graph.ConvOptions{}).ReLU()
			x = nn.Conv{W: p[2], B: p[3]}.Apply(x, graph.ConvOptions{}).ReLU()
			x = nn.MaxPool(x, nn.PoolOptions{Size: []int{2, 2}})
			return perceptron(p[4:], x.Reshape(append(append(graph.Shape{}, x.Shape()[:x.Rank()-3]...), x.Dim(-1)*x.Dim(-2)*x.Dim(-3))...))
		},
	}
}

// reductions are what every model is asked for.
var reductions = []string{"batch_grad", "per_sample", "norms", "diag_fisher", "clip_sum"}

// reduce gives the function that a name stands for, as a user of the library would write it.
func (m model) reduce(name string) func(p []graph.Tensor, s sample) []graph.Tensor {
	loss := func(p []graph.Tensor, s sample) graph.Tensor { return nn.CrossEntropy(m.logits(p, s.X), s.Y) }
	total := func(p []graph.Tensor, s sample) graph.Tensor { return loss(p, s).Sum() }
	perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
	switch name {
	case "batch_grad": // of the sum over the batch
		return graph.Grad2(total)
	case "per_sample":
		return perSample
	case "norms":
		return func(p []graph.Tensor, s sample) []graph.Tensor {
			return []graph.Tensor{vmap.SquaredNorms(perSample(p, s)).Sqrt()}
		}
	case "diag_fisher": // summed over the batch
		return curvature.DiagFisher(loss)
	case "clip_sum":
		return func(p []graph.Tensor, s sample) []graph.Tensor {
			return optim.ClippedSum(perSample(p, s), m.clip, graph.Tensor{})
		}
	case "hvp": // the Hessian of the summed loss times the parameters
		return func(p []graph.Tensor, s sample) []graph.Tensor {
			return graph.HVP(func(p []graph.Tensor) graph.Tensor { return total(p, s) })(p, p)
		}
	}
	panic("BUG: no reduction " + name)
}

func (m model) workload(reduction string) workload {
	return workload{
		name:   m.name + "/" + reduction,
		spec:   spec{Model: m.kind, Reduce: reduction, Params: m.params, Clip: m.clip},
		inputs: m.inputs,
		start: func(_ context.Context, dev *gpu.Device, in []graph.Tensor) (program, error) {
			f := graph.Jit2(dev, m.reduce(reduction))
			run := func(ctx context.Context) ([]graph.Tensor, error) {
				return f(ctx, in[:m.params], sample{in[m.params], in[m.params+1]})
			}
			return program{run: run, check: run}, nil
		},
	}
}
