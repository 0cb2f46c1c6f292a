package gpu

// Stats are counts of one device. A live thing is one that was not closed.
type Stats struct {
	LiveArrays   int64 // arrays, empty ones included, programs' constants not
	LiveBytes    int64 // bytes of live arrays (rounded up to 256) and of the program arena
	PeakBytes    int64 // the most LiveBytes since Open or ResetPeak
	SlabBytes    int64 // bytes taken from the driver for arrays and the arena
	StagingBytes int64 // bytes of the staging buffer, if the device needs one
	ArenaBytes   int64 // bytes of the programs' shared temporaries
	Programs     int64 // live programs
	Kernels      int64 // distinct kernels
	Pipelines    int64 // of which compiled
	Submissions  int64 // to the queue; one of a long loop holds many rounds
	Recordings   int64 // recordings of programs for a set of arguments: a run that needs none is a resubmission
}

// Stats returns the counts of the moment, forgotten arrays that the garbage collector has found taken off.
func (d *Device) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.sweep()
	}
	return d.stats
}

// ResetPeak makes PeakBytes start again from what is live now.
func (d *Device) ResetPeak() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.PeakBytes = d.stats.LiveBytes
}
