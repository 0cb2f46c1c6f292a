package gpu

import (
	"fmt"
	"os"
)

// Tuning says where the facts of a device's profile come from (package tune measures them).
type Tuning int

// The ways of tuning.
const (
	TuneOnce  Tuning = iota // measured when they are first needed on a device and driver, and kept on disk
	TuneOff                 // the table by driver
	TuneForce               // measured in this process, whatever is kept, and kept then
)

var tuningWords = [...]string{TuneOnce: "once", TuneOff: "off", TuneForce: "force"}

// String returns the word of LAVAGRAD_TUNE.
func (t Tuning) String() string { return tuningWords[t] }

// parseTuning reads LAVAGRAD_TUNE.
func parseTuning(text string) (Tuning, error) {
	for t, word := range tuningWords {
		if text == word || text == "" {
			return Tuning(t), nil
		}
	}
	return TuneOff, fmt.Errorf("gpu: LAVAGRAD_TUNE is %q; the words are: once, off, force", text)
}

// WithTuning says where the facts of the profile come from, whatever LAVAGRAD_TUNE says.
func WithTuning(t Tuning) Option { return func(c *config) { c.tuning = &t } }

// WithoutTuning keeps to the table of facts by driver: nothing is measured, and equal programs give equal kernels on every machine
// with this driver.
func WithoutTuning() Option { return WithTuning(TuneOff) }

// WithProfile lets adjust change the profile that kernels are shaped by, for tests and measurements, and switches tuning off. A
// profile that promises what the device has not gives kernels that fail or compute garbage.
func WithProfile(adjust func(*Profile)) Option {
	return func(c *config) { c.adjust = append(c.adjust, adjust) }
}

// Tuning says where the facts of the device's profile come from.
func (d *Device) Tuning() Tuning { return d.tuning }

// Tuned replaces the profile: kernels made from now on are shaped by p. Package tune calls it.
func (d *Device) Tuned(p Profile) {
	d.profile.Store(&p)
}

// chooseTuning decides by option and LAVAGRAD_TUNE.
func (c *config) chooseTuning() (Tuning, error) {
	fromEnv, err := parseTuning(os.Getenv("LAVAGRAD_TUNE"))
	switch {
	case err != nil:
		return TuneOff, err
	case len(c.adjust) > 0:
		return TuneOff, nil
	case c.tuning != nil:
		return *c.tuning, nil
	}
	return fromEnv, nil
}
