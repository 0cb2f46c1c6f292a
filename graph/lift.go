package graph

import (
	"context"
	"fmt"
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

	constants []keyedConstant // small ones, in the order of the key
	uploaded  []*gpu.Array    // what argue made of them
}

// keyedConstant is a constant of a lifted graph, with the part of the key that is its value.
type keyedConstant struct {
	n        *node
	from, to int
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
			copies[n] = newNode(n.op, in, n.spec, n.pc)
			if smallConstant(n) {
				l.constants = append(l.constants, keyedConstant{copies[n], from, to})
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

// loose is the key without the values of small constants, and these.
func (l *lifted) loose() (key string, values []string) {
	var b strings.Builder
	end := 0
	for _, c := range l.constants {
		b.WriteString(l.key[end:c.from])
		b.WriteString("constant ")
		values = append(values, l.key[c.from:c.to])
		end = c.to
	}
	b.WriteString(l.key[end:])
	return b.String(), values
}

// argue makes parameters of some of the constants, with arrays of their values.
func (l *lifted) argue(ctx context.Context, dev *gpu.Device, some []bool) error {
	var key strings.Builder
	end := 0
	for i, c := range l.constants {
		if !some[i] {
			continue
		}
		h := newHost(c.n.spec)
		c.n.op.Eval(h, nil)
		a, err := dev.Upload(ctx, encode(c.n.spec.DType, h.V))
		if err != nil {
			return err
		}
		l.uploaded = append(l.uploaded, a)
		key.WriteString(l.key[end:c.from])
		key.WriteString("argument ")
		end = c.to
		c.n.op = paramOp{}
		l.params = append(l.params, c.n)
		l.arrays = append(l.arrays, a)
		l.holders = append(l.holders, c.n)
	}
	key.WriteString(l.key[end:])
	l.key, l.constants = key.String(), nil
	return nil
}
