// Package tree handles trees: Go values made of structs, maps, slices, arrays, pointers and
// interfaces whose leaves are all of one type L. It knows no tensor; L is a type parameter.
//
//	type Linear struct{ W, B Tensor }
//	type Net struct {
//		Layers []Linear
//		Head   map[string]Linear
//		Slope  float32 // static: part of the structure, no leaf
//	}
//
//	leaves, err := tree.Leaves[Tensor](net)             // .Layers[0].W, .Layers[0].B, ..., .Head["a"].W, ...
//	minus, err := tree.Map(Tensor.Neg, net)             // a new Net
//	sum, err := tree.Map2(Tensor.Add, net, gradient)    // an error names the first path where the two differ
//	same, err := tree.Unflatten(net, leaves)            // back again
//
// # Leaves
//
// A value whose type is L is a leaf; where L is an interface, so is every value whose type
// implements it. A leaf is never looked into, so L may itself be a struct, a slice or a pointer.
// A tree may be a single leaf (T = L), and it may have no leaf at all.
//
// # Canonical order
//
// Struct fields come in the order of their declaration, slices and arrays by index, map entries
// by key (strings bytewise, integers by value). Pointers and interfaces are transparent.
// A path spells the way to a leaf as Go does: .Layers[1].W, .Head["a"].B; the path of the root
// is the empty string, printed as (root) in errors.
//
// # Structure
//
// All that is not a leaf is structure: the Go types, lengths, map keys, which pointers, interfaces,
// slices and maps are nil (a nil one is an empty subtree, and differs from an empty slice or map),
// and the static values. A nil pointer or interface where a leaf could be is an empty subtree as
// well: so an optional leaf is written as a pointer or interface type.
//
// Static values are numbers, strings, booleans, functions and channels, whatever contains only
// these, unexported fields, and fields tagged `tree:"-"`. Functions that build a tree carry them
// over from their first tree, sharing what has no leaf below it. Two static values are equal when
// their contents are; floats compare by their bits, so that a NaN equals itself. Functions,
// channels and pointers to anything but plain data compare by identity, where two closures made by one
// function literal differ. The state of values from sync and sync/atomic is ignored.
//
// A leaf behind an unexported field cannot be reached by user code that builds a tree, so it is
// an error, unless the field is tagged. An embedded struct of unexported type counts as exported.
// Maps that hold leaves must have string or integer keys.
//
// Foreign objects that others may be using (loggers, contexts, clients) are carried along
// unread: behind a pointer, a struct with a lock or an atomic in it, or with interfaces only in unexported
// fields, is static unless its type names L somewhere.
//
// A pointer that is reached by two ways is walked twice and becomes two pointers in a rebuilt
// tree; a pointer cycle is an error.
//
// # Errors
//
// Every error is a *Error with the operation, the path and the facts, and answers errors.Is to
// one of the package's sentinels, for example
//
//	tree: map: structures differ at .Layers[1].B: slice of 3 leaves against slice of 2
//
// The functions never change their arguments, except where an assign function is given to do
// so. They are safe for concurrent use as long as nobody writes to the trees.
package tree
