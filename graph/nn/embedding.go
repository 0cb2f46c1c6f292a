package nn

import (
	"fmt"

	"github.com/lavagrad/lavagrad/graph"
)

// Embedding looks up a vector for each token: Table is [vocabulary width].
type Embedding struct{ Table graph.Tensor }

// Apply gives Table[tokens], [... width] for tokens int32 [...]. A token outside 0 to vocabulary-1 fails the run with an error that names it;
// for that, calls wait for the check (graph.WithoutChecks leaves it out: such tokens then get the nearest row). The gradient of a row adds
// up over the tokens that looked it up.
func (e Embedding) Apply(tokens graph.Tensor) graph.Tensor {
	if e.Table.Rank() != 2 || !tokens.DType().IsInt() {
		graph.Fail("embedding", graph.ErrShape, "give a table [vocabulary width] and integer tokens", "the table is %v, the tokens %v", e.Table.Spec(), tokens.Spec())
	}
	n := e.Table.Dim(0)
	ok := tokens.Ge(tokens.Like(0)).And(tokens.Lt(tokens.Like(float64(n))))
	return e.Table.Take(0, tokens.Check(ok, fmt.Sprintf("embedding: token in [0, %d)", n)))
}
