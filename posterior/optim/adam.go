package optim

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// AdamConfig are the options of Adam and AdamW, with PyTorch's defaults.
type AdamConfig struct {
	Beta1       float64 // of the running mean of gradients: 0.9
	Beta2       float64 // of the running mean of squared gradients: 0.999
	Eps         float64 // 1e-8
	WeightDecay float64 // Adam: 0, added to the gradient; AdamW: 0.01, taken off the parameters
	AMSGrad     bool    // divide by the largest of all second moments so far
}

// Adam is the optimizer of Kingma and Ba (2015, arXiv 1412.6980, algorithm 1), as torch.optim.Adam:
//
//	g += weight_decay p
//	m  = beta1 m + (1 - beta1) g
//	v  = beta2 v + (1 - beta2) g^2           AMSGrad: divides by the largest v so far
//	p -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
//
// with t = 1 in the first step. AMSGrad is of Reddi, Kale, Kumar 2018.
func Adam[R schedule.Rate](lr R, change ...func(*AdamConfig)) Transformation {
	c := AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
	for _, f := range change {
		f(&c)
	}
	return adam("adam", rateOf("adam", lr), c, false)
}

// AdamW is Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2), as
// torch.optim.AdamW:
//
//	p -= lr weight_decay p
//
// before Adam's step. The default decay is 0.01.
func AdamW[R schedule.Rate](lr R, change ...func(*AdamConfig)) Transformation {
	c := AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}
	for _, f := range change {
		f(&c)
	}
	return adam("adamw", rateOf("adamw", lr), c, true)
}

func adam(name string, r rate, c AdamConfig, decoupled bool) Transformation {
	decayRate(name, "beta1", c.Beta1)
	decayRate(name, "beta2", c.Beta2)
	notNegative(name, "eps", c.Eps)
	notNegative(name, "weight decay", c.WeightDecay)
	return New(name, func(params []graph.Tensor) Part {
		p := Part{Values: r.values(), Slots: map[string][]graph.Tensor{"m": filled(params, 0), "v": filled(params, 0)}}
		if c.AMSGrad {
			p.Slots["max"] = filled(params, 0)
		}
		return p
	}, func(in Input, p Part) ([]graph.Tensor, Part) {
		g := in.Updates
		if !decoupled {
			g = decayed(in, c.WeightDecay)
		}
		m := average(c.Beta1, p.Slots["m"], g)
		v := average(c.Beta2, p.Slots["v"], each1(graph.Tensor.Square, g))
		slots := map[string][]graph.Tensor{"m": m, "v": v}
		if c.AMSGrad {
			v = pairs(graph.Tensor.Max, p.Slots["max"], v)
			slots["max"] = v
		}
		d := pairs(func(m, v graph.Tensor) graph.Tensor {
			return m.Div(correction(c.Beta1, in.Step, m.DType())).Div(root(v.Div(correction(c.Beta2, in.Step, v.DType()))).AddScalar(c.Eps))
		}, m, v)
		if decoupled {
			d = decayed(Input{Updates: d, Params: in.Params}, c.WeightDecay)
		}
		out := descend(r.at(in.Step, p), d)
		p.Slots = slots
		return out, p
	})
}

// correction is 1 - beta^(step + 1), what a running mean that began with 0 has seen; by expm1, exact where the power is near 1.
func correction(beta float64, step graph.Tensor, d graph.DType) graph.Tensor {
	if beta == 0 {
		return graph.Full(d, 1)
	}
	return step.AddScalar(1).Convert(d).Scale(math.Log(beta)).Expm1().Neg()
}
