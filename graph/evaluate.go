package graph

import (
	"context"
	"fmt"
)

// Reference computes t in float64 on the host, by the ops' definitions. It is slow, needs no driver
// but for downloading arrays, and is what the device is tested against. The values are in row-major
// order; integers and booleans (0, 1) are exact.
func Reference(ctx context.Context, t Tensor) (values []float64, err error) {
	defer Recover(&err)
	h, err := evaluate(ctx, []*node{t.must("reference")}, nil)
	if err != nil {
		return nil, err
	}
	return h[0].V, nil
}

// mostHost is the most elements that an array on the host has here: 2 GiB of float64. Go ends a process that asks for more memory than
// there is, so what is larger must be an error.
const mostHost = 1 << 28

// evaluate computes outputs; given binds nodes (parameters) to values.
func evaluate(ctx context.Context, outputs []*node, given map[*node]*Host) ([]*Host, error) {
	values := map[*node]*Host{}
	several := map[*node][]*Host{}
	for _, a := range record(outputs, func(n *node) bool { return given[n] != nil || fixed(n) }) {
		n := a.node
		if h := given[n]; h != nil {
			values[n] = h
			continue
		}
		if err := a.outdated(); err != nil {
			return nil, err
		}
		if size := n.spec.Shape.Size(); size > mostHost {
			return nil, &Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrArgument,
				Detail: fmt.Sprintf("%v has %d elements, too many to be computed on the host", n.spec, size),
				Fix:    "compute it on a device with EvalOn, or in parts"}
		}
		h := newHost(n.spec)
		switch {
		case fixed(n):
			a := n.array.Load()
			if a.Closed() {
				return nil, closedError(n)
			}
			var err error
			if h, err = hostOf(ctx, a, n.spec); err != nil {
				return nil, err
			}
		case n.isParam():
			return nil, tracedError("reference", n)
		default:
			if p, ok := n.op.(pickOp); ok {
				h = several[a.from[0]][p.i]
				break
			}
			in := make([]*Host, len(a.from))
			for i, x := range a.from {
				in[i] = values[x]
			}
			if op, ok := n.op.(multiOp); ok {
				var err error
				if several[n], err = evaluateAll(ctx, op, in); err != nil {
					return nil, err
				}
				break
			}
			if c, ok := n.op.(collectiveOp); ok {
				return nil, c.unbound(n)
			}
			n.op.Eval(h, in)
			if c, ok := n.op.(checkOp); ok {
				for i, v := range in[1].V {
					if v == 0 {
						return nil, c.failure(n, in[1].Shape, i)
					}
				}
			}
		}
		values[n] = h
	}
	out := make([]*Host, len(outputs))
	for i, n := range outputs {
		if out[i] = values[n]; out[i] == nil {
			panic(fmt.Sprintf("BUG: graph: %s was not evaluated", n.op.Name()))
		}
	}
	return out, nil
}

// tracedError says that a parameter has no value.
func tracedError(op string, n *node) error {
	if n.trace.what == placeholder {
		return &Error{Op: op, Pos: position(callerPC()), Kind: ErrTraced,
			Detail: fmt.Sprintf("it depends on the placeholder %v made at %s", n.spec, position(n.trace.pc)), Fix: "give arrays made with graph.FromSlice"}
	}
	return &Error{Op: op, Pos: position(callerPC()), Kind: ErrTraced,
		Detail: fmt.Sprintf("it depends on a parameter %v of the %s at %s", n.spec, n.trace.what, position(n.trace.pc)),
		Fix:    "choose with Where, Cond or While instead of a Go if or for, or return the tensor from the traced function and read it outside"}
}

// evaluateAll computes the results of an op that has several.
func evaluateAll(ctx context.Context, op multiOp, in []*Host) ([]*Host, error) {
	specs := make([]Spec, len(in))
	for i, h := range in {
		specs[i] = h.Spec
	}
	outs, err := op.InferAll(specs)
	if err != nil {
		panic("BUG: graph: " + err.Error())
	}
	hosts := make([]*Host, len(outs))
	for i, s := range outs {
		hosts[i] = newHost(s)
	}
	return hosts, op.EvalAll(ctx, hosts, in)
}
