package tree

import "fmt"

// Map gives a tree of the structure of t with f(leaf) for each leaf, f called in canonical order.
//
// Errors: ErrLeafType, see Unflatten.
func Map[L, T any](f func(L) L, t T) (T, error) {
	return MapE(func(x L) (L, error) { return f(x), nil }, t)
}

// MapE is Map with a function that may fail. Its first error ends the work and comes back wrapped, with
// the path of the leaf: ErrCallback.
func MapE[L, T any](f func(L) (L, error), t T) (T, error) {
	return mapN("map", func(x []L) (L, error) { return f(x[0]) }, t)
}

// MapPath is MapE with a function that is told the path of its leaf too.
func MapPath[L, T any](f func(path string, leaf L) (L, error), t T) (T, error) {
	var zero T
	var leaves []L
	flt := walk(&t, func(path string, leaf L) error {
		y, err := f(path, leaf)
		leaves = append(leaves, y)
		return err
	})
	if flt != nil {
		return zero, flt.as("map")
	}
	out, flt := unflatten(t, leaves)
	if flt != nil {
		return zero, flt.as("map")
	}
	return out, nil
}

// Map2 gives a tree of the structure of a with f(leaf of a, leaf of b) for each pair of leaves.
//
// Errors: ErrStructure, with the first path where the two trees differ; ErrLeafType.
func Map2[L, T any](f func(a, b L) L, a, b T) (T, error) {
	return mapN("map", func(x []L) (L, error) { return f(x[0], x[1]), nil }, a, b)
}

// Map2E is Map2 with a function that may fail: ErrCallback.
func Map2E[L, T any](f func(a, b L) (L, error), a, b T) (T, error) {
	return mapN("map", func(x []L) (L, error) { return f(x[0], x[1]) }, a, b)
}

// Map3 is Map2 for three trees.
func Map3[L, T any](f func(a, b, c L) L, a, b, c T) (T, error) {
	return mapN("map", func(x []L) (L, error) { return f(x[0], x[1], x[2]), nil }, a, b, c)
}

// Map3E is Map3 with a function that may fail: ErrCallback.
func Map3E[L, T any](f func(a, b, c L) (L, error), a, b, c T) (T, error) {
	return mapN("map", func(x []L) (L, error) { return f(x[0], x[1], x[2]) }, a, b, c)
}

// MapN is Map2E for any positive number of trees. f gets the leaves that have the same path, in the
// order of the trees, in a slice that is its own to keep.
//
// Errors: those of Map2E, and ErrCount without any tree.
func MapN[L, T any](f func(leaves []L) (L, error), trees ...T) (T, error) {
	return mapN("map", f, trees...)
}

func mapN[L, T any](op string, f func(leaves []L) (L, error), trees ...T) (T, error) {
	var zero T
	rows, flt := zip[L](trees)
	if flt != nil {
		return zero, flt.as(op)
	}
	leaves := make([]L, len(rows))
	for i, row := range rows {
		var err error
		if leaves[i], err = f(row); err != nil {
			return zero, callbackError[L](op, trees[0], i, err)
		}
	}
	out, flt := unflatten(trees[0], leaves)
	if flt != nil {
		return zero, flt.as(op)
	}
	return out, nil
}

// zip gives for each path the leaves of all trees, after a check that their structures agree.
func zip[L, T any](trees []T) ([][]L, *fault) {
	if len(trees) == 0 {
		return nil, &fault{kind: ErrCount, detail: "no trees given; at least one is needed"}
	}
	first, flt := appendLeaves[L](nil, &trees[0])
	if flt != nil {
		return nil, flt
	}
	rows, all := make([][]L, len(first)), make([]L, len(first)*len(trees))
	for i, leaf := range first {
		rows[i], all = all[:len(trees):len(trees)], all[len(trees):]
		rows[i][0] = leaf
	}
	var leaves []L
	for j := 1; j < len(trees); j++ {
		if flt := sameStructure[L](&trees[0], &trees[j]); flt != nil {
			if len(trees) > 2 {
				flt.detail += fmt.Sprintf(" (trees 0 and %d)", j)
			}
			return nil, flt
		}
		if leaves, flt = appendLeaves(leaves[:0], &trees[j]); flt != nil {
			return nil, flt
		}
		for i, leaf := range leaves {
			rows[i][j] = leaf
		}
	}
	return rows, nil
}

