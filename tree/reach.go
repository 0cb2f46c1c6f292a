package tree

import "reflect"

// reachable reports whether a chain of elements and fields leads from type t to one that meets
// goal, through pointers for whose element type enter is true and fields for which follow is.
func reachable(t reflect.Type, enter func(reflect.Type) bool, follow func(reflect.StructField) bool, goal func(reflect.Type) bool) bool {
	seen := map[reflect.Type]bool{}
	var search func(t reflect.Type) bool
	search = func(t reflect.Type) bool {
		if seen[t] {
			return false
		}
		seen[t] = true
		if goal(t) {
			return true
		}
		switch t.Kind() {
		case reflect.Pointer:
			return enter(t.Elem()) && search(t.Elem())
		case reflect.Array, reflect.Slice, reflect.Map:
			return search(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				if f := t.Field(i); f.Name != "_" && follow(f) && search(f.Type) {
					return true
				}
			}
		}
		return false
	}
	return search(t)
}

func always(reflect.Type) bool            { return true }
func never(reflect.Type) bool             { return false }
func isInterface(t reflect.Type) bool     { return t.Kind() == reflect.Interface }
func untagged(f reflect.StructField) bool { return f.Tag.Get("tree") != "-" }

// isSync reports whether t belongs to sync or sync/atomic: its state says nothing about a tree.
func isSync(t reflect.Type) bool { return t.PkgPath() == "sync" || t.PkgPath() == "sync/atomic" }

// isUnguarded reports whether values of type t hold no lock or atomic. Those that do are objects
// that others may be using right now, so they are only read where L is there by type.
func isUnguarded(t reflect.Type) bool {
	return !reachable(t, never, func(reflect.StructField) bool { return true }, isSync)
}

// mayHold reports whether a tree of type t can have leaves, or errors, in it. Types of which it
// is false are static and never looked into.
func (l *leafType) mayHold(t reflect.Type) bool {
	follow := func(f reflect.StructField) bool { return f.Tag.Get("tree") == "" && l.isWalked(f) }
	// hiding makes a goal of structs with an unexported field that meets hides.
	hiding := func(hides func(reflect.Type) bool) func(reflect.Type) bool {
		return func(t reflect.Type) bool {
			for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
				if f := t.Field(i); f.Tag.Get("tree") == "" && f.Name != "_" && !l.isWalked(f) && hides(f.Type) {
					return true
				}
			}
			return false
		}
	}
	hidesLeaf := hiding(l.leadsToLeaf)
	return reachable(t, always, follow, func(t reflect.Type) bool { return l.isLeaf(t) || hidesLeaf(t) || hasBadTag(t) }) ||
		reachable(t, isUnguarded, follow, isInterface) ||
		reachable(t, never, follow, hiding(l.mayHide))
}

func hasBadTag(t reflect.Type) bool {
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		if tag := t.Field(i).Tag.Get("tree"); tag != "" && tag != "-" {
			return true
		}
	}
	return false
}

// leadsToLeaf reports whether L is reachable from t by types alone, whoever may reach it.
func (l *leafType) leadsToLeaf(t reflect.Type) bool {
	return reachable(t, always, untagged, func(t reflect.Type) bool { return t == l.typ || l.isLeaf(t) })
}

// mayHide reports whether a value of type t that is no part of the tree proper must be searched
// for leaves: L is reachable, or an interface is without a pointer before it.
func (l *leafType) mayHide(t reflect.Type) bool {
	if known, ok := l.hiding.Load(t); ok {
		return known.(bool)
	}
	unsynced := func(f reflect.StructField) bool { return untagged(f) && !isSync(f.Type) }
	may := l.leadsToLeaf(t) || !isSync(t) && reachable(t, never, unsynced, isInterface)
	l.hiding.Store(t, may)
	return may
}

// hides reports whether a leaf lies anywhere in v, unexported fields included. It follows
// pointers only to types that lead to L without an interface: see isUnguarded.
func (l *leafType) hides(v reflect.Value) bool {
	seen := map[visit]bool{}
	var search func(v reflect.Value) bool
	search = func(v reflect.Value) bool {
		t := v.Type()
		if l.isLeaf(t) {
			return !absent(v)
		}
		if !l.mayHide(t) {
			return false
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			k := visitOf(v)
			if v.IsNil() || seen[k] {
				return false
			}
			seen[k] = true
		}
		switch v.Kind() {
		case reflect.Interface:
			return !v.IsNil() && search(addressable(v.Elem()))
		case reflect.Pointer:
			return search(v.Elem())
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				if search(addressable(it.Value())) {
					return true
				}
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				if search(v.Index(i)) {
					return true
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := t.Field(i); f.Name != "_" && untagged(f) && search(exported(v.Field(i))) {
					return true
				}
			}
		}
		return false
	}
	return search(addressable(v))
}
