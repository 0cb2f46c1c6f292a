package safetensors

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// entry describes a tensor in the header.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // begin and end, from the end of the header
}

// dtype names an element type as the format does.
var dtype = map[graph.DType]string{graph.Float32: "F32", graph.Float64: "F64", graph.Int32: "I32", graph.Uint32: "U32", graph.Bool: "BOOL"}

// width is the size of an element in the file.
func width(d graph.DType) int64 {
	switch d {
	case graph.Float64:
		return 8
	case graph.Bool:
		return 1
	}
	return 4
}

// Save writes a tree to a file, whole or not at all: what reads the file meanwhile, or after an error, finds the old content.
func Save[T any](ctx context.Context, file string, t T) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = Write(ctx, f, t)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

// Write writes every tensor of a tree, after computing what is outstanding.
//
// Errors: graph.ErrArgument for a tensor that is not set, and for two leaves of one name; those of graph.Read; those of w.
func Write[T any](ctx context.Context, w io.Writer, t T) (err error) {
	defer graph.Recover(&err)
	leaves, names := flatten("save", t)
	// All in one program; constants, which need no device, are computed as they are read.
	if err := graph.Eval(ctx, leaves); err != nil && !errors.Is(err, graph.ErrDevice) {
		return err
	}
	header, end := map[string]entry{}, int64(0)
	for i, x := range leaves {
		begin := end
		end += width(x.DType()) * int64(x.Size())
		header[names[i]] = entry{dtype[x.DType()], append([]int{}, x.Shape()...), [2]int64{begin, end}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	text = append(text, strings.Repeat(" ", (8-len(text)%8)%8)...) // so that the elements are aligned
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for _, x := range leaves {
		if err := writeElements(ctx, w, x); err != nil {
			return err
		}
	}
	return nil
}

func writeElements(ctx context.Context, w io.Writer, x graph.Tensor) error {
	switch x.DType() {
	case graph.Float32:
		return write[float32](ctx, w, x)
	case graph.Float64:
		return write[float64](ctx, w, x)
	case graph.Int32:
		return write[int32](ctx, w, x)
	case graph.Uint32:
		return write[uint32](ctx, w, x)
	default:
		return write[bool](ctx, w, x)
	}
}

func write[E graph.Element](ctx context.Context, w io.Writer, x graph.Tensor) error {
	data, err := graph.Read[E](ctx, x)
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, data); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}

// flatten gives the leaves of a tree with their names.
func flatten[T any](op string, t T) ([]graph.Tensor, []string) {
	leaves, paths, err := tree.LeavesAndPaths[graph.Tensor](t)
	if err != nil {
		graph.Fail(op, graph.ErrArgument, "give a struct, slice or map of graph.Tensor", "%v", err)
	}
	names, first := make([]string, len(paths)), map[string]string{}
	for i, p := range paths {
		if !leaves[i].Valid() {
			graph.Fail(op, graph.ErrArgument, "set every tensor of the tree", "leaf %s is the zero Tensor", p)
		}
		names[i] = name(p)
		if other, ok := first[names[i]]; ok || names[i] == metadata {
			graph.Fail(op, graph.ErrArgument, "rename one of them", "leaves %q and %q are both named %q", other, p, names[i])
		}
		first[names[i]] = p
	}
	return leaves, names
}

// metadata is the one name in the header that is no tensor's.
const metadata = "__metadata__"

// name writes a path of package tree with dots.
func name(path string) string {
	if path == "" {
		return "tensor"
	}
	var parts []string
	for path != "" {
		if path[0] == '.' {
			end := strings.IndexAny(path[1:], ".[") + 1
			if end == 0 {
				end = len(path)
			}
			parts, path = append(parts, path[1:end]), path[end:]
			continue
		}
		key := path[1:strings.IndexByte(path, ']')]
		if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil {
			key = quoted
		}
		path = path[len("[]")+len(key):]
		if s, err := strconv.Unquote(key); err == nil {
			key = s
		}
		parts = append(parts, key)
	}
	return strings.Join(parts, ".")
}
