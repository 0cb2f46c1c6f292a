package tree

import (
	"reflect"
	"strconv"
	"sync"
	"unsafe"
)

// kind is what a traversal does with a value of a type.
type kind uint8

const (
	leafKind   kind = iota // hand it out
	staticKind             // cannot hold a leaf: structure only
	opaqueKind             // a leaf inside is an error, else structure only
	badTagKind             // always an error
	structKind
	arrayKind
	sliceKind
	mapKind
	pointerKind
	interfaceKind
)

// plan is how to traverse values of one Go type for one leaf type. It is immutable once published.
type plan struct {
	kind   kind
	typ    reflect.Type
	elem   *plan   // of arrays, slices, maps, pointers
	fields []field // of structs, all but blank ones
	branch []field // the fields that are not static: those that flattening visits
	reason string  // opaqueKind: why a leaf inside is out of reach; badTagKind: the tag
}

// field is a struct field of a plan.
type field struct {
	index      int
	segment    string // ".Name"
	plan       *plan
	unexported bool
}

// of gives the field of an addressable struct value, without the flag by which package reflect
// would refuse to copy it where it is unexported.
func (f field) of(v reflect.Value) reflect.Value {
	w := v.Field(f.index)
	if f.unexported {
		return exported(w)
	}
	return w
}

func exported(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// addressable gives v, or a copy of it if v has no address (map entries, contents of interfaces).
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	w := reflect.New(v.Type()).Elem()
	w.Set(v)
	return w
}

// leafType holds what is known about one L.
type leafType struct {
	typ    reflect.Type
	plans  sync.Map // reflect.Type -> *plan
	hiding sync.Map // reflect.Type -> bool: the results of mayHide
	pools  sync.Map // reflect.Type -> *sync.Pool of *scratch
}

// leafTypes maps reflect.Type to *leafType. Two levels of maps instead of a pair as key: a pair
// would be boxed, an allocation on every call.
var leafTypes sync.Map

func leafTypeFor[L any]() *leafType {
	t := reflect.TypeFor[L]()
	if l, ok := leafTypes.Load(t); ok {
		return l.(*leafType)
	}
	l, _ := leafTypes.LoadOrStore(t, &leafType{typ: t})
	return l.(*leafType)
}

// isLeaf reports whether values of type t are leaves. Interfaces never are: their contents may be.
func (l *leafType) isLeaf(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	return t == l.typ || l.typ.Kind() == reflect.Interface && t.Implements(l.typ)
}

// absent reports whether a value of a leaf's type is a nil pointer, hence an empty subtree. Nil
// slices, maps and functions are leaves: for them nil often is a useful value.
func absent(v reflect.Value) bool { return v.Kind() == reflect.Pointer && v.IsNil() }

// plan gives the plan of type t.
func (l *leafType) plan(t reflect.Type) *plan {
	if p, ok := l.plans.Load(t); ok {
		return p.(*plan)
	}
	// Recursive types need their own unfinished plan, which no other goroutine may see: build in
	// a private map, then publish. Two goroutines may build the same plan; either one is good.
	built := map[reflect.Type]*plan{}
	p := l.build(t, built)
	for t, p := range built {
		l.plans.LoadOrStore(t, p)
	}
	return p
}

func (l *leafType) build(t reflect.Type, built map[reflect.Type]*plan) *plan {
	if p, ok := l.plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := built[t]; ok {
		return p
	}
	p := &plan{typ: t}
	built[t] = p
	switch {
	case l.isLeaf(t):
		p.kind = leafKind
		return p
	case !l.mayHold(t):
		p.kind = staticKind
		return p
	}
	switch t.Kind() {
	case reflect.Struct:
		p.kind = structKind
		l.buildFields(p, built)
	case reflect.Array:
		p.kind, p.elem = arrayKind, l.build(t.Elem(), built)
	case reflect.Slice:
		p.kind, p.elem = sliceKind, l.build(t.Elem(), built)
	case reflect.Pointer:
		p.kind, p.elem = pointerKind, l.build(t.Elem(), built)
	case reflect.Interface:
		p.kind = interfaceKind
	case reflect.Map:
		if !sortableKey(t.Key()) {
			p.kind, p.reason = opaqueKind, "map with keys of type "+t.Key().String()+"; use string or integer keys"
			break
		}
		p.kind, p.elem = mapKind, l.build(t.Elem(), built)
	default:
		panic("BUG: tree: type " + t.String() + " is said to hold leaves")
	}
	return p
}

func (l *leafType) buildFields(p *plan, built map[reflect.Type]*plan) {
	for i := range p.typ.NumField() {
		sf := p.typ.Field(i)
		if sf.Name == "_" {
			continue // padding: nobody can read or write it
		}
		f := field{index: i, segment: "." + sf.Name, unexported: !sf.IsExported()}
		switch tag := sf.Tag.Get("tree"); {
		case tag == "-":
			f.plan = &plan{kind: staticKind, typ: sf.Type}
		case tag != "":
			f.plan = &plan{kind: badTagKind, typ: sf.Type, reason: `tree:"` + tag + `"`}
		case l.isWalked(sf):
			f.plan = l.build(sf.Type, built)
		case l.mayHide(sf.Type):
			f.plan = &plan{kind: opaqueKind, typ: sf.Type,
				reason: "unexported field; export it, or tag it `tree:\"-\"` to make it static"}
		default:
			f.plan = &plan{kind: staticKind, typ: sf.Type}
		}
		p.fields = append(p.fields, f)
		if f.plan.kind != staticKind {
			p.branch = append(p.branch, f)
		}
	}
}

// isWalked reports whether a field without tag is part of the tree proper. An embedded struct of
// an unexported type is: its exported fields are promoted, so users can name them.
func (l *leafType) isWalked(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct && !l.isLeaf(f.Type)
}

// refuse gives the fault of a plan that must not be met with a leaf inside, or nil.
func (l *leafType) refuse(p *plan, v reflect.Value) *fault {
	if p.kind == badTagKind {
		return &fault{kind: ErrTag, detail: p.reason, fix: "the only value is `tree:\"-\"`"}
	}
	if l.hides(v) {
		return &fault{kind: ErrHidden, detail: p.reason}
	}
	return nil
}

func indexSegment(i int) string { return "[" + strconv.Itoa(i) + "]" }
