package tree

import "reflect"

// Leaves gives the leaves of t in canonical order.
//
// Errors: ErrHidden, ErrCycle, ErrTag (see the package's documentation); all functions of this
// package that take a tree have these, and name only their further errors.
func Leaves[L, T any](t T) ([]L, error) {
	leaves, flt := appendLeaves[L](nil, &t)
	if flt != nil {
		return nil, flt.as("leaves")
	}
	return leaves, nil
}

// AppendLeaves appends the leaves of t in canonical order to dst and gives the extended slice.
// With enough capacity it allocates nothing, unless t has maps or interfaces in it.
// On an error it gives dst as it was.
func AppendLeaves[L, T any](dst []L, t T) ([]L, error) {
	s, pool := scratchFor[L](t)
	defer s.release(pool)
	s.dst = dst
	v := reflect.ValueOf(&s.t).Elem()
	if flt := s.walk.walk(s.walk.leafType.plan(v.Type()), v); flt != nil {
		return dst, flt.as("leaves")
	}
	return s.dst, nil
}

func appendLeaves[L, T any](dst []L, t *T) ([]L, *fault) {
	w := walker{leafType: leafTypeFor[L]()}
	w.leaf = func(v reflect.Value) *fault {
		dst = append(dst, leafOf[L](v))
		return nil
	}
	v := reflect.ValueOf(t).Elem()
	flt := w.walk(w.leafType.plan(v.Type()), v)
	return dst, flt
}

// Paths gives the paths of the leaves of t in canonical order. No two are the same.
func Paths[L, T any](t T) ([]string, error) {
	_, paths, flt := leavesAndPaths[L](&t)
	if flt != nil {
		return nil, flt.as("paths")
	}
	return paths, nil
}

// LeavesAndPaths gives the leaves of t and their paths in canonical order.
func LeavesAndPaths[L, T any](t T) ([]L, []string, error) {
	leaves, paths, flt := leavesAndPaths[L](&t)
	if flt != nil {
		return nil, nil, flt.as("leaves")
	}
	return leaves, paths, nil
}

func leavesAndPaths[L, T any](t *T) (leaves []L, paths []string, flt *fault) {
	flt = walk(t, func(path string, leaf L) error {
		leaves, paths = append(leaves, leaf), append(paths, path)
		return nil
	})
	return leaves, paths, flt
}

// Walk calls f with the path and value of each leaf of t in canonical order, until f returns an
// error. That one comes back wrapped, with the path: ErrCallback.
func Walk[L, T any](t T, f func(path string, leaf L) error) error {
	if flt := walk(&t, f); flt != nil {
		return flt.as("walk")
	}
	return nil
}

func walk[L, T any](t *T, f func(path string, leaf L) error) *fault {
	w := walker{leafType: leafTypeFor[L](), paths: true}
	w.leaf = func(v reflect.Value) *fault {
		if err := f(string(w.path), leafOf[L](v)); err != nil {
			return &fault{kind: ErrCallback, err: err}
		}
		return nil
	}
	v := reflect.ValueOf(t).Elem()
	return w.walk(w.leafType.plan(v.Type()), v)
}
