package safetensors

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// mostHeader is the longest header that the format allows.
const mostHeader = 100e6

// ErrFormat: the data is no safetensors file, or one of element types that graph has not.
var ErrFormat = errors.New("no safetensors data")

// Load is Read from a file.
func Load[T any](ctx context.Context, dev *gpu.Device, file string, like T) (t T, err error) {
	defer graph.Recover(&err)
	f, err := os.Open(file)
	if err != nil {
		return t, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	return Read(ctx, dev, f, like)
}

// Read reads what Write wrote: a tree of the structure of like, whose tensors tell types and shapes and may be placeholders, with new
// arrays on dev.
//
// Errors: graph.ErrArgument where like has a tensor that the data has not, or the other way round; graph.ErrShape and graph.ErrDType where
// one is of another shape or type; ErrFormat; those of r and graph.FromSlice.
func Read[T any](ctx context.Context, dev *gpu.Device, r io.Reader, like T) (t T, err error) {
	defer graph.Recover(&err)
	leaves, names := flatten("load", like)
	h, err := readHeader(r)
	if err != nil {
		return t, err
	}
	known := map[string]bool{}
	var missing []string
	for i, n := range names {
		known[n] = true
		e, ok := h.entries[n]
		if !ok {
			missing = append(missing, n)
			continue
		}
		if w := leaves[i]; !w.Shape().Equal(e.Shape) {
			graph.Fail("load", graph.ErrShape, "give a tree of the shapes that were saved", "%q is %v in the data, %v in the tree", n, graph.Shape(e.Shape), w.Spec())
		} else if dtype[w.DType()] != e.DType {
			graph.Fail("load", graph.ErrDType, "give a tree of the types that were saved, and Convert what was loaded", "%q is %s in the data, %v in the tree", n, e.DType, w.Spec())
		}
	}
	var foreign []string
	for _, n := range h.order {
		if !known[n] {
			foreign = append(foreign, n)
		}
	}
	if len(missing)+len(foreign) > 0 {
		graph.Fail("load", graph.ErrArgument, "give a tree of the structure that was saved, or take all of them by ReadMap",
			"the data lacks %s, and has %s, which the tree has not", some(missing), some(foreign))
	}
	all, err := readTensors(ctx, dev, r, h)
	if err != nil {
		return t, err
	}
	loaded := make([]graph.Tensor, len(leaves))
	for i, n := range names {
		loaded[i] = all[n]
	}
	return tree.Unflatten(like, loaded)
}

// ReadMap reads all tensors of a file by their names.
func ReadMap(ctx context.Context, dev *gpu.Device, r io.Reader) (t map[string]graph.Tensor, err error) {
	defer graph.Recover(&err)
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	return readTensors(ctx, dev, r, h)
}

// some lists names for an error.
func some(names []string) string {
	const most = 4
	switch {
	case len(names) == 0:
		return "nothing"
	case len(names) > most:
		return fmt.Sprintf("%q and %d more", names[:most], len(names)-most)
	}
	return fmt.Sprintf("%q", names)
}

// header has the tensors of a file; order is that of their elements.
type header struct {
	entries map[string]entry
	order   []string
}

func formatError(format string, args ...any) error {
	return fmt.Errorf("safetensors: %w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

func readHeader(r io.Reader) (h header, err error) {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return h, formatError("its length cannot be read: %v", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > mostHeader {
		return h, formatError("a header of %d bytes", n)
	}
	text, err := take(r, int64(n))
	if err != nil {
		return h, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return h, formatError("its header: %v", err)
	}
	delete(raw, metadata)
	h.entries = map[string]entry{}
	for name, text := range raw {
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return h, formatError("%q in its header: %v", name, err)
		}
		h.entries[name] = e
	}
	h.order = slices.SortedFunc(maps.Keys(h.entries), func(a, b string) int {
		x, y := h.entries[a].Offsets, h.entries[b].Offsets
		return cmp.Or(slices.Compare(x[:], y[:]), cmp.Compare(a, b))
	})
	end := int64(0)
	for _, name := range h.order {
		e := h.entries[name]
		size, err := e.size()
		if err != nil {
			return h, formatError("%q: %v", name, err)
		}
		if e.Offsets[0] != end || e.Offsets[1]-e.Offsets[0] != size {
			return h, formatError("%q has the bytes %d to %d, want %d from %d on", name, e.Offsets[0], e.Offsets[1], size, end)
		}
		end = e.Offsets[1]
	}
	return h, nil
}

// of is the element type that a name of the format stands for.
func of(name string) (graph.DType, bool) {
	for d, n := range dtype {
		if n == name {
			return d, true
		}
	}
	return 0, false
}

// size is the number of bytes that a tensor takes in the file.
func (e entry) size() (int64, error) {
	d, ok := of(e.DType)
	if !ok {
		return 0, fmt.Errorf("elements of type %s; convert them to one of F32, F64, I32, U32, BOOL", e.DType)
	}
	n := width(d)
	for _, l := range e.Shape {
		if l < 0 || l > 0 && n > math.MaxInt64/int64(l) {
			return 0, fmt.Errorf("a shape of %v", e.Shape)
		}
		n *= int64(l)
	}
	return n, nil
}

// take reads n bytes, in memory that grows with what there is: a wrong length must not ask for more.
func take(r io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, n); err != nil {
		return nil, formatError("it ends after %d of %d bytes: %v", b.Len(), n, err)
	}
	return b.Bytes(), nil
}

func readTensors(ctx context.Context, dev *gpu.Device, r io.Reader, h header) (all map[string]graph.Tensor, err error) {
	all = map[string]graph.Tensor{}
	defer func() {
		if err != nil {
			err = errors.Join(err, graph.Close(all))
		}
	}()
	for _, name := range h.order {
		e := h.entries[name]
		data, err := take(r, e.Offsets[1]-e.Offsets[0])
		if err != nil {
			return nil, err
		}
		x, err := upload(ctx, dev, e, data)
		if err != nil {
			return nil, err
		}
		all[name] = x
	}
	return all, nil
}

func upload(ctx context.Context, dev *gpu.Device, e entry, data []byte) (graph.Tensor, error) {
	if err := ctx.Err(); err != nil {
		return graph.Tensor{}, err
	}
	switch e.DType {
	case "F32":
		return fromBytes[float32](dev, e.Shape, data)
	case "F64":
		return fromBytes[float64](dev, e.Shape, data)
	case "I32":
		return fromBytes[int32](dev, e.Shape, data)
	case "U32":
		return fromBytes[uint32](dev, e.Shape, data)
	default:
		return fromBytes[bool](dev, e.Shape, data)
	}
}

func fromBytes[E graph.Element](dev *gpu.Device, shape []int, data []byte) (graph.Tensor, error) {
	var e E
	elements := make([]E, len(data)/binary.Size(e))
	if _, err := binary.Decode(data, binary.LittleEndian, elements); err != nil {
		return graph.Tensor{}, formatError("%v", err)
	}
	return graph.FromSlice(dev, elements, append([]int{}, shape...)...) // not nil, which would stand for a vector
}
