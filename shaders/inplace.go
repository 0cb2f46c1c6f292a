package shaders

// MayOverwrite reports that output number out (in the order of Store) may be stored over the array of argument in, which has as many elements:
// no other output's value loads that array, and this one's only the element in whose place it is stored. Each
// store then depends on the only load of its element, so nothing can exchange them.
func (f *Fused) MayOverwrite(in, out int) bool {
	place := f.outputs[out].at.String()
	for i, o := range f.outputs {
		seen := map[*Expr]bool{}
		var clear func(e *Expr) bool
		clear = func(e *Expr) bool {
			if seen[e] {
				return true
			}
			seen[e] = true
			if e.kind == loadExpr && e.arg == in && (i != out || e.at.String() != place) {
				return false
			}
			for _, x := range e.operands() {
				if !clear(x) {
					return false
				}
			}
			return true
		}
		if !clear(o.value) {
			return false
		}
	}
	return true
}
