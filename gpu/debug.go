package gpu

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

// DebugFlags is LAVAGRAD_DEBUG, parsed; see the package documentation for the words.
type DebugFlags struct {
	Validate, Sync, Profile bool   // this package
	CheckNaN, CheckCPU      bool   // package graph
	Plain                   bool   // package graph: products and sums in the order written
	Dump                    string // package graph: the folder to write passes and kernels to
}

const debugWords = "validate, sync, profile, checknan, checkcpu, plain, dump=DIR"

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
		case "plain":
			f.Plain = true
		default:
			dir, ok := strings.CutPrefix(word, "dump=")
			if !ok || dir == "" {
				return f, fmt.Errorf("gpu: LAVAGRAD_DEBUG has the unknown word %q; the words are: %s", word, debugWords)
			}
			f.Dump = dir
		}
	}
	return f, nil
}
