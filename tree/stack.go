package tree

import "fmt"

// Stack makes one tree of several of the same structure: each leaf of the result is stack of the leaves
// at its path, in the order of the trees. For tensors stack is the stacking on a new leading axis.
// Static values are those of the first tree.
//
// Errors: ErrCount without any tree; ErrStructure, with the first path where a tree differs from
// the first; ErrCallback; ErrLeafType, see Unflatten.
func Stack[L, T any](trees []T, stack func(leaves []L) (L, error)) (T, error) {
	return mapN("stack", stack, trees...)
}

// Unstack is the inverse of Stack: unstack cuts each leaf of t into n, and n trees come back. n
// may be 0.
//
// Errors: ErrCount, with the path, if two leaves give different n, or if there is no leaf to tell n;
// ErrCallback; ErrLeafType.
func Unstack[L, T any](t T, unstack func(leaf L) ([]L, error)) ([]T, error) {
	const op = "unstack"
	leaves, paths, flt := leavesAndPaths[L](&t)
	if flt != nil {
		return nil, flt.as(op)
	}
	if len(leaves) == 0 {
		return nil, &Error{Op: op, Kind: ErrCount, Detail: "the tree has no leaf, so the number of trees is unknown"}
	}
	var columns [][]L // columns[k] are the leaves of tree k
	for i, leaf := range leaves {
		parts, err := unstack(leaf)
		if err != nil {
			return nil, &Error{Op: op, Kind: ErrCallback, Path: paths[i], Err: err}
		}
		if i == 0 {
			columns = make([][]L, len(parts))
		}
		if len(parts) != len(columns) {
			return nil, &Error{Op: op, Kind: ErrCount, Path: paths[i],
				Detail: fmt.Sprintf("%d parts against %d at %s", len(parts), len(columns), printed(paths[0]))}
		}
		for k, part := range parts {
			columns[k] = append(columns[k], part)
		}
	}
	trees := make([]T, len(columns))
	for k, column := range columns {
		if trees[k], flt = unflatten(t, column); flt != nil {
			return nil, flt.as(op)
		}
	}
	return trees, nil
}
