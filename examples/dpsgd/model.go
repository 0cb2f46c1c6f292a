package main

import (
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
)

// MLP is a perceptron with one hidden layer of tanh units. Bounded activations suit clipping: they keep gradients small, where
// ReLU lets them grow (Papernot, Thakurta, Song, Chien and Erlingsson 2021, arXiv 2007.14191).
type MLP struct{ Hidden, Out nn.Linear }

// newMLP draws the first parameters.
func newMLP(key random.Key, hidden int) MLP {
	k := random.Split(key, 2)
	return MLP{nn.NewLinear(k.At(0), digits.Pixels, hidden), nn.NewLinear(k.At(1), hidden, digits.Classes)}
}

// Logits are [10] for a picture, [B 10] for a batch. Grey values stay as they are, 0 to 1: to subtract their mean would use the
// data without paying for it, and any other constant would fill each digit's gradient with the background.
func (m MLP) Logits(x graph.Tensor) graph.Tensor {
	return m.Out.Apply(m.Hidden.Apply(x).Tanh())
}

// loss is the cross entropy of a digit.
func loss(m MLP, d digits.Digit) graph.Tensor { return nn.CrossEntropy(m.Logits(d.X), d.Y) }
