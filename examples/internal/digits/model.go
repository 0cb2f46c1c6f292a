package digits

import (
	"math"
	"math/rand/v2"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/gaussian"
)

// Hidden is the width of the hidden layer.
const Hidden = 64

// MLP is a perceptron with one hidden layer: logits = ReLU(x W1 + b1) W2 + b2.
type MLP struct{ Hidden, Out nn.Linear }

// Logits gives the unnormalised log probabilities of the classes: [10] for one picture, [B 10] for a batch.
func (m MLP) Logits(x graph.Tensor) graph.Tensor {
	return m.Out.Apply(m.Hidden.Apply(x).ReLU())
}

// NewMLP draws a model by He et al. (2015), arXiv 1502.01852, equation 10: weights from a normal
// distribution with variance 2/inputs, biases zero.
func NewMLP(dev *gpu.Device, random *rand.Rand) (m MLP, err error) {
	if m.Hidden, err = newLinear(dev, random, Pixels, Hidden); err != nil {
		return m, err
	}
	m.Out, err = newLinear(dev, random, Hidden, Classes)
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

// LogPosterior is that of a model after n pictures, of which it sees a batch, divided by n: the mean log likelihood over the batch, and the
// log density of the weights under independent N(0, 1), over n. The posterior itself is exp(n LogPosterior): at temperature 1/n.
func LogPosterior(n int) func(m MLP, batch Digit) (graph.Tensor, posterior.None) {
	return func(m MLP, batch Digit) (graph.Tensor, posterior.None) {
		likelihood := nn.CrossEntropy(m.Logits(batch.X), batch.Y).Mean().Neg()
		prior := gaussian.LogProb(m, 0, 1)
		return likelihood.Add(prior.Scale(1 / float64(n))), posterior.None{}
	}
}
