package graph

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/tree"
)

// Element is a Go type that tensors are made from and read into.
type Element interface {
	float32 | int32 | uint32 | bool | float64
}

func dtypeOf[E Element]() DType {
	var e E
	switch any(e).(type) {
	case float32:
		return Float32
	case int32:
		return Int32
	case uint32:
		return Uint32
	case float64:
		return Float64
	default:
		return Bool
	}
}

// FromSlice copies data to dev as a tensor of the given shape, row-major; without a shape it is a
// vector. The data may be changed afterwards. On a device without float64 arithmetic, float64 data is ErrDType.
func FromSlice[E Element](dev *gpu.Device, data []E, shape ...int) (t Tensor, err error) {
	defer Recover(&err)
	if shape == nil {
		shape = []int{len(data)}
	}
	checkDims("from slice", shape)
	s := Spec{dtypeOf[E](), slices.Clone(shape)}
	if s.Shape.Size() != len(data) {
		fail("from slice", ErrShape, "give as many values as the shape has elements", "%d values for shape %v (%d elements)", len(data), s.Shape, s.Shape.Size())
	}
	if dev == nil {
		fail("from slice", ErrDevice, "open one with gpu.Open", "the device is nil")
	}
	if s.DType == Float64 && !hasFloat64(dev) {
		return Tensor{}, float64Missing(dev, "from slice", callerPC(), s)
	}
	a, err := dev.Upload(context.Background(), encodeSlice(data))
	if err != nil {
		return Tensor{}, fmt.Errorf("graph: from slice of %v at %s: %w", s, position(callerPC()), err)
	}
	return wrap(a, s, callerPC()), nil
}

// encodeSlice views or converts data as the bytes that a device stores.
func encodeSlice[E Element](data []E) []byte {
	if b, ok := any(data).([]bool); ok {
		out := make([]byte, 4*len(b))
		for i, v := range b {
			if v {
				out[4*i] = 1
			}
		}
		return out
	}
	if len(data) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), dtypeOf[E]().bytes()*len(data))
}

// wrap makes a tensor of an array.
func wrap(a *gpu.Array, s Spec, pc uintptr) Tensor {
	n := newNode(dataOp{}, nil, s, pc)
	n.array.Store(a)
	return Tensor{n}
}

// Read copies a tensor's elements to the host in row-major order, after computing what is still
// outstanding, on the device of its operands; what depends on constants alone is computed on the host. The element
// type must be the tensor's own.
func Read[E Element](ctx context.Context, t Tensor) (data []E, err error) {
	defer Recover(&err)
	n := t.must("read")
	checkReadable[E](n)
	// Computed before there is memory for it: what is too large for any device must not be asked of the host.
	a, h, err := valueOf(ctx, t)
	if err != nil {
		return nil, err
	}
	data = make([]E, n.spec.Shape.Size())
	if err := fetch(ctx, a, h, data); err != nil {
		return nil, err
	}
	return data, nil
}

// ReadInto is Read into memory of the caller's, which must have as many elements as the tensor.
func ReadInto[E Element](ctx context.Context, t Tensor, dst []E) (err error) {
	defer Recover(&err)
	n := t.must("read")
	checkReadable[E](n)
	if len(dst) != n.spec.Shape.Size() {
		fail("read", ErrShape, "make the destination as long as the tensor", "%v has %d elements, the destination %d", n.spec, n.spec.Shape.Size(), len(dst))
	}
	a, h, err := valueOf(ctx, t)
	if err != nil {
		return err
	}
	return fetch(ctx, a, h, dst)
}

func checkReadable[E Element](n *node) {
	if d := dtypeOf[E](); d != n.spec.DType {
		fail("read", ErrDType, "read it as its own type, or Convert it first", "the tensor is %v, the destination %v", n.spec, d)
	}
}

// valueOf computes what is outstanding: the result is an array on a device or, where no operand lives on one, the value by the
// ops' definitions.
func valueOf(ctx context.Context, t Tensor) (*gpu.Array, *Host, error) {
	if ofConstants(t.n) {
		h, err := evaluate(ctx, []*node{t.n}, nil)
		if err != nil {
			return nil, nil, err
		}
		return nil, h[0], nil
	}
	a, err := concrete(ctx, nil, t)
	return a, nil, err
}

func fetch[E Element](ctx context.Context, a *gpu.Array, h *Host, dst []E) error {
	if h != nil {
		return decode(encode(h.DType, h.V), dst)
	}
	if _, ok := any(dst).([]bool); !ok {
		return a.Download(ctx, encodeSlice(dst))
	}
	words := make([]byte, 4*len(dst))
	if err := a.Download(ctx, words); err != nil {
		return err
	}
	return decode(words, dst)
}

func decode[E Element](words []byte, dst []E) error {
	if b, ok := any(dst).([]bool); ok {
		for i := range b {
			b[i] = words[4*i] != 0
		}
		return nil
	}
	copy(encodeSlice(dst), words)
	return nil
}

// ofConstants reports that n depends on nothing but constants, as the derivative of a linear function does.
func ofConstants(n *node) bool {
	for _, a := range record([]*node{n}, fixed) {
		if fixed(a.node) || a.isParam() {
			return false
		}
	}
	return true
}

// Floats reads a float32 tensor.
func (t Tensor) Floats(ctx context.Context) ([]float32, error) { return Read[float32](ctx, t) }

// Ints reads an int32 tensor.
func (t Tensor) Ints(ctx context.Context) ([]int32, error) { return Read[int32](ctx, t) }

// Bools reads a bool tensor.
func (t Tensor) Bools(ctx context.Context) ([]bool, error) { return Read[bool](ctx, t) }

// Float reads a float32 tensor of one element.
func (t Tensor) Float(ctx context.Context) (float32, error) {
	var v [1]float32
	err := ReadInto(ctx, t, v[:])
	return v[0], err
}

// Close frees the tensor's device memory at once instead of when the garbage collector finds it
// unused. Closing twice, or a tensor without memory of its own, does nothing.
func (t Tensor) Close() error {
	if t.n == nil {
		return nil
	}
	if a := t.n.array.Load(); a != nil {
		return a.Close()
	}
	return nil
}

// Close frees the device memory of every tensor in a tree.
func Close[T any](t T) error {
	leaves, err := tree.Leaves[Tensor](t)
	if err != nil {
		return err
	}
	for _, l := range leaves {
		if e := l.Close(); e != nil {
			err = e
		}
	}
	return err
}

// Device is where the tensor's memory is, nil as long as it has none.
func (t Tensor) Device() *gpu.Device {
	if t.n != nil {
		if a := t.n.array.Load(); a != nil {
			return a.Device()
		}
	}
	return nil
}

// String describes the tensor without reading it.
func (t Tensor) String() string {
	switch {
	case t.n == nil:
		return "Tensor(none)"
	case t.n.isParam():
		return fmt.Sprintf("Tensor(%v, parameter of the %s at %s)", t.n.spec, t.n.trace.what, position(t.n.trace.pc))
	case evaluated(t.n):
		return fmt.Sprintf("Tensor(%v on %s)", t.n.spec, t.Device().Name())
	}
	return fmt.Sprintf("Tensor(%v, %s at %s)", t.n.spec, t.n.op.Name(), position(t.n.pc))
}
