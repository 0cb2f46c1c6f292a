package graph

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// leaveOut switches passes off for the length of a test.
func leaveOut(t *testing.T, passes ...string) {
	alsoOff = passes
	t.Cleanup(func() { alsoOff = nil })
}

// Results do not need any pass: with each left out, a sixth of the ops gives the values that it should in one of its cases, another sixth and
// another case for each pass, and so do a random program in two modes and an update in place; with all left out, all ops and modes.
// LAVAGRAD_DEBUG=without=PASS runs any test like that.
func TestWithoutPasses(t *testing.T) {
	for i := range len(gpu.Passes()) + 1 {
		passes, name := gpu.Passes(), "all"
		if i < len(passes) {
			name, passes = passes[i], passes[i:i+1]
		}
		t.Run(name, func(t *testing.T) {
			leaveOut(t, passes...)
			gputest.Each(t, func(t *testing.T, dev *gpu.Device) { // a device for each: programs are kept with it
				every := i == len(gpu.Passes())
				for k, op := range Ops() {
					cases := op.Cases()
					if len(cases) == 0 || !every && (k+i)%6 != 0 {
						continue
					}
					c := cases[i%len(cases)]
					if c.float64() && !hasFloat64(dev) {
						continue
					}
					in, _ := c.build(t, dev)
					outs := c.apply(in)
					compareOnDevice(t, dev, outs, 1e-6, c.tolerance(), caseName(c))
					closeAll(in, outs...)
				}
				checkInPlace(t, dev)
				for j, mode := range modes {
					if !every && j != i%len(modes) && j != (i+2)%len(modes) {
						continue
					}
					seed := uint64(50_000 + 10*i + j)
					t.Run(fmt.Sprintf("%d %s", seed, mode), func(t *testing.T) { seeded(seed).check(t, dev, Float32, mode) })
				}
			})
		})
	}
}

// checkInPlace swaps two arrays, and moves them, in place: one of each pair can be written straight over its old value at most.
func checkInPlace(t *testing.T, dev *gpu.Device) {
	spec := Spec{Float32, Shape{3}}
	state := [2]Tensor{upload(t, dev, spec, []float64{1, 2, 3}), upload(t, dev, spec, []float64{4, 5, 6})}
	f := JitInPlace(dev, func(s [2]Tensor) [2]Tensor { return [2]Tensor{s[1].AddScalar(1), s[0].Scale(2)} })
	for range 2 {
		var err error
		state, err = f(t.Context(), state)
		require.NoError(t, err)
	}
	require.Equal(t, []float64{3, 5, 7}, readAny(t, dev, state[0]))
	require.Equal(t, []float64{10, 12, 14}, readAny(t, dev, state[1]))
	closeAll(state[:])
}
