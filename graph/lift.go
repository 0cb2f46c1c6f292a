package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

// lifted is a private copy of a graph, which the compiler's passes may walk without minding what other
// goroutines evaluate meanwhile. Arrays on the device become parameters behind the given ones, so that
// graphs of one form share a program.
type lifted struct {
	params  []*node // copies of the given parameters, then one for each array
	outputs []*node
	arrays  []*gpu.Array // for the parameters behind the given ones
	holders []*node      // the nodes that the arrays were found in
	key     string       // equal keys, equal programs

	settings []setting    // in the order of the key
	uploaded []*gpu.Array // what argue made of them
}

// setting is a node of a lifted graph that may also read from an array what it is for: the value of a small constant, or where a slice
// begins.
type setting struct {
	n        *node
	from, to int    // the part of the key that says it
	id       uint64 // kept for the starts of a slice: operands are older than their users
}

// lift copies the graph below outputs. It fails on parameters that are not among params.
func lift(params, outputs []*node) (*lifted, error) {
	l := &lifted{}
	copies := map[*node]*node{}
	number := map[*node]int{}
	var key strings.Builder
	for i, p := range params {
		c := newNode(paramOp{}, nil, p.spec, p.pc)
		copies[p] = c
		number[p] = i
		l.params = append(l.params, c)
		fmt.Fprintf(&key, "p%v;", p.spec)
	}
	for _, a := range record(outputs, func(n *node) bool { return copies[n] != nil || fixed(n) }) {
		n := a.node
		if copies[n] != nil {
			continue
		}
		if err := a.outdated(); err != nil {
			return nil, err
		}
		number[n] = len(number)
		switch {
		case fixed(n):
			c := newNode(paramOp{}, nil, n.spec, n.pc)
			copies[n] = c
			l.params = append(l.params, c)
			l.arrays = append(l.arrays, n.array.Load())
			l.holders = append(l.holders, n)
			fmt.Fprintf(&key, "a%v;", n.spec)
		case n.isParam() && n.trace.what == placeholder:
			return nil, tracedError("compile", n)
		case n.isParam():
			return nil, &Error{Op: n.trace.what, Pos: position(n.trace.pc), Kind: ErrForeign,
				Detail: fmt.Sprintf("a parameter %v of this %s was used in another trace", n.spec, n.trace.what),
				Fix:    "return values from the traced function instead of storing them outside it"}
		default:
			in := make([]*node, len(a.from))
			from := key.Len()
			key.WriteString(opKey(n.op))
			to := key.Len()
			for i, x := range a.from {
				in[i] = copies[x]
				fmt.Fprintf(&key, " %d", number[x])
			}
			fmt.Fprintf(&key, "%v;", n.spec)
			var id uint64
			_, contiguous := contiguousSlice(n)
			if contiguous {
				id = nodeIDs.Add(1)
			}
			copies[n] = newNode(n.op, in, n.spec, n.pc)
			if contiguous || smallConstant(n) {
				l.settings = append(l.settings, setting{copies[n], from, to, id})
			}
		}
	}
	for _, o := range outputs {
		l.outputs = append(l.outputs, copies[o])
		fmt.Fprintf(&key, "o%d;", number[o])
	}
	l.key = key.String()
	return l, nil
}

// loose is the key without what the settings say, and that.
func (l *lifted) loose() (key string, said []string) {
	var b strings.Builder
	end := 0
	for _, c := range l.settings {
		b.WriteString(l.key[end:c.from])
		b.WriteString(c.n.op.Name())
		said = append(said, l.key[c.from:c.to])
		end = c.to
	}
	b.WriteString(l.key[end:])
	return b.String(), said
}

// argue makes parameters of some of the settings, with arrays of what they say.
func (l *lifted) argue(ctx context.Context, dev *gpu.Device, some []bool) error {
	var key strings.Builder
	end := 0
	for i, c := range l.settings {
		if !some[i] {
			continue
		}
		param, value := c.n, newHost(c.n.spec)
		if s, ok := contiguousSlice(c.n); ok {
			value = newHost(Spec{Int32, Shape{len(s.start)}})
			for a, v := range s.start {
				value.V[a] = float64(v)
			}
			param = newNode(paramOp{}, nil, value.Spec, c.n.pc)
			param.id = c.id
			c.n.op = dynamicSliceOp{0, c.n.spec.Shape}
			c.n.ins.Store(&[]*node{c.n.in()[0], param})
		} else {
			c.n.op.Eval(value, nil)
			c.n.op = paramOp{}
		}
		a, err := dev.Upload(ctx, encode(value.DType, value.V))
		if err != nil {
			return err
		}
		l.uploaded = append(l.uploaded, a)
		key.WriteString(l.key[end:c.from])
		key.WriteString("argument ")
		end = c.to
		l.params = append(l.params, param)
		l.arrays = append(l.arrays, a)
		l.holders = append(l.holders, param)
	}
	key.WriteString(l.key[end:])
	l.key, l.settings = key.String(), nil
	return nil
}

// contiguousSlice is the op of a node that takes a block out of an array.
func contiguousSlice(n *node) (sliceOp, bool) {
	s, ok := n.op.(sliceOp)
	return s, ok && len(s.step) > 0 && !slices.ContainsFunc(s.step, func(st int) bool { return st != 1 })
}
