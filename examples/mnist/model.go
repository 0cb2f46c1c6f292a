package main

import (
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
)

// loss is the cross entropy: a number for one digit, [B] for a batch.
func loss(m digits.MLP, d digits.Digit) graph.Tensor {
	return nn.CrossEntropy(m.Logits(d.X), d.Y)
}

// meanLoss is what training makes smaller.
func meanLoss(m digits.MLP, batch digits.Digit) graph.Tensor { return loss(m, batch).Mean() }

// gradNorm is the length of a digit's gradient over all parameters: how far this one digit would pull
// the model.
func gradNorm(m digits.MLP, d digits.Digit) graph.Tensor {
	return graph.SquaredNorm(graph.Grad2(loss)(m, d)).Sqrt()
}

// parameterCount counts the numbers in a model.
func parameterCount(m digits.MLP) (int, error) {
	return tree.Size(m, graph.Tensor.Size)
}
