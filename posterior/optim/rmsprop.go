package optim

import (
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/posterior/schedule"
)

// RMSPropConfig are the options of RMSProp, with PyTorch's defaults.
type RMSPropConfig struct {
	Alpha       float64 // of the running mean of squared gradients: 0.99
	Eps         float64 // 1e-8
	WeightDecay float64 // 0
	Momentum    float64 // 0
	Centered    bool    // divide by the standard deviation instead of the root mean square
}

// RMSProp divides by a running root mean square (Tieleman and Hinton 2012, lecture 6.5), as torch.optim.RMSprop:
//
//	g += weight_decay p
//	v  = alpha v + (1 - alpha) g^2
//	a  = alpha a + (1 - alpha) g              if Centered, with s = sqrt(max(v - a^2, 0)); else s = sqrt(v)
//	b  = momentum b + g / (s + eps)
//	p -= lr b
//
// The centred form is of Graves 2013, arXiv 1308.0850.
func RMSProp[R schedule.Rate](lr R, change ...func(*RMSPropConfig)) Transformation {
	c := RMSPropConfig{Alpha: 0.99, Eps: 1e-8}
	for _, f := range change {
		f(&c)
	}
	decayRate("rmsprop", "alpha", c.Alpha)
	notNegative("rmsprop", "eps", c.Eps)
	notNegative("rmsprop", "weight decay", c.WeightDecay)
	notNegative("rmsprop", "momentum", c.Momentum)
	r := rateOf("rmsprop", lr)
	return New("rmsprop", func(params []graph.Tensor) Part {
		p := Part{Values: r.values(), Slots: map[string][]graph.Tensor{"v": filled(params, 0)}}
		if c.Centered {
			p.Slots["mean"] = filled(params, 0)
		}
		if c.Momentum != 0 {
			p.Slots["momentum"] = filled(params, 0)
		}
		return p
	}, func(in Input, p Part) ([]graph.Tensor, Part) {
		g := decayed(in, c.WeightDecay)
		v := average(c.Alpha, p.Slots["v"], each1(graph.Tensor.Square, g))
		slots := map[string][]graph.Tensor{"v": v}
		if c.Centered {
			mean := average(c.Alpha, p.Slots["mean"], g)
			slots["mean"] = mean
			// Rounding may leave a little less than nothing.
			v = pairs(func(v, a graph.Tensor) graph.Tensor { return v.Sub(a.Square()).Max(v.Like(0)) }, v, mean)
		}
		d := pairs(func(g, v graph.Tensor) graph.Tensor { return g.Div(root(v).AddScalar(c.Eps)) }, g, v)
		if c.Momentum != 0 {
			d = pairs(func(b, d graph.Tensor) graph.Tensor { return b.Scale(c.Momentum).Add(d) }, p.Slots["momentum"], d)
			slots["momentum"] = d
		}
		out := descend(r.at(in.Step, p), d)
		p.Slots = slots
		return out, p
	})
}
