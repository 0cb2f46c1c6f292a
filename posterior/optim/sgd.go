package optim

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// SGDConfig are the options of SGD; all are 0 by default.
type SGDConfig struct {
	Momentum    float64
	Dampening   float64 // of the gradient's share in the momentum
	Nesterov    bool    // needs Momentum > 0 and Dampening = 0
	WeightDecay float64
}

// SGD is stochastic gradient descent, as torch.optim.SGD:
//
//	g += weight_decay p
//	b  = momentum b + (1 - dampening) g      b = g in the first step
//	d  = g + momentum b if Nesterov, else b  d = g without momentum
//	p -= lr d
//
// Sources: Sutskever, Martens, Dahl, Hinton 2013 for both kinds of momentum.
func SGD[R schedule.Rate](lr R, change ...func(*SGDConfig)) Transformation {
	c := SGDConfig{}
	for _, f := range change {
		f(&c)
	}
	notNegative("sgd", "momentum", c.Momentum)
	notNegative("sgd", "weight decay", c.WeightDecay)
	if !(c.Dampening >= 0 && c.Dampening <= 1) {
		graph.Fail("sgd", graph.ErrArgument, "give a number from 0 to 1", "dampening %v", c.Dampening)
	}
	if c.Nesterov && (c.Momentum == 0 || c.Dampening != 0) {
		graph.Fail("sgd", graph.ErrArgument, "set Momentum, and leave Dampening 0", "Nesterov momentum with Momentum %v and Dampening %v", c.Momentum, c.Dampening)
	}
	r := rateOf("sgd", lr)
	return New("sgd", func(params []graph.Tensor) Part {
		p := Part{Values: r.values()}
		if c.Momentum != 0 {
			p.Slots = map[string][]graph.Tensor{"momentum": filled(params, 0)}
		}
		return p
	}, func(in Input, p Part) ([]graph.Tensor, Part) {
		d := decayed(in, c.WeightDecay)
		if c.Momentum != 0 {
			first := in.Step.Eq(graph.Int(0))
			b := pairs(func(b, g graph.Tensor) graph.Tensor {
				next := b.Scale(c.Momentum).Add(g.Scale(1 - c.Dampening))
				if c.Dampening != 0 {
					next = graph.Where(first, g, next)
				}
				return next
			}, p.Slots["momentum"], d)
			p.Slots = map[string][]graph.Tensor{"momentum": b}
			if c.Nesterov {
				b = pairs(func(g, b graph.Tensor) graph.Tensor { return g.Add(b.Scale(c.Momentum)) }, d, b)
			}
			d = b
		}
		return descend(r.at(in.Step, p), d), p
	})
}
