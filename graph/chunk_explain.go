package graph

import (
	"fmt"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

// eachChunked calls f for the loops over chunks of a program.
func (l *lowered) eachChunked(f func(n *node, o scanOp)) {
	for _, n := range reach(l.planned, nil) {
		if o, ok := n.op.(scanOp); ok && o.chunk != nil {
			f(n, o)
		}
	}
	for _, b := range l.bodies {
		b.eachChunked(f)
	}
}

// explainChunks writes a line for each loop over chunks, and reports whether there is any.
func (l *lowered) explainChunks(b *strings.Builder) (some bool) {
	l.eachChunked(func(n *node, o scanOp) {
		some = true
		rest := ""
		if o.chunk.rest > 0 {
			rest = fmt.Sprintf(" and one of %d", o.chunk.rest)
		}
		fmt.Fprintf(b, "loop for %s: in %d chunks of %d samples%s\n", position(n.pc), o.rounds, o.chunk.size, rest)
	})
	return some
}

// fits says what to do where the temporaries of a program are more than the device allocates at once.
func (l *lowered) fits(arena int64) error {
	if arena <= l.bytes {
		return nil
	}
	own := l.own()
	largest := buffer{}
	var kernel string
	for _, s := range l.steps {
		for _, b := range s.args {
			if (b.n == nil || !own[b.n]) && (largest == buffer{} || l.size(b) > l.size(largest)) {
				largest, kernel = b.whole(), s.name
			}
		}
	}
	e := &Error{Op: "compile", Kind: gpu.ErrOutOfMemory, Fix: "work on fewer samples at once (vmap.Chunk, or graph.MemoryBudget where samples are independent), or reduce the largest array inside the compiled function"}
	what := fmt.Sprintf("scratch memory of %s", kernel)
	if n := largest.n; n != nil {
		what = fmt.Sprintf("%s %v", n.op.Name(), n.spec)
		if n.isParam() {
			what = fmt.Sprintf("%v, carried through a loop", n.spec)
		}
		if n.pc != 0 {
			what += " at " + position(n.pc)
		}
	}
	e.Detail = fmt.Sprintf("its temporaries take %d bytes, an array of this device at most %d; the largest is %s with %d bytes", arena, l.bytes, what, l.size(largest))
	return e
}
