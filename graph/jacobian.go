package graph

import "slices"

// JacRev is the Jacobian of f, from a tree to one float tensor, by reverse mode: one backward pass mapped over
// the elements of the output, which suits few outputs and many inputs. The result is a tree like p in which
// the leaf of shape S has become the derivatives [out..., S...]: element (i, j) is d f_i / d p_j. For f from
// one tensor to another that is the usual Jacobian. Integer and bool leaves have float32 zeros.
func JacRev[P any](f func(P) Tensor) func(P) P {
	return func(p P) P {
		y, pull := VJP(f, p)
		jacobianOutput("jacrev", y)
		in := leavesOf("jacrev", p)
		rows := Vectorize("jacrev", func(ct []Tensor) []Tensor { return leavesOf("jacrev", pull(ct[0])) },
			[]Tensor{unitVectors(y.Spec())}, []int{0}, func(int, int) (int, bool) { return 0, false })
		for i, r := range rows {
			rows[i] = r.Reshape(slices.Concat(y.Shape(), in[i].Shape())...)
		}
		return rebuild("jacrev", p, rows)
	}
}

// JacFwd is JacRev by forward mode: one forward pass mapped over the elements of each leaf of p, which suits few
// inputs and many outputs. f runs once.
func JacFwd[P any](f func(P) Tensor) func(P) P {
	return func(p P) P {
		in := leavesOf("jacfwd", p)
		tr := newTrace("jacfwd")
		defer tr.close()
		fresh := tr.aliases(in)
		y := []Tensor{f(rebuild("jacfwd", p, fresh))}
		jacobianOutput("jacfwd", y[0])
		order := recordSince(y, fresh)
		columns := make([]Tensor, len(in))
		for i, x := range in {
			shape := slices.Concat(y[0].Shape(), x.Shape())
			if !x.DType().IsFloat() {
				columns[i] = Zeros(shape...)
				continue
			}
			columns[i] = Vectorize("jacfwd", func(t []Tensor) []Tensor {
				along := make([]Tensor, len(in)) // zero Tensors: the other leaves stay
				along[i] = t[0]
				return pushAlong(order, fresh, along, y)
			}, []Tensor{unitVectors(x.Spec())}, []int{0}, func(int, int) (int, bool) { return -1, false })[0].Reshape(shape...)
		}
		return rebuild("jacfwd", p, columns)
	}
}

func jacobianOutput(what string, y Tensor) {
	if !y.must(what).spec.DType.IsFloat() {
		fail(what, ErrDType, "return floats, for example with AsFloat", "the function returned %v, which has no derivative", y.Spec())
	}
}

// unitVectors are the tensors of a spec that have one 1 and otherwise zeros, stacked in row-major order.
func unitVectors(s Spec) Tensor {
	n := s.Shape.Size()
	return Iota(0, n, n).Eq(Iota(1, n, n)).Convert(s.DType).Reshape(s.Shape.prepend(n)...)
}
