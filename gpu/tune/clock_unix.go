//go:build unix

package tune

import "syscall"

// processorSeconds is the processor time that this process has used, 0 where that is unknown.
func processorSeconds() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
