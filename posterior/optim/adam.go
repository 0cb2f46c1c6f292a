package optim

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Adam is the optimizer of Kingma and Ba (2015), arXiv 1412.6980, algorithm 1:
//
//	m  = b1 m + (1 - b1) g
//	v  = b2 v + (1 - b2) g^2
//	p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//
// Fields left zero take PyTorch's defaults but for LR, which must be given.
type Adam struct {
	LR     float64
	B1, B2 float64 // 0 means 0.9 and 0.999
	Eps    float64 // 0 means 1e-8
}

// AdamState is Adam's memory: the running means of gradient and squared gradient, and the step count.
type AdamState[P any] struct {
	M, V P
	Step graph.Tensor // int32, the number of steps done
}

// AdamInit is the state before the first step.
func AdamInit[P any](params P) AdamState[P] {
	zeros := func() P {
		return mapTree(func(x graph.Tensor) graph.Tensor { return graph.Zeros(x.Shape()...) }, params)
	}
	return AdamState[P]{M: zeros(), V: zeros(), Step: graph.Int(0)}
}

// AdamStep gives the parameters and the state after one step along -grads.
func AdamStep[P any](a Adam, params, grads P, s AdamState[P]) (P, AdamState[P]) {
	if a.LR <= 0 {
		graph.Fail("adam", graph.ErrArgument, "set Adam.LR, for example to 1e-3", "learning rate %v", a.LR)
	}
	b1, b2, eps := orDefault(a.B1, 0.9), orDefault(a.B2, 0.999), orDefault(a.Eps, 1e-8)
	step := s.Step.AddScalar(1)
	t := step.AsFloat()
	// 1 - b^t by expm1: exact where b^t is near 1.
	correct := func(b float64) graph.Tensor { return t.Scale(math.Log(b)).Expm1().Neg() }
	c1, c2 := correct(b1), correct(b2)
	m := mapTree2(func(m, g graph.Tensor) graph.Tensor { return m.Scale(b1).Add(g.Scale(1 - b1)) }, s.M, grads)
	v := mapTree2(func(v, g graph.Tensor) graph.Tensor { return v.Scale(b2).Add(g.Square().Scale(1 - b2)) }, s.V, grads)
	delta := mapTree2(func(m, v graph.Tensor) graph.Tensor {
		return m.Div(c1).Scale(a.LR).Div(v.Div(c2).Sqrt().AddScalar(eps))
	}, m, v)
	next := mapTree2(func(p, d graph.Tensor) graph.Tensor { return p.Sub(d) }, params, delta)
	return next, AdamState[P]{M: m, V: v, Step: step}
}

func orDefault(x, d float64) float64 {
	if x == 0 {
		return d
	}
	return x
}

func mapTree[P any](f func(graph.Tensor) graph.Tensor, t P) P {
	out, err := tree.Map(f, t)
	check(err)
	return out
}

func mapTree2[P any](f func(a, b graph.Tensor) graph.Tensor, a, b P) P {
	out, err := tree.Map2(f, a, b)
	check(err)
	return out
}

func check(err error) {
	if err != nil {
		graph.Fail("adam", graph.ErrArgument, "give gradients and state of the same structure as the parameters", "%v", err)
	}
}
