package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// chunkEmitter writes a region's loops: each a scan over chunks of so many samples; those that are left over follow it.
type chunkEmitter struct {
	*chunkRegion
	size, rounds, rest int
	outer              map[*node]*node // by node, its array with all samples
	pc                 uintptr
}

// emit is the graph of outputs with the region computed in chunks of size samples.
func (r *chunkRegion) emit(outputs []*node, size int, pc uintptr) []*node {
	e := &chunkEmitter{chunkRegion: r, size: size, rounds: r.samples / size, rest: r.samples % size, outer: map[*node]*node{}, pc: pc}
	out := make([]*node, len(outputs))
	for i, n := range outputs {
		out[i] = e.all(n)
	}
	return simplify(out)
}

// all is n with all samples.
func (e *chunkEmitter) all(n *node) *node {
	if done := e.outer[n]; done != nil {
		return done
	}
	if e.operands[n] != nil {
		e.loop(e.level[n])
		return e.outer[n]
	}
	made := n
	if old := n.in(); len(old) > 0 {
		in := make([]*node, len(old))
		for i, x := range old {
			in[i] = e.all(x)
		}
		if !slices.Equal(in, old) {
			made = newNode(n.op, in, n.spec, n.pc)
		}
	}
	e.outer[n] = made
	return made
}

// loop writes a loop, from which on its results are there.
func (e *chunkEmitter) loop(k int) {
	results := e.loops[k]
	round := stand(Spec{Int32, Shape{}})
	b := &chunkBody{chunkEmitter: e, k: k, size: e.size, round: round, made: map[*node]*node{}, given: map[*node]*node{}}
	params, init := []*node{round}, []*node{Int(0).n}
	outs := []*node{Tensor{round}.AddScalar(1).n}
	for _, n := range results.folds {
		sum := stand(n.spec)
		params, init = append(params, sum), append(init, neutral(e.folds[n], n.spec))
		outs = append(outs, folded(e.folds[n], Tensor{sum}, Tensor{b.fold(n)}).n)
	}
	for _, n := range results.stacks {
		outs = append(outs, Tensor{b.cut(n)}.MoveAxis(e.cuts[n].axis, 0).n)
	}
	for _, x := range b.captured {
		params, init = append(params, b.given[x]), append(init, e.all(x))
	}
	o := scanOp{rounds: e.rounds, carry: 1 + len(results.folds), scanOrder: scanOrder{rolled: true}, body: closed(params, simplify(outs)),
		chunk: &chunkNote{samples: e.samples, size: e.size, rest: e.rest}}
	specs, err := o.InferAll(specsOf(tensors(init)))
	if err != nil {
		panic("BUG: graph: " + err.Error())
	}
	all := picks(newNode(o, init, Spec{tuple, Shape{0}}, e.pc), specs)
	var rest *chunkBody
	if e.rest > 0 {
		rest = &chunkBody{chunkEmitter: e, k: k, size: e.rest, made: map[*node]*node{}}
	}
	for i, n := range results.folds {
		v := all[1+i]
		if rest != nil {
			v = folded(e.folds[n], v, Tensor{rest.fold(n)})
		}
		e.outer[n] = v.n
	}
	for i, n := range results.stacks {
		v := all[o.carry+i]
		s := v.Shape()
		v = v.Reshape(slices.Concat([]int{s[0] * s[1]}, s[2:])...).MoveAxis(0, e.cuts[n].axis)
		if rest != nil {
			v = Concat(e.cuts[n].axis, v, Tensor{rest.cut(n)})
		}
		e.outer[n] = v.n
	}
}

// neutral is what a fold begins with.
func neutral(kind shaders.Reducer, s Spec) *node {
	v := 0.0
	switch kind {
	case shaders.Prod:
		v = 1
	case shaders.Max, shaders.Min:
		least, most := math.Inf(-1), math.Inf(1)
		switch s.DType {
		case Int32:
			least, most = math.MinInt32, math.MaxInt32
		case Uint32:
			least, most = 0, math.MaxUint32
		}
		if v = least; kind == shaders.Min {
			v = most
		}
	}
	return constant(s, v).n
}

// folded joins what two chunks have been folded to.
func folded(kind shaders.Reducer, x, y Tensor) Tensor {
	switch kind {
	case shaders.Max:
		return x.Max(y)
	case shaders.Min:
		return x.Min(y)
	case shaders.Prod:
		return x.Mul(y)
	}
	return x.Add(y)
}

