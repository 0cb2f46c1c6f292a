package graph

import (
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// The cost model of lanes, in nanoseconds of a round, coarse: what matters is on which side of a dispatch's cost a round is. A lane's operations
// follow each other, so they take their latency; as many lanes as the device keeps busy share it. In dispatches the same
// operations fill the whole device.
type laneModel struct {
	operation float64 // of one lane's, one after the other
	width     float64 // lanes that run at once
	dispatch  float64
}

func laneModelOf(p gpu.Profile) laneModel {
	// Four cycles of latency at some 1.5 GHz; a barrier and a launch. Not measured on a GPU.
	m := laneModel{operation: 2.7, width: float64(max(p.Cores, 1) * 128), dispatch: 4000}
	if p.Kind == gpu.CPU {
		// Measured on both CPU drivers; an invocation is a lane of a SIMD register there.
		m = laneModel{operation: 0.5, width: float64(max(p.Cores, 1) * 4), dispatch: 6000}
	}
	if p.Measured&gpu.MeasuredStreams != 0 {
		m.dispatch = p.Rates.Dispatch * 1e9
	}
	return m
}

// lanesRound is the time of a round of plan.
func (m laneModel) lanesRound(plan *laneKernel) float64 {
	all, _ := plan.f.Cost()
	return float64(all) * m.operation * math.Ceil(float64(plan.lanes)/m.width)
}

// sharedFolds is how much faster reductions are in kernels of their own, at least, than in the loops of lanes: they read vectors, share
// what they read, and matrix products have kernels to themselves. 1,024 chains over 768 rows of data took lavapipe 1.5 times as much
// processor time in lanes, and SwiftShader did not end within a minute where 8 s sufficed.
const sharedFolds = 2

// dispatchRound is the time of the same round in the dispatches of its body.
func (m laneModel) dispatchRound(plan *laneKernel, round *lowered) float64 {
	all, folding := plan.f.Cost()
	work := float64(all-folding) + float64(folding)/sharedFolds
	return m.launches(round) + work*m.operation*float64(plan.lanes)/m.width
}

// whileLooks is how often the host looks at the word of a loop that goes round shaders.AssumedRounds times, and look is what that takes (gpu/walk.go).
const whileLooks, look = 5, 50e3

// launches is what dispatches cost beside their work, with all rounds of the loops inside.
func (m laneModel) launches(body *lowered) float64 {
	times := func(first, last int, loops []loopRange) float64 { // of the steps [first, last)
		n := 1.0
		for _, r := range loops {
			if r.first <= first && last <= r.last {
				if r.while != nil {
					n *= shaders.AssumedRounds
				} else {
					n *= float64(r.count)
				}
			}
		}
		return n
	}
	total := 0.0
	for i := range body.steps {
		total += times(i, i+1, body.loops) * m.dispatch
	}
	for i, r := range body.loops {
		if r.while != nil {
			total += times(r.first, r.last, slices.Delete(slices.Clone(body.loops), i, i+1)) * whileLooks * look
		}
	}
	return total
}

// laneDispatch is how long one dispatch of a kernel with lanes runs at most, roughly: watchdogs of drivers want an answer within seconds, and
// others want the device too.
const laneDispatch = 20e6

// roundsPerDispatch is how many rounds of plan one dispatch makes.
func (m laneModel) roundsPerDispatch(plan *laneKernel) int {
	return max(1, int(laneDispatch/max(m.lanesRound(plan), 1)))
}
