package graph

import (
	"fmt"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// rowLoops read what the rounds of a loop inside give; rolled loops, as short ones are written out. x is of the sample, [3]; w [40 3] is shared.
var rowLoops = map[string]func(x, w Tensor) Tensor{
	"summed, and read at known and at computed places": func(x, w Tensor) Tensor {
		return Fori(0, 20, func(i, c Tensor) Tensor {
			type out struct{ A, B Tensor }
			last, ys := Scan(func(d, v Tensor) (Tensor, out) {
				d = d.Scale(0.9).Add(v.Tanh().Scale(0.1))
				return d, out{d.Square(), d.Sum()}
			}, c, w, Rolled())
			return last.Scale(0.5).Add(ys.A.Mean(0)).Add(ys.B.Index(0, 7)).Sub(ys.B.Take(0, i.ExpandDims(0)).Sum()).Add(x).Scale(0.3)
		}, x)
	},
	"in reverse, handed to another loop": func(x, w Tensor) Tensor {
		return Fori(0, 20, func(i, c Tensor) Tensor {
			_, ys := Scan(func(d, v Tensor) (Tensor, Tensor) { d = d.Add(v).Sin(); return d, d.Add(c) }, c, w, Rolled(), Reverse())
			last, zs := Scan(func(d, y Tensor) (Tensor, Tensor) { d = d.Scale(0.5).Add(y.Scale(0.1)); return d, d.Dot(y) }, c, ys, Rolled())
			return last.Add(zs.Mean()).Scale(0.5)
		}, x)
	},
	"of every round, without a carry": func(x, w Tensor) Tensor {
		return Fori(0, 20, func(i, c Tensor) Tensor {
			_, ys := Scan(func(n, v Tensor) (Tensor, Tensor) { return n, v.Mul(c).Sum().Lt(Scalar(0.1)) }, Int(0), w, Rolled())
			return c.Scale(0.9).Add(ys.AsFloat().Mean()).Tanh()
		}, x)
	},
	"the same for all lanes": func(x, w Tensor) Tensor {
		return Fori(0, 20, func(i, c Tensor) Tensor {
			_, ys := Scan(func(n, v Tensor) (Tensor, Tensor) { n = n.Add(v.Sum().Add(i.AsFloat()).Sin()); return n, n }, Scalar(0), w, Rolled())
			return c.Scale(0.9).Add(ys.Mean().Scale(0.1))
		}, x)
	},
	"gradients of a loop": func(x, w Tensor) Tensor { // a step against the gradient of what a recurrence says of the data
		loss := func(v Tensor) Tensor {
			last, ys := Scan(func(h, row Tensor) (Tensor, Tensor) { h = h.Mul(v).Add(row).Tanh(); return h, h.Sum() }, v.Scale(0.1), w, Rolled())
			return last.Square().Sum().Add(ys.Square().Mean())
		}
		return Fori(0, 12, func(i, c Tensor) Tensor { return c.Sub(Grad(loss)(c).Clamp(-1, 1).Scale(0.02)) }, x)
	},
	"of a loop in a while": func(x, w Tensor) Tensor {
		type state struct{ C, N Tensor }
		s := While(func(s state) Tensor { return s.N.Lt(Int(9)).And(dice(x, s.N).Ne(Int(11))) }, func(s state) state {
			_, ys := Scan(func(d, v Tensor) (Tensor, Tensor) { d = d.Scale(0.8).Add(v.Scale(0.1)); return d, d }, s.C, w, Rolled())
			return state{ys.Mean(0).Add(s.C.Scale(0.5)), s.N.AddScalar(1)}
		}, state{x, Int(0)})
		return s.C
	},
}

func TestRowsInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for name, f := range rowLoops {
			for _, b := range []int{1, 19} {
				if b == 1 && testing.Short() {
					continue
				}
				t.Run(fmt.Sprint(name, "/", b), func(t *testing.T) { requireLanes(t, dev, f, b, false) })
			}
		}
	})
}
