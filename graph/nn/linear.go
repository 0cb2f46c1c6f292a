package nn

import "github.com/lavagrad/lavagrad/graph"

// Linear is x W + b for x [... in], W [in out] and b [out].
type Linear struct{ W, B graph.Tensor }

// Apply gives x W + b.
func (l Linear) Apply(x graph.Tensor) graph.Tensor { return x.MatMul(l.W).Add(l.B) }
