package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"

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

	tolerance float64 // with LAVAGRAD_DEBUG=checkcpu: allowed difference, in units of the largest value

	mu   sync.Mutex
	idle []*scratch // of runs that have ended
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
	l.outputs = conf.plan.precision.apply(l.outputs) // precision.go
	flags := gpu.Debug()
	if flags.CheckCPU {
		x.source, x.tolerance = l, conf.plan.precision.tolerance()
	}
	for _, n := range l.outputs {
		x.specs = append(x.specs, n.spec)
	}
	outputs := x.addChecks(l.outputs, conf.checks, conf.plan) // pass_control.go, pass_hoist.go
	tune.Ensure(ctx, dev, facts(outputs))                     // tuning.go
	steps := passes(outputs, dev.Profile(), conf)             // pass_lower.go
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

// passes brings a graph, without checks and branches, to dispatches. Users can leave most of them out (debug.go).
func passes(outputs []*node, p gpu.Profile, conf jitConfig) *lowered {
	outputs = simplify(outputs)               // pass_simplify.go
	outputs = contract(outputs, p, conf.plan) // pass_contract.go
	if off("chunk") {
		return finish(outputs, p, conf)
	}
	return chunked(outputs, p, conf) // pass_chunk.go
}

// finish is the passes behind those that choose what is computed.
func finish(outputs []*node, p gpu.Profile, conf jitConfig) *lowered {
	planned := outputs
	outputs = separate(outputs) // pass_simplify.go
	if !off("matmul") {
		outputs = planMatmuls(outputs, p, conf.plan.precision) // pass_matmul*.go
	}
	if !off("scatter") {
		outputs = planScatters(outputs, p.MaxStorageRange) // pass_scatter.go
	}
	outputs = isolate(outputs)   // kernelop.go
	l := lower(outputs, p, conf) // pass_fuse.go, pass_lower.go, loops.go
	l.planned = planned
	return l
}

// body is passes for what a loop of this program repeats. That of chunks has been planned.
func (l *lowered) body(outputs []*node, planned bool) *lowered {
	var b *lowered
	if planned {
		b = finish(simplify(outputs), l.profile, l.conf)
	} else {
		b = passes(outputs, l.profile, l.conf)
	}
	l.bodies = append(l.bodies, b)
	return b
}

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

	written := map[*node]bool{} // parameters' arrays
	for i, n := range outputs {
		if _, place := x.inPlace.placeOf(i); place == overParameter {
			written[storage(n)] = true
		}
	}
	temporary := func(b buffer) bool { _, ok := slot[b.n]; return !ok }
	share := l.sharing(temporary)
	maps.DeleteFunc(share, func(_, to *node) bool { return written[to] })
	place, arena := planMemory(l, share, temporary, l.size)
	if err := l.fits(arena); err != nil {
		return err
	}
	spec.ArenaBytes = arena
	bind := func(b buffer) gpu.Binding {
		bind := gpu.Binding{Slot: gpu.Arena}
		if at, ok := slot[share.buffer(b).n]; ok {
			bind.Slot = at
		} else {
			bind.Offset, bind.Size = place[share.buffer(b)].offset, roundUp(max(l.size(b), 16), 16)
		}
		if b.length > 0 {
			bind.Offset, bind.Size = bind.Offset+b.offset, roundUp(b.length, 16)
		}
		return bind
	}
	kernels := map[*uint32]*gpu.Kernel{} // by their words
	for _, s := range l.steps {
		code := s.kernel()
		if inspectKernel != nil {
			inspectKernel(s.name, code.Code)
		}
		d := gpu.Dispatch{Push: code.Push, Groups: code.Groups}
		kinds := make([]gpu.BindingKind, len(s.args))
		for i, b := range s.args {
			bound := bind(b)
			bound.Write = s.writes[i]
			d.Bindings = append(d.Bindings, bound)
			kinds[i] = bindingKinds[code.Views[i]]
		}
		if d.Kernel = kernels[&code.Code[0]]; d.Kernel == nil { // the rounds of a loop have theirs twice
			k, err := x.dev.Kernel(ctx, gpu.KernelSpec{Name: s.name, Code: code.Code, Bindings: kinds, PushWords: len(code.Push),
				FullSubgroups: code.FullSubgroups})
			if err != nil {
				return fmt.Errorf("graph: compile %s: %w", s.name, err)
			}
			d.Kernel, kernels[&code.Code[0]] = k, k
		}
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
	closeArrays(x.tables)
	for _, s := range x.idle {
		closeArrays(s.hidden)
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
