package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

// inspectKernel sees the words of every kernel that is emitted; tests set it.
var inspectKernel func(name string, words []uint32)

// alsoOff are passes to leave out beside those of LAVAGRAD_DEBUG=without=...; tests set it.
var alsoOff []string

// off reports a pass, of gpu.Passes, that is left out.
func off(pass string) bool {
	return slices.Contains(gpu.Debug().Without, pass) || slices.Contains(alsoOff, pass)
}

// dump writes what the compiler made of a graph to the folder of LAVAGRAD_DEBUG=dump=DIR: the graph as it
// came and after the passes, the list of dispatches, and each kernel as a SPIR-V module.
func dump(dir string, l *lifted, outputs []*node, steps *lowered) error {
	h := fnv.New32a()
	h.Write([]byte(l.key))
	base := filepath.Join(dir, fmt.Sprintf("program-%08x", h.Sum32()))
	if err := os.MkdirAll(base, 0o755); err != nil {
		return fmt.Errorf("graph: dump: %w", err)
	}
	var list strings.Builder
	files := map[string][]byte{
		"0-traced.txt":     []byte(text(nil, l.params, l.outputs)),
		"1-simplified.txt": []byte(text(nil, l.params, outputs)),
	}
	for i, s := range steps.steps {
		k := s.kernel()
		fmt.Fprintf(&list, "%3d  groups %v  push %v  %s\n", i, k.Groups, k.Push, s.name)
		words := make([]byte, 0, 4*len(k.Code))
		for _, w := range k.Code {
			words = binary.LittleEndian.AppendUint32(words, w)
		}
		files[fmt.Sprintf("kernel-%03d.spv", i)] = words
	}
	files["2-dispatches.txt"] = []byte(list.String())
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(base, name), data, 0o644); err != nil {
			return fmt.Errorf("graph: dump: %w", err)
		}
	}
	return nil
}

// checkResults is LAVAGRAD_DEBUG=checknan and checkcpu: results are read back and searched for NaN, or compared with
// the float64 evaluator.
func (x *executable) checkResults(ctx context.Context, args, outs []*gpu.Array) error {
	flags := gpu.Debug()
	if !flags.CheckNaN && !flags.CheckCPU {
		return nil
	}
	got := make([]*Host, len(outs))
	for i, a := range outs {
		h, err := hostOf(ctx, a, x.specs[i])
		if err != nil {
			return err
		}
		got[i] = h
		if !flags.CheckNaN {
			continue
		}
		for j, v := range h.V {
			if math.IsNaN(v) {
				return &Error{Op: "checknan", Kind: ErrCheck, Detail: fmt.Sprintf("element %d of result %d %v is NaN", j, i, h.Spec),
					Fix: "run with LAVAGRAD_DEBUG=dump=DIR to see the program"}
			}
		}
	}
	if !flags.CheckCPU {
		return nil
	}
	given := map[*node]*Host{}
	for i, p := range x.source.params {
		h, err := hostOf(ctx, args[i], p.spec)
		if err != nil {
			return err
		}
		given[p] = h
	}
	want, err := evaluate(ctx, x.source.outputs, given)
	if err != nil {
		return err
	}
	for i, w := range want {
		if j := farthest(w.V, got[i].V, x.tolerance); j >= 0 {
			return &Error{Op: "checkcpu", Pos: position(x.source.outputs[i].pc), Kind: ErrCheck,
				Detail: fmt.Sprintf("element %d of result %d %v is %v on the device, %v in float64", j, i, w.Spec, got[i].V[j], w.V[j]),
				Fix:    "report the program that LAVAGRAD_DEBUG=dump=DIR writes"}
		}
	}
	return nil
}

// farthest is the first element that differs by more than the tolerance times the largest, or -1.
func farthest(want, got []float64, tolerance float64) int {
	scale := 1e-3
	for _, v := range want {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			scale = max(scale, math.Abs(v))
		}
	}
	for i, w := range want {
		if w == got[i] || math.IsNaN(w) && math.IsNaN(got[i]) {
			continue
		}
		if !(math.Abs(w-got[i]) <= tolerance*scale) {
			return i
		}
	}
	return -1
}

func hostOf(ctx context.Context, a *gpu.Array, s Spec) (*Host, error) {
	data := make([]byte, bytesOf(s))
	if err := a.Download(ctx, data); err != nil {
		return nil, err
	}
	h := newHost(s)
	for i := range h.V {
		if s.DType == Float64 {
			h.V[i] = s.DType.value(binary.LittleEndian.Uint64(data[8*i:]))
		} else {
			h.V[i] = s.DType.value(uint64(binary.LittleEndian.Uint32(data[4*i:])))
		}
	}
	return h, nil
}
