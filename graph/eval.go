package graph

import (
	"context"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu"
)

// Eval computes every tensor of a tree on the device that its operands live on, all in one program,
// and keeps the results on the device. Ops on arrays outside a traced function are recorded and run,
// fused with their neighbours, when Eval or a reading method asks for them.
func Eval[T any](ctx context.Context, t T) error { return EvalOn(ctx, nil, t) }

// EvalOn is Eval on a given device, for trees without operands on any device, such as constants.
func EvalOn[T any](ctx context.Context, dev *gpu.Device, t T) (err error) {
	defer Recover(&err)
	return evalNodes(ctx, dev, nodes(leavesOf("eval", t)))
}

func evalNodes(ctx context.Context, dev *gpu.Device, outputs []*node) error {
	var todo []*node
	for _, n := range outputs {
		if !evaluated(n) {
			todo = append(todo, n)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	before := nodeIDs.Load()
	order := record(todo, fixed)
	for _, a := range order {
		if a.isParam() {
			return tracedError("eval", a.node)
		}
		if arr := a.array.Load(); arr != nil && fixed(a.node) {
			if arr.Closed() {
				return closedError(a.node)
			}
			if dev == nil {
				dev = arr.Device()
			}
			if arr.Device() != dev {
				return deviceError(a.node, arr.Device(), dev)
			}
		}
	}
	if dev == nil {
		return &Error{Op: "eval", Pos: position(callerPC()), Kind: ErrDevice, Detail: "no operand lives on a device",
			Fix: "make operands with graph.FromSlice, or evaluate with graph.EvalOn"}
	}
	l, err := lift(nil, todo)
	if err != nil {
		return err
	}
	x, err := programs.get(ctx, dev, l)
	defer func() { closeArrays(l.uploaded) }()
	if err != nil {
		return err
	}
	outs, err := x.run(ctx, l.arrays, nil)
	if err != nil {
		return err
	}
	for _, a := range order {
		if a.over.id.Load() > before {
			closeArrays(outs) // another goroutine overwrote an operand meanwhile
			return overwrittenError(a.node, a.node)
		}
	}
	differentiated := false
	for _, a := range order {
		if _, ok := a.op.(aliasOp); ok && a.trace != nil && !a.trace.closed.Load() {
			differentiated = true // its history is still needed for the gradient
		}
	}
	for i, n := range todo {
		if !n.array.CompareAndSwap(nil, outs[i]) {
			outs[i].Close() // another goroutine was faster
		}
		if !differentiated {
			n.ins.Store(nil)
		}
	}
	return nil
}

// concrete gives the array of a tensor, evaluating it where needed.
func concrete(ctx context.Context, dev *gpu.Device, t Tensor) (*gpu.Array, error) {
	a := t.n.array.Load()
	closed := a != nil && a.Closed()
	if dev != nil && (a == nil || closed || a.Device() != dev) {
		// Seeds, keys, step counters, learning rates: a program for each value would have to be compiled. They belong to no device: what
		// another one keeps of them does not matter.
		if h := smallValue(t.n); h != nil {
			fresh, err := dev.Upload(ctx, encode(t.n.spec.DType, h.V))
			if err != nil {
				return nil, err
			}
			if t.n.array.CompareAndSwap(a, fresh) {
				return fresh, nil
			}
			fresh.Close()
			a = t.n.array.Load()
			closed = a.Closed()
		} else if a != nil && !fixed(t.n) {
			again := newNode(t.n.op, nil, t.n.spec, t.n.pc) // a large constant
			if err := evalNodes(ctx, dev, []*node{again}); err != nil {
				return nil, err
			}
			t.n.array.CompareAndSwap(a, again.array.Load())
			return again.array.Load(), nil
		}
	}
	if a == nil {
		if err := evalNodes(ctx, dev, []*node{t.n}); err != nil {
			return nil, err
		}
		a = t.n.array.Load()
		closed = a.Closed()
	}
	if closed {
		return nil, closedError(t.n)
	}
	if dev != nil && a.Device() != dev {
		return nil, deviceError(t.n, a.Device(), dev)
	}
	return a, nil
}

// smallValue is the value of a constant of a few elements, or of integers that depend on such constants alone, for which the host's
// definitions are exact; nil for others.
func smallValue(n *node) *Host {
	if !smallConstant(n) && !n.spec.DType.IsInt() {
		return nil
	}
	values := map[*node]*Host{}
	for _, a := range record([]*node{n}, func(n *node) bool { return n.spec.Shape.Size() > mostSmall || n.over.id.Load() > 0 }) {
		x := a.node
		_, several := x.op.(multiOp)
		_, data := x.op.(dataOp)
		if x.spec.Shape.Size() > mostSmall || x.over.id.Load() > 0 || data || several || x.isParam() || !x.spec.DType.IsInt() && x != n {
			return nil
		}
		in := make([]*Host, len(a.from))
		for i, f := range a.from {
			in[i] = values[f]
		}
		if len(in) == 0 && x.op.Class() != Leaf {
			return nil // evaluated, and its operands given up
		}
		values[x] = newHost(x.spec)
		x.op.Eval(values[x], in)
	}
	return values[n]
}

const mostSmall = 256 // elements

// smallConstant reports constants of a few elements.
func smallConstant(n *node) bool {
	_, ok := n.op.(constOp)
	return ok && n.spec.Shape.Size() <= mostSmall
}

// fixed reports nodes with arrays that graphs depend on as such: constants are constants still, also where a device keeps a copy, but for
// those that were overwritten.
func fixed(n *node) bool {
	_, constant := n.op.(constOp)
	return evaluated(n) && !(constant && n.over.id.Load() == 0)
}

func closedError(n *node) error {
	if a := n.array.Load(); a != nil && a.Device().Closed() {
		return &Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrClosed, Detail: fmt.Sprintf("the device %q of the tensor %v made here was closed", a.Device().Name(), n.spec),
			Fix: "read results before, and open a device and upload again after it"}
	}
	return &Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrClosed, Detail: fmt.Sprintf("the tensor %v made here was closed", n.spec),
		Fix: "close tensors only when nothing uses them any more"}
}

func deviceError(n *node, have, want *gpu.Device) error {
	other := fmt.Sprintf("%q", want.Name())
	if have.Name() == want.Name() {
		other = "another gpu.Device that was opened on it"
	}
	return &Error{Op: n.op.Name(), Pos: position(n.pc), Kind: ErrDevice,
		Detail: fmt.Sprintf("the tensor %v made here lives on %q, the program runs on %s", n.spec, have.Name(), other),
		Fix:    "upload the data to the device that runs the program"}
}
