package main

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
)

// net is a perceptron 1-width-width-1.
type net struct{ L1, L2, L3 nn.Linear }

// noise is the standard deviation of a measurement, in units of the network's output: 20 g.
const noise = 20. / unit

// forward gives outputs [n 1] for a batch. Inputs of wide layers are scaled by one over the root of their number, so that a standard
// deviation of 1 is a sensible prior for every weight. linear is nn.Linear.Apply, but for KFAC.
func forward(p net, b batch, linear curvature.LinearFunc) (graph.Tensor, posterior.None) {
	scale := 1 / math.Sqrt(float64(p.L2.W.Dim(0)))
	h := linear(p.L1, b.X).Tanh()
	h = linear(p.L2, h.Scale(scale)).Tanh()
	return linear(p.L3, h.Scale(scale)), posterior.None{}
}

func apply(p net, b batch) (graph.Tensor, posterior.None) { return forward(p, b, nn.Linear.Apply) }

// logLikelihood is that of outputs, but for a constant.
func logLikelihood(z graph.Tensor, b batch) graph.Tensor {
	return z.Sub(b.Y).Square().Sum().Scale(-0.5 / (noise * noise))
}

// newNet is a network that gives 0 everywhere: the last layer is zeros. The units of the first layer turn at times all over the experiment, each
// within some milliseconds, so that what happens at one time can be learnt by units that matter little at others.
func newNet(dev *gpu.Device, width int, r *rand.Rand) (p net, err error) {
	zero := func() float64 { return 0 }
	slopes := make([]float64, width)
	for i := range slopes {
		slopes[i] = 3 * r.NormFloat64()
	}
	i, j := -1, -1
	slope := func() float64 { i++; return slopes[i] }
	shift := func() float64 { j++; return -slopes[j] * (60*r.Float64() - middle) / spread }
	for _, l := range []struct {
		to      *nn.Linear
		in, out int
		w, b    func() float64
	}{{&p.L1, 1, width, slope, shift}, {&p.L2, width, width, r.NormFloat64, r.NormFloat64}, {&p.L3, width, 1, zero, zero}} {
		draw := func(next func() float64, shape ...int) graph.Tensor {
			v := make([]float32, graph.Shape(shape).Size())
			for i := range v {
				v[i] = float32(next())
			}
			x, e := graph.FromSlice(dev, v, shape...)
			err = errors.Join(err, e)
			return x
		}
		*l.to = nn.Linear{W: draw(l.w, l.in, l.out), B: draw(l.b, l.out)}
	}
	return p, err
}
