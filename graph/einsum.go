package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Einsum is the sum of products that spec describes in Einstein's notation, as NumPy's einsum: a letter for every
// axis of every operand, operands separated by commas, after "->" the axes of the result in order.
//
//	Einsum("ij,jk->ik", a, b)      matrix product
//	Einsum("...ij,...jk", a, b)    batched matrix product; axes under the dots broadcast
//	Einsum("bi,bj->bij", x, g)     outer product of every sample
//	Einsum("ii->i", a)             diagonal
//	Einsum("ij->", a)              sum
//	Einsum("i,ij,j->", x, a, y)    bilinear form
//
// Axes of one letter run together and must have one length; a letter twice in an operand takes the diagonal; letters
// missing from the result are summed. Without "->" the result has the letters that occur once in all of spec, in
// alphabetical order, after the axes of the dots. Spaces mean nothing. Operands have one number type, the result's.
//
// More than two operands are multiplied pairwise, the pair that takes the fewest multiplications first (between equal ones,
// that of the smaller product), so float results may differ in rounding from another order.
func Einsum(spec string, operands ...Tensor) Tensor {
	e := parseEinsum(spec, operands)
	for len(e.terms) > 1 {
		i, j := e.cheapest()
		product := e.multiply(i, j)
		e.terms = append(slices.Delete(slices.Delete(e.terms, j, j+1), i, i+1), product)
	}
	t := e.terms[0].sumAway(e.out)
	perm := make([]int, len(e.out))
	for i, l := range e.out {
		perm[i] = slices.Index(t.labels, l)
	}
	return t.t.Transpose(perm...)
}

// term is an operand with a label on every axis, each at most once.
type term struct {
	t      Tensor
	labels []int
}

type einsum struct {
	terms []term
	out   []int
	size  map[int]int
}

// dots is the label of the last axis under an ellipsis; those before it have smaller ones. Letters stand for themselves.
const dots = -1

// parseEinsum reads spec, checks it against the operands and brings them into the form of terms.
func parseEinsum(spec string, operands []Tensor) *einsum {
	bad := func(kind error, fix, format string, args ...any) {
		fail("einsum", kind, fix, "%q: "+format, append([]any{spec}, args...)...)
	}
	if len(operands) == 0 {
		bad(ErrArgument, "give a tensor for each part of the spec", "no operands")
	}
	left, right, explicit := strings.Cut(strings.ReplaceAll(spec, " ", ""), "->")
	parts := strings.Split(left, ",")
	if len(parts) != len(operands) {
		bad(ErrArgument, "separate the operands' axes by commas", "%d parts for %d operands", len(parts), len(operands))
	}
	for i, t := range operands[1:] {
		if t.must("einsum").spec.DType != operands[0].must("einsum").spec.DType {
			bad(ErrDType, "convert one of them with AsFloat, AsInt or Convert", "operand 0 is %v, operand %d is %v", operands[0].Spec(), i+1, t.Spec())
		}
	}
	if operands[0].DType() == Bool {
		bad(ErrDType, "convert with AsFloat or AsInt", "operand 0 is %v, want numbers", operands[0].Spec())
	}

	e := &einsum{size: map[int]int{}}
	count := map[int]int{} // how often a letter occurs
	var wide Shape         // the axes under the dots, broadcast
	for i, t := range operands {
		labels, under, err := letters(parts[i], t.Rank())
		if err != nil {
			bad(ErrArgument, "name every axis by a letter, or use ... for any number of them", "operand %d (%v): %v", i, t.Spec(), err)
		}
		for k, l := range labels {
			n := t.Shape()[k]
			if l < 0 {
				continue
			}
			count[l]++
			if old, ok := e.size[l]; ok && old != n {
				bad(ErrShape, "axes of one letter have one length", "%c is %d, but axis %d of operand %d (%v) has length %d", l, old, k, i, t.Spec(), n)
			}
			e.size[l] = n
		}
		at := max(slices.IndexFunc(labels, func(l int) bool { return l < 0 }), 0)
		if wide, err = broadcastShapes(wide, t.Shape()[at:at+under]); err != nil {
			bad(ErrShape, "axes under ... broadcast by NumPy's rule", "operand %d (%v): %v", i, t.Spec(), err)
		}
		e.terms = append(e.terms, term{t, labels})
	}
	for i, n := range wide {
		e.size[dots-len(wide)+1+i] = n
	}
	for i := range e.terms {
		e.terms[i] = e.unstretched(e.terms[i]).diagonal()
	}

	if !explicit {
		if strings.Contains(left, "...") {
			right = "..."
		}
		for l := 'A'; l <= 'z'; l++ {
			if count[int(l)] == 1 {
				right += string(l)
			}
		}
	}
	rank := len(strings.ReplaceAll(right, "...", ""))
	if strings.Contains(right, "...") {
		rank += len(wide)
	} else if len(wide) > 0 {
		bad(ErrArgument, "put ... into the result, and Sum its axes afterwards", "the result leaves out the axes under the dots")
	}
	out, _, err := letters(right, rank)
	if err != nil {
		bad(ErrArgument, "", "result: %v", err)
	}
	for i, l := range out {
		if slices.Contains(out[:i], l) {
			bad(ErrArgument, "name each axis of the result once", "%c stands twice in the result", l)
		}
		if _, ok := e.size[l]; !ok {
			bad(ErrArgument, "take the result's letters from the operands", "%c of the result stands in no operand", l)
		}
	}
	e.out = out
	return e
}

