package random_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/shaders/variates"
	"github.com/lavagrad/lavagrad/vmap"
)

// TestLayout fixes which words an element takes: the documentation promises it, and saved keys depend on it.
func TestLayout(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		const seed = 0x1234567890abcdef
		hi, lo := uint32(seed>>32), uint32(seed&0xffffffff)
		bits, err := graph.FromSlice(dev, []uint32{hi, lo})
		require.NoError(t, err)
		key := random.Key{Bits: bits}
		require.Equal(t, []uint32{hi, lo}, words(t, random.NewKey(seed).Bits))

		got := words(t, random.Bits(key, 3, 5))
		for i, w := range got {
			want, _ := variates.Threefry(hi, lo, uint32(i), 0)
			require.Equal(t, want, w)
		}
		assert.Equal(t, got, words(t, random.Bits(key, 15)), "the shape does not matter, the position does")
		assert.Equal(t, got[:4], words(t, random.Bits(key, 4)), "nor does the length")
		assert.Equal(t, got[0], words(t, random.Bits(key))[0])
		assert.Empty(t, words(t, random.Bits(key, 0, 2)))

		split := words(t, random.Split(key, 3).Bits)
		for i := range 3 {
			w0, w1 := variates.Threefry(hi, lo, uint32(i), 1<<31)
			require.Equal(t, []uint32{w0, w1}, split[2*i:2*i+2])
			require.Equal(t, split[2*i:2*i+2], words(t, random.Split(key, 3).At(i).Bits))
		}
		w0, w1 := variates.Threefry(hi, lo, 0xfffffffe, 1<<31+1)
		require.Equal(t, []uint32{w0, w1}, words(t, random.FoldIn(key, -2).Bits))
		require.Equal(t, []uint32{w0, w1}, words(t, random.FoldIn(key, graph.Int(-2)).Bits))
		require.Equal(t, []uint32{w0, w1}, words(t, random.FoldIn(key, 1<<32-2).Bits))
		many := words(t, random.FoldIn(key, graph.Iota(0, 4)).Bits)
		require.Equal(t, words(t, random.FoldIn(key, 3).Bits), many[6:])
		require.NoError(t, bits.Close())
	})
}

// everything draws from every distribution, three values each.
func everything(k random.Key, p graph.Tensor) []graph.Tensor {
	vec := graph.Stack(0, p, p.AddScalar(1), p.Scale(2))
	return []graph.Tensor{
		random.Bits(k, 3).Convert(graph.Float32), random.Uniform(k, p.Neg(), p, 3), random.Normal(k, 3), random.TruncatedNormal(k, p.Neg(), p, 3),
		random.Cauchy(k, 3), random.Exponential(k, 3), random.Gumbel(k, 3), random.Laplace(k, 3), random.Logistic(k, 3),
		random.Gamma(k, vec), random.LogGamma(k, vec), random.Beta(k, vec, p), random.Dirichlet(k, vec), random.StudentT(k, vec),
		random.Bernoulli(k, p.Scale(0.25), 3).AsFloat(), random.Integers(k, 0, 1000, 3).AsFloat(),
		random.Categorical(k, vec, 3).AsFloat(), random.Poisson(k, vec.Scale(9)).AsFloat(),
	}
}

func joined(k random.Key, p graph.Tensor) graph.Tensor { return graph.Stack(0, everything(k, p)...) }

// TestVmap: mapping keys, parameters or both gives what a loop gives, to the bit; a shared key gives every
// sample the same words.
func TestVmap(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 3)
		ps, err := graph.FromSlice(dev, []float32{0.5, 1.25, 2})
		require.NoError(t, err)
		one := graph.Jit2(dev, joined)
		for _, axes := range [][2]int{{0, vmap.Shared}, {vmap.Shared, 0}, {0, 0}} {
			for _, batch := range []int{0, 1, 3} {
				keys, params := key, ps.Index(0, 0)
				if axes[0] == 0 {
					keys = random.Split(key, batch)
				}
				if axes[1] == 0 {
					params = ps.Slice(0, 0, batch)
				}
				y, err := graph.Jit2(dev, vmap.Map2(joined, vmap.In(axes[0], axes[1])))(ctx, keys, params)
				require.NoError(t, err)
				got := floats(t, y)
				require.NoError(t, y.Close())
				if params != ps {
					require.NoError(t, params.Close())
				}
				if axes[0] == 0 {
					require.NoError(t, keys.Bits.Close())
				}
				var want []float64
				for i := range batch {
					k, p := key, ps.Index(0, 0)
					if axes[0] == 0 {
						k = random.Split(key, batch).At(i)
					}
					if axes[1] == 0 {
						p = ps.Index(0, i)
					}
					y, err := one(ctx, k, p)
					require.NoError(t, err)
					want = append(want, floats(t, y)...)
					require.NoError(t, graph.Close([]graph.Tensor{y, p}))
					if axes[0] == 0 {
						require.NoError(t, k.Bits.Close())
					}
				}
				require.Len(t, got, len(want))
				for i := range want {
					// Softmax and the like add in another order.
					require.InEpsilon(t, want[i]+10, got[i]+10, 1e-6, "axes %v, batch %d, element %d", axes, batch, i)
				}
			}
		}
		require.NoError(t, ps.Close())
	})
}

