package tree

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
)

// sortableKey reports whether maps with keys of type t can hold leaves: strings and integers
// have an order that anybody would expect.
func sortableKey(t reflect.Type) bool {
	return t.Kind() == reflect.String || isInt(t.Kind()) || isUint(t.Kind())
}

func isInt(k reflect.Kind) bool  { return k >= reflect.Int && k <= reflect.Int64 }
func isUint(k reflect.Kind) bool { return k >= reflect.Uint && k <= reflect.Uintptr }

// sortedKeys gives the keys of a map with string or integer keys in canonical order.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	switch k := m.Type().Key().Kind(); {
	case k == reflect.String:
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	case isInt(k):
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.Int(), b.Int()) })
	default:
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.Uint(), b.Uint()) })
	}
	return keys
}

// keySegment gives the path segment of a map entry.
func keySegment(key reflect.Value) string {
	switch k := key.Kind(); {
	case k == reflect.String:
		return "[" + strconv.Quote(key.String()) + "]"
	case isInt(k):
		return "[" + strconv.FormatInt(key.Int(), 10) + "]"
	default:
		return "[" + strconv.FormatUint(key.Uint(), 10) + "]"
	}
}
