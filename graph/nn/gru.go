package nn

import "github.com/lavagrad/lavagrad/graph"

// GRUCell is one step of a gated recurrent unit (Cho et al., arXiv 1406.1078, in the form of torch's GRUCell, which applies the reset
// gate after the product with the state):
//
//	rx, zx, nx = x X + BX            in this order along the last axis
//	rh, zh, nh = h H + BH
//	r = sigmoid(rx + rh), z = sigmoid(zx + zh), n = tanh(nx + r nh)
//	h' = (1 - z) n + z h
//
// for X [in 3h], H [h 3h], BX and BH [3h].
type GRUCell struct{ X, H, BX, BH graph.Tensor }

// Apply takes the step from state h [... h] for x [... in] and gives the new state, which is also the output. Leading axes are
// samples, there may be none.
func (l GRUCell) Apply(x, h graph.Tensor) graph.Tensor {
	fromX := split("gru cell", x.MatMul(l.X).Add(l.BX), 3, h)
	fromH := split("gru cell", h.MatMul(l.H).Add(l.BH), 3, h)
	r, z := fromX[0].Add(fromH[0]).Sigmoid(), fromX[1].Add(fromH[1]).Sigmoid()
	n := fromX[2].Add(r.Mul(fromH[2])).Tanh()
	return n.Add(z.Mul(h.Sub(n)))
}

// Scan takes the steps of a sequence xs [n ... in], one for each position of its leading axis, and gives the last state with the
// state after every step, [n ... h]. It is one graph.Scan: the loop runs on the device, and gradients flow through it.
func (l GRUCell) Scan(xs, h graph.Tensor) (last, states graph.Tensor) {
	return graph.Scan(func(h, x graph.Tensor) (graph.Tensor, graph.Tensor) {
		h = l.Apply(x, h)
		return h, h
	}, h, xs)
}