// TestPathwiseGradients checks the gradients of draws whose words fix the quantile against central differences.
func TestPathwiseGradients(t *testing.T) {
	ctx := context.Background()
	key := random.NewKey(11)
	type params struct{ A, B graph.Tensor }
	for name, f := range map[string]func(p params) graph.Tensor{
		"uniform":          func(p params) graph.Tensor { return random.Uniform(key, p.A, p.B, 20) },
		"truncated normal": func(p params) graph.Tensor { return random.TruncatedNormal(key, p.A, p.B, 20) },
		"half bounded":     func(p params) graph.Tensor { return random.TruncatedNormal(key, p.A, math.Inf(1), 20).Add(p.B) },
	} {
		at := func(a, b float64) []float64 {
			v, err := graph.Reference(ctx, f(params{graph.Scalar(a), graph.Scalar(b)}))
			require.NoError(t, err)
			return v
		}
		_, dy := graph.JVP(f, params{graph.Scalar(-0.5), graph.Scalar(1.5)}, params{graph.Scalar(1), graph.Scalar(-0.5)})
		got, err := graph.Reference(ctx, dy)
		require.NoError(t, err)
		const h = 1e-5
		up, down := at(-0.5+h, 1.5-0.5*h), at(-0.5-h, 1.5+0.5*h)
		for i := range got {
			require.InDelta(t, (up[i]-down[i])/(2*h), got[i], 1e-6, "%s, draw %d", name, i)
		}
	}
}

// TestImplicitGradients: the mean of the derivatives is the derivative of the mean.
func TestImplicitGradients(t *testing.T) {
	ctx := context.Background()
	const some = many / 4
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 21)
		for _, c := range []struct {
			name    string
			mean    func(k random.Key, a graph.Tensor) graph.Tensor
			at      float64
			want    float64
			allowed float64
		}{
			{"gamma", func(k random.Key, a graph.Tensor) graph.Tensor { return random.Gamma(k, a, some).Mean() }, 1.5, 1, 0.03},
			{"gamma squared", func(k random.Key, a graph.Tensor) graph.Tensor { return random.Gamma(k, a, some).Square().Mean() }, 0.5, 2, 0.1},
			{"log gamma", func(k random.Key, a graph.Tensor) graph.Tensor { return random.LogGamma(k, a, some).Mean() }, 1, math.Pi * math.Pi / 6, 0.04},
			{"beta", func(k random.Key, a graph.Tensor) graph.Tensor { return random.Beta(k, a, 2, some).Mean() }, 1.5, 2 / (3.5 * 3.5), 0.004},
			{"beta's b", func(k random.Key, b graph.Tensor) graph.Tensor { return random.Beta(k, 1.5, b, some).Mean() }, 2, -1.5 / (3.5 * 3.5), 0.004},
			{"dirichlet", func(k random.Key, a graph.Tensor) graph.Tensor {
				return random.Dirichlet(k, graph.Stack(0, a, graph.Scalar(2), graph.Scalar(1)), some).Mean(0).Index(0, 0)
			}, 1.5, 3 / (4.5 * 4.5), 0.004},
			{"student t squared", func(k random.Key, df graph.Tensor) graph.Tensor { return random.StudentT(k, df, some).Square().Mean() }, 9, -2. / 49, 0.01},
		} {
			y, err := graph.Jit(dev, func(k random.Key) graph.Tensor {
				return graph.Grad(func(a graph.Tensor) graph.Tensor { return c.mean(k, a) })(graph.Scalar(c.at))
			})(ctx, key)
			require.NoError(t, err)
			assert.InDelta(t, c.want, floats(t, y)[0], 2*c.allowed, c.name)
			require.NoError(t, y.Close())
		}
	})
}

