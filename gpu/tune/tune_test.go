package tune

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/shaders"
)

// open opens a tuned device that logs to the returned buffer.
func open(t *testing.T, name, dir string, tuning gpu.Tuning) (*gpu.Device, *bytes.Buffer) {
	var log bytes.Buffer
	return gputest.Open(t, gpu.WithDevice(name), gpu.WithTuning(tuning), gpu.WithCacheDir(dir), gpu.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))), &log
}

// Measured once, the profile is read by the next handle, in next to no time, and is the same.
func TestMeasuredOnceAndKept(t *testing.T) {
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first, _ := open(t, name, dir, gpu.TuneOnce)
			builtIn := first.Profile()
			require.Zero(t, builtIn.Measured)
			Load(first)
			assert.Equal(t, builtIn, first.Profile(), "nothing is kept yet")
			live := first.Stats()
			Ensure(t.Context(), first, gpu.MeasuredStreams)
			p := first.Profile()
			assert.Equal(t, gpu.MeasuredStreams, p.Measured, "only what is needed")
			assert.Equal(t, live, first.Stats(), "measured on another handle")
			assert.Equal(t, builtIn.MatMul, p.MatMul)
			assert.Equal(t, builtIn.Rates.MatMul, p.Rates.MatMul)
			require.FileExists(t, Path(first))

			second, _ := open(t, name, dir, gpu.TuneOnce)
			begin := time.Now()
			Ensure(t.Context(), second, gpu.MeasuredStreams)
			assert.Less(t, time.Since(begin), 100*time.Millisecond, "it was measured again")
			assert.Equal(t, p, second.Profile())

			Ensure(t.Context(), second, Everything)
			assert.Equal(t, Everything, second.Profile().Measured)
			assert.True(t, supported(second.Profile().MatMul, p))
			Load(first)
			assert.Equal(t, second.Profile(), first.Profile(), "what another process has added")
		})
	}
}

// With tuning off nothing is read or written; an adjusted profile switches it off.
func TestOff(t *testing.T) {
	name := gputest.Devices(t)[0]
	dir := t.TempDir()
	for _, opt := range []gpu.Option{gpu.WithoutTuning(), gpu.WithProfile(func(p *gpu.Profile) { p.LocalSize = 32 })} {
		dev := gputest.Open(t, gpu.WithDevice(name), gpu.WithCacheDir(dir), opt)
		before := dev.Profile()
		Ensure(t.Context(), dev, Everything)
		Load(dev)
		assert.Equal(t, before, dev.Profile())
		assert.NoFileExists(t, Path(dev))
	}
}

// kept writes a good file for the device, changed by change.
func kept(t *testing.T, dev *gpu.Device, change func(*record)) record {
	p := dev.Profile()
	r := record{Identity: dev.Identity(), Measured: Everything, LocalSize: 64, VecPerInvocation: 4, Unrolled: true, TexelReads: p.TexelReads,
		MatMul: p.MatMul, Rates: gpu.Rates{MatMul: 1, Vector: 2, Bytes: 3, Dispatch: 4}}
	change(&r)
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, dev.Keep(fileName, data))
	return r
}

// Files that are broken, of another device, or speak of the impossible, are ignored with a line in the log, and replaced.
func TestFilesThatAreNoGood(t *testing.T) {
	name := gputest.Devices(t)[0]
	dir := t.TempDir()
	dev, _ := open(t, name, dir, gpu.TuneOnce)
	r := kept(t, dev, func(*record) {})
	Load(dev)
	assert.Equal(t, r.into(gpu.Profile{}).Rates, dev.Profile().Rates, "a good file is read")
	assert.Equal(t, 64, dev.Profile().LocalSize)

	for what, change := range map[string]func(*record){
		"another device or driver": func(r *record) { r.Identity = "GeForce 256" },
		"unknown groups":           func(r *record) { r.Measured = 128 },
		"workgroups of 100000":     func(r *record) { r.LocalSize = 100000 },
		"0 vectors":                func(r *record) { r.VecPerInvocation = 0 },
		"family":                   func(r *record) { r.MatMul = "magic" },
		"a rate is":                func(r *record) { r.Rates.Bytes = -1 },
		"tiles of 8 rows":          func(r *record) { r.MatrixTile = 8 },
	} {
		dev, log := open(t, name, dir, gpu.TuneOnce)
		kept(t, dev, change)
		Load(dev)
		assert.Zero(t, dev.Profile().Measured, what)
		assert.Contains(t, log.String(), what)
	}
	dev, log := open(t, name, dir, gpu.TuneOnce)
	require.NoError(t, os.WriteFile(Path(dev), []byte(`{"identity": "Sw`), 0o644))
	Ensure(t.Context(), dev, gpu.MeasuredMatMul)
	assert.Contains(t, log.String(), "ignored")
	data, err := os.ReadFile(Path(dev))
	require.NoError(t, err)
	_, err = parse(data, dev, dev.Profile())
	assert.NoError(t, err, "a good file in its place")
}

