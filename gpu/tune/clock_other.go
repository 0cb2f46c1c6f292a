//go:build !unix

package tune

// processorSeconds is the processor time that this process has used, 0 where that is unknown.
func processorSeconds() float64 { return 0 }
