package graph

import (
	"fmt"
	"strings"
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
