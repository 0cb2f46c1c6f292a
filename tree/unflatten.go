package tree

import (
	"fmt"
	"reflect"
)

// Unflatten gives a tree of the structure of like with the given leaves, in canonical order.
// like stays as it is; the new tree shares with it only what has no leaf below. It is the
// inverse of Leaves: Unflatten(t, Leaves(t)) equals t.
//
// Errors: ErrCount if like has another number of leaves; ErrLeafType if a leaf is a nil pointer
// or nil interface (that would be another structure), or, where L is an interface, is not of
// the type of the field it is meant for.
func Unflatten[L, T any](like T, leaves []L) (T, error) {
	out, flt := unflatten(like, leaves)
	if flt != nil {
		var zero T
		return zero, flt.as("unflatten")
	}
	return out, nil
}

func unflatten[L, T any](like T, leaves []L) (T, *fault) {
	out := like
	b := rebuilder{leafType: leafTypeFor[L](), leaves: reflect.ValueOf(leaves)}
	v := reflect.ValueOf(&out).Elem()
	if flt := b.rebuild(b.leafType.plan(v.Type()), v); flt != nil {
		return out, flt
	}
	if b.used != len(leaves) {
		return out, &fault{kind: ErrCount, detail: fmt.Sprintf("%d leaves given for a tree of %d", len(leaves), b.used)}
	}
	return out, nil
}

// rebuilder replaces leaves in a tree of which the caller owns the top, copying whatever lies
// behind a pointer, slice, map or interface before it is written.
type rebuilder struct {
	leafType *leafType
	leaves   reflect.Value // []L
	used     int           // leaves met so far, which may be more than there are
	trail    trail
}

// rebuild replaces the leaves of the addressable v.
func (b *rebuilder) rebuild(p *plan, v reflect.Value) *fault {
	switch p.kind {
	case leafKind:
		if absent(v) {
			return nil
		}
		return b.set(v)
	case staticKind:
		return nil
	case structKind:
		for _, f := range p.branch {
			if flt := b.rebuild(f.plan, f.of(v)); flt != nil {
				return flt.in(f.segment)
			}
		}
		return nil
	case arrayKind:
		return b.elements(p, v)
	case interfaceKind:
		return b.contents(v)
	case pointerKind, sliceKind, mapKind:
		if v.IsNil() {
			return nil
		}
		if flt := b.trail.enter(v); flt != nil {
			return flt
		}
		defer b.trail.leave()
		before := b.used
		fresh, flt := b.copy(p, v)
		if flt == nil && b.used > before {
			v.Set(fresh)
		}
		return flt
	}
	return b.leafType.refuse(p, v)
}

// copy gives a copy of a pointer, slice or map with new leaves.
func (b *rebuilder) copy(p *plan, v reflect.Value) (reflect.Value, *fault) {
	switch p.kind {
	case pointerKind:
		fresh := reflect.New(p.typ.Elem())
		fresh.Elem().Set(v.Elem())
		return fresh, b.rebuild(p.elem, fresh.Elem())
	case sliceKind:
		fresh := reflect.MakeSlice(p.typ, v.Len(), v.Len())
		reflect.Copy(fresh, v)
		return fresh, b.elements(p, fresh)
	}
	fresh := reflect.MakeMapWithSize(p.typ, v.Len())
	for _, k := range sortedKeys(v) {
		e := addressable(v.MapIndex(k))
		if flt := b.rebuild(p.elem, e); flt != nil {
			return fresh, flt.in(keySegment(k))
		}
		fresh.SetMapIndex(k, e)
	}
	return fresh, nil
}

func (b *rebuilder) elements(p *plan, v reflect.Value) *fault {
	if p.elem.kind == staticKind {
		return nil
	}
	for i := range v.Len() {
		if flt := b.rebuild(p.elem, v.Index(i)); flt != nil {
			return flt.in(indexSegment(i))
		}
	}
	return nil
}

// contents rebuilds what an interface holds. A leaf there may be replaced by one of another type.
func (b *rebuilder) contents(v reflect.Value) *fault {
	if v.IsNil() {
		return nil
	}
	e := v.Elem()
	q := b.leafType.plan(e.Type())
	switch {
	case q.kind == leafKind && absent(e), q.kind == staticKind:
		return nil
	case q.kind == leafKind:
		return b.set(v)
	}
	before := b.used
	e = addressable(e)
	flt := b.rebuild(q, e)
	if flt == nil && b.used > before {
		v.Set(e)
	}
	return flt
}

// set stores the next leaf in dst.
func (b *rebuilder) set(dst reflect.Value) *fault {
	i := b.used
	b.used++
	if i >= b.leaves.Len() {
		return nil // go on counting for the error to come
	}
	leaf := b.leaves.Index(i)
	if leaf.Kind() == reflect.Interface && !leaf.IsNil() {
		leaf = leaf.Elem()
	}
	if k := leaf.Kind(); (k == reflect.Pointer || k == reflect.Interface) && leaf.IsNil() {
		return &fault{kind: ErrLeafType, detail: fmt.Sprintf("leaf %d is nil, which would change the structure", i)}
	}
	if !leaf.Type().AssignableTo(dst.Type()) {
		return &fault{kind: ErrLeafType, detail: fmt.Sprintf("leaf %d has type %v, its place %v", i, leaf.Type(), dst.Type())}
	}
	dst.Set(leaf)
	return nil
}
