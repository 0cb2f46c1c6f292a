package nn

import "github.com/lavagrad/lavagrad/graph"

// LSTMCell is one step of a long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; torch's
// LSTMCell with its two biases as one):
//
//	i, f, g, o = x X + h H + B       in this order along the last axis
//	c' = sigmoid(f) c + sigmoid(i) tanh(g)
//	h' = sigmoid(o) tanh(c')
//
// for X [in 4h], H [h 4h] and B [4h]. A forget gate that begins open, with 1 in its part of B, trains better.
type LSTMCell struct{ X, H, B graph.Tensor }

// LSTMState is what a cell carries from step to step: output and memory, each [... h].
type LSTMState struct{ H, C graph.Tensor }

// Apply takes the step for x [... in]; leading axes are samples, there may be none. The step's output is the new state's H.
func (l LSTMCell) Apply(x graph.Tensor, s LSTMState) LSTMState {
	gates := split("lstm cell", x.MatMul(l.X).Add(s.H.MatMul(l.H)).Add(l.B), 4, s.H)
	i, f, g, o := gates[0].Sigmoid(), gates[1].Sigmoid(), gates[2].Tanh(), gates[3].Sigmoid()
	c := f.Mul(s.C).Add(i.Mul(g))
	return LSTMState{H: o.Mul(c.Tanh()), C: c}
}

// Scan takes the steps of a sequence xs [n ... in], one for each position of its leading axis, and gives the last state with the
// output of every step, [n ... h]. It is one graph.Scan: the loop runs on the device, and gradients flow through it.
func (l LSTMCell) Scan(xs graph.Tensor, s LSTMState) (last LSTMState, outputs graph.Tensor) {
	return graph.Scan(func(s LSTMState, x graph.Tensor) (LSTMState, graph.Tensor) {
		s = l.Apply(x, s)
		return s, s.H
	}, s, xs)
}

// split cuts the last axis into n parts of the state's width.
func split(op string, x graph.Tensor, n int, state graph.Tensor) []graph.Tensor {
	width := state.Dim(-1)
	if x.Dim(-1) != n*width {
		graph.Fail(op, graph.ErrShape, "every gate is as wide as the state", "%d gates in width %d, the state is %v", n, x.Dim(-1), state.Spec())
	}
	parts := make([]graph.Tensor, n)
	for i := range parts {
		parts[i] = x.Slice(-1, i*width, (i+1)*width)
	}
	return parts
}
