package shaders

import "fmt"

// Windows says that operand B of a matrix product is not written out: it is read out of an image, of which its stored rows are the windows, one a
// position. All values count elements. Row r begins at r/Width*Jump + r%Width*LDB, and element c of a row lies c/Run*Segment + c%Run behind that,
// both divisions rounding down: an image with channels next to each other has Width windows to a line, and a window has one run of elements from
// each line that it reaches over. The zero value says that B is a matrix like any other.
//
// In the form NN the rows are the positions k, in NT the columns of the result. There is no form TN. Rows of the form NN may go on in more images: where Lines is not 0,
// an image has so many lines of windows, and the next begins Image behind it.
type Windows struct{ Width, Jump, Run, Segment, Lines, Image int }

// WindowsPushWords is the number of push constant words of kernels that read windows: those of all products, and more.
const WindowsPushWords = MatMulPushWords + 7

// row is where row r begins.
func (w Windows) row(r, ld int) int {
	line, at := r/w.Width, r%w.Width*ld
	if w.Lines > 0 {
		line, at = line%w.Lines, at+line/w.Lines*w.Image
	}
	return at + line*w.Jump
}

// words are the push constants beside those of all products.
func (w Windows) words(rows, ld int) []uint32 {
	return []uint32{uint32(w.Width), uint32(w.Jump), uint32(w.Run), uint32(w.Segment), uint32(w.row(rows-1, ld)), uint32(w.Lines), uint32(w.Image)}
}

// check reports what the kernels do not read, for rows of so many elements.
func (w Windows) check(f MatMulForm, cols, ld int) error {
	switch {
	case f == MatMulTN:
		return fmt.Errorf("shaders: matmul: windows as the second operand of the form %s: use nn", f)
	case f == MatMulNN && w.Width < 4:
		return fmt.Errorf("shaders: matmul: %d windows a line, fewer than 4: write the windows out", w.Width)
	case f == MatMulNT && w.Lines != 0:
		return fmt.Errorf("shaders: matmul: windows of several images as the second operand of the form %s: number the products by image", f)
	case w.Width < 1 || w.Run < 4 || w.Run%4 != 0 || w.Jump%4 != 0 || w.Segment%4 != 0 || w.Image%4 != 0 || cols%w.Run != 0:
		return fmt.Errorf("shaders: matmul: windows of %d elements in %+v: runs and steps are multiples of 4, and windows have whole runs", cols, w)
	case w.Jump < (w.Width-1)*ld || w.Segment < w.Run || w.Lines > 0 && w.Image < (w.Lines-1)*w.Jump+(w.Width-1)*ld:
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
