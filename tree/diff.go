package tree

import (
	"fmt"
	"reflect"
)

// differ finds the first difference in structure between two addressable values of one type
// that both have keys (so there is no cycle in them). It runs only after the keys turned out to
// differ: it need not be fast.
func (l *leafType) differ(p *plan, a, b reflect.Value) *fault {
	switch p.kind {
	case leafKind:
		if absent(a) != absent(b) {
			return difference("%s against %s", leafText(a), leafText(b))
		}
		return nil
	case structKind:
		for _, f := range p.fields {
			if flt := l.differ(f.plan, f.of(a), f.of(b)); flt != nil {
				return flt.in(f.segment)
			}
		}
		return nil
	case arrayKind:
		return l.differElements(p, a, b)
	case pointerKind, sliceKind, mapKind, interfaceKind:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() && b.IsNil() {
				return nil
			}
			return difference("%s against %s", nilText(p, a), nilText(p, b))
		}
	}
	switch p.kind {
	case pointerKind:
		return l.differ(p.elem, a.Elem(), b.Elem())
	case sliceKind:
		if a.Len() != b.Len() {
			noun := "elements"
			if p.elem.kind == leafKind {
				noun = "leaves"
			}
			return difference("slice of %d %s against slice of %d", a.Len(), noun, b.Len())
		}
		return l.differElements(p, a, b)
	case mapKind:
		return l.differEntries(p, a, b)
	case interfaceKind:
		ea, eb := addressable(a.Elem()), addressable(b.Elem())
		leafA, leafB := l.isLeaf(ea.Type()) && !absent(ea), l.isLeaf(eb.Type()) && !absent(eb)
		switch {
		case leafA && leafB:
			return nil
		case leafA:
			return difference("leaf against %v", eb.Type())
		case leafB:
			return difference("%v against leaf", ea.Type())
		case ea.Type() != eb.Type():
			return difference("type %v against type %v", ea.Type(), eb.Type())
		}
		return l.differ(l.plan(ea.Type()), ea, eb)
	}
	return l.differStatic(a, b)
}

func (l *leafType) differElements(p *plan, a, b reflect.Value) *fault {
	for i := range a.Len() {
		if flt := l.differ(p.elem, a.Index(i), b.Index(i)); flt != nil {
			return flt.in(indexSegment(i))
		}
	}
	return nil
}

func (l *leafType) differEntries(p *plan, a, b reflect.Value) *fault {
	for _, k := range sortedKeys(a) {
		eb := b.MapIndex(k)
		if !eb.IsValid() {
			return difference("the second map lacks this key").in(keySegment(k))
		}
		if flt := l.differ(p.elem, addressable(a.MapIndex(k)), addressable(eb)); flt != nil {
			return flt.in(keySegment(k))
		}
	}
	for _, k := range sortedKeys(b) {
		if !a.MapIndex(k).IsValid() {
			return difference("the first map lacks this key").in(keySegment(k))
		}
	}
	return nil
}

// differStatic compares by key, then goes down structs, slices and arrays for a longer path.
func (l *leafType) differStatic(a, b reflect.Value) *fault {
	ka, kb := keyer{leafType: l}, keyer{leafType: l}
	if ka.static(a) != nil || kb.static(b) != nil {
		panic("BUG: tree: static value without key, although the tree has one")
	}
	if string(ka.dst) == string(kb.dst) {
		return nil
	}
	switch k := a.Kind(); {
	case k == reflect.Struct:
		for i := range a.NumField() {
			f := a.Type().Field(i)
			if f.Name == "_" {
				continue
			}
			if flt := l.differStatic(exported(a.Field(i)), exported(b.Field(i))); flt != nil {
				return flt.in("." + f.Name)
			}
		}
	case k == reflect.Slice && a.Len() != b.Len():
		return difference("static slice of %d against slice of %d", a.Len(), b.Len())
	case k == reflect.Slice && a.IsNil() == b.IsNil(), k == reflect.Array:
		for i := range a.Len() {
			if flt := l.differStatic(a.Index(i), b.Index(i)); flt != nil {
				return flt.in(indexSegment(i))
			}
		}
	}
	ta, tb := staticText(a), staticText(b)
	if ta == tb {
		return difference("two different static values %s", ta)
	}
	return difference("static value %s against %s", ta, tb)
}

func difference(format string, args ...any) *fault {
	return &fault{kind: ErrStructure, detail: fmt.Sprintf(format, args...)}
}

func leafText(v reflect.Value) string {
	if absent(v) {
		return "nil"
	}
	return "leaf"
}

// nilText names a pointer, slice, map or interface where one is nil and the other is not.
func nilText(p *plan, v reflect.Value) string {
	kind := v.Kind().String()
	if p.kind == pointerKind {
		kind = "pointer"
	}
	switch {
	case v.IsNil():
		return "nil " + kind
	case p.kind == sliceKind, p.kind == mapKind:
		return fmt.Sprintf("%s of %d", kind, v.Len())
	case p.kind == interfaceKind:
		return v.Elem().Type().String()
	}
	return "non-nil " + kind
}
