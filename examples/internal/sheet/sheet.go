// Package sheet draws contact sheets of digits.
package sheet

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Colours of captions.
var (
	Ink   = color.RGBA{0x22, 0x22, 0x22, 0xff}
	Pale  = color.RGBA{0x77, 0x77, 0x77, 0xff}
	Red   = color.RGBA{0xb8, 0x26, 0x1a, 0xff}
	Green = color.RGBA{0x1d, 0x6f, 0x42, 0xff}

	paper = color.RGBA{0xfb, 0xfa, 0xf7, 0xff}
	empty = color.RGBA{0xdd, 0xda, 0xd2, 0xff}
)

// The layout, in pixels of the picture.
const (
	enlarge = 3
	digit   = enlarge * 28
	gap     = 16 // between tiles and round the sheet
	line    = 16 // height of a line of a caption
	header  = 62 // two lines above all
)

// Sheet is a contact sheet.
type Sheet struct {
	Title, Subtitle string
	Columns         int
	Tiles           []Tile
}

// Tile is a digit with what is said of it.
type Tile struct {
	Image   []byte // 28 x 28, 0 is paper; nil for none
	Caption []Line
	Bar     *Bar // below the caption, if there is one
}

// Line is a line of a caption.
type Line struct {
	Text   string
	Color  color.RGBA
	Strong bool
}

// Bar shows a share, 0 to 1.
type Bar struct {
	Share float64
	Color color.RGBA
}

// Save writes the sheet as a PNG file.
func (s Sheet) Save(file string) error {
	sheet, err := s.Draw()
	if err != nil {
		return fmt.Errorf("sheet: drawing: %w", err)
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("sheet: writing: %w", err)
	}
	defer f.Close()
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(f, sheet); err != nil {
		return fmt.Errorf("sheet: writing: %w", err)
	}
	return f.Close()
}

// Draw gives the sheet as a picture.
func (s Sheet) Draw() (*image.RGBA, error) {
	if s.Columns < 1 {
		return nil, fmt.Errorf("%d columns", s.Columns)
	}
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
	caption := 0
	for _, t := range s.Tiles {
		height := line*len(t.Caption) + 6
		if t.Bar != nil {
			height += line / 2
		}
		caption = max(caption, height)
	}
	rows := max((len(s.Tiles)+s.Columns-1)/s.Columns, 1)
	sheet := image.NewRGBA(image.Rect(0, 0, gap+s.Columns*(digit+gap), header+rows*(digit+caption+gap)))
	fill(sheet, sheet.Bounds(), paper)
	write(sheet, bold, Ink, gap, 28, s.Title)
	write(sheet, plain, Pale, gap, 48, s.Subtitle)
	for i, t := range s.Tiles {
		at := image.Pt(gap+i%s.Columns*(digit+gap), header+i/s.Columns*(digit+caption+gap))
		if t.Image != nil {
			if len(t.Image) != 28*28 {
				return nil, fmt.Errorf("tile %d has %d pixels, want 28 x 28", i, len(t.Image))
			}
			drawDigit(sheet, at, t.Image)
		}
		y := at.Y + digit - 1
		for _, l := range t.Caption {
			y += line
			f := plain
			if l.Strong {
				f = strong
			}
			write(sheet, f, l.Color, at.X, y, l.Text)
		}
		if t.Bar != nil {
			whole := image.Rect(at.X, y+6, at.X+digit, y+12)
			fill(sheet, whole, empty)
			whole.Max.X = at.X + int(max(0, min(1, t.Bar.Share))*digit+0.5)
			fill(sheet, whole, t.Bar.Color)
		}
	}
	return sheet, nil
}

func fill(sheet *image.RGBA, where image.Rectangle, c color.RGBA) {
	draw.Draw(sheet, where, image.NewUniform(c), image.Point{}, draw.Src)
}

// drawDigit enlarges a digit, dark on white, its upper left corner at a point.
func drawDigit(sheet *image.RGBA, at image.Point, raw []byte) {
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