// TestSeedsShareProgram: another seed or step number compiles nothing.
func TestSeedsShareProgram(t *testing.T) {
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		f := graph.Jit(dev, func(k random.Key) graph.Tensor { return random.Normal(k, 4) })
		seen := map[float64]bool{}
		var programs int64
		for i := range 5 {
			key := random.FoldIn(random.NewKey(uint64(i)), i)
			y, err := f(ctx, key)
			require.NoError(t, err)
			seen[floats(t, y)[0]] = true
			require.NoError(t, graph.Close([]graph.Tensor{y, key.Bits}))
			if i == 0 {
				programs = dev.Stats().Programs
			}
		}
		assert.Len(t, seen, 5)
		assert.Equal(t, programs, dev.Stats().Programs)
	})
}

// TestKeyInState: a key in a state is split as the program runs, the same in one program and in several.
func TestKeyInState(t *testing.T) {
	ctx := context.Background()
	type state struct {
		Key random.Key
		Sum graph.Tensor
	}
	step := func(s state) state {
		next, use := random.Split2(s.Key)
		return state{next, s.Sum.Add(random.Normal(use))}
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		key := keyOn(t, dev, 6)
		three, err := graph.Jit(dev, func(k random.Key) graph.Tensor { return step(step(step(state{k, graph.Scalar(0)}))).Sum })(ctx, key)
		require.NoError(t, err)
		s := state{key, graph.Scalar(0)}
		one := graph.Jit(dev, step)
		var made []graph.Tensor
		for range 3 {
			old := s.Sum
			s, err = one(ctx, s)
			require.NoError(t, err)
			made = append(made, s.Sum, s.Key.Bits, old)
		}
		assert.Equal(t, floats(t, three), floats(t, s.Sum))
		require.NoError(t, graph.Close(append(made, three)))
	})
}

// TestSplitsDiffer: keys that a program can come by are different, and so are the words drawn from them.
func TestSplitsDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(1, 30).Draw(t, "n")
		key := random.NewKey(seed)
		keys := []random.Key{key, random.NewKey(seed + 1), random.FoldIn(key, n)}
		split := random.Split(key, n)
		for i := range n {
			keys = append(keys, split.At(i), random.FoldIn(key, i))
		}
		seen := map[[2]uint32]bool{}
		for _, k := range keys {
			w, err := graph.Read[uint32](context.Background(), k.Bits)
			if err != nil {
				t.Fatal(err)
			}
			if seen[[2]uint32{w[0], w[1]}] {
				t.Fatalf("key %v twice", w)
			}
			seen[[2]uint32{w[0], w[1]}] = true
		}
	})
}

// TestScan: a loop on the device splits its key as a loop of calls does, also one loop for every sample.
func TestScan(t *testing.T) {
	walk := func(k random.Key, rolled bool) graph.Tensor {
		step := func(s walkState, _ struct{}) (walkState, graph.Tensor) {
			next, use := random.Split2(s.Key)
			x := s.X.Add(random.Gamma(use, s.X.Square().AddScalar(0.5)))
			return walkState{next, x}, x
		}
		s := walkState{k, graph.Scalar(1)}
		if rolled {
			_, xs := graph.Scan(step, s, struct{}{}, graph.Rounds(4))
			return xs
		}
		var xs []graph.Tensor
		for range 4 {
			var x graph.Tensor
			s, x = step(s, struct{}{})
			xs = append(xs, x)
		}
		return graph.Stack(0, xs...)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		got := run(t, dev, keyOn(t, dev, 12), func(k random.Key) graph.Tensor {
			all := random.Split(k, 6)
			all.Bits = all.Bits.Reshape(2, 3, 2)
			rolled := vmap.Map(vmap.Map(func(k random.Key) graph.Tensor { return walk(k, true) }))(all)
			plain := vmap.Map(vmap.Map(func(k random.Key) graph.Tensor { return walk(k, false) }))(all)
			return graph.Stack(0, rolled.Flatten(), plain.Flatten())
		})
		for i := range 24 {
			require.InEpsilon(t, got[24+i], got[i], 1e-5, "element %d", i)
		}
	})
}

type walkState struct {
	Key random.Key
	X   graph.Tensor
}
