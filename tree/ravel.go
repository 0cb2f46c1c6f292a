package tree

import "fmt"

// Size is the sum of numel over the leaves of t: with the element count of a tensor as numel it is
// the number of parameters, not of leaves.
func Size[L, T any](t T, numel func(leaf L) int) (int, error) {
	leaves, flt := appendLeaves[L](nil, &t)
	if flt != nil {
		return 0, flt.as("size")
	}
	size := 0
	for _, leaf := range leaves {
		size += numel(leaf)
	}
	return size, nil
}

// Ravel puts the elements of all leaves of t, as elems gives them, one after the other in canonical order.
//
// Errors: ErrCallback, with the path, if elems fails.
func Ravel[L, T, E any](t T, elems func(leaf L) ([]E, error)) ([]E, error) {
	var flat []E
	flt := walk(&t, func(_ string, leaf L) error {
		e, err := elems(leaf)
		flat = append(flat, e...)
		return err
	})
	if flt != nil {
		return nil, flt.as("ravel")
	}
	return flat, nil
}

// Unravel is the inverse of Ravel: it cuts flat into pieces of numel(leaf) elements for the leaves
// of like, and gives a tree of the structure of like with from(leaf, piece) as leaves. The pieces share
// the memory of flat, each with its capacity cut to its length.
//
// Errors: ErrCount if flat has not as many elements as the leaves of like together, or numel is negative;
// ErrCallback, with the path, if from fails; ErrLeafType, see Unflatten.
func Unravel[L, T, E any](like T, flat []E, numel func(leaf L) int, from func(like L, elems []E) (L, error)) (T, error) {
	const op = "unravel"
	var zero T
	leaves, paths, flt := leavesAndPaths[L](&like)
	if flt != nil {
		return zero, flt.as(op)
	}
	counts, size := make([]int, len(leaves)), 0
	for i, leaf := range leaves {
		counts[i] = numel(leaf)
		if counts[i] < 0 {
			return zero, &Error{Op: op, Kind: ErrCount, Path: paths[i], Detail: fmt.Sprintf("leaf of %d elements", counts[i])}
		}
		size += counts[i]
	}
	if size != len(flat) {
		return zero, &Error{Op: op, Kind: ErrCount, Detail: fmt.Sprintf("%d elements given for a tree of %d", len(flat), size)}
	}
	out := make([]L, len(leaves))
	for i, leaf := range leaves {
		n := counts[i]
		var err error
		if out[i], err = from(leaf, flat[:n:n]); err != nil {
			return zero, &Error{Op: op, Kind: ErrCallback, Path: paths[i], Err: err}
		}
		flat = flat[n:]
	}
	t, flt := unflatten(like, out)
	if flt != nil {
		return zero, flt.as(op)
	}
	return t, nil
}
