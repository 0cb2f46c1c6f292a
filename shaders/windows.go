package shaders

import "fmt"

// Windows says that operand B of a matrix product is not written out: it is read out of an image, of which its stored rows are the windows, one a
// position. All values count elements. Row r begins at r/Width*Jump + r%Width*LDB, and element c of a row lies c/Run*Segment + c%Run behind that,
// both divisions rounding down: an image with channels next to each other has Width windows to a line, and a window has one run of elements from
// each line that it reaches over. The zero value says that B is a matrix like any other.
//
// In the form NN the rows are the positions k, in NT the columns of the result. There is no form TN.
type Windows struct{ Width, Jump, Run, Segment int }

// WindowsPushWords is the number of push constant words of kernels that read windows: those of all products, and more.
const WindowsPushWords = MatMulPushWords + 5

// row is where row r begins.
func (w Windows) row(r, ld int) int { return r/w.Width*w.Jump + r%w.Width*ld }

// words are the push constants beside those of all products.
func (w Windows) words(rows, ld int) []uint32 {
	return []uint32{uint32(w.Width), uint32(w.Jump), uint32(w.Run), uint32(w.Segment), uint32(w.row(rows-1, ld))}
}

// check reports what the kernels do not read, for rows of so many elements.
func (w Windows) check(f MatMulForm, cols, ld int) error {
	switch {
	case f == MatMulTN:
		return fmt.Errorf("shaders: matmul: windows as the second operand of the form %s: use nn", f)
	case f == MatMulNN && w.Width < 4:
		return fmt.Errorf("shaders: matmul: %d windows a line, fewer than 4: write the windows out", w.Width)
	case w.Width < 1 || w.Run < 4 || w.Run%4 != 0 || w.Jump%4 != 0 || w.Segment%4 != 0 || cols%w.Run != 0:
		return fmt.Errorf("shaders: matmul: windows of %d elements in %+v: runs and steps are multiples of 4, and windows have whole runs", cols, w)
	case w.Jump < (w.Width-1)*ld || w.Segment < w.Run:
		return fmt.Errorf("shaders: matmul: windows %+v go back: addresses must grow with the row and with the element", w)
	}
	return nil
}

// ReadsWindows reports that products on the target may read windows out of an image.
func (t MatMulTarget) ReadsWindows() bool {
	for _, v := range t.variants() {
		if v.windows {
			return t.Rounding == Unrounded
		}
	}
	return false
}
