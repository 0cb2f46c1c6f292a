package main

import (
	"math"
	"math/rand/v2"

	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
)

const hidden = 64

// MLP is the model, a perceptron with one hidden layer: logits = ReLU(x W1 + b1) W2 + b2.
type MLP struct{ Hidden, Out nn.Linear }

// Logits gives the unnormalised log probabilities of the classes: [10] for one picture, [B 10] for a batch.
func (m MLP) Logits(x graph.Tensor) graph.Tensor {
	return m.Out.Apply(m.Hidden.Apply(x).ReLU())
}

// loss is the cross entropy: a number for one digit, [B] for a batch.
func loss(m MLP, d digits.Digit) graph.Tensor {
	return nn.CrossEntropy(m.Logits(d.X), d.Y)
}

// meanLoss is what training makes smaller.
func meanLoss(m MLP, batch digits.Digit) graph.Tensor { return loss(m, batch).Mean() }

// gradNorm is the length of a digit's gradient over all parameters: how far this one digit would pull
// the model.
func gradNorm(m MLP, d digits.Digit) graph.Tensor {
	return graph.SquaredNorm(graph.Grad2(loss)(m, d)).Sqrt()
}

// newMLP draws a model by He et al. (2015), arXiv 1502.01852, equation 10: weights from a normal
// distribution with variance 2/inputs, biases zero.
func newMLP(dev *gpu.Device, random *rand.Rand) (m MLP, err error) {
	if m.Hidden, err = newLinear(dev, random, digits.Pixels, hidden); err != nil {
		return m, err
	}
	m.Out, err = newLinear(dev, random, hidden, digits.Classes)
	return m, err
}

func newLinear(dev *gpu.Device, random *rand.Rand, in, out int) (l nn.Linear, err error) {
	scale := math.Sqrt(2 / float64(in))
	w := make([]float32, in*out)
	for i := range w {
		w[i] = float32(random.NormFloat64() * scale)
	}
	if l.W, err = graph.FromSlice(dev, w, in, out); err != nil {
		return l, err
	}
	l.B = graph.Zeros(out)
	return l, nil
}

// parameterCount counts the numbers in a model.
func parameterCount(m MLP) (int, error) {
	return tree.Size(m, graph.Tensor.Size)
}
