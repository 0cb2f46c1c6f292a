package main

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/lavagrad/lavagrad/examples/internal/chart"
)

// shown is how many teams have a curve.
const shown = 6

// away is how long a team's curve goes on without a match of it: longer than any summer, shorter than a season in another league.
const away = 150 * 24 * time.Hour

// draw writes the picture: the best teams' skills, and what playing at home is worth.
func draw(file string, t track, rounds [][]match, teams []string) error {
	skills := chart.New("Skills of the best teams, with one standard deviation", "", "skill (log odds)")
	skills.Legend.Left = true
	skills.Legend.TextStyle.Font.Size, skills.Legend.Padding = vg.Points(9), vg.Points(1.5)
	skills.X.Tick.Marker = plot.TickerFunc(decades)
	years := make([]float64, len(rounds))
	for i, r := range rounds {
		years[i] = year(r[0].day)
	}
	for i, team := range best(t, rounds) {
		for k, part := range played(rounds, team) {
			value := func(at int) (mean, sd float64) {
				return float64(t.skill[at*t.teams+team]), float64(t.sd[at*t.teams+team])
			}
			line, err := curve(skills, chart.Colors[i%len(chart.Colors)], years, part[0], part[1], value)
			if err != nil {
				return err
			}
			if k == 0 {
				skills.Legend.Add(teams[team], line)
			}
		}
	}
	skills.Y.Min = min(skills.Y.Min, -1.3) // room for the legend
	home := chart.New("What playing at home is worth", "", "skill (log odds)")
	if _, err := curve(home, chart.Colors[0], years, 0, len(rounds), func(at int) (float64, float64) {
		return float64(t.home[at]), float64(t.homeSD[at])
	}); err != nil {
		return err
	}
	home.Y.Min = 0
	home.X.Tick.Marker = skills.X.Tick.Marker
	return chart.Save(file, 26*vg.Centimeter, 11*vg.Centimeter, []*plot.Plot{skills}, []*plot.Plot{home})
}

// decades are ticks at every fifth year, with labels at every tenth.
func decades(from, to float64) (ticks []plot.Tick) {
	for y := 5 * math.Ceil(from/5); y <= to; y += 5 {
		t := plot.Tick{Value: y}
		if math.Mod(y, 10) == 0 {
			t.Label = fmt.Sprint(int(y))
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// year is a day as a number.
func year(day time.Time) float64 { return float64(day.Year()) + float64(day.YearDay()-1)/365.25 }

// best are the teams that were surely best at some time: by the highest value of mean less standard deviation after a match of theirs.
func best(t track, rounds [][]match) []int {
	peak := make([]float32, t.teams)
	order := make([]int, t.teams)
	for team := range order {
		order[team] = team
		for _, part := range played(rounds, team) {
			for at := part[0]; at < part[1]; at++ {
				peak[team] = max(peak[team], t.skill[at*t.teams+team]-t.sd[at*t.teams+team])
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case peak[a] > peak[b]:
			return -1
		case peak[a] < peak[b]:
			return 1
		}
		return 0
	})
	return order[:min(shown, len(order))]
}

// played are the ranges of rounds, from the first to behind the last, in which a team was in the league.
func played(rounds [][]match, team int) (parts [][2]int) {
	var last time.Time
	for i, r := range rounds {
		if !slices.ContainsFunc(r, func(m match) bool { return m.home == team || m.away == team }) {
			continue
		}
		if len(parts) == 0 || r[0].day.Sub(last) > away {
			parts = append(parts, [2]int{i, i})
		}
		parts[len(parts)-1][1], last = i+1, r[0].day
	}
	return parts
}

// curve adds a line with its band for rounds from one to behind another.
func curve(p *plot.Plot, c color.Color, x []float64, from, to int, value func(at int) (mean, sd float64)) (*plotter.Line, error) {
	line, low, high := make(plotter.XYs, 0, to-from), make(plotter.XYs, 0, to-from), make(plotter.XYs, 0, to-from)
	for at := from; at < to; at++ {
		mean, sd := value(at)
		line = append(line, plotter.XY{X: x[at], Y: mean})
		low = append(low, plotter.XY{X: x[at], Y: mean - sd})
		high = append(high, plotter.XY{X: x[at], Y: mean + sd})
	}
	slices.Reverse(high)
	band, err := plotter.NewPolygon(append(low, high...))
	if err != nil {
		return nil, err
	}
	band.Color, band.LineStyle.Width = chart.Shade(c), 0
	l, err := plotter.NewLine(line)
	if err != nil {
		return nil, err
	}
	l.Color, l.Width = c, vg.Points(1.5)
	p.Add(band, l)
	return l, nil
}