// Writers and readers of one file never see half of it, nor leave anything beside it.
func TestManyWriters(t *testing.T) {
	dir := t.TempDir()
	dev, _ := open(t, gputest.Devices(t)[0], dir, gpu.TuneOnce)
	p := kept(t, dev, func(*record) {}).into(dev.Profile())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				assert.NoError(t, save(dev, p))
				data, err := dev.Kept(fileName)
				assert.NoError(t, err)
				_, err = parse(data, dev, p)
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	list, err := os.ReadDir(filepath.Dir(Path(dev)))
	require.NoError(t, err)
	assert.Len(t, list, 1)
}

// A file that cannot be written is a line in the log; a cancelled measurement leaves no trace.
func TestWithoutAPlaceToKeepIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	dev, log := open(t, gputest.Devices(t)[0], file, gpu.TuneForce)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	Ensure(cancelled, dev, gpu.MeasuredMatMul)
	assert.Zero(t, dev.Profile().Measured)
	Ensure(t.Context(), dev, gpu.MeasuredMatMul)
	assert.Equal(t, gpu.MeasuredMatMul, dev.Profile().Measured)
	assert.Contains(t, log.String(), "not kept")
}

// A rate is taken only where it is far from the table's; a race tells a form that is slower.
func TestNoiseChangesNothing(t *testing.T) {
	assert.Equal(t, 10., settle(10, 14))
	assert.Equal(t, 10., settle(10, 7))
	assert.Equal(t, 16., settle(10, 16))
	assert.Equal(t, 5., settle(10, 5))

	const slow = 2 * time.Millisecond
	m := &meter{ctx: t.Context(), p: gpu.Profile{Kind: gpu.Discrete}}
	sleeps := func(d time.Duration) form { return form{func() error { time.Sleep(d); return nil }} }
	ratio, base, err := m.race(sleeps(slow), sleeps(4*slow))
	require.NoError(t, err)
	assert.Equal(t, 1., ratio[0])
	assert.Greater(t, ratio[1], 1.5)
	assert.GreaterOrEqual(t, base[0], slow.Seconds())
}

// Products that are measured run, in float32 and on cooperative matrices.
func TestRoundedProductsRun(t *testing.T) {
	dev := gputest.Open(t)
	m := &meter{ctx: t.Context(), dev: dev, p: dev.Profile()}
	m.p.MatrixTile = 32
	for _, units := range []bool{false, true} {
		m.p.RoundedMatrices, m.p.SplitMatrices = units, units
		for _, r := range []shaders.Rounding{shaders.RoundFloat16, shaders.RoundBFloat16, shaders.SplitBFloat16} {
			if units && !MatMulTarget(m.p).Cooperative(r) {
				t.Logf("%s enumerates no cooperative matrices for %v operands", dev.Name(), r)
				continue
			}
			run, err := rounded(64, r)(m, m.p)
			require.NoError(t, err)
			assert.NoError(t, run.once())
			run.close()
		}
	}
	m.until = time.Now() // begins nothing but the profile as it is, which is kept
	m.p.RoundedMatrices, m.p.SplitMatrices = false, false
	require.NoError(t, m.matrices(64))
	assert.False(t, m.p.RoundedMatrices || m.p.SplitMatrices)
}
