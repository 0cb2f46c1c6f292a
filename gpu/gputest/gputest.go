// Package gputest opens devices for tests: it fails a test that leaves arrays behind, or that the validation layer has
// something to say about.
package gputest

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
)

// Open opens the device that LAVAGRAD_DEVICE names, or the best, for the length of a test. Validation is on when LAVAGRAD_DEBUG has
// the word validate. When the test ends, everything it made must have been closed and the validation layer must have been silent.
//
// Nothing is read from or written to the user's cache folder, and the profile is the table's, so that runs repeat; LAVAGRAD_TUNE, where it is
// set, says otherwise: benchmarks run on a tuned device then.
//
// Without a driver the test fails and says how to install one.
func Open(t testing.TB, opts ...gpu.Option) *gpu.Device {
	t.Helper()
	if os.Getenv("LAVAGRAD_TUNE") == "" {
		opts = append([]gpu.Option{gpu.WithoutTuning(), gpu.WithCacheDir("")}, opts...)
	}
	d, err := gpu.Open(context.Background(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		s := d.Stats()
		assert.NoError(t, d.Close())
		assert.Zero(t, s.LiveArrays, "arrays that the test did not close")
		// Programs may stay: package graph keeps compiled ones until the device closes.
		for _, m := range d.ValidationMessages() {
			t.Errorf("validation: %s", m)
		}
	})
	return d
}

// Each runs a test on every CPU driver that is installed (lavapipe and SwiftShader), or only on the device that LAVAGRAD_DEVICE names
// when it is set. Without a driver the test fails.
func Each(t *testing.T, test func(t *testing.T, d *gpu.Device), opts ...gpu.Option) {
	t.Helper()
	for _, name := range Devices(t) {
		t.Run(name, func(t *testing.T) {
			test(t, Open(t, append([]gpu.Option{gpu.WithDevice(name)}, opts...)...))
		})
	}
}

// Devices returns the selectors of the devices that Each runs on.
func Devices(t testing.TB) []string {
	t.Helper()
	if name := os.Getenv("LAVAGRAD_DEVICE"); name != "" {
		return []string{name}
	}
	list, problems, err := gpu.Enumerate(context.Background())
	require.NoError(t, err)
	var names []string
	for _, d := range list {
		if d.Kind == gpu.CPU && d.Unusable == "" {
			names = append(names, d.Driver)
		}
	}
	require.NotEmpty(t, names, "no CPU driver is installed: bash tools/setup.sh brings lavapipe and SwiftShader (unusable drivers: %v)", problems)
	return names
}
