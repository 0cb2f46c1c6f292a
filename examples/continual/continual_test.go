package main

import (
	"context"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTasksHoldAllMeasurements(t *testing.T) {
	tasks, err := load()
	require.NoError(t, err)
	require.Len(t, tasks, len(starts))
	for i, task := range tasks {
		for _, at := range append(task.Train.Time, task.Test.Time...) {
			assert.GreaterOrEqual(t, at, starts[i])
			if i+1 < len(starts) {
				assert.Less(t, at, starts[i+1])
			}
		}
	}
	all := together(tasks)
	assert.Len(t, append(all.Train.Time, all.Test.Time...), 133)
	assert.Len(t, all.Test.Accel, 27)
	assert.Equal(t, -2.7, tasks[0].Train.Accel[3], "the fifth measurement: the third is held out")
}

// Plain training forgets the earlier tasks, and the approximations keep them.
func TestLaplaceRemembers(t *testing.T) {
	var log strings.Builder
	out := filepath.Join(t.TempDir(), "continual.png")
	results, err := run(context.Background(), config{steps: 40, width: 16, rate: 0.05, seed: 1, out: out}, &log)
	require.NoError(t, err)
	require.Len(t, results, 4)
	end := map[string]float64{}
	for _, r := range results {
		last := r.errors[len(r.errors)-1]
		require.Len(t, last, len(starts))
		end[r.name] = (last[0] + last[1] + last[2]) / 3
		assert.Contains(t, log.String(), r.name)
	}
	assert.Less(t, end["diagonal"], 0.9*end["no memory"], "%v", end)
	assert.Less(t, end["kfac"], 0.9*end["no memory"], "%v", end)
	assert.Equal(t, results[0].errors[0], results[1].errors[0], "up to the first task they are the same")

	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Greater(t, picture.Bounds().Dx(), 800)
}

func TestWrongFlags(t *testing.T) {
	for _, c := range []config{{steps: looks - 1, width: 1, rate: 1}, {steps: looks, rate: 1}, {steps: looks, width: 1}} {
		_, err := run(context.Background(), c, &strings.Builder{})
		assert.ErrorContains(t, err, "continual: ")
	}
}
