package tree

import (
	"reflect"
	"unsafe"
)

// walker visits the leaves of a tree in canonical order.
type walker struct {
	leafType *leafType
	leaf     func(v reflect.Value) *fault
	trail    trail
	paths    bool   // keep path up to date
	path     []byte // path of the current value
}

func (w *walker) walk(p *plan, v reflect.Value) *fault {
	switch p.kind {
	case leafKind:
		if absent(v) {
			return nil
		}
		return w.leaf(v)
	case staticKind:
		return nil
	case structKind:
		for _, f := range p.branch {
			if flt := w.step(f.segment, f.plan, f.of(v)); flt != nil {
				return flt
			}
		}
		return nil
	case arrayKind:
		return w.elements(p, v)
	case interfaceKind:
		if v.IsNil() {
			return nil
		}
		e := v.Elem()
		q := w.leafType.plan(e.Type())
		if q.kind == leafKind || q.kind == staticKind {
			return w.walk(q, e) // the usual contents; no need of an addressable copy
		}
		return w.walk(q, addressable(e))
	case pointerKind, sliceKind, mapKind:
		if v.IsNil() {
			return nil
		}
		if flt := w.trail.enter(v); flt != nil {
			return flt
		}
		defer w.trail.leave()
		switch p.kind {
		case pointerKind:
			return w.walk(p.elem, v.Elem())
		case sliceKind:
			return w.elements(p, v)
		}
		for _, k := range sortedKeys(v) {
			if flt := w.step(keySegment(k), p.elem, addressable(v.MapIndex(k))); flt != nil {
				return flt
			}
		}
		return nil
	}
	return w.leafType.refuse(p, v)
}

func (w *walker) step(segment string, p *plan, v reflect.Value) *fault {
	if w.paths {
		n := len(w.path)
		w.path = append(w.path, segment...)
		defer func() { w.path = w.path[:n] }()
	}
	if flt := w.walk(p, v); flt != nil {
		return flt.in(segment)
	}
	return nil
}

func (w *walker) elements(p *plan, v reflect.Value) *fault {
	if p.elem.kind == staticKind {
		return nil
	}
	for i := range v.Len() {
		if w.paths {
			if flt := w.step(indexSegment(i), p.elem, v.Index(i)); flt != nil {
				return flt
			}
		} else if flt := w.walk(p.elem, v.Index(i)); flt != nil {
			return flt.in(indexSegment(i))
		}
	}
	return nil
}

// leafOf gives the value of a leaf.
func leafOf[L any](v reflect.Value) L {
	if v.CanAddr() && v.Type() == reflect.TypeFor[L]() {
		return *(*L)(unsafe.Pointer(v.UnsafeAddr())) // without boxing the leaf in an interface
	}
	return v.Interface().(L)
}
