package tree

import "fmt"

// Extract gives the leaves of t for which pred is true, in canonical order.
func Extract[L, T any](t T, pred func(path string, leaf L) bool) ([]L, error) {
	leaves, chosen, flt := choose(&t, pred)
	if flt != nil {
		return nil, flt.as("extract")
	}
	return pick(leaves, chosen), nil
}

// Insert gives a copy of full in which the leaves for which pred is true are replaced by sub, in
// canonical order: the inverse of Extract.
//
// Errors: ErrCount if sub is of another length; ErrLeafType, see Unflatten.
func Insert[L, T any](full T, pred func(path string, leaf L) bool, sub []L) (T, error) {
	var zero T
	leaves, chosen, flt := choose(&full, pred)
	if flt != nil {
		return zero, flt.as("insert")
	}
	out, flt := replace(full, leaves, chosen, sub)
	if flt != nil {
		return zero, flt.as("insert")
	}
	return out, nil
}

// InsertInPlace calls assign(leaf, value), which must overwrite what the leaf stands for, for each
// leaf of full for which pred is true, with the values of sub in canonical order.
//
// Errors: ErrCount if sub is of another length, and nothing has been assigned; ErrCallback with
// the path if assign fails, and earlier leaves are changed.
func InsertInPlace[L, T any](full T, pred func(path string, leaf L) bool, sub []L, assign func(dst, value L) error) error {
	leaves, chosen, flt := choose(&full, pred)
	if flt == nil {
		flt = fits(chosen, sub, len(leaves))
	}
	if flt != nil {
		return flt.as("insert in place")
	}
	for j, i := range chosen {
		if err := assign(leaves[i], sub[j]); err != nil {
			return callbackError[L]("insert in place", full, i, err)
		}
	}
	return nil
}

// Subset splits full for work on a part of it, such as the trainable parameters: sub are the leaves
// for which pred is true, and rebuild puts others in their place, with the rest as in full. pred
// is asked once, now. A tree of its own, []L can be given to whatever takes trees.
//
// rebuild's errors are those of Insert.
func Subset[L, T any](full T, pred func(path string, leaf L) bool) (sub []L, rebuild func(sub []L) (T, error), err error) {
	leaves, chosen, flt := choose(&full, pred)
	if flt != nil {
		return nil, nil, flt.as("subset")
	}
	rebuild = func(sub []L) (T, error) {
		out, flt := replace(full, leaves, chosen, sub)
		if flt != nil {
			var zero T
			return zero, flt.as("subset")
		}
		return out, nil
	}
	return pick(leaves, chosen), rebuild, nil
}

// OnSubset rewrites a function of a tree into a function of the leaves for which pred is true:
// onSub(sub) is f of full with sub in their place, the rest held constant. sub are their values in full.
//
// onSub's errors are those of Insert. Functions of more arguments: see Subset.
func OnSubset[L, T, R any](f func(T) R, full T, pred func(path string, leaf L) bool) (onSub func(sub []L) (R, error), sub []L, err error) {
	sub, rebuild, err := Subset(full, pred)
	if err != nil {
		return nil, nil, err
	}
	return func(sub []L) (R, error) {
		t, err := rebuild(sub)
		if err != nil {
			var zero R
			return zero, err
		}
		return f(t), nil
	}, sub, nil
}

// choose gives the leaves and the indices of those for which pred is true.
func choose[L, T any](t *T, pred func(path string, leaf L) bool) (leaves []L, chosen []int, flt *fault) {
	leaves, paths, flt := leavesAndPaths[L](t)
	if flt != nil {
		return nil, nil, flt
	}
	for i, leaf := range leaves {
		if pred(paths[i], leaf) {
			chosen = append(chosen, i)
		}
	}
	return leaves, chosen, nil
}

func pick[L any](leaves []L, chosen []int) []L {
	sub := make([]L, len(chosen))
	for j, i := range chosen {
		sub[j] = leaves[i]
	}
	return sub
}

func replace[L, T any](full T, leaves []L, chosen []int, sub []L) (T, *fault) {
	if flt := fits(chosen, sub, len(leaves)); flt != nil {
		return full, flt
	}
	leaves = append([]L(nil), leaves...)
	for j, i := range chosen {
		leaves[i] = sub[j]
	}
	return unflatten(full, leaves)
}

func fits[L any](chosen []int, sub []L, all int) *fault {
	if len(chosen) == len(sub) {
		return nil
	}
	return &fault{kind: ErrCount, detail: fmt.Sprintf("%d leaves given where the predicate chooses %d of %d", len(sub), len(chosen), all)}
}
