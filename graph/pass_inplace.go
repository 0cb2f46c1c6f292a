package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// inPlace says how a program writes outputs over parameters. One submission suffices when nothing can go wrong between its
// beginning and its end: an output is then stored over its parameter's array where nothing reads that afterwards, and
// else in the arena, from where the last dispatches copy it. Programs with checks or loops may end early, so they write to
// spare arrays, and a second program copies these over the parameters when all is well.
type inPlace struct {
	over   []int // for each output the parameter, -1 for an array of its own
	params []*node
	place  []place // by output
	specs  []Spec  // of all outputs
	staged bool
	commit *gpu.Program

	mu     sync.Mutex
	spares [][]*gpu.Array // those that no call uses
}

// place is where an output is stored.
type place int

const (
	ownArray      place = iota // an array of its own
	overParameter              // its parameter's array
	temporary                  // the arena
)

func (x *inPlace) placeOf(output int) (parameter *node, at place) {
	if x == nil || output >= len(x.place) {
		return nil, ownArray
	}
	if p := x.over[output]; p >= 0 {
		parameter = x.params[p]
	}
	return parameter, x.place[output]
}

// inPlacePair is a kernel's output and an array that it reads.
type inPlacePair struct{ output, read *node }

// noteInPlace remembers which results of a kernel may be stored over the arrays that it reads, but for those that it reads in another way, too.
func (l *lowered) noteInPlace(roots []*node, k *kernelBuilder, otherwise ...*node) {
	if l.inPlace == nil {
		l.inPlace = map[inPlacePair]bool{}
	}
	for i, n := range roots {
		for j, read := range k.order {
			if !slices.Contains(otherwise, read) && read.spec.DType == n.spec.DType && read.spec.Shape.Size() == n.spec.Shape.Size() && k.f.MayOverwrite(j, i) {
				l.inPlace[inPlacePair{n, read}] = true
			}
		}
	}
}

// mayOverwrite reports that output may be stored over parameter: once its first element is written, no dispatch needs the parameter, but
// for those that compute the output element by element.
func (l *lowered) mayOverwrite(output, parameter *node) bool {
	written := false
	for _, s := range l.steps {
		reads, writes := false, false
		for i, b := range s.args {
			reads = reads || b.n == parameter
			writes = writes || b.n == output && s.writes[i]
		}
		written = written || writes
		if written && reads && !(writes && l.inPlace[inPlacePair{output, parameter}]) {
			return false
		}
	}
	return written
}

func (x *executable) planInPlace(params, outputs []*node, l *lowered, over []int) {
	p := &inPlace{over: over, params: params, specs: x.specs, place: make([]place, len(over))}
	x.inPlace = p
	// checkcpu compares with a run on the old values of the parameters, too.
	p.staged = len(x.checks) > 0 || len(l.loops) > 0 || x.source != nil
	if p.staged {
		return
	}
	var from, to []*node
	x.specs = nil
	for i, at := range over {
		switch o := storage(outputs[i]); {
		case at < 0:
			x.specs = append(x.specs, p.specs[i])
		case !off("inplace") && l.mayOverwrite(o, params[at]):
			p.place[i] = overParameter
		default:
			p.place[i] = temporary
			from, to = append(from, o), append(to, params[at])
		}
	}
	l.copies(from, to)
}

// copies appends the dispatches that copy arrays, those of one type and size together.
func (l *lowered) copies(from, to []*node) {
	type form struct {
		dtype DType
		size  int
	}
	groups := map[form][]int{}
	var forms []form
	for i, n := range from {
		k := form{n.spec.DType, n.spec.Shape.Size()}
		if k.size == 0 {
			continue
		}
		if groups[k] == nil {
			forms = append(forms, k)
		}
		groups[k] = append(groups[k], i)
	}
	for _, k := range forms {
		for part := range slices.Chunk(groups[k], max(l.bindings/2, 1)) {
			f := shaders.NewFused(k.size)
			var args []buffer
			var values []*shaders.Expr
			for _, i := range part {
				values = append(values, f.Load(f.AddArg(shaders.Arg{Kind: k.dtype.kind(), Size: k.size}), f.Space()[0]))
				args = append(args, buffer{n: from[i]})
			}
			for j, i := range part {
				f.Store(f.AddArg(shaders.Arg{Kind: k.dtype.kind(), Size: k.size}), f.Space()[0], values[j])
				args = append(args, buffer{n: to[i]})
			}
			l.append(fmt.Sprintf("copy in place [%d]", k.size), f, args, nil)
		}
	}
}

// linkCommit makes the program that copies the spare arrays over the parameters.
func (x *executable) linkCommit(ctx context.Context, like *lowered) error {
	if !x.inPlace.staged {
		return nil
	}
	var from, to []*node
	for i, at := range x.inPlace.over {
		if at >= 0 {
			from, to = append(from, stand(x.specs[i])), append(to, stand(x.specs[i]))
		}
	}
	l := &lowered{profile: like.profile, target: like.target, bindings: like.bindings, bytes: like.bytes}
	l.copies(from, to)
	y := &executable{dev: x.dev}
	err := y.link(ctx, from, to, l)
	x.inPlace.commit = y.program
	return err
}

// overwrite runs the program on args, some of which are then overwritten, and appends new arrays for the other outputs to dst.
// begin is called when nothing but the device can fail any more.
func (x *executable) overwrite(ctx context.Context, args, dst []*gpu.Array, begin func()) ([]*gpu.Array, error) {
	p, s := x.inPlace, x.begin()
	defer x.end(s)
	s.detached.Context = ctx
	if !p.staged {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		begin()
		return x.runInto(&s.detached, s, args, nil, dst)
	}
	into, err := p.spare(ctx, x.dev)
	if err != nil {
		return dst, err
	}
	defer p.giveBack(into)
	if s.copied, err = x.runInto(ctx, s, args, into, s.copied[:0]); err != nil {
		return dst, err
	}
	outs := s.copied
	for i, at := range p.over { // from, then to
		if at >= 0 {
			s.copied = append(s.copied, outs[i])
		} else {
			dst = append(dst, outs[i])
		}
	}
	for _, at := range p.over {
		if at >= 0 {
			s.copied = append(s.copied, args[at])
		}
	}
	begin()
	if err := p.commit.Run(&s.detached, s.copied[len(outs):]); err != nil {
		closeArrays(dst)
		return nil, fmt.Errorf("graph: run: %w", err)
	}
	return dst, nil
}

func (p *inPlace) giveBack(spare []*gpu.Array) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spares = append(p.spares, spare)
}

// spare gives arrays for the outputs that go over parameters, the same again and again.
func (p *inPlace) spare(ctx context.Context, dev *gpu.Device) ([]*gpu.Array, error) {
	p.mu.Lock()
	if n := len(p.spares); n > 0 {
		s := p.spares[n-1]
		p.spares = p.spares[:n-1]
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	s := make([]*gpu.Array, len(p.over))
	for i, at := range p.over {
		if at < 0 {
			continue
		}
		var err error
		// The program's own, as its constants are: the user does not close them.
		if s[i], err = dev.UploadConstant(ctx, make([]byte, bytesOf(p.specs[i]))); err != nil {
			for _, a := range s {
				if a != nil {
					a.Close()
				}
			}
			return nil, fmt.Errorf("graph: in place %v: %w", p.specs[i], err)
		}
	}
	return s, nil
}
