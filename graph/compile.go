package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/tune"
	"github.com/lavagrad/lavagrad/shaders"
)

// executable is a compiled graph: a program of the runtime with the arrays it needs beside its arguments.
type executable struct {
	dev     *gpu.Device
	program *gpu.Program
	tables  []*gpu.Array // constants with a value for each element
	source  *lifted      // only with LAVAGRAD_DEBUG=checkcpu: the graph as it was traced
	specs   []Spec       // of the outputs, without the checks'
	checks  []check      // one hidden int32 output each
	flags   int          // words that the host reads to end loops, one hidden output each
	inPlace *inPlace     // of programs that write outputs over parameters, else nil
}

type check struct {
	n     *node
	shape Shape // of the condition
}

// compile turns a private graph into a program on dev, by the passes in order.
func compile(ctx context.Context, dev *gpu.Device, l *lifted, conf jitConfig) (*executable, error) {
	return compileOver(ctx, dev, l, conf, nil)
}

// compileOver is compile for a program that writes output i over parameter over[i], where that is not negative. Without
// over all outputs get arrays of their own.
func compileOver(ctx context.Context, dev *gpu.Device, l *lifted, conf jitConfig, over []int) (*executable, error) {
	if err := supported(dev, l.outputs); err != nil {
		return nil, err
	}
	x := &executable{dev: dev}
	flags := gpu.Debug()
	if flags.CheckCPU {
		x.source = l
	}
	for _, n := range l.outputs {
		x.specs = append(x.specs, n.spec)
	}
	outputs := x.addChecks(l.outputs, conf.checks) // pass_control.go
	tune.Ensure(ctx, dev, facts(outputs))          // tuning.go
	steps := passes(outputs, dev.Profile(), conf)  // pass_lower.go
	outputs = steps.outputs
	if flags.Dump != "" {
		if err := dump(flags.Dump, l, outputs, steps); err != nil {
			return nil, err
		}
	}
	if over != nil {
		x.planInPlace(l.params, outputs, steps, over) // pass_inplace.go
	}
	err := x.link(ctx, l.params, outputs, steps) // pass_memory.go
	if err == nil && over != nil {
		err = x.linkCommit(ctx, steps)
	}
	if err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// passes brings a graph, without checks and branches, to dispatches.
func passes(outputs []*node, p gpu.Profile, conf jitConfig) *lowered {
	outputs = simplify(outputs)                        // pass_simplify.go
	outputs = contract(outputs, p, conf.plan)          // pass_contract.go
	outputs = separate(outputs)                        // pass_simplify.go
	outputs = planMatmuls(outputs, p)                  // pass_matmul.go
	outputs = planScatters(outputs, p.MaxStorageRange) // pass_scatter.go
	outputs = isolate(outputs)                         // kernelop.go
	return lower(outputs, p, conf)                     // pass_fuse.go, pass_lower.go, loops.go
}

// body is passes for what a loop of this program repeats.
func (l *lowered) body(outputs []*node) *lowered { return passes(outputs, l.profile, l.conf) }

// link plans memory, uploads tables and hands the steps to the runtime. The program's arguments are the
// parameters, the tables, the outputs, the checks and the conditions of loops.
func (x *executable) link(ctx context.Context, params, outputs []*node, l *lowered) error {
	spec := gpu.ProgramSpec{Name: "graph"}
	slot := map[*node]int{}
	add := func(n *node) {
		if _, done := slot[n]; !done {
			slot[n] = len(spec.Slots)
		}
		spec.Slots = append(spec.Slots, bytesOf(n.spec))
	}
	for _, p := range params {
		add(p)
	}
	for _, s := range l.steps {
		for _, b := range s.args {
			if b.n == nil || !isTable(b.n) {
				continue
			}
			if _, done := slot[b.n]; done {
				continue
			}
			a, err := x.dev.UploadConstant(ctx, encode(b.n.spec.DType, b.n.op.(constOp).values))
			if err != nil {
				return err
			}
			x.tables = append(x.tables, a)
			add(b.n)
		}
	}
	for i, n := range outputs {
		switch p, place := x.inPlace.placeOf(i); place {
		case ownArray:
			add(storage(n))
		case overParameter:
			slot[storage(n)] = slot[p]
		case temporary: // copied by the last steps
		}
	}
	for _, r := range l.loops {
		if r.while == nil {
			continue
		}
		if _, done := slot[r.while.n]; !done {
			add(r.while.n)
			x.flags++
		}
	}

	where := func(b buffer) (int, bool) {
		s, ok := slot[b.n]
		return s, ok
	}
	size := func(b buffer) int64 {
		if b.scratch > 0 {
			return 4 * int64(l.scratch[b.scratch-1])
		}
		return bytesOf(b.n.spec)
	}
	place, arena := planMemory(l, func(b buffer) bool { _, ok := where(b); return !ok }, size)
	spec.ArenaBytes = arena
	bind := func(b buffer) gpu.Binding {
		bind := gpu.Binding{Slot: gpu.Arena}
		if at, ok := where(b); ok {
			bind.Slot = at
		} else {
			bind.Offset, bind.Size = place[b.whole()].offset, roundUp(max(size(b), 16), 16)
		}
		if b.length > 0 {
			bind.Offset, bind.Size = bind.Offset+b.offset, roundUp(b.length, 16)
		}
		return bind
	}
	for _, s := range l.steps {
		if inspectKernel != nil {
			inspectKernel(s.name, s.kernel.Code)
		}
		d := gpu.Dispatch{Push: s.kernel.Push, Groups: s.kernel.Groups}
		kinds := make([]gpu.BindingKind, len(s.args))
		for i, b := range s.args {
			bound := bind(b)
			bound.Write = s.writes[i]
			d.Bindings = append(d.Bindings, bound)
			kinds[i] = bindingKinds[s.kernel.Views[i]]
		}
		k, err := x.dev.Kernel(ctx, gpu.KernelSpec{Name: s.name, Code: s.kernel.Code, Bindings: kinds, PushWords: len(s.kernel.Push),
			FullSubgroups: s.kernel.FullSubgroups})
		if err != nil {
			return fmt.Errorf("graph: compile %s: %w", s.name, err)
		}
		d.Kernel = k
		spec.Dispatches = append(spec.Dispatches, d)
	}
	for _, r := range l.loops {
		loop := gpu.Loop{First: r.first, Last: r.last, Count: r.count}
		if r.while != nil {
			w := bind(*r.while)
			loop.While = &w
		}
		spec.Loops = append(spec.Loops, loop)
	}
	p, err := x.dev.NewProgram(ctx, spec)
	if err != nil {
		return fmt.Errorf("graph: compile: %w", err)
	}
	x.program = p
	return nil
}

var bindingKinds = map[shaders.View]gpu.BindingKind{
	shaders.Storage: gpu.Storage, shaders.TexelVector: gpu.Texel,
}

func (x *executable) close() {
	for _, a := range x.tables {
		a.Close()
	}
	if x.program != nil {
		x.program.Close()
	}
	if x.inPlace != nil && x.inPlace.commit != nil {
		x.inPlace.commit.Close()
	}
}

func bytesOf(s Spec) int64 { return int64(s.DType.bytes()) * int64(s.Shape.Size()) }

// encode turns values into the bytes that a device stores.
func encode(d DType, values []float64) []byte {
	out := make([]byte, 0, d.bytes()*len(values))
	for _, v := range values {
		if d == Float64 {
			out = binary.LittleEndian.AppendUint64(out, d.bits(v))
		} else {
			out = binary.LittleEndian.AppendUint32(out, uint32(d.bits(v)))
		}
	}
	return out
}

// newResult makes the array of a result; tests put guard words behind it, and look at them in inspectResult.
var (
	newResult = func(_ context.Context, dev *gpu.Device, bytes int64) (*gpu.Array, error) { return dev.NewArray(bytes) }

	inspectResult func(a *gpu.Array, bytes int64)
)

// run executes the program on args and gives new arrays for the outputs.
func (x *executable) run(ctx context.Context, args []*gpu.Array) ([]*gpu.Array, error) {
	return x.runInto(ctx, args, nil)
}

// runInto is run with the caller's arrays for the outputs where into has one.
func (x *executable) runInto(ctx context.Context, args, into []*gpu.Array) ([]*gpu.Array, error) {
	all := make([]*gpu.Array, 0, len(args)+len(x.tables)+len(x.specs)+len(x.checks)+x.flags)
	all = append(append(all, args...), x.tables...)
	first := len(all)
	given := func(i int) bool { return i < len(into) && into[i] != nil }
	var err error
	for i := 0; i < len(x.specs)+len(x.checks)+x.flags && err == nil; i++ {
		if given(i) {
			all = append(all, into[i])
			continue
		}
		spec := Spec{Int32, nil}
		if i < len(x.specs) {
			spec = x.specs[i]
		}
		var a *gpu.Array
		if a, err = newResult(ctx, x.dev, bytesOf(spec)); err == nil {
			all = append(all, a)
		} else {
			err = fmt.Errorf("graph: result %v: %w", spec, err)
		}
	}
	if err == nil {
		if err = x.program.Run(ctx, all); err != nil {
			err = fmt.Errorf("graph: run: %w", err)
		}
	}
	if err == nil && inspectResult != nil {
		for i, s := range x.specs {
			inspectResult(all[first+i], bytesOf(s))
		}
	}
	hidden := len(all) // where the loops' flags begin
	if err == nil {
		hidden = first + len(x.specs) + len(x.checks)
		closeArrays(all[hidden:])
	}
	if err == nil && len(x.checks) > 0 {
		err = x.verify(ctx, all[first+len(x.specs):hidden])
	}
	if err == nil {
		err = x.checkResults(ctx, args, all[first:first+len(x.specs)])
	}
	if err != nil {
		for i, a := range all[first:] {
			if !given(i) {
				a.Close()
			}
		}
		return nil, err
	}
	return all[first : first+len(x.specs)], nil
}

func closeArrays(arrays []*gpu.Array) {
	for _, a := range arrays {
		a.Close()
	}
}

// verify reads what the checks found and frees it.
func (x *executable) verify(ctx context.Context, found []*gpu.Array) error {
	var word [4]byte
	for i, a := range found {
		if err := a.Download(ctx, word[:]); err != nil {
			return fmt.Errorf("graph: check: %w", err)
		}
		if pos := int32(binary.LittleEndian.Uint32(word[:])); pos != math.MaxInt32 {
			c := x.checks[i]
			return c.n.op.(checkOp).failure(c.n, c.shape, int(pos))
		}
	}
	for _, a := range found {
		a.Close()
	}
	return nil
}
