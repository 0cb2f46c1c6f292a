package tree

import (
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// AppendKey appends to dst a key of the structure of t and gives the extended slice: two trees
// have equal keys if and only if they have the same structure (see SameStructure). Leaves do not
// enter it. It is meant for caches that are asked on every call; for a struct of leaves it is a few bytes.
//
// Keys are valid in this process only. Functions, channels and pointers to foreign objects enter by
// their address, so whoever keeps a key must keep StructureOf(t) with it: that holds on to those
// objects, and no other one can get their address. Static slices and strings enter in full: a
// large data set has no place in a tree.
//
// On an error it gives dst as it was.
func AppendKey[L, T any](dst []byte, t T) ([]byte, error) {
	s, pool := scratchFor[L](t)
	defer s.release(pool)
	s.key.dst = dst
	if flt := s.key.root(reflect.ValueOf(&s.t).Elem()); flt != nil {
		return dst, flt.as("key")
	}
	return s.key.dst, nil
}

// keyer encodes structure. What a type determines is not written, everything else is, lengths
// before contents: so no key is the beginning of another one of the same type.
type keyer struct {
	leafType *leafType
	dst      []byte
	trail    trail
	pin      bool             // collect pinned
	pinned   []unsafe.Pointer // objects that entered by address
}

// Marks of nilable values. Slices and maps add their length to markPresent.
const (
	markNil     = 0
	markPresent = 1
)

// Types are written as small numbers; those of package reflect have no unique short name.
var (
	typeIDs    sync.Map // reflect.Type -> uint64
	lastTypeID atomic.Uint64
)

const markLeaf = 1 // in place of a type: an interface holds a leaf, of whichever type

func typeID(t reflect.Type) uint64 {
	if id, ok := typeIDs.Load(t); ok {
		return id.(uint64)
	}
	id, _ := typeIDs.LoadOrStore(t, markLeaf+lastTypeID.Add(1))
	return id.(uint64)
}

func (k *keyer) uint(n uint64) { k.dst = binary.AppendUvarint(k.dst, n) }

func (k *keyer) string(s string) {
	k.uint(uint64(len(s)))
	k.dst = append(k.dst, s...)
}

func (k *keyer) root(v reflect.Value) *fault {
	k.uint(typeID(v.Type()))
	return k.tree(k.leafType.plan(v.Type()), v)
}

// tree encodes the addressable v.
func (k *keyer) tree(p *plan, v reflect.Value) *fault {
	switch p.kind {
	case leafKind:
		if v.Kind() == reflect.Pointer {
			k.nilMark(v)
		}
		return nil
	case staticKind:
		return k.static(v)
	case structKind:
		for _, f := range p.fields {
			if flt := k.tree(f.plan, f.of(v)); flt != nil {
				return flt.in(f.segment)
			}
		}
		return nil
	case arrayKind:
		return k.elements(p, v)
	case interfaceKind:
		return k.contents(v, func(e reflect.Value) *fault { return k.tree(k.leafType.plan(e.Type()), e) })
	case pointerKind, sliceKind, mapKind:
		if !k.nilMark(v) {
			return nil
		}
		if flt := k.trail.enter(v); flt != nil {
			return flt
		}
		defer k.trail.leave()
		switch p.kind {
		case pointerKind:
			return k.tree(p.elem, v.Elem())
		case sliceKind:
			return k.elements(p, v)
		}
		for _, key := range sortedKeys(v) {
			k.basic(key)
			if flt := k.tree(p.elem, addressable(v.MapIndex(key))); flt != nil {
				return flt.in(keySegment(key))
			}
		}
		return nil
	}
	if flt := k.leafType.refuse(p, v); flt != nil {
		return flt
	}
	return k.static(v)
}

// nilMark writes whether v is nil, and its length if it is a slice or a map.
func (k *keyer) nilMark(v reflect.Value) (present bool) {
	switch {
	case v.IsNil():
		k.uint(markNil)
		return false
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Map:
		k.uint(markPresent + uint64(v.Len()))
	default:
		k.uint(markPresent)
	}
	return true
}

func (k *keyer) elements(p *plan, v reflect.Value) *fault {
	if p.elem.kind == leafKind && p.elem.typ.Kind() != reflect.Pointer {
		return nil // nothing to write
	}
	for i := range v.Len() {
		if flt := k.tree(p.elem, v.Index(i)); flt != nil {
			return flt.in(indexSegment(i))
		}
	}
	return nil
}

// contents encodes an interface by the type of what it holds and that value.
func (k *keyer) contents(v reflect.Value, encode func(e reflect.Value) *fault) *fault {
	if v.IsNil() {
		k.uint(markNil)
		return nil
	}
	e := v.Elem()
	if k.leafType.isLeaf(e.Type()) && !absent(e) {
		k.uint(markLeaf)
		return nil
	}
	k.uint(typeID(e.Type()))
	return encode(addressable(e))
}

// static encodes an addressable value of which no part is a leaf of the tree.
func (k *keyer) static(v reflect.Value) *fault {
	switch v.Kind() {
	case reflect.Func:
		// The word itself: package reflect gives the address of the code, which closures share.
		k.address(*(*unsafe.Pointer)(v.Addr().UnsafePointer()))
	case reflect.Chan, reflect.UnsafePointer:
		k.address(v.UnsafePointer())
	case reflect.Interface:
		if v.IsNil() {
			k.uint(markNil)
			return nil
		}
		k.uint(typeID(v.Elem().Type()))
		return k.static(addressable(v.Elem()))
	case reflect.Struct:
		return k.staticFields(v)
	case reflect.Array:
		return k.staticElements(v)
	case reflect.Pointer:
		if !v.IsNil() && !isData(v.Type().Elem()) {
			k.address(v.UnsafePointer())
			return nil
		}
		fallthrough
	case reflect.Slice, reflect.Map:
		if !k.nilMark(v) {
			return nil
		}
		if flt := k.trail.enter(v); flt != nil {
			return flt
		}
		defer k.trail.leave()
		switch v.Kind() {
		case reflect.Pointer:
			return k.static(v.Elem())
		case reflect.Slice:
			return k.staticElements(v)
		}
		return k.staticMap(v)
	default:
		k.basic(v)
	}
	return nil
}

func (k *keyer) address(p unsafe.Pointer) {
	k.uint(uint64(uintptr(p)))
	if k.pin {
		k.pinned = append(k.pinned, p)
	}
}

// basic encodes numbers, booleans and strings.
func (k *keyer) basic(v reflect.Value) {
	switch kind := v.Kind(); {
	case kind == reflect.String:
		k.string(v.String())
	case isInt(kind):
		k.dst = binary.AppendVarint(k.dst, v.Int())
	case isUint(kind):
		k.uint(v.Uint())
	case kind == reflect.Bool:
		b := byte(0)
		if v.Bool() {
			b = 1
		}
		k.dst = append(k.dst, b)
	case kind == reflect.Float32, kind == reflect.Float64:
		k.float(v.Float())
	case kind == reflect.Complex64, kind == reflect.Complex128:
		k.float(real(v.Complex()))
		k.float(imag(v.Complex()))
	default:
		panic("BUG: tree: no key for kind " + kind.String())
	}
}

func (k *keyer) float(x float64) {
	k.dst = binary.LittleEndian.AppendUint64(k.dst, math.Float64bits(x))
}

func (k *keyer) staticFields(v reflect.Value) *fault {
	t := v.Type()
	if isSync(t) {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		if flt := k.static(exported(v.Field(i))); flt != nil {
			return flt.in("." + f.Name)
		}
	}
	return nil
}

func (k *keyer) staticElements(v reflect.Value) *fault {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		k.dst = append(k.dst, v.Bytes()...)
		return nil
	}
	for i := range v.Len() {
		if flt := k.static(v.Index(i)); flt != nil {
			return flt.in(indexSegment(i))
		}
	}
	return nil
}

