// Package transformtest has what the tests of every algorithm ask of its posterior.Transform.
package transformtest

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/tree"
)

// Bits are the words of all leaves of a tree of float32 and 32-bit integer tensors, one after the other, so that NaN equals itself.
func Bits[T any](t testing.TB, of T) []uint32 {
	t.Helper()
	leaves, err := tree.Leaves[graph.Tensor](of)
	require.NoError(t, err)
	var out []uint32
	for _, l := range leaves {
		switch l.DType() {
		case graph.Float32:
			v, err := l.Floats(context.Background())
			require.NoError(t, err)
			for _, x := range v {
				out = append(out, math.Float32bits(x))
			}
		case graph.Int32:
			v, err := l.Ints(context.Background())
			require.NoError(t, err)
			for _, x := range v {
				out = append(out, uint32(x))
			}
		default:
			v, err := graph.Read[uint32](context.Background(), l)
			require.NoError(t, err)
			out = append(out, v...)
		}
	}
	return out
}

// InPlace holds a transform to this: updates in place give the bits of pure ones, in the tensors of the state they are given, and allocate
// nothing but the aux; pure updates leave their argument. step is the number of updates that are compared.
func InPlace[P, B, S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[P, B, S], params P, batch B, steps int) {
	t.Helper()
	ctx := context.Background()
	key := random.NewKey(5)
	defer graph.Close(key)
	state, err := transform.Init(ctx, dev, params, key)
	require.NoError(t, err)
	first := Bits(t, state)
	pure := state
	for k := range steps {
		next, err := transform.Update(ctx, pure, batch)
		require.NoError(t, err)
		if k > 0 {
			require.NoError(t, graph.Close(pure))
		}
		pure = next
	}
	assert.Equal(t, first, Bits(t, state), "a pure update leaves its argument")
	want := Bits(t, transform.Bare(pure))
	assert.NotEqual(t, first, want, "updates that change nothing show nothing")
	require.NoError(t, graph.Close(pure))

	handles, err := tree.Leaves[graph.Tensor](state)
	require.NoError(t, err)
	over := func() {
		t.Helper()
		next, err := transform.Update(ctx, state, batch, posterior.InPlace)
		require.NoError(t, err)
		bare, err := tree.Leaves[graph.Tensor](transform.Bare(next))
		require.NoError(t, err)
		require.Equal(t, handles, bare, "the same tensors")
		leaves, err := tree.Leaves[graph.Tensor](next)
		require.NoError(t, err)
		for _, l := range leaves {
			if !slices.Contains(handles, l) {
				require.NoError(t, l.Close(), "the aux")
			}
		}
	}
	for range steps {
		over()
	}
	assert.Equal(t, want, Bits(t, state), "in place as pure, to the bit")
	require.NoError(t, dev.Wait(ctx))
	before := dev.Stats()
	for range 20 {
		over()
	}
	require.NoError(t, dev.Wait(ctx))
	after := dev.Stats()
	assert.Equal(t, before.LiveArrays, after.LiveArrays)
	// Less where programs that nobody holds any more have given their arena back.
	assert.LessOrEqual(t, after.LiveBytes, before.LiveBytes)
	assert.LessOrEqual(t, after.SlabBytes, before.SlabBytes)
	require.NoError(t, graph.Close(state))
}

// Chains holds a transform to this: of three chains at once each is what it is alone, within a relative rounding. params gives the parameters of
// chain i; all of their leaves are closed here.
func Chains[P, B, S any](t *testing.T, dev *gpu.Device, transform *posterior.Transform[P, B, S], params func(i int) P, batch B, steps int, rounding float64) {
	t.Helper()
	ctx := context.Background()
	const n = 3
	keys := random.Split(random.NewKey(3), n)
	starts := make([]P, n)
	for i := range starts {
		starts[i] = params(i)
	}
	stacked := posterior.Map("chains", func(x []graph.Tensor) graph.Tensor { return graph.Stack(0, x...) }, starts...)
	chains := transform.Chains()
	run := func(transform *posterior.Transform[P, B, S], p P, key random.Key) S {
		s, err := transform.Init(ctx, dev, p, key)
		require.NoError(t, err)
		for range steps {
			next, err := transform.Update(ctx, s, batch)
			require.NoError(t, err)
			require.NoError(t, graph.Close(s))
			s = next
		}
		return s
	}
	many := run(chains, stacked, keys)
	all, paths, err := tree.LeavesAndPaths[graph.Tensor](transform.Bare(many))
	require.NoError(t, err)
	for i := range n {
		key := keys.At(i)
		alone := run(transform, starts[i], key)
		leaves, err := tree.Leaves[graph.Tensor](transform.Bare(alone))
		require.NoError(t, err)
		require.Len(t, all, len(leaves))
		for j, l := range leaves {
			if !l.DType().IsFloat() {
				want := Bits(t, l)
				assert.Equal(t, want, Bits(t, all[j])[i*len(want):(i+1)*len(want)], "chain %d %s", i, paths[j])
				continue
			}
			want, err := l.Floats(ctx)
			require.NoError(t, err)
			got, err := all[j].Floats(ctx)
			require.NoError(t, err)
			for k, w := range want {
				assert.InDelta(t, w, got[i*len(want)+k], rounding*(1+math.Abs(float64(w))), "chain %d %s element %d", i, paths[j], k)
			}
		}
		require.NoError(t, graph.Close(alone))
		require.NoError(t, graph.Close(key))
	}
	require.NoError(t, graph.Close(many))
	require.NoError(t, graph.Close(stacked))
	require.NoError(t, graph.Close(starts))
	require.NoError(t, graph.Close(keys))
}
