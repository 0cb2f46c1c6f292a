package graph

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

var randomPrograms = flag.Int("random", 60, "how many random programs to run on each driver")

// program builds a random graph. Values stay of the order of one, so that float32 and float64 agree.
type program struct {
	rng  *rand.Rand
	pool []Tensor
}

var lengths = []int{1, 2, 3, 4, 5, 7, 8, 12, 16, 33, 64, 100, 256, 1000, 4096}

func (p *program) shape(limit int) Shape {
	for {
		s := make(Shape, p.rng.IntN(4))
		for i := range s {
			s[i] = lengths[p.rng.IntN(len(lengths))]
		}
		if s.Size() <= limit {
			return s
		}
	}
}

func (p *program) pick() Tensor { return p.pool[p.rng.IntN(len(p.pool))] }

const largestRandom = 60_000 // elements: the evaluator must be quick

// step adds one op to the pool, or nothing where the operands drawn do not fit.
func (p *program) step() {
	x := p.pick()
	s := x.Shape()
	axis := 0
	if len(s) > 0 {
		axis = p.rng.IntN(len(s))
	}
	var y Tensor
	switch p.rng.IntN(14) {
	case 0:
		y = x.Tanh()
	case 1:
		y = x.Sigmoid().AddScalar(-0.5)
	case 2:
		y = x.ReLU().Sub(x.Scale(0.25))
	case 3, 4:
		u := p.pick()
		shape, err := broadcastShapes(s, u.Shape())
		if err != nil || shape.Size() > largestRandom {
			return
		}
		y = x.Mul(u).Tanh()
		if p.rng.IntN(2) == 0 {
			y = Where(x.Lt(u), x, u)
		}
	case 5, 6:
		if len(s) == 0 {
			return
		}
		if y = x.Mean(axis); p.rng.IntN(3) == 0 {
			y = x.ReduceMax(axis)
		}
		if p.rng.IntN(4) == 0 {
			y = x.LogSumExp().Scale(0.1)
		}
	case 7:
		perm := p.rng.Perm(len(s))
		y = x.Transpose(perm...)
	case 8:
		if len(s) < 2 {
			return
		}
		merged := append(Shape{s[0] * s[1]}, s[2:]...)
		y = x.Reshape(merged...)
	case 9:
		if len(s) == 0 || s[axis] < 3 {
			return
		}
		y = x.SliceStep(axis, 1, s[axis], 1+p.rng.IntN(2))
	case 10:
		if len(s) == 0 || x.Size()*2 > largestRandom {
			return
		}
		y = x.Pad(axis, p.rng.IntN(3), p.rng.IntN(3))
	case 11:
		if len(s) == 0 || x.Size()*2 > largestRandom {
			return
		}
		y = Concat(axis, x, x.Neg())
	case 12:
		if len(s) != 2 {
			return
		}
		k := 1 + p.rng.IntN(40)
		w := Iota(0, s[1], k).AsFloat().Scale(0.37).Add(Iota(1, s[1], k).AsFloat()).Sin()
		y = x.MatMul(w).Scale(1 / float64(s[1]))
	case 13:
		if len(s) == 0 || s.Size()*3 > largestRandom {
			return
		}
		y = x.ExpandDims(-1).Mul(Literal([]float32{0.5, -1, 2}))
		y = y.Tanh()
	}
	p.pool = append(p.pool, y)
}

// Random programs give on the device what the evaluator gives, with everything fused as the compiler sees
// fit, and with every node an array of its own.
func TestRandomPrograms(t *testing.T) {
	n := *randomPrograms
	if testing.Short() {
		n = min(n, 20)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for seed := range n {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				ctx := context.Background()
				p := &program{rng: rand.New(rand.NewPCG(uint64(seed), 7))}
				var inputs []Tensor
				for range 2 + p.rng.IntN(2) {
					s := Spec{Float32, p.shape(20_000)}
					x := upload(t, dev, s, draw(p.rng, Sample{Spec: s, Lo: -1, Hi: 1}))
					inputs = append(inputs, x)
				}
				p.pool = append(p.pool, inputs...)
				for range 12 {
					p.step()
				}
				outs := p.pool[max(len(inputs), len(p.pool)-3):]
				want := make([][]float64, len(outs))
				for i, y := range outs {
					v, err := Reference(ctx, y)
					require.NoError(t, err)
					want[i] = v
				}
				require.NoError(t, EvalOn(ctx, dev, outs))
				for i, y := range outs {
					// Intermediate values are of the order of one: so are the rounding errors of sums that cancel.
					requireCloseTo(t, 1, want[i], readAny(t, dev, y), 1e-5, fmt.Sprintf("result %d %v", i, y.Spec()))
				}
				closeAll(inputs, outs...)
			})
		}
	})
}
