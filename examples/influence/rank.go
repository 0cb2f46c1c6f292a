package main

import (
	"cmp"
	"math"
	"slices"
)

// ranked gives the indices of values, largest first; equal ones in their order.
func ranked(values []float32) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order
}

// chosen gives count indices: half of them of the largest values by size, half spread evenly over the ranks of the others.
func chosen(values []float32, count int) []int {
	size := make([]float32, len(values))
	for i, v := range values {
		size[i] = float32(math.Abs(float64(v)))
	}
	order := ranked(size)
	out := slices.Clone(order[:count/2])
	others := order[count/2:]
	for i := range count - count/2 {
		out = append(out, others[i*len(others)/(count-count/2)])
	}
	return out
}

// recall is the share of some indices that is among the first n of a ranking.
func recall(which, ranking []int, n int) float64 {
	first := map[int]bool{}
	for _, i := range ranking[:n] {
		first[i] = true
	}
	found := 0
	for _, i := range which {
		if first[i] {
			found++
		}
	}
	return float64(found) / float64(len(which))
}
