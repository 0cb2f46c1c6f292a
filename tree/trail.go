package tree

import (
	"reflect"
	"unsafe"
)

// trail holds the pointers, slices and maps between the root and the current value, to find cycles.
type trail struct {
	stack []visit
	set   map[visit]struct{} // the stack as a set, made when the stack grows long
}

type visit struct {
	at  unsafe.Pointer
	len int
	typ reflect.Type
}

// visitOf names a pointer, slice or map.
func visitOf(v reflect.Value) visit {
	k := visit{at: v.UnsafePointer(), typ: v.Type()}
	if v.Kind() == reflect.Slice {
		k.len = v.Len()
	}
	return k
}

// longTrail is the depth from which a map is faster to search than the stack.
const longTrail = 32

// enter notes that the traversal goes into v, a non-nil pointer, slice or map. The fault is
// that it is there already.
func (t *trail) enter(v reflect.Value) *fault {
	k := visitOf(v)
	if t.set == nil && len(t.stack) == longTrail {
		t.set = make(map[visit]struct{}, 2*longTrail)
		for _, s := range t.stack {
			t.set[s] = struct{}{}
		}
	}
	if t.has(k) {
		return &fault{kind: ErrCycle, detail: "the " + v.Kind().String() + " of type " + v.Type().String() + " contains itself"}
	}
	if t.set != nil {
		t.set[k] = struct{}{}
	}
	t.stack = append(t.stack, k)
	return nil
}

func (t *trail) has(k visit) bool {
	if t.set != nil {
		_, ok := t.set[k]
		return ok
	}
	for _, s := range t.stack {
		if s == k {
			return true
		}
	}
	return false
}

// leave undoes the last enter.
func (t *trail) leave() {
	last := len(t.stack) - 1
	if t.set != nil {
		delete(t.set, t.stack[last])
	}
	t.stack = t.stack[:last]
}
