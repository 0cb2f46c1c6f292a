package gpu_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// What the driver keeps comes back in the next process; damage is found before the driver sees it, and a device without the file works.
func TestPipelinesAreKept(t *testing.T) {
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte{1, 2, 3}, 1000)} {
		file := gpu.WrapPipelines(data)
		got, err := gpu.UnwrapPipelines(file)
		require.NoError(t, err)
		assert.Equal(t, len(data), len(got))
		for _, at := range []int{0, len(file) / 2, len(file) - 1} {
			bad := bytes.Clone(file)
			bad[at] ^= 4
			_, err := gpu.UnwrapPipelines(bad)
			assert.Error(t, err, "byte %d of %d", at, len(file))
			_, err = gpu.UnwrapPipelines(file[:at])
			assert.Error(t, err, "%d bytes of %d", at, len(file))
		}
	}
	for _, name := range gputest.Devices(t) {
		dir := t.TempDir()
		var file string
		for round := range 3 {
			var log bytes.Buffer
			t.Run(name, func(t *testing.T) {
				d := gputest.Open(t, gpu.WithDevice(name), gpu.WithoutTuning(), gpu.WithCacheDir(dir), gpu.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				file = filepath.Join(d.CacheDir(), "pipelines.bin")
				if round == 1 {
					require.NoError(t, os.MkdirAll(d.CacheDir(), 0o755))
					require.NoError(t, os.WriteFile(file, []byte("rubbish"), 0o644))
				}
				x := upload(t, d, ramp(100))
				y := newArray(t, d, 100)
				require.NoError(t, affineProgram(t, d, 100, 2, 1).Run(t.Context(), []*gpu.Array{x, y}))
				equal(t, mapped(ramp(100), func(x float32) float32 { return 2*x + 1 }), download(t, y))
			})
			data, err := os.ReadFile(file)
			kept := err == nil && string(data) != "rubbish" // CPU drivers give nothing to keep
			if kept {
				_, err = gpu.UnwrapPipelines(data)
				assert.NoError(t, err)
			}
			assert.Equal(t, round == 1 || round == 2 && !kept, strings.Contains(log.String(), "ignored"), "round %d", round)
		}
	}
}
