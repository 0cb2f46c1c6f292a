package tree

import (
	"fmt"
	"reflect"
	"strings"
	"unsafe"
)

// Structure is all of a tree but its leaves. The zero Structure equals only itself.
type Structure struct {
	_      [0]func() // not comparable by ==: that would compare the address of what is pinned
	key    string
	leaves int
	text   string
	pinned []unsafe.Pointer // keeps alive what entered the key by its address
}

// StructureOf gives the structure of t.
func StructureOf[L, T any](t T) (Structure, error) {
	v := reflect.ValueOf(&t).Elem()
	k := keyer{leafType: leafTypeFor[L](), pin: true}
	if flt := k.root(v); flt != nil {
		return Structure{}, flt.as("structure")
	}
	d := describer{leafType: k.leafType}
	d.tree(k.leafType.plan(v.Type()), v)
	return Structure{key: string(k.dst), leaves: d.leaves, text: d.String(), pinned: k.pinned}, nil
}

// Equal reports whether two trees have the same structure.
func (s Structure) Equal(o Structure) bool { return s.key == o.key }

// Key is what AppendKey appends, usable as the key of a map in this process.
func (s Structure) Key() string { return s.key }

// NumLeaves is the number of leaves.
func (s Structure) NumLeaves() int { return s.leaves }

// String describes the structure for people, with * for each leaf, as in
//
//	Net{Layers: []Linear{{W: *, B: *}, {W: *, B: nil}}, Slope: 0.1}
//
// Different structures may have the same description; compare by Equal.
func (s Structure) String() string { return s.text }

// SameStructure gives nil if a and b, trees with leaves of type L, have the same structure, else
// an ErrStructure error with the first path, in canonical order, at which they differ, and how.
// Different Go types are different structures.
func SameStructure[L any](a, b any) error {
	if flt := sameStructure[L](&a, &b); flt != nil {
		return flt.as("compare")
	}
	return nil
}

func sameStructure[L, T any](a, b *T) *fault {
	l := leafTypeFor[L]()
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	p := l.plan(va.Type())
	ka, kb := keyer{leafType: l}, keyer{leafType: l}
	if flt := ka.tree(p, va); flt != nil {
		return flt
	}
	if flt := kb.tree(p, vb); flt != nil {
		return flt
	}
	if string(ka.dst) == string(kb.dst) {
		return nil
	}
	flt := l.differ(p, va, vb)
	if flt == nil {
		panic(fmt.Sprintf("BUG: tree: different keys %x and %x, but no difference found", ka.dst, kb.dst))
	}
	return flt
}

// describer writes the text of Structure.String and counts leaves.
type describer struct {
	strings.Builder
	leafType *leafType
	leaves   int
}

// tree describes v. Elements of slices, arrays and maps do not repeat their type.
func (d *describer) tree(p *plan, v reflect.Value) {
	if p.kind == structKind || p.kind == sliceKind || p.kind == arrayKind || p.kind == mapKind {
		if p.kind == structKind || p.kind == arrayKind || !v.IsNil() {
			d.WriteString(typeName(p.typ))
		}
	}
	d.untyped(p, v)
}

func (d *describer) untyped(p *plan, v reflect.Value) {
	switch p.kind {
	case leafKind:
		if absent(v) {
			d.WriteString("nil")
			return
		}
		d.WriteString("*")
		d.leaves++
		return
	case pointerKind, interfaceKind, sliceKind, mapKind:
		if v.IsNil() {
			d.WriteString("nil")
			return
		}
	}
	switch p.kind {
	case structKind:
		d.list(len(p.fields), func(i int) {
			f := p.fields[i]
			d.WriteString(f.segment[1:] + ": ")
			d.tree(f.plan, f.of(v))
		})
	case sliceKind, arrayKind:
		d.list(v.Len(), func(i int) { d.untyped(p.elem, v.Index(i)) })
	case mapKind:
		keys := sortedKeys(v)
		d.list(len(keys), func(i int) {
			segment := keySegment(keys[i])
			d.WriteString(segment[1:len(segment)-1] + ": ")
			d.untyped(p.elem, addressable(v.MapIndex(keys[i])))
		})
	case pointerKind:
		d.WriteString("&")
		d.tree(p.elem, v.Elem())
	case interfaceKind:
		e := addressable(v.Elem())
		d.tree(d.leafType.plan(e.Type()), e)
	default:
		d.WriteString(staticText(v))
	}
}

func (d *describer) list(n int, item func(i int)) {
	d.WriteString("{")
	for i := range n {
		if i > 0 {
			d.WriteString(", ")
		}
		item(i)
	}
	d.WriteString("}")
}

// typeName is the name of a type without its package, which a reader of a description knows.
func typeName(t reflect.Type) string {
	switch {
	case t.Name() != "":
		return t.Name()
	case t.Kind() == reflect.Slice:
		return "[]" + typeName(t.Elem())
	case t.Kind() == reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), typeName(t.Elem()))
	case t.Kind() == reflect.Pointer:
		return "*" + typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return "map[" + typeName(t.Key()) + "]" + typeName(t.Elem())
	case t.Kind() == reflect.Struct:
		return "struct"
	}
	return t.String()
}

// staticText describes a static value: numbers, booleans and strings by value, the rest by type.
func staticText(v reflect.Value) string {
	switch k := v.Kind(); {
	case k == reflect.String:
		return fmt.Sprintf("%q", v.String())
	case k >= reflect.Bool && k <= reflect.Complex128:
		return fmt.Sprint(plainValue(v))
	case k == reflect.Interface && !v.IsNil():
		return staticText(v.Elem())
	case k == reflect.Func || k == reflect.Pointer || k == reflect.Slice || k == reflect.Map || k == reflect.Chan || k == reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
	}
	return typeName(v.Type())
}

// plainValue gives a number or boolean as a value of a predeclared type: methods of its own
// type, a String method among them, must not run on static values.
func plainValue(v reflect.Value) any {
	switch k := v.Kind(); {
	case k == reflect.Bool:
		return v.Bool()
	case isInt(k):
		return v.Int()
	case isUint(k):
		return v.Uint()
	case k == reflect.Float32, k == reflect.Float64:
		return v.Float()
	}
	return v.Complex()
}
