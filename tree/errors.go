package tree

import (
	"errors"
	"strings"
)

// Sentinels for errors.Is.
var (
	// ErrStructure: two trees have different structures.
	ErrStructure = errors.New("structures differ")
	// ErrCount: the number of leaves, elements or trees given is not the one needed.
	ErrCount = errors.New("wrong count")
	// ErrLeafType: a new leaf does not fit the place of the old one, or is nil.
	ErrLeafType = errors.New("leaf does not fit")
	// ErrHidden: a leaf lies where no tree can be built, such as behind an unexported field.
	ErrHidden = errors.New("leaf out of reach")
	// ErrCycle: a pointer, slice or map contains itself.
	ErrCycle = errors.New("cycle")
	// ErrTag: a struct tag of this package has an unknown value.
	ErrTag = errors.New("unknown struct tag")
	// ErrCallback: a function given by the caller returned an error, which is wrapped.
	ErrCallback = errors.New("function failed")
)

// Error says which operation failed, at which path of the tree, why, and how to mend it.
type Error struct {
	Op     string // operation: "map", "unflatten", ...
	Kind   error  // one of the sentinels above
	Path   string // path in the tree; empty for the root
	Detail string // the facts
	Fix    string // what to do; may be empty
	Err    error  // error of the caller's function; nil for all kinds but ErrCallback
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("tree: ")
	b.WriteString(e.Op)
	b.WriteString(": ")
	b.WriteString(e.Kind.Error())
	b.WriteString(" at ")
	b.WriteString(printed(e.Path))
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Fix != "" {
		b.WriteString("; ")
		b.WriteString(e.Fix)
	}
	return b.String()
}

// printed is a path as people see it.
func printed(path string) string {
	if path == "" {
		return "(root)"
	}
	return path
}

// Unwrap gives the sentinel and, if there is one, the error of the caller's function.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// fault is an Error on its way up a traversal: every level adds its path segment, so that no
// path is built as long as nothing fails.
type fault struct {
	kind        error
	detail, fix string
	err         error
	segments    []string // innermost first
}

func (f *fault) in(segment string) *fault {
	f.segments = append(f.segments, segment)
	return f
}

func (f *fault) path() string {
	var b strings.Builder
	for i := len(f.segments) - 1; i >= 0; i-- {
		b.WriteString(f.segments[i])
	}
	return b.String()
}

func (f *fault) as(op string) *Error {
	return &Error{Op: op, Kind: f.kind, Path: f.path(), Detail: f.detail, Fix: f.fix, Err: f.err}
}
