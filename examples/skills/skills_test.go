package main

import (
	"context"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// On four seasons the filter foretells the last of them better than the past's frequencies.
func TestRun(t *testing.T) {
	var log strings.Builder
	out := filepath.Join(t.TempDir(), "skills.png")
	r, err := run(context.Background(), config{from: 2005, test: 1, out: out}, &log)
	require.NoError(t, err)
	t.Log(log.String())
	assert.Greater(t, r.dynamic.logProb, r.base.logProb+0.01)
	assert.Greater(t, r.fixed.logProb, r.base.logProb-0.05)
	assert.Greater(t, r.dynamic.hits, 0.42)
	assert.Less(t, r.dynamic.hits, 0.7)
	assert.Contains(t, perYear, r.perYear)
	assert.Contains(t, log.String(), "1224 of 24 teams")
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Greater(t, picture.Bounds().Dx(), 600)

	_, err = run(context.Background(), config{from: 2005, test: 9, out: out}, &log)
	assert.ErrorContains(t, err, "nothing to learn from")
	_, err = run(context.Background(), config{from: 2050, test: 1, out: out}, &log)
	assert.ErrorContains(t, err, "nothing to learn from")
}

func TestLoad(t *testing.T) {
	matches, teams, err := load(1963)
	require.NoError(t, err)
	assert.Len(t, matches, 14016)
	assert.Len(t, teams, 50, "two of the 52 names are older ones of others")
	// The first day, and the best known result: Gladbach 12:0 Dortmund on 1978-04-29.
	assert.Equal(t, time.Date(1963, 8, 24, 0, 0, 0, 0, time.UTC), matches[0].day)
	found := false
	for i, m := range matches {
		found = found || m.day.Format(time.DateOnly) == "1978-04-29" && teams[m.home] == "Borussia Moenchengladbach" &&
			teams[m.away] == "Borussia Dortmund" && m.result == won
		assert.False(t, i > 0 && m.day.Before(matches[i-1].day))
	}
	assert.True(t, found)
	later, _, err := load(2008)
	require.NoError(t, err)
	assert.Len(t, later, 18*17, "a season is everybody against everybody, twice")

	rounds := roundsOf(matches)
	n := 0
	for _, r := range rounds {
		n += len(r)
		seen := map[int]bool{}
		for _, m := range r {
			assert.False(t, seen[m.home] || seen[m.away])
			seen[m.home], seen[m.away] = true, true
		}
		require.LessOrEqual(t, len(r), roundSize)
	}
	assert.Equal(t, len(matches), n)
}

func TestLogScore(t *testing.T) {
	matches := []match{{result: won}, {result: lost}}
	p := [][]float64{{0.5, 0.25, 0.25}, {0.5, 0.25, 0.25}}
	score, hits := logScore(matches, func(i int) []float64 { return p[i] })
	assert.InDelta(t, math.Log(0.5*0.25)/2, score, 1e-12)
	assert.Equal(t, 0.5, hits)
}

// A team's curve ends where it leaves the league, and begins again when it is back.
func TestPlayed(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2000, 8, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }
	rounds := [][]match{{{day: day(0), home: 0, away: 1}}, {{day: day(7), home: 2, away: 1}}, {{day: day(100), home: 0, away: 2}}, {{day: day(400), home: 0, away: 1}}}
	assert.Equal(t, [][2]int{{0, 3}, {3, 4}}, played(rounds, 0))
	assert.Equal(t, [][2]int{{0, 2}, {3, 4}}, played(rounds, 1))
	assert.Equal(t, [][2]int{{1, 3}}, played(rounds, 2))
}
