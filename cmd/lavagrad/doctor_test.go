package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// lavagrad runs a command line and returns what it printed.
func lavagrad(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestDoctorOnAWorkingDevice(t *testing.T) {
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			d := diagnose(context.Background(), name, false)
			require.Empty(t, d.Failure)
			require.NotNil(t, d.Chosen)
			require.Less(t, *d.Chosen, len(d.Devices))
			assert.Equal(t, "-device", d.Source)
			require.NotNil(t, d.Kernel)
			assert.True(t, d.Kernel.OK)
			assert.LessOrEqual(t, d.Kernel.Error, tolerance)
			assert.Positive(t, d.Kernel.Later)
			assert.GreaterOrEqual(t, d.Kernel.First, d.Kernel.Later)

			status, out, _ := lavagrad("doctor", "-device", name)
			assert.Equal(t, statusOK, status)
			chosen := d.Devices[*d.Chosen]
			for _, want := range []string{"loader found", chosen.Name + "   <- chosen", chosen.Kind, chosen.Version, chosen.Features[0],
				"matches \"" + name + "\" (-device)", "is right", "all well"} {
				assert.Contains(t, out, want)
			}
		})
	}
}

// Where the profile comes from is told, and -tune measures it and keeps it.
func TestDoctorTellsTheProfile(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // and HOME for systems without it
	t.Setenv("HOME", t.TempDir())
	name := gputest.Devices(t)[0]
	t.Setenv("LAVAGRAD_TUNE", "off")
	_, out, _ := lavagrad("doctor", "-device", name)
	assert.Contains(t, out, "LAVAGRAD_TUNE is off")
	assert.NotContains(t, out, "kept in")
	t.Setenv("LAVAGRAD_TUNE", "")
	_, out, _ = lavagrad("doctor", "-device", name)
	assert.Contains(t, out, "nothing has been measured yet")
	status, out, _ := lavagrad("doctor", "-device", name, "-tune")
	assert.Equal(t, statusOK, status)
	assert.Contains(t, out, "measured on this device\n")
	d := diagnose(context.Background(), name, false)
	require.NotNil(t, d.Profile)
	assert.True(t, d.Profile.Streams && d.Profile.MatMul, "the next process reads it")
	assert.FileExists(t, d.Profile.File)
	assert.Contains(t, out, d.Profile.File)

	t.Setenv("LAVAGRAD_TUNE", "maybe")
	status, out, _ = lavagrad("doctor", "-device", name)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, out, `LAVAGRAD_TUNE is "maybe"`)
}

func TestDoctorNamesTheVariable(t *testing.T) {
	name := gputest.Devices(t)[0]
	t.Setenv("LAVAGRAD_DEVICE", name)
	d := diagnose(context.Background(), "", false)
	assert.Empty(t, d.Failure)
	assert.Equal(t, name, d.Selector)
	assert.Contains(t, d.reason(), "(LAVAGRAD_DEVICE)")

	t.Setenv("LAVAGRAD_DEVICE", "")
	d = diagnose(context.Background(), "", false)
	assert.Empty(t, d.Failure)
	require.NotNil(t, d.Chosen)
	assert.Equal(t, 0, *d.Chosen, "the list is in the order of preference")
	assert.Contains(t, d.reason(), "LAVAGRAD_DEVICE is not set")
}

func TestDoctorWithoutAMatch(t *testing.T) {
	status, out, _ := lavagrad("doctor", "-device", "no such device")
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, out, `no device matches "no such device"`)
	assert.Contains(t, out, "choose by LAVAGRAD_DEVICE")
	assert.Contains(t, out, "bash tools/setup.sh")
	assert.NotContains(t, out, "<- chosen")
	assert.NotContains(t, out, "all well")
}

func TestDoctorJSON(t *testing.T) {
	name := gputest.Devices(t)[0]
	status, out, _ := lavagrad("doctor", "-json", "-device", name)
	assert.Equal(t, statusOK, status)
	var d diagnosis
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	require.NotNil(t, d.Kernel)
	assert.True(t, d.Kernel.OK)
	require.NotNil(t, d.Chosen)
	assert.Positive(t, d.Devices[*d.Chosen].Limits.Workgroup)

	status, out, _ = lavagrad("doctor", "-json", "-device", "no such device")
	assert.Equal(t, statusFailed, status)
	d = diagnosis{}
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	assert.Nil(t, d.Chosen)
	assert.Nil(t, d.Kernel)
	assert.Contains(t, d.Failure, "bash tools/setup.sh")
}

// A wrong or missing value must not pass for a right one.
func TestRelativeError(t *testing.T) {
	assert.Zero(t, relativeError([]float32{1, -4}, []float64{1, -4}))
	assert.Equal(t, 0.5, relativeError([]float32{3, -4}, []float64{1, -4}))
	assert.True(t, math.IsNaN(relativeError([]float32{1, float32(math.NaN()), 2}, []float64{1, 1, 2})))
}

func TestCommandLines(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{nil, statusUsage, "", "usage: lavagrad COMMAND"},
		{[]string{"help"}, statusOK, "doctor", ""},
		{[]string{"docter"}, statusUsage, "", `no command "docter"`},
		{[]string{"doctor", "-help"}, statusOK, "", "-device"},
		{[]string{"doctor", "-nonsense"}, statusUsage, "", "-nonsense"},
		{[]string{"doctor", "lavapipe"}, statusUsage, "", `"lavapipe" is no flag`},
	} {
		status, stdout, stderr := lavagrad(c.args...)
		assert.Equal(t, c.status, status, "%v", c.args)
		assert.Contains(t, stdout, c.stdout, "%v", c.args)
		assert.Contains(t, stderr, c.stderr, "%v", c.args)
	}
}
