package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/lavagrad/lavagrad/shaders"
)

// argsortOp is the stable permutation that sorts the last axis, NaN last. Short rows are sorted by counting, long ones by digits.
type argsortOp struct {
	opaqueRules
	descending bool
}

func (argsortOp) Name() string { return "argsort" }

func (argsortOp) Infer(in []Spec) (Spec, error) {
	if len(in[0].Shape) == 0 {
		return Spec{}, shapeError("sort along an axis", "%v has no axis", in[0])
	}
	return Spec{Int32, in[0].Shape}, nil
}

func (o argsortOp) Eval(out *Host, in []*Host) {
	n := out.Shape[len(out.Shape)-1]
	for at := 0; at < len(out.V); at += n {
		x := in[0].V[at : at+n]
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return o.compare(x[i], x[j]) })
		for i, p := range order {
			out.V[at+i] = float64(p)
		}
	}
}

func (o argsortOp) compare(a, b float64) int {
	switch nanA, nanB := math.IsNaN(a), math.IsNaN(b); {
	case nanA && nanB || a == b:
		return 0
	case nanB || !nanA && a < b != o.descending:
		return -1
	}
	return 1
}

func (argsortOp) JVP(Call, []Tensor) Tensor                           { return Tensor{} }
func (argsortOp) VJP(Call, Tensor) []Tensor                           { return []Tensor{{}} }
func (o argsortOp) Batch(_ Call, in []Tensor, _ []bool, _ int) Tensor { return apply(o, in[0]) }

// float64Kernels says that the kernels take float64 too.
func (argsortOp) float64Kernels() {}

func (o argsortOp) Kernels(k *Kernels, n Operands) {
	shape := n.Out().Shape
	if shape.Size() == 0 {
		return
	}
	last := len(shape) - 1
	s := shaders.Sort{Kind: n.In(0).DType.kind(), Rows: 1, N: shape[last], Descending: o.descending}
	most := s.KeyWords()
	if !s.ByRank() {
		most = max(most, s.Counters(s.Block(k.Target())))
	}
	k.parts(shape[:last].Size(), s.N, most, func(rows int, part func(KernelArg, DType) KernelArg) {
		s.Rows = rows
		if s.ByRank() {
			k.Dispatch("argsort", s.Ranks(k.Target()), part(k.In(0), n.In(0).DType), part(k.Out(), Int32))
		} else {
			k.sortByDigits(s, part(k.In(0), n.In(0).DType), part(k.Out(), Int32))
		}
	})
}

// sortByDigits appends the dispatches of a radix sort: for each digit, blocks count theirs, a scan of the counts says where they go, and
// they are moved there.
func (k *Kernels) sortByDigits(s shaders.Sort, in, out KernelArg) {
	t, size := k.Target(), s.Rows*s.N
	block := s.Block(t)
	counters, offsets := k.Scratch(s.Counters(block)), k.Scratch(s.Counters(block))
	keys := [2]KernelArg{k.Scratch(s.KeyWords()), k.Scratch(s.KeyWords())}
	places := [2]KernelArg{k.Scratch(size), k.Scratch(size)}
	for pass := range s.Passes() {
		to, old := pass%2, 1-pass%2
		from := in
		if pass > 0 {
			from = keys[old].ReadOnly()
		}
		k.Dispatch(fmt.Sprintf("argsort (count %d)", pass), s.Count(t, block, pass), from, counters)
		k.scan(s.Offsets(block), offsets, counters.ReadOnly())
		args := []KernelArg{from}
		if pass > 0 {
			args = append(args, places[old].ReadOnly())
		}
		args = append(args, offsets)
		if pass == s.Passes()-1 {
			args = append(args, out)
		} else {
			args = append(args, keys[to], places[to])
		}
		k.Dispatch(fmt.Sprintf("argsort (move %d)", pass), s.Move(t, block, pass), args...)
	}
}

func (o argsortOp) Cases() []Case {
	down := argsortOp{descending: true}
	return []Case{
		{Op: o, In: []Sample{sample(9)}},
		{Op: down, In: []Sample{sample(3, 5)}},
		{Op: o, In: []Sample{sample(2, 300)}},
		{Op: down, In: []Sample{sampleOf(Int32, -9, 9, 400)}},
		{Op: o, In: []Sample{sampleOf(Uint32, 0, 9, 2, 7)}},
		{Op: o, In: []Sample{sampleOf(Bool, 0, 2, 300)}},
		{Op: o, In: []Sample{sample(3, 1)}},
		{Op: o, In: []Sample{sample(2, 0)}},
	}
}
