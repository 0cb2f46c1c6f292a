package graph

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// A round whose loop inside takes longer than a dispatch may, by the model, as many steps between kept states do: that loop goes on from dispatch to
// dispatch, also past the 65,535 iterations after which lavapipe ends loops.
func TestLongRoundsInLanes(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		const inside = 90_000
		f := func(x Tensor) Tensor {
			_, ys := Scan(func(c Tensor, _ struct{}) (Tensor, Tensor) {
				c, _ = Scan(func(c Tensor, _ struct{}) (Tensor, struct{}) { return c.AddScalar(1).Rem(Int(65_521)), struct{}{} }, c, struct{}{}, Rounds(inside))
				return c.AddScalar(1), c
			}, x, struct{}{}, Rounds(3))
			return ys
		}
		x := upload(t, dev, Spec{Int32, Shape{7}}, []float64{0, 1, 5, 65_520, 3, 9, 40_000})
		defer x.Close()
		var want []float64
		v := readAny(t, dev, x)
		for range 3 {
			for i := range v {
				v[i] = math.Mod(v[i]+inside, 65_521)
				want = append(want, v[i])
				v[i]++
			}
		}
		for _, m := range []LaneMode{LanesAuto, LanesAlways} {
			y, err := Jit(dev, f, Lanes(m))(ctx, x)
			require.NoError(t, err)
			require.Equal(t, want, readAny(t, dev, y))
			y.Close()
		}
	})
}

// What takes longer than a dispatch may, by the model, is cut at the level where that is possible.
func TestLongRoundsAreCut(t *testing.T) {
	profile := gputest.Open(t).Profile()
	profile.MaxIterations = 0
	for name, c0 := range map[string]struct{ inside, outside, loops, nested int }{
		"all in one":       {10, 20, 0, 0},
		"rounds of rounds": {1000, 200_000, 1, 0},
		"the loop inside":  {4_000_000, 20, 3, 2}, // the loop around goes two rounds at a time, each with that loop
	} {
		t.Run(name, func(t *testing.T) {
			x, v := stand(Spec{Float32, Shape{5}}), stand(Spec{Float32, Shape{5}})
			y, _ := Scan(func(c Tensor, _ struct{}) (Tensor, struct{}) {
				c, _ = Scan(func(c Tensor, _ struct{}) (Tensor, struct{}) { return c.Sin().Add(Tensor{v}), struct{}{} }, c, struct{}{}, Rounds(c0.inside), Rolled())
				return c.Scale(0.5), struct{}{}
			}, Tensor{x}, struct{}{}, Rounds(c0.outside), Rolled())
			outputs := (&executable{}).addChecks([]*node{y.n}, true, planOptions{})
			steps := passes(outputs, profile, jitConfig{checks: true})
			assert.True(t, steps.inLanes)
			assert.Len(t, steps.loops, c0.loops)
			nested := 0
			for i, r := range steps.loops {
				for k, in := range steps.loops {
					if i != k && r.first <= in.first && in.last <= r.last && r.last-r.first > in.last-in.first {
						nested++
					}
				}
			}
			assert.Equal(t, c0.nested, nested)
		})
	}
}