// callbackError wraps an error of the caller's function on leaf number i.
func callbackError[L, T any](op string, t T, i int, err error) error {
	_, paths, flt := leavesAndPaths[L](&t)
	if flt != nil {
		return flt.as(op)
	}
	return &Error{Op: op, Kind: ErrCallback, Path: paths[i], Err: err}
}

// MapTo changes the leaf type: it gives a tree of the structure of like, whose leaves are of
// type M, with f(leaf) for the leaf of t at the same path. Use it between trees of parallel types,
// such as Net[Tensor] and Net[int].
//
// Errors: ErrStructure if t and like have different paths; ErrCallback; ErrLeafType.
func MapTo[L, M, T, U any](f func(L) (M, error), t T, like U) (U, error) {
	var zero U
	leaves, paths, flt := leavesAndPaths[L](&t)
	if flt != nil {
		return zero, flt.as("map to")
	}
	_, likePaths, flt := leavesAndPaths[M](&like)
	if flt != nil {
		return zero, flt.as("map to")
	}
	if flt := samePaths(paths, likePaths); flt != nil {
		return zero, flt.as("map to")
	}
	out := make([]M, len(leaves))
	for i, x := range leaves {
		var err error
		if out[i], err = f(x); err != nil {
			return zero, &Error{Op: "map to", Kind: ErrCallback, Path: paths[i], Err: err}
		}
	}
	u, flt := unflatten(like, out)
	if flt != nil {
		return zero, flt.as("map to")
	}
	return u, nil
}

func samePaths(given, like []string) *fault {
	for i, path := range given {
		if i >= len(like) || path != like[i] {
			return difference("leaf %d of %d of the given tree; the tree to build, of %d leaves, has no such leaf there",
				i, len(given), len(like)).in(path)
		}
	}
	if len(like) > len(given) {
		return difference("leaf %d of %d of the tree to build; the given tree has no such leaf",
			len(given), len(like)).in(like[len(given)])
	}
	return nil
}

// FlexiMap is Map, pure or in place. Without assign (nil) it gives a new tree. With assign it calls
// assign(leaf, f(leaf)), which must overwrite what the leaf stands for (its device memory, say),
// for each leaf, and gives t itself. All values of f are computed before the first is assigned.
//
// Errors: ErrCallback with the path if assign fails; earlier leaves are changed then.
func FlexiMap[L, T any](f func(L) L, t T, assign func(dst, value L) error) (T, error) {
	return FlexiMapE(func(x L) (L, error) { return f(x), nil }, t, assign)
}

// FlexiMapE is FlexiMap with a function that may fail: then nothing has been assigned.
func FlexiMapE[L, T any](f func(L) (L, error), t T, assign func(dst, value L) error) (T, error) {
	const op = "flexi map"
	if assign == nil {
		return mapN(op, func(x []L) (L, error) { return f(x[0]) }, t)
	}
	var zero T
	leaves, flt := appendLeaves[L](nil, &t)
	if flt != nil {
		return zero, flt.as(op)
	}
	values := make([]L, len(leaves))
	for i, x := range leaves {
		var err error
		if values[i], err = f(x); err != nil {
			return zero, callbackError[L](op, t, i, err)
		}
	}
	for i, x := range leaves {
		if err := assign(x, values[i]); err != nil {
			return zero, callbackError[L](op, t, i, err)
		}
	}
	return t, nil
}
