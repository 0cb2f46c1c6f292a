package graph

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/gpu/tune"
)

// aheadState is a loop's: a position, how often it went round, and a word that the rounds before decide.
type aheadState struct{ X, N, Word Tensor }

// aheadLoops draw numbers in every round, which a kernel with lanes may do for several rounds together.
var aheadLoops = map[string]func(s aheadState, k0, k1 Tensor) Tensor{
	"pairs": func(s aheadState, k0, k1 Tensor) Tensor {
		z0, z1 := NormalPair(Threefry(k0, k1, s.N, s.N.Like(1)))
		return z0.Add(z1.Scale(0.5))
	},
	"a key for every round": func(s aheadState, k0, k1 Tensor) Tensor {
		k0, k1 = Threefry(k0, k1, s.N, s.N.Like(1<<31))
		w0, _ := Threefry(k0, k1, s.N.Like(3), s.N.Like(0))
		return NormalOfWord(w0)
	},
	"a condition": func(s aheadState, k0, k1 Tensor) Tensor {
		w0, w1 := Threefry(k0, k1, s.N.Like(5), s.N)
		return Where(ProbabilityOfWord(w0).Lt(s.X.Like(0.3)), UniformOfWord(w1), s.X.Scale(0.125))
	},
	"by rejection": func(s aheadState, k0, k1 Tensor) Tensor { return GammaOfCounter(k0, k1, s.N, s.X.Like(1.5)) },
	"a word of the round before": func(s aheadState, k0, k1 Tensor) Tensor {
		w0, _ := Threefry(k0, k1, s.Word, s.N)
		return UniformOfWord(w0)
	},
	"a loop inside": func(s aheadState, k0, k1 Tensor) Tensor {
		type inner struct{ Sum, At Tensor }
		last, _ := Scan(func(c inner, _ struct{}) (inner, struct{}) {
			w0, w1 := Threefry(k0, k1, c.At, s.N)
			z0, z1 := NormalPair(w0, w1)
			return inner{c.Sum.Add(z0.Mul(z1)), c.At.AddScalar(1)}, struct{}{}
		}, inner{s.X.Like(0), s.N.Like(7)}, struct{}{}, Rounds(6))
		return last.Sum.Scale(0.1)
	},
}

// TestDrawsAhead: what a kernel with lanes computes for several rounds together is what the rounds compute, for all numbers of rounds and in
// dispatches that go on.
func TestDrawsAhead(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		old, most := inspectKernel, mostLaneRounds
		defer func() { inspectKernel, mostLaneRounds = old, most }()
		vectors, ahead := false, tune.Target(profileOf(dev)).Ahead
		inspectKernel = func(name string, code []uint32) {
			vectors = vectors || strings.HasPrefix(name, "lanes") && hasWordVectors(code, ahead)
			if old != nil {
				old(name, code)
			}
		}
		for name, draw := range aheadLoops {
			for i, rounds := range []int{1, 2, 4, 5, 7, 11} {
				mostLaneRounds = []int{most, 3, most, 4, 5, most}[i]
				f := func(keys Tensor) Tensor {
					return Vectorize("vmap", func(in []Tensor) []Tensor {
						k0, k1 := in[0].Index(0, 0), in[0].Index(0, 1)
						last, ys := Scan(func(s aheadState, _ struct{}) (aheadState, Tensor) {
							x := draw(s, k0, k1).Add(s.X.Scale(0.5))
							return aheadState{x, s.N.AddScalar(1), s.Word.Mul(s.Word.Like(1664525)).Add(x.Gt(x.Like(0.4)).Convert(Uint32))}, x
						}, aheadState{Scalar(1), Full(Uint32, 9), Full(Uint32, 2)}, struct{}{}, Rounds(rounds))
						return []Tensor{ys.Sum(0).Add(last.X)}
					}, []Tensor{keys}, []int{0}, func(int, int) (int, bool) { return 0, false })[0]
				}
				keys := upload(t, dev, Spec{Uint32, Shape{5, 2}}, []float64{0, 1, 2, 3, 1 << 31, 5, 6, 1<<32 - 1, 8, 9})
				vectors, keepLoops = false, true
				y, err := Jit(dev, f, Lanes(LanesAlways))(ctx, keys)
				keepLoops = false
				require.NoError(t, err)
				requireCloseTo(t, 1e-3, reference(t, f(keys)), readAny(t, dev, y), 2e-5, fmt.Sprint(name, ", ", rounds, " rounds"))
				closeAll([]Tensor{keys}, y)
				if rounds > 1 && ahead > 1 {
					assert.Equal(t, name != "a word of the round before", vectors, "%s is computed ahead", name)
				}
			}
		}
	})
}

// hasWordVectors reports a SPIR-V module that adds vectors of n uint32.
func hasWordVectors(code []uint32, n int) bool {
	words, vector := uint32(0), uint32(0)
	for at := 5; at < len(code); at += int(code[at] >> 16) {
		switch w := code[at:]; {
		case w[0] == 4<<16|21 && w[3] == 0: // OpTypeInt, unsigned
			words = w[1]
		case w[0] == 4<<16|23 && w[2] == words && w[3] == uint32(n): // OpTypeVector
			vector = w[1]
		case w[0] == 5<<16|128 && w[1] == vector: // OpIAdd
			return true
		}
	}
	return false
}
