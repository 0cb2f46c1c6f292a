package graph

import (
	"path"
	"runtime"
	"strings"
	"sync"
)

// ownFolders are the folders of this library whose lines are never "the user's line". Frames are told by
// file: the closures of generic functions carry the name of the function that they are inlined into.
var ownFolders = func() []string {
	_, file, _, _ := runtime.Caller(0)
	root := path.Dir(path.Dir(file))
	return []string{root + "/graph/", root + "/vmap/", root + "/tree/", root + "/posterior/"}
}()

// internalFrames remembers for a program counter whether it belongs to this library.
var internalFrames sync.Map // uintptr -> bool

// callerPC finds the innermost frame outside this library: the line that the user wrote. In the
// library's own tests the test file counts as the user's.
func callerPC() uintptr {
	var pcs [32]uintptr
	skip := 2
	for {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			if !isInternal(pc) {
				return pc
			}
		}
		if n < len(pcs) {
			return 0
		}
		skip += n
	}
}

func isInternal(pc uintptr) bool {
	if v, ok := internalFrames.Load(pc); ok {
		return v.(bool)
	}
	frames := runtime.CallersFrames([]uintptr{pc})
	internal := true
	for {
		f, more := frames.Next()
		if !ownFrame(f) {
			internal = false
		}
		if !more {
			break
		}
	}
	internalFrames.Store(pc, internal)
	return internal
}

func ownFrame(f runtime.Frame) bool {
	if strings.HasSuffix(f.File, "_test.go") {
		return false
	}
	for _, dir := range ownFolders {
		if strings.HasPrefix(f.File, dir) {
			return true
		}
	}
	return strings.HasPrefix(f.Function, "reflect.") || strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "sync.")
}
