package graph

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Sentinels for errors.Is.
var (
	// ErrShape: the operands' shapes do not fit the op.
	ErrShape = errors.New("shape mismatch")
	// ErrDType: the operands' element types do not fit the op.
	ErrDType = errors.New("wrong dtype")
	// ErrTraced: the value of a traced tensor was asked for, which does not exist yet.
	ErrTraced = errors.New("traced tensor has no value")
	// ErrForeign: a tensor of another, often already finished, trace was used.
	ErrForeign = errors.New("tensor of another trace")
	// ErrCheck: a check on the device failed.
	ErrCheck = errors.New("check failed")
	// ErrClosed: a tensor was used after Close.
	ErrClosed = errors.New("tensor is closed")
	// ErrOverwritten: a tensor was overwritten in place since an op on it was recorded.
	ErrOverwritten = errors.New("tensor was overwritten")
	// ErrDevice: tensors of different devices met, or no operand lives on a device.
	ErrDevice = errors.New("device mismatch")
	// ErrArgument: an argument that is not a tensor is out of its range.
	ErrArgument = errors.New("bad argument")
)

// Error says what went wrong with an op, where the user called it, and how to mend it.
type Error struct {
	Op     string // op's name
	Pos    string // file:line of the user's call
	Kind   error  // one of the sentinels above
	Detail string // the facts: shapes, dtypes, indices
	Fix    string // what to do
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("graph: ")
	b.WriteString(e.Op)
	if e.Pos != "" {
		b.WriteString(" at ")
		b.WriteString(e.Pos)
	}
	b.WriteString(": ")
	b.WriteString(e.Kind.Error())
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	if e.Fix != "" {
		b.WriteString("; ")
		b.WriteString(e.Fix)
	}
	return b.String()
}

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

// fail stops the building of a graph. Try, Jit and Eval turn it into an error again.
func fail(op string, kind error, fix, format string, args ...any) {
	panic(&Error{Op: op, Pos: position(callerPC()), Kind: kind, Detail: fmt.Sprintf(format, args...), Fix: fix})
}

// Fail is for packages that build on graph: it stops the building of a graph with an error that names
// the op, the user's line, what is wrong and how to mend it. Try, Jit and Eval return it.
func Fail(op string, kind error, fix, format string, args ...any) {
	fail(op, kind, fix, format, args...)
}

// Try runs f and returns the error of an op that was built wrongly inside it. Any other panic goes on.
func Try(f func()) (err error) {
	defer Recover(&err)
	f()
	return nil
}

// Recover is deferred by functions that trace user code: it turns the panic of a wrongly built op
// into *err and lets any other panic pass.
func Recover(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}

// position prints a program counter as file:line, the file by its base name and folder.
func position(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	// One counter can stand for several inlined calls, the innermost first: the user's is wanted.
	frames := runtime.CallersFrames([]uintptr{pc})
	f, more := frames.Next()
	for more && ownFrame(f) {
		f, more = frames.Next()
	}
	file := f.File
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		if j := strings.LastIndexByte(file[:i], '/'); j >= 0 {
			file = file[j+1:]
		}
	}
	return fmt.Sprintf("%s:%d", file, f.Line)
}
