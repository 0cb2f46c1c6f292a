package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

//go:embed bundesliga.csv.gz
var table []byte

// renamed are clubs that played under two names.
var renamed = map[string]string{"Meidericher SV": "MSV Duisburg", "Bayer Uerdingen": "KFC Uerdingen"}

// Results of a match, for the home team.
const (
	won = iota
	drawn
	lost
	results
)

// match is one line of the table.
type match struct {
	day        time.Time
	home, away int // indices of teams
	result     int
}

// season is the year in which a match's season began: summer breaks last through July in all of them.
func (m match) season() int { return m.day.AddDate(0, -7, 0).Year() }

// load reads the matches since a season, in the order of their dates, and the teams' names.
func load(from int) (matches []match, teams []string, err error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(table))
	if err != nil {
		return nil, nil, fmt.Errorf("skills: the table of matches: %w", err)
	}
	rows, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("skills: the table of matches: %w", err)
	}
	index := map[string]int{}
	team := func(name string) int {
		if now, ok := renamed[name]; ok {
			name = now
		}
		if _, ok := index[name]; !ok {
			index[name] = len(teams)
			teams = append(teams, name)
		}
		return index[name]
	}
	for _, r := range rows[1:] { // date, home, away, home_goals, away_goals
		day, err := time.Parse(time.DateOnly, r[0])
		home, err2 := strconv.Atoi(r[3])
		away, err3 := strconv.Atoi(r[4])
		if err := errors.Join(err, err2, err3); err != nil {
			return nil, nil, fmt.Errorf("skills: the table of matches, line %q: %w", r, err)
		}
		m := match{day: day, result: drawn}
		if m.season() < from {
			continue
		}
		m.home, m.away = team(r[1]), team(r[2])
		switch {
		case home > away:
			m.result = won
		case home < away:
			m.result = lost
		}
		matches = append(matches, m)
	}
	return matches, teams, nil
}

// roundSize is the most matches that are played between one update and the next: a round of the league.
const roundSize = 10

// roundsOf groups matches that lie within three days and in which no team plays twice.
func roundsOf(matches []match) (rounds [][]match) {
	var round []match
	for _, m := range matches {
		if len(round) > 0 && (len(round) == roundSize || m.day.Sub(round[0].day) > 3*24*time.Hour ||
			slices.ContainsFunc(round, func(o match) bool {
				return o.home == m.home || o.home == m.away || o.away == m.home || o.away == m.away
			})) {
			rounds, round = append(rounds, round), nil
		}
		round = append(round, m)
	}
	if len(round) > 0 {
		rounds = append(rounds, round)
	}
	return rounds
}

// games are matches as tensors: all [n], or [rounds n].
type games struct {
	Home, Away graph.Tensor // int32: indices of teams
	Result     graph.Tensor // int32: won, drawn or lost
	Weight     graph.Tensor // 1, or 0 for what only fills a round up
}

// history is rounds as tensors.
type history struct {
	Games games
	Days  graph.Tensor // [rounds]: since the round before
}

// length is the number of rounds.
func (h history) length() int { return h.Days.Dim(0) }

// at is the round of a step.
func (h history) at(step graph.Tensor) history {
	out, err := tree.Map(func(x graph.Tensor) graph.Tensor { return x.DynamicIndex(0, step) }, h)
	if err != nil {
		panic("BUG: skills: " + err.Error())
	}
	return out
}

// upload brings rounds to the device. Empty rounds on the last day, which change nothing, follow until whole chunks are full. The caller closes the
// history.
func upload(dev *gpu.Device, rounds [][]match) (history, error) {
	length := (len(rounds) + chunk - 1) / chunk * chunk
	n := length * roundSize
	home, away, result := make([]int32, n), make([]int32, n), make([]int32, n)
	weight, days := make([]float32, n), make([]float32, length)
	for i, r := range rounds {
		if i > 0 {
			days[i] = float32(r[0].day.Sub(rounds[i-1][0].day).Hours() / 24)
		}
		for j, m := range r {
			k := i*roundSize + j
			home[k], away[k], result[k], weight[k] = int32(m.home), int32(m.away), int32(m.result), 1
		}
	}
	var errs []error
	keep := func(t graph.Tensor, err error) graph.Tensor {
		errs = append(errs, err)
		return t
	}
	h := history{
		Games: games{
			Home:   keep(graph.FromSlice(dev, home, length, roundSize)),
			Away:   keep(graph.FromSlice(dev, away, length, roundSize)),
			Result: keep(graph.FromSlice(dev, result, length, roundSize)),
			Weight: keep(graph.FromSlice(dev, weight, length, roundSize)),
		},
		Days: keep(graph.FromSlice(dev, days, length)),
	}
	if err := errors.Join(errs...); err != nil {
		return history{}, errors.Join(err, graph.Close(h))
	}
	return h, nil
}
