package diagnostics

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

var nan = math.NaN()

// ties are the runs of equal elements along the last axis of sorted values.
type ties struct{ begins, ends graph.Tensor }

func tied(sorted graph.Tensor) ties {
	n := sorted.Dim(-1)
	axis := sorted.Rank() - 1
	same := sorted.Slice(axis, 1, n).Eq(sorted.Slice(axis, 0, n-1)).Not()
	edge := graph.Full(graph.Bool, 1, append(append([]int{}, sorted.Shape()[:axis]...), 1)...)
	return ties{graph.Concat(axis, edge, same), graph.Concat(axis, same, edge)}
}

// first gives every element what non-decreasing counts from 0 are where its run begins.
func (t ties) first(counts graph.Tensor) graph.Tensor {
	return graph.Where(t.begins, counts, counts.Like(0)).CumMax(counts.Rank() - 1)
}

// last gives every element what non-decreasing counts are where its run ends.
func (t ties) last(counts graph.Tensor) graph.Tensor {
	return graph.Where(t.ends, counts, counts.Like(math.MaxInt32)).CumMinReverse(counts.Rank() - 1)
}

// averageRanks are the ranks, from 1, along the last axis; equal elements share the mean of theirs. Floats, exact up to 2^23 elements.
func averageRanks(x graph.Tensor) graph.Tensor {
	axis := x.Rank() - 1
	order := x.ArgSort(axis)
	ties := tied(x.TakeAlong(axis, order))
	at := graph.Iota(axis, x.Shape()...)
	ranks := ties.first(at).Add(ties.last(at)).Convert(x.DType()).Scale(0.5).AddScalar(1)
	return ranks.TakeAlong(axis, order.ArgSort(axis))
}