// letters gives the labels of a part of the spec for a tensor of the given rank, and how many axes its dots stand for.
func letters(part string, rank int) (labels []int, under int, err error) {
	before, after, ellipsis := strings.Cut(part, "...")
	for _, r := range before + after {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return nil, 0, fmt.Errorf("%q is no letter", r)
		}
	}
	named := len(before) + len(after)
	if ellipsis && rank >= named {
		under = rank - named
	} else if named != rank {
		return nil, 0, fmt.Errorf("%d letters for %d axes", named, rank)
	}
	for _, r := range before {
		labels = append(labels, int(r))
	}
	for i := range under {
		labels = append(labels, dots-under+1+i)
	}
	for _, r := range after {
		labels = append(labels, int(r))
	}
	return labels, under, nil
}

// unstretched drops axes of length 1 under the dots that another operand has longer: multiplying repeats them.
func (e *einsum) unstretched(x term) term {
	shape, labels := Shape{}, []int{}
	for i, l := range x.labels {
		if n := x.t.Shape()[i]; n == e.size[l] {
			shape, labels = append(shape, n), append(labels, l)
		}
	}
	return term{x.t.Reshape(shape...), labels}
}

// diagonal keeps of axes with one label the elements where all positions agree: as one axis, every (n+1)th element.
func (x term) diagonal() term {
	for i, l := range x.labels {
		j := slices.Index(x.labels[i+1:], l) + i + 1
		if j == i {
			continue
		}
		n := x.t.Shape()[i]
		t := x.t.MoveAxis(i, 0).MoveAxis(j, 1)
		rest := t.Shape()[2:]
		flat := t.Reshape(append([]int{n * n}, rest...)...)
		labels := slices.Delete(slices.Delete(slices.Clone(x.labels), j, j+1), i, i+1)
		return term{flat.SliceStep(0, 0, n*n, n+1), append([]int{l}, labels...)}.diagonal()
	}
	return x
}

// needed lists the labels of the result and of all terms but i and j: what the product of these two must keep.
func (e *einsum) needed(i, j int) []int {
	keep := slices.Clone(e.out)
	for k, x := range e.terms {
		if k != i && k != j {
			keep = append(keep, x.labels...)
		}
	}
	return keep
}

// cheapest gives the pair of terms to multiply next.
func (e *einsum) cheapest() (i, j int) {
	var best [2]int
	for a := range e.terms {
		for b := a + 1; b < len(e.terms); b++ {
			keep := e.needed(a, b)
			cost := [2]int{1, 1} // multiplications, elements of the product
			for _, l := range union(e.terms[a].labels, e.terms[b].labels) {
				cost[0] *= e.size[l]
				if slices.Contains(keep, l) {
					cost[1] *= e.size[l]
				}
			}
			if j == 0 || slices.Compare(cost[:], best[:]) < 0 {
				best, i, j = cost, a, b
			}
		}
	}
	return i, j
}

// multiply contracts terms i and j over the labels that nothing else needs.
func (e *einsum) multiply(i, j int) term {
	keep := e.needed(i, j)
	a := e.terms[i].sumAway(slices.Concat(keep, e.terms[j].labels))
	b := e.terms[j].sumAway(slices.Concat(keep, a.labels))
	all := union(a.labels, b.labels)
	var out []int
	// In the result's order where they stand there: then the last product is the result itself.
	for _, l := range union(e.out, all) {
		if slices.Contains(keep, l) && slices.Contains(all, l) {
			out = append(out, l)
		}
	}
	number := func(labels []int) []int { // labels of the op count from 0, whatever the letters are
		n := make([]int, len(labels))
		for i, l := range labels {
			n[i] = slices.Index(all, l)
		}
		return n
	}
	return term{apply(contractOp{number(a.labels), number(b.labels), number(out)}, a.t, b.t), out}
}

// sumAway sums over the labels that keep lacks.
func (x term) sumAway(keep []int) term {
	var axes, labels []int
	for i, l := range x.labels {
		if slices.Contains(keep, l) {
			labels = append(labels, l)
		} else {
			axes = append(axes, i)
		}
	}
	if len(axes) == 0 {
		return x
	}
	return term{x.t.Sum(axes...), labels}
}

// union is a followed by what of b it lacks.
func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, l := range b {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// DotGeneral contracts axes of a with axes of b: contractA[i] runs together with contractB[i] and is summed, batchA[i] runs
// together with batchB[i] and is kept. The result has the batch axes first, in the order given, then the other axes of a, then
// those of b. Negative axes count from the end. Operands have one number type.
func DotGeneral(a, b Tensor, contractA, contractB, batchA, batchB []int) Tensor {
	if len(contractA) != len(contractB) || len(batchA) != len(batchB) {
		fail("dot general", ErrArgument, "name the axes of both operands pair by pair",
			"axes %v contract with %v, axes %v pair with %v", contractA, contractB, batchA, batchB)
	}
	labels := func(t Tensor, free int, contract, batch []int) (all, rest []int) {
		rank := t.must("dot general").rank()
		all = make([]int, rank)
		for i := range all {
			all[i] = free + i
		}
		seen := map[int]bool{}
		for i, axis := range slices.Concat(batch, contract) {
			x, err := normalAxis(axis, rank)
			if err != nil || seen[x] {
				fail("dot general", ErrArgument, "name each axis at most once", "axis %d of %v", axis, t.Shape())
			}
			seen[x] = true
			all[x] = i
		}
		for i, l := range all {
			if !seen[i] {
				rest = append(rest, l)
			}
		}
		return all, rest
	}
	first := len(contractA) + len(batchA)
	la, restA := labels(a, first, contractA, batchA)
	lb, restB := labels(b, first+a.Rank(), contractB, batchB)
	var out []int
	for i := range batchA {
		out = append(out, i)
	}
	return apply(contractOp{la, lb, slices.Concat(out, restA, restB)}, a, b)
}
