package nn

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Attention is scaled dot-product attention (Vaswani et al., arXiv 1706.03762, equation 1),
//
//	softmax(q k^T / sqrt(d)) v
//
// for q [... n d], k [... m d] and v [... m e], giving [... n e]; leading axes are heads or samples and broadcast. mask is bool, of a shape
// that broadcasts to [... n m]: true where a query may look at a key. The zero Tensor stands for no mask. A query that may look at no key
// gets zeros, and no gradient flows from it.
func Attention(q, k, v, mask graph.Tensor) graph.Tensor {
	if q.Rank() < 2 || k.Rank() < 2 || v.Rank() < 2 {
		graph.Fail("attention", graph.ErrShape, "give queries [... n d], keys [... m d] and values [... m e]", "queries %v, keys %v, values %v", q.Spec(), k.Spec(), v.Spec())
	}
	scores := q.MatMul(swapLast(k)).Scale(1 / math.Sqrt(float64(q.Dim(-1))))
	if !mask.Valid() {
		return Softmax(scores).MatMul(v)
	}
	none := scores.Like(0)
	top := graph.StopGradient(graph.Where(mask, scores, scores.Like(math.Inf(-1))).ReduceMax(-1)).ExpandDims(-1)
	// What the mask hides must be finite before exp: its derivative times 0 would be NaN otherwise.
	weights := graph.Where(mask, graph.Where(mask, scores.Sub(top), none).Exp(), none)
	total := weights.Sum(-1).ExpandDims(-1)
	return weights.Div(graph.Where(total.Eq(none), total.Like(1), total)).MatMul(v)
}

// swapLast exchanges the last two axes.
func swapLast(x graph.Tensor) graph.Tensor { return x.MoveAxis(-1, -2) }

// CausalMask is the mask [n n] with which position i looks at positions 0 to i.
func CausalMask(n int) graph.Tensor { return graph.Iota(0, n, n).Ge(graph.Iota(1, n, n)) }

// MultiHeadAttention projects queries, keys and values, attends in several heads and projects their results: Q, K [d h*e], V [d h*f] and
// Out [h*f d] for h heads (Vaswani et al., section 3.2.2).
type MultiHeadAttention struct{ Q, K, V, Out Linear }

// Apply attends from the positions of query [... n d] to those of memory [... m d], which is query itself in self-attention, and gives
// [... n d]. The number of heads must divide the widths of Q, K and V. mask is as for Attention, broadcast to [... heads n m]; the zero
// Tensor stands for none.
func (a MultiHeadAttention) Apply(query, memory graph.Tensor, heads int, mask graph.Tensor) graph.Tensor {
	if query.Rank() < 2 || memory.Rank() < 2 {
		graph.Fail("attention", graph.ErrShape, "give queries [... n d] and a memory [... m d]", "queries %v, memory %v", query.Spec(), memory.Spec())
	}
	split := func(l Linear, x graph.Tensor) graph.Tensor { // [... n h*e] to [... h n e]
		y := l.Apply(x)
		s := y.Shape()
		width := s[len(s)-1]
		if heads < 1 || width%heads != 0 {
			graph.Fail("attention", graph.ErrArgument, "the number of heads divides the widths of the projections", "%d heads of width %d", heads, width)
		}
		return y.Reshape(append(append([]int(nil), s[:len(s)-1]...), heads, width/heads)...).MoveAxis(-2, -3)
	}
	y := Attention(split(a.Q, query), split(a.K, memory), split(a.V, memory), mask).MoveAxis(-3, -2)
	s := y.Shape()
	return a.Out.Apply(y.Reshape(append(append([]int(nil), s[:len(s)-2]...), s[len(s)-2]*s[len(s)-1])...))
}
