package graph_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// moments is a state as optimizers have it: structs, slices, a count.
type moments struct {
	Layers []layer
	Count  graph.Tensor
	Moment struct{ First, Second []layer }
	Rate   float64
}

type layer struct{ W, B graph.Tensor }

// TestReplayAllocatesNothing: a compiled step on its own memory, run again, leaves nothing to the garbage collector and takes nothing from the device.
func TestReplayAllocatesNothing(t *testing.T) {
	step := func(check bool) func(s moments, x graph.Tensor) moments {
		return func(s moments, x graph.Tensor) moments {
			if check {
				x = x.Check(x.IsFinite(), "data must be finite")
			}
			grads := graph.Grad(func(layers []layer) graph.Tensor {
				h := x
				for _, l := range layers {
					h = h.MatMul(l.W).Add(l.B).Tanh()
				}
				return h.Square().Mean()
			})(s.Layers)
			next := s
			next.Layers, next.Moment.First = nil, nil
			for i, g := range grads {
				m := s.Moment.First[i]
				m = layer{m.W.Scale(0.9).Add(g.W), m.B.Scale(0.9).Add(g.B)}
				next.Moment.First = append(next.Moment.First, m)
				next.Layers = append(next.Layers, layer{s.Layers[i].W.Sub(m.W.Scale(s.Rate)), s.Layers[i].B.Sub(m.B.Scale(s.Rate))})
			}
			next.Count = s.Count.Add(graph.Scalar(1))
			return next
		}
	}
	for name, check := range map[string]bool{"one submission": false, "with checks": true} {
		t.Run(name, func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, d *gpu.Device) {
				ctx, cancel := context.WithCancel(t.Context()) // as a program's main has it
				defer cancel()
				upload := func(n int, shape ...int) graph.Tensor {
					v := make([]float32, n)
					for i := range v {
						v[i] = float32(i%7)/7 - 0.4
					}
					x, err := graph.FromSlice(d, v, shape...)
					require.NoError(t, err)
					return x
				}
				layers := func() []layer { return []layer{{upload(32, 8, 4), upload(4, 4)}, {upload(8, 4, 2), upload(2, 2)}} }
				s := moments{Layers: layers(), Count: upload(1, 1), Rate: 0.01}
				s.Moment.First, s.Moment.Second = layers(), layers()
				x := upload(40, 5, 8)
				f := graph.JitInPlace2(d, step(check))
				run := func() {
					got, err := f(ctx, s, x)
					if err != nil || got.Count != s.Count {
						t.Error(err, got)
					}
				}
				run()
				run() // the second one records with the final memory
				before := d.Stats()
				// The least of some: the process's own machinery allocates now and then, and under the race detector a sync.Pool forgets things.
				least := testing.AllocsPerRun(3, run)
				for try := 0; try < 300 && least > 0; try++ {
					least = min(least, testing.AllocsPerRun(1, run))
				}
				require.Zero(t, least, "Go allocations of a step")
				require.NoError(t, d.Wait(ctx))
				after := d.Stats()
				before.Submissions, after.Submissions = 0, 0
				require.Equal(t, before, after)
				require.NoError(t, graph.Close(s))
				require.NoError(t, x.Close())
			})
		})
	}
}
