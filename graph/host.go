package graph

// Host is a tensor on the host as the evaluator sees it: whatever its dtype, each element is a
// float64, which holds every int32 and uint32 exactly; booleans are 0 and 1.
type Host struct {
	Spec
	V []float64
}

func newHost(s Spec) *Host { return &Host{Spec: s, V: make([]float64, s.Shape.Size())} }

// next steps a multi-index over shape in row-major order and reports whether it wrapped round.
func next(idx []int, shape Shape) bool {
	for i := len(idx) - 1; i >= 0; i-- {
		idx[i]++
		if idx[i] < shape[i] {
			return false
		}
		idx[i] = 0
	}
	return true
}

// offset is the row-major position of idx.
func offset(idx []int, strides []int) int {
	o := 0
	for i, x := range idx {
		o += x * strides[i]
	}
	return o
}

// each calls f with every index of shape and its row-major position.
func each(shape Shape, f func(pos int, idx []int)) {
	idx := make([]int, len(shape))
	for pos := range shape.Size() {
		f(pos, idx)
		next(idx, shape)
	}
}
