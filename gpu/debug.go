package gpu

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// DebugFlags is LAVAGRAD_DEBUG, parsed; see the package documentation for the words.
type DebugFlags struct {
	Validate, Sync, Profile bool     // this package
	CheckNaN, CheckCPU      bool     // package graph
	Dump                    string   // package graph: the folder to write passes and kernels to
	Without                 []string // package graph: the passes to leave out, of Passes
}

// Passes are the passes of package graph's compiler that LAVAGRAD_DEBUG=without=... can leave out.
func Passes() []string {
	return []string{"simplify", "contract", "chunk", "matmul", "windows", "scatter", "fuse", "epilogue", "lanes", "inplace", "arena"}
}

const debugWords = "validate, sync, profile, checknan, checkcpu, dump=DIR, without=PASS+PASS"

var debugOnce = sync.OnceValues(func() (DebugFlags, error) { return parseDebug(os.Getenv("LAVAGRAD_DEBUG")) })

// Debug returns the flags of LAVAGRAD_DEBUG, read once per process. Open reports words that it does not know.
func Debug() DebugFlags {
	flags, _ := debugOnce()
	return flags
}

func parseDebug(text string) (DebugFlags, error) {
	var f DebugFlags
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		switch word {
		case "":
		case "validate":
			f.Validate = true
		case "sync":
			f.Sync = true
		case "profile":
			f.Profile = true
		case "checknan":
			f.CheckNaN = true
		case "checkcpu":
			f.CheckCPU = true
		default:
			key, value, _ := strings.Cut(word, "=")
			switch {
			case key == "dump" && value != "":
				f.Dump = value
			case key == "without" && value != "":
				for pass := range strings.SplitSeq(value, "+") {
					if !slices.Contains(Passes(), pass) {
						return f, fmt.Errorf("gpu: LAVAGRAD_DEBUG leaves out the unknown pass %q; the passes are: %s", pass, strings.Join(Passes(), ", "))
					}
					f.Without = append(f.Without, pass)
				}
			default:
				return f, fmt.Errorf("gpu: LAVAGRAD_DEBUG has the unknown word %q; the words are: %s", word, debugWords)
			}
		}
	}
	return f, nil
}
