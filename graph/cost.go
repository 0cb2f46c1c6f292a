package graph

import (
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/gpu"
)

// CostEstimate is what a function takes to run once. Sizes are in bytes.
type CostEstimate struct {
	// Operations counts additions, multiplications, comparisons, selections and conversions of single elements (a multiply-add is two),
	// Transcendentals the elementary functions. Index arithmetic, and what a kernel computes twice rather than read, are not counted;
	// a While counts as one round.
	Operations, Transcendentals int64

	// Elements is the number of elements of all arguments: for a model, its number of parameters.
	Elements int64

	Arguments int64 // in memory before and after: the arguments,
	Captured  int64 // and arrays that the function captured
	Constants int64 // tables of constants that the program keeps
	Results   int64 // new arrays
	Arena     int64 // temporaries: what is live at once, as the memory plan packs it

	// Read and Written count every array that a dispatch reads or writes once for each dispatch.
	Read, Written int64
	Dispatches    int
}

// Peak is the memory that a run takes beside arguments and captured arrays: constants, results and temporaries.
func (c CostEstimate) Peak() int64 { return c.Constants + c.Results + c.Arena }

// String tells the estimate in one line.
func (c CostEstimate) String() string {
	mega := func(n int64) float64 { return float64(n) / 1e6 }
	return fmt.Sprintf("%.4g M operations, %.4g M elementary functions, %d dispatches; %.4g MB read, %.4g MB written; arguments %.4g MB, peak %.4g MB beside them",
		mega(c.Operations), mega(c.Transcendentals), c.Dispatches, mega(c.Read), mega(c.Written), mega(c.Arguments+c.Captured), mega(c.Peak()))
}

// Cost estimates, without a device and without running f, what f takes at an argument like a, which may be made of
// Placeholders: the function is traced and planned for a usual GPU. For several arguments give a function of a struct. Checks are
// left out.
func Cost[A, R any](f func(A) R, a A, opts ...JitOption) (CostEstimate, error) {
	usual := gpu.Profile{Kind: gpu.Discrete, LocalSize: 256, VecPerInvocation: 1, SharedMemory: true, Cores: 64, SubgroupSize: 32,
		MatMul: gpu.MatMulShared, Rates: gpu.BuiltInRates(gpu.Discrete, ""), PreserveNaN: true, MaxBindings: 24, MaxStorageRange: math.MaxInt32, MaxAllocation: math.MaxInt64}
	c, _, err := costOn(usual, f, a, opts)
	return c, err
}

// CostOn is Cost for the program that Jit makes for a device: dispatches and memory are the program's own. The driver compiles
// nothing.
func CostOn[A, R any](dev *gpu.Device, f func(A) R, a A, opts ...JitOption) (CostEstimate, error) {
	c, _, err := costOn(profileOf(dev), f, a, opts)
	return c, err
}

func costOn[A, R any](p gpu.Profile, f func(A) R, a A, opts []JitOption) (c CostEstimate, steps *lowered, err error) {
	defer Recover(&err)
	conf := configured(opts)
	if err := conf.check("cost", callerPC()); err != nil {
		return c, nil, err
	}
	params, _, outs := traceLike("cost", f, a)
	l, err := lift(params, outs)
	if err != nil {
		return c, nil, err
	}
	for i, x := range l.params {
		if i < len(params) {
			c.Arguments += bytesOf(x.spec)
			c.Elements += int64(x.spec.Shape.Size())
		} else {
			c.Captured += bytesOf(x.spec)
		}
	}
	steps = passes((&executable{}).addChecks(conf.plan.precision.apply(l.outputs), false, conf.plan), p, conf)
	c.count(steps, steps.planned, 1)
	c.memory(steps)
	return c, steps, nil
}

// count adds the work of the nodes below outputs, done so many times. The rounds of loops are counted as l has planned them.
func (c *CostEstimate) count(l *lowered, outputs []*node, times int64) {
	for _, n := range reach(outputs, nil) {
		work := times * int64(n.spec.Shape.Size())
		switch o := n.op.(type) {
		case elementwise:
			if o.cost >= 20 { // from exp on, by the table
				c.Transcendentals += work
			} else {
				c.Operations += work
			}
		case whereOp, convertOp:
			c.Operations += work
		case contractOp:
			c.Operations += 2 * work * int64(foldLength(n))
		case scanOp:
			if round := l.rounds[o.body.key]; round != nil {
				c.count(round, round.planned, times*int64(o.rounds))
			} else {
				c.count(l, o.body.outs, times*int64(o.rounds))
			}
		case whileOp:
			c.count(l, o.cond.outs, times)
			c.count(l, o.body.outs, times)
		case operationCounter:
			c.Operations += times * o.Operations(Operands{n})
		default:
			switch n.op.Class() {
			case Reduction:
				c.Operations += work * int64(foldLength(n))
			case Opaque:
				if _, result := n.op.(pickOp); !result {
					c.Operations += work
				}
			}
		}
	}
}

// operationCounter is an op whose work is not the number of its elements.
type operationCounter interface{ Operations(n Operands) int64 }

// memory adds what the dispatches move and where the results of the plan lie.
func (c *CostEstimate) memory(l *lowered) {
	for _, n := range l.outputs {
		c.Results += bytesOf(n.spec)
	}
	read := map[*node]bool{} // by the host
	for _, r := range l.loops {
		if r.while != nil && !read[r.while.n] {
			read[r.while.n] = true
			c.Results += bytesOf(r.while.n.spec)
		}
	}
	tables := map[*node]bool{}
	for at, s := range l.steps {
		if s.kernel().Groups[0] == 0 {
			continue
		}
		times := int64(1)
		for _, r := range l.loops {
			if r.while == nil && r.first <= at && at < r.last {
				times *= int64(r.count)
			}
		}
		c.Dispatches += int(times)
		for i, b := range s.args {
			bytes := l.size(b)
			if b.length > 0 {
				bytes = min(bytes, b.length)
			}
			if s.writes[i] {
				c.Written += times * bytes
			} else {
				c.Read += times * bytes
			}
			if b.n != nil && isTable(b.n) && !tables[b.n] {
				tables[b.n] = true
				c.Constants += bytesOf(b.n.spec)
			}
		}
	}
	c.Arena = l.arena()
}
