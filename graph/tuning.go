package graph

import (
	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/tune"
)

// measurable is from how many elements of an array on how its kernels are shaped is worth measuring: smaller ones take about as long as the
// dispatch itself.
const measurable = 1 << 16

// facts are the groups of the profile's facts that the program of these outputs depends on noticeably: what else there is, a small
// program need not wait for.
func facts(outputs []*node) gpu.Measured {
	var need gpu.Measured
	for _, n := range reach(outputs, nil) {
		for _, x := range n.in() {
			if max(x.spec.Shape.Size(), n.spec.Shape.Size()) >= measurable {
				need |= gpu.MeasuredStreams
			}
		}
		switch o := n.op.(type) {
		case contractOp:
			size, _ := o.sizes(n.in()[0].spec.Shape, n.in()[1].spec.Shape)
			work := 1
			for _, x := range size {
				work *= x
			}
			if work >= matmulWork && len(o.summed()) > 0 {
				need |= tune.Everything // the planner weighs products against memory
			}
		case scanOp:
			need |= facts(o.body.outs)
		case whileOp:
			need |= facts(o.cond.outs) | facts(o.body.outs)
		case switchOp:
			for _, r := range o.branches {
				need |= facts(r.outs)
			}
		}
	}
	return need
}

// profileOf is the device's profile with what is known of it already: nothing is measured.
func profileOf(dev *gpu.Device) gpu.Profile {
	tune.Load(dev)
	return dev.Profile()
}