// chunkBody computes a chunk: in a loop that of a round, else the samples that are left over behind all rounds.
type chunkBody struct {
	*chunkEmitter
	k        int
	size     int
	round    *node // nil behind the loop
	made     map[*node]*node
	captured []*node         // what a loop reads with all samples,
	given    map[*node]*node // and the parameters that stand for it
}

// cut is the chunk of a node that the loop computes.
func (b *chunkBody) cut(n *node) *node {
	if done := b.made[n]; done != nil {
		return done
	}
	c := b.cuts[n]
	op, spec := cutOp(n, c, c.positions(b.size))
	made := newNode(op, b.read(n), spec, n.pc)
	b.made[n] = made
	return made
}

// fold is n of the chunk alone.
func (b *chunkBody) fold(n *node) *node { return newNode(n.op, b.read(n), n.spec, n.pc) }

// read gives the operands of n.
func (b *chunkBody) read(n *node) []*node {
	cuts := b.operands[n]
	in := make([]*node, len(cuts))
	for i, c := range cuts {
		x := n.in()[i]
		switch {
		case c == uncut:
			in[i] = b.array(x)
		case placeless(x):
			in[i] = b.positions(x, c)
		case b.computes(x, c, b.k):
			in[i] = b.cut(x)
		default:
			in[i] = b.slice(b.array(x), c)
		}
	}
	return in
}

// array is x with all samples, which was computed before.
func (b *chunkBody) array(x *node) *node {
	if b.round == nil {
		return b.all(x)
	}
	if placeless(x) {
		return x
	}
	if b.given[x] == nil {
		b.given[x] = stand(x.spec)
		b.captured = append(b.captured, x)
	}
	return b.given[x]
}

// first is the first position of the chunk.
func (b *chunkBody) first() int { return b.rounds * b.chunkEmitter.size }

// positions is the chunk of an iota or a constant.
func (b *chunkBody) positions(n *node, c cut) *node {
	shape := slices.Clone(n.spec.Shape)
	shape[c.axis] = c.positions(b.size)
	switch o := n.op.(type) {
	case constOp:
		return constant(Spec{n.spec.DType, shape}, o.values[0]).n
	case iotaOp:
		t := Tensor{newNode(iotaOp{shape: shape, axis: o.axis}, nil, Spec{Int32, shape}, n.pc)}
		if o.axis != c.axis {
			return t.n
		}
		if b.round == nil {
			return t.AddScalar(float64(c.positions(b.first()))).n
		}
		return t.Add(Tensor{b.round}.Mul(Int(c.positions(b.size))).stretch(shape)).n
	}
	panic("BUG: graph: no chunk of " + n.op.Name())
}

// slice is the chunk of an array.
func (b *chunkBody) slice(x *node, c cut) *node {
	length := c.positions(b.size)
	if b.round == nil {
		at := c.positions(b.first())
		return Tensor{x}.Slice(c.axis, at, at+length).n
	}
	shape := slices.Clone(x.spec.Shape)
	shape[c.axis] = length
	return newNode(chunkOp{axis: c.axis, length: length}, []*node{x, b.round}, Spec{x.spec.DType, shape}, x.pc)
}

// chunkNote is on scans that the compiler made, for Explain.
type chunkNote struct{ samples, size, rest int }

// chunkOp is a part of its first operand along an axis: the chunk of the given length whose number the second (int32 scalar, in range) is. Only
// the compiler makes it.
type chunkOp struct {
	compilerRules
	axis, length int
}

func (chunkOp) Name() string  { return "chunk" }
func (chunkOp) Class() Class  { return View }
func (o chunkOp) Key() string { return fmt.Sprintf("chunk %d %d", o.axis, o.length) }

func (o chunkOp) Eval(out *Host, in []*Host) {
	st := in[0].Shape.strides()
	first := int(in[1].V[0]) * o.length * st[o.axis]
	each(out.Shape, func(pos int, idx []int) { out.V[pos] = in[0].V[first+offset(idx, st)] })
}

func (o chunkOp) Lower(l *Lowering, n Operands, at []shaders.Index) *shaders.Expr {
	chunks := n.In(0).Shape[o.axis] / o.length
	first := shaders.ValueIndex(l.At(1, nil), 0, max(chunks-1, 0)).Scale(o.length)
	at = slices.Clone(at)
	at[o.axis] = at[o.axis].Add(first)
	return l.At(0, at)
}
