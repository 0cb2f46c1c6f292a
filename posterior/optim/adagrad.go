package optim

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// AdagradConfig are the options of Adagrad, with PyTorch's defaults.
type AdagradConfig struct {
	RateDecay   float64 // 0
	WeightDecay float64 // 0
	Initial     float64 // sum of squares at the start: 0
	Eps         float64 // 1e-10
}

// Adagrad divides by the root of the sum of all squared gradients (Duchi, Hazan, Singer 2011, JMLR 12), as torch.optim.Adagrad:
//
//	g += weight_decay p
//	s += g^2                                  s = initial before the first step
//	p -= lr / (1 + t rate_decay) g / (sqrt(s) + eps)
//
// with t = 0 in the first step.
func Adagrad[R schedule.Rate](lr R, change ...func(*AdagradConfig)) Transformation {
	c := AdagradConfig{Eps: 1e-10}
	for _, f := range change {
		f(&c)
	}
	notNegative("adagrad", "rate decay", c.RateDecay)
	notNegative("adagrad", "weight decay", c.WeightDecay)
	notNegative("adagrad", "initial sum", c.Initial)
	notNegative("adagrad", "eps", c.Eps)
	r := rateOf("adagrad", lr)
	return New("adagrad", func(params []graph.Tensor) Part {
		return Part{Values: r.values(), Slots: map[string][]graph.Tensor{"sum": filled(params, c.Initial)}}
	}, func(in Input, p Part) ([]graph.Tensor, Part) {
		g := decayed(in, c.WeightDecay)
		sum := pairs(func(s, g graph.Tensor) graph.Tensor { return s.Add(g.Square()) }, p.Slots["sum"], g)
		now := r.at(in.Step, p)
		if c.RateDecay != 0 {
			now = now.Div(in.Step.AsFloat().Scale(c.RateDecay).AddScalar(1))
		}
		p.Slots = map[string][]graph.Tensor{"sum": sum}
		return descend(now, pairs(func(g, s graph.Tensor) graph.Tensor { return g.Div(root(s).AddScalar(c.Eps)) }, g, sum)), p
	})
}
