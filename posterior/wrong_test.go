package posterior_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/internal/transformtest"
	"github.com/lavagrad/lavagrad/tree"
)

// What users give wrongly, for every algorithm: the error names argument, constraint and index, and the state is as before,
// whether the update is pure or in place.

// points are a batch of linear regression.
type points struct{ X, Y graph.Tensor } // [n 2], [n]

// flaw is what is wrong with the user's functions.
type flaw int

const (
	flawless  flaw = iota
	vector         // the log posterior is no scalar
	auxNumber      // the aux is no tree of tensors
	auxUnset       // the aux has a tensor that is not set
)

// functions are the user's, of params whose layer is found by a function.
type functions[P any] struct {
	flaw  flaw
	layer func(P) nn.Linear
}

func (f functions[P]) aux(z graph.Tensor) any {
	switch f.flaw {
	case auxNumber:
		return []float64{1}
	case auxUnset:
		return Residuals{}
	}
	return Residuals{z}
}

func (f functions[P]) value(y graph.Tensor) graph.Tensor {
	if f.flaw == vector {
		return graph.Stack(0, y, y)
	}
	return y
}

// linear is the model with a replaceable layer, for KFAC.
func (f functions[P]) linear(p P, b points, apply curvature.LinearFunc) (graph.Tensor, any) {
	z := apply(f.layer(p), b.X) // [n 1]
	return z, f.aux(z)
}

func (f functions[P]) forward(p P, b points) (graph.Tensor, any) {
	return f.linear(p, b, nn.Linear.Apply)
}

func (f functions[P]) outer(z graph.Tensor, b points) graph.Tensor {
	return f.value(z.Reshape(z.Dim(0)).Sub(b.Y).Square().Sum().Scale(-0.5))
}

func (f functions[P]) density(p P, b points) (graph.Tensor, any) {
	z, aux := f.forward(p, b)
	return f.outer(z, b), aux
}

// refused is a transform whose Init must fail.
type refused[P, S any] struct {
	transform *posterior.Transform[P, points, S]
	says      string
}

// spoilt is a state that an update, or what use makes of the state, must refuse.
type spoilt[S any] struct {
	edit func(s *S, x graph.Tensor)
	with graph.Tensor // the x
	is   error
	says string
	use  func(S) error // instead of an update
}

// algorithm is a row of the table.
type algorithm struct {
	name string
	test func(t *testing.T, dev *gpu.Device)
}

// row tests the wrong input that all algorithms have in common, and what is the algorithm's own.
func row[P, S any](name string, params func(w, b graph.Tensor) P, layer func(P) nn.Linear,
	with func(functions[P]) *posterior.Transform[P, points, S], wrong []refused[P, S], states []spoilt[S]) algorithm {
	return algorithm{name, func(t *testing.T, dev *gpu.Device) {
		ctx := context.Background()
		p := params(upload(t, dev, []float32{0.5, -1}, 2, 1), array(t, dev, []float32{0.25}))
		x := upload(t, dev, []float32{1, 2, -1, 0.5, 0, 3}, 3, 2)
		y := array(t, dev, []float32{1, 0, -1})
		key := random.NewKey(1)
		defer graph.Close(key)
		right := with(functions[P]{flawless, layer})

		for _, r := range wrong {
			_, err := r.transform.Init(ctx, dev, p, key)
			require.Error(t, err, r.says)
			assert.ErrorContains(t, err, r.says)
			assert.ErrorContains(t, err, name)
		}

		state, err := right.Init(ctx, dev, p, key)
		require.NoError(t, err)
		defer graph.Close(state)
		// refuses makes sure of the error and of the state, in both modes.
		refuses := func(transform *posterior.Transform[P, points, S], s S, b points, is error, says string) {
			t.Helper()
			before := transformtest.Bits(t, state)
			for _, opts := range [][]posterior.UpdateOption{nil, {posterior.InPlace}} {
				_, err := transform.Update(ctx, s, b, opts...)
				require.ErrorIs(t, err, is, says)
				assert.ErrorContains(t, err, says)
				assert.Equal(t, before, transformtest.Bits(t, state), "after %q the state must be as before", says)
			}
		}
		batch := points{x, y}
		nan := upload(t, dev, []float32{1, 2, -1, float32(math.NaN()), 0, 3}, 3, 2)
		empty := points{upload(t, dev, nil, 0, 2), upload(t, dev, nil, 0)}
		short := points{x, array(t, dev, []float32{1, 2})}
		live := dev.Stats().LiveArrays
		refuses(right, state, points{nan, y}, graph.ErrCheck, "batch .X is not NaN is false for element [1]")
		refuses(right, state, empty, graph.ErrShape, "the batch is empty")
		refuses(right, state, short, graph.ErrShape, "wrong_test.go")
		refuses(with(functions[P]{vector, layer}), state, batch, graph.ErrShape, "return one number")
		refuses(with(functions[P]{auxNumber, layer}), state, batch, graph.ErrArgument, "[]float64")
		refuses(with(functions[P]{auxUnset, layer}), state, batch, graph.ErrArgument, ".R is the zero Tensor")
		for _, x := range states {
			s := state
			x.edit(&s, x.with)
			if x.use == nil {
				refuses(right, s, batch, x.is, x.says)
			} else {
				err := x.use(s)
				require.ErrorIs(t, err, x.is, x.says)
				assert.ErrorContains(t, err, x.says)
			}
			closeNew(t, s, state)
		}
		require.NoError(t, dev.Wait(ctx))
		assert.LessOrEqual(t, dev.Stats().LiveArrays, live, "errors leave nothing on the device")

		// The state is good for an update as if nothing had happened.
		next, err := right.Update(ctx, state, batch)
		require.NoError(t, err)
		require.NoError(t, graph.Close(next))
	}}
}

// closeNew closes what the first state has and the second has not.
func closeNew[S any](t *testing.T, s, old S) {
	t.Helper()
	leaves, err := tree.Leaves[graph.Tensor](s)
	require.NoError(t, err)
	kept, err := tree.Leaves[graph.Tensor](old)
	require.NoError(t, err)
	for _, l := range leaves {
		if !slices.Contains(kept, l) {
			require.NoError(t, l.Close())
		}
	}
}

func upload(t testing.TB, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func TestWrongInputOfEveryAlgorithm(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, a := range algorithms() {
			t.Run(a.name, func(t *testing.T) { a.test(t, dev) })
		}
	})
}
