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
	order := record(todo, evaluated)
	for _, a := range order {
		if a.isParam() {
			return tracedError("eval", a.node)
		}
		if arr := a.array.Load(); arr != nil {
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
	if a == nil && dev != nil && (smallInteger(t.n) || smallConstant(t.n)) {
		// Seeds, keys, step counters, learning rates: a program for each value would have to be compiled.
		h, err := evaluate(ctx, []*node{t.n}, nil)
		if err != nil {
			return nil, err
		}
		if a, err = dev.Upload(ctx, encode(t.n.spec.DType, h[0].V)); err != nil {
			return nil, err
		}
		if !t.n.array.CompareAndSwap(nil, a) {
			a.Close()
			a = t.n.array.Load()
		}
	}
	if a == nil {
		if err := evalNodes(ctx, dev, []*node{t.n}); err != nil {
			return nil, err
		}
		a = t.n.array.Load()
	}
	if a.Closed() {
		return nil, closedError(t.n)
	}
	if dev != nil && a.Device() != dev {
		return nil, deviceError(t.n, a.Device(), dev)
	}
	return a, nil
}

// smallInteger reports integers that depend on small constants alone. The host's definitions are exact for them.
func smallInteger(n *node) bool {
	if !n.spec.DType.IsInt() {
		return false
	}
	for _, a := range record([]*node{n}, evaluated) {
		if evaluated(a.node) || a.isParam() || !a.spec.DType.IsInt() || a.spec.Shape.Size() > 256 {
			return false
		}
	}
	return true
}

// smallConstant reports constants of a few elements.
func smallConstant(n *node) bool {
	_, ok := n.op.(constOp)
	return ok && n.spec.Shape.Size() <= 256
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
