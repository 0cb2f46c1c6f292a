package sheet

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSave(t *testing.T) {
	black := make([]byte, 28*28)
	for i := range black {
		black[i] = 255
	}
	s := Sheet{Title: "title", Columns: 2, Tiles: []Tile{{Image: black, Bar: &Bar{Share: 0.5, Color: Green}}, {}, {Caption: []Line{{Text: "a"}, {Text: "b"}}}}}
	file := filepath.Join(t.TempDir(), "sheet.png")
	require.NoError(t, s.Save(file))
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, gap+2*(digit+gap), picture.Bounds().Dx())
	assert.Equal(t, header+2*(digit+2*line+6+gap), picture.Bounds().Dy())
	// The digit is ink, the bar half full.
	r, _, _, _ := picture.At(gap+digit/2, header+digit/2).RGBA()
	assert.Zero(t, r)
	assert.Equal(t, Green, picture.At(gap+digit/4, header+digit+8))
	assert.Equal(t, empty, picture.At(gap+digit*3/4, header+digit+8))

	s.Tiles[1].Image = black[:10]
	assert.ErrorContains(t, s.Save(file), "tile 1 has 10 pixels")
	assert.ErrorIs(t, Sheet{Columns: 1}.Save(filepath.Join(t.TempDir(), "missing", "x.png")), os.ErrNotExist)
}