// staticMap encodes the entries of a map with keys of any type, ordered by their encoding.
func (k *keyer) staticMap(v reflect.Value) *fault {
	rest := k.dst
	var entries []string
	for it := v.MapRange(); it.Next(); {
		k.dst = nil
		flt := k.static(addressable(it.Key()))
		if flt == nil {
			flt = k.static(addressable(it.Value()))
		}
		if flt != nil {
			return flt
		}
		entries = append(entries, string(k.dst))
	}
	slices.Sort(entries)
	k.dst = rest
	for _, e := range entries {
		k.string(e)
	}
	return nil
}

// dataTypes caches isData.
var dataTypes sync.Map // reflect.Type -> bool

// isData reports whether values of type t are plain data, all of it visible from the type, so
// that a pointer to one can be compared by contents.
func isData(t reflect.Type) bool {
	if known, ok := dataTypes.Load(t); ok {
		return known.(bool)
	}
	data := plainData(t, map[reflect.Type]bool{})
	dataTypes.Store(t, data)
	return data
}

// plainData finds out isData; done holds false for the types being asked about further up: a type
// that contains itself may have cyclic values, and done is true for those found to be plain.
func plainData(t reflect.Type, done map[reflect.Type]bool) bool {
	if plain, ok := done[t]; ok {
		return plain
	}
	done[t] = false
	plain := true
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
		plain = false
	case reflect.Pointer, reflect.Slice, reflect.Array:
		plain = plainData(t.Elem(), done)
	case reflect.Map:
		plain = plainData(t.Key(), done) && plainData(t.Elem(), done)
	case reflect.Struct:
		plain = !isSync(t)
		for i := 0; plain && i < t.NumField(); i++ {
			plain = plainData(t.Field(i).Type, done)
		}
	}
	done[t] = plain
	return plain
}
