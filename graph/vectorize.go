package graph

import "strconv"

// Shared marks an argument of Vectorize that every sample sees whole.
const Shared = -1 << 31

// Vectorize is the batching transform on flat lists; package vmap offers it over trees. It runs f
// once on stand-ins for one sample and rewrites what f built so that it computes all samples at once:
// axes[i] is the sample axis of in[i], or Shared; outAxes gives where the sample axis goes in each
// result, or Shared for results that must not depend on the sample. what names the caller in errors.
func Vectorize(what string, f func([]Tensor) []Tensor, in []Tensor, axes []int, outAxes func(i, rank int) (int, bool)) []Tensor {
	return VectorizeNamed(what, "", f, in, axes, outAxes)
}

// VectorizeNamed is Vectorize with a name for the sample axis, over which the collective reductions PSum, PMean and PMax
// inside f fold.
func VectorizeNamed(what, axis string, f func([]Tensor) []Tensor, in []Tensor, axes []int, outAxes func(i, rank int) (int, bool)) []Tensor {
	tr := newTrace(what)
	defer tr.close()
	size := -1
	first := 0
	stand := make([]Tensor, len(in)) // what f sees
	moved := make([]Tensor, len(in)) // all samples, sample axis in front
	for i, t := range in {
		t.must(what + " argument leaf " + strconv.Itoa(i))
		if axes[i] == Shared {
			stand[i] = t
			continue
		}
		a, err := normalAxis(axes[i], t.Rank())
		if err != nil {
			fail(what, ErrArgument, "name the sample axis, or vmap.Shared for an argument without one", "argument leaf %d of shape %v: %v", i, t.Shape(), err)
		}
		if n := t.Shape()[a]; size < 0 {
			size, first = n, i
		} else if n != size {
			fail(what, ErrShape, "all mapped arguments need the same number of samples",
				"leaf %d (%v, axis %d) has %d samples, leaf %d (%v) has %d", first, in[first].Shape(), axes[first], size, i, t.Shape(), n)
		}
		moved[i] = t.MoveAxis(a, 0)
		stand[i] = tr.param(Spec{t.DType(), moved[i].Shape()[1:]})
	}
	if size < 0 {
		fail(what, ErrArgument, "map at least one argument", "every argument is shared")
	}
	outs := f(stand)
	for i, o := range outs {
		o.must(what + " result " + strconv.Itoa(i))
	}

	batched := map[*node]Tensor{}
	var mapped []Tensor
	for i, s := range stand {
		if moved[i].Valid() {
			batched[s.n] = moved[i]
			mapped = append(mapped, s)
		}
	}
	several := results{}
	for _, a := range recordSince(outs, mapped) {
		if _, done := batched[a.node]; done {
			continue
		}
		switch op := a.op.(type) {
		case pickOp:
			if len(a.from) == 0 {
				break // captured
			}
			if all := several[a.from[0]]; all != nil {
				batched[a.node] = all[op.i]
			}
		case multiOp:
			if anyMapped(batched, a.from) {
				in, flags := operands(a, batched)
				if n, ok := op.(axisNamer); ok {
					op = n.named(axis)
				}
				several[a.node] = op.BatchAll(a.multiCall(op), in, flags, size)
			}
		case collectiveOp:
			if op.axis == axis && len(a.from) > 0 {
				in, flags := operands(a, batched)
				batched[a.node] = op.fold(in[0], flags[0], size)
				break
			}
			if anyMapped(batched, a.from) {
				batched[a.node] = batchNode(a, batched, size)
			}
		default:
			if anyMapped(batched, a.from) {
				batched[a.node] = batchNode(a, batched, size)
			}
		}
	}

	results := make([]Tensor, len(outs))
	for i, o := range outs {
		axis, shared := outAxes(i, o.Rank()+1)
		b, mapped := batched[o.n]
		switch {
		case shared && mapped:
			fail(what, ErrArgument, "give it an out axis", "result leaf %d was declared shared but depends on the sample", i)
		case shared:
			results[i] = o
		default:
			if !mapped {
				b = o.stretch(o.Shape().prepend(size))
			}
			a, err := normalAxis(axis, o.Rank()+1)
			if err != nil {
				fail(what, ErrArgument, "", "out axis of result leaf %d: %v", i, err)
			}
			results[i] = b.MoveAxis(0, a)
		}
	}
	return results
}

func anyMapped(batched map[*node]Tensor, in []*node) bool {
	for _, n := range in {
		if _, ok := batched[n]; ok {
			return true
		}
	}
	return false
}

// batchNode rewrites one node for all samples.
func batchNode(a applied, batched map[*node]Tensor, size int) Tensor {
	in, flags := operands(a, batched)
	out := a.op.Batch(a.call(), in, flags, size)
	if want := a.spec.Shape.prepend(size); !out.Shape().Equal(want) || out.DType() != a.spec.DType {
		panic("BUG: graph: batching rule of " + a.op.Name() + " gave " + out.Spec().String() + ", want " + want.String())
	}
	return out
}

// operands are a node's operands for all samples where they have the sample axis.
func operands(a applied, batched map[*node]Tensor) (in []Tensor, flags []bool) {
	in = tensors(a.from)
	flags = make([]bool, len(in))
	for i, x := range a.from {
		if b, ok := batched[x]; ok {
			in[i], flags[i] = b, true
		}
	}
	return in, flags
}
