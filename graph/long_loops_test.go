package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// TestLongLoops: a driver may end an invocation's loops after so many iterations, without a word (lavapipe after 65,535). Every kernel that could
// loop longer is cut.
func TestLongLoops(t *testing.T) {
	const n = 300_000
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		ones := make([]float32, 16*n)
		for i := range ones {
			ones[i] = 1
		}
		wide, err := graph.FromSlice(d, ones, 16, n)
		require.NoError(t, err)
		tall, err := graph.FromSlice(d, ones, n, 16)
		require.NoError(t, err)
		data, err := graph.FromSlice(d, ones[:768], 768)
		require.NoError(t, err)
		defer func() { require.NoError(t, graph.Close([]graph.Tensor{wide, tall, data})) }()
		type args struct{ Wide, Tall, Data graph.Tensor }
		steps := func(a args) graph.Tensor {
			return graph.Fori(0, 200, func(_ graph.Tensor, x graph.Tensor) graph.Tensor {
				return x.Add(a.Data.Mul(x.Scale(0).AddScalar(1)).Sum())
			}, graph.Scalar(0))
		}
		for name, c := range map[string]struct {
			f    func(a args) graph.Tensor
			want float32
			opts []graph.JitOption
		}{
			"matrix product":            {f: func(a args) graph.Tensor { return a.Wide.MatMul(a.Tall) }, want: n},
			"transposed matrix product": {f: func(a args) graph.Tensor { return a.Tall.Transpose().MatMul(a.Tall) }, want: n},
			"inner products":            {f: func(a args) graph.Tensor { return a.Wide.Mul(a.Wide).Sum(1) }, want: n},
			"sums of many rows": {f: func(a args) graph.Tensor {
				return a.Wide.Index(0, 0).BroadcastTo(600, n).Mul(a.Wide.Slice(1, 0, 1).Sum().Scale(1. / 16)).Sum(1)
			}, want: n},
			"log of a sum of exponentials": {f: func(a args) graph.Tensor { return a.Wide.Log().LogSumExp(1).Exp().Scale(1. / n).Round() }, want: 1},
			"scatter": {f: func(a args) graph.Tensor {
				return graph.Zeros(4).IndexAdd(0, graph.Iota(0, n).Rem(graph.Int(4)), a.Wide.Index(0, 0))
			}, want: n / 4},
			"cumulative sum":       {f: func(a args) graph.Tensor { return a.Tall.CumSum(0).Index(0, n-1) }, want: n},
			"sort":                 {f: func(a args) graph.Tensor { return a.Wide.Index(0, 0).CumSum(0).SortDescending(0).Index(0, 0) }, want: n},
			"rounds in lanes":      {f: steps, want: 200 * 768, opts: []graph.JitOption{graph.Lanes(graph.LanesAlways)}},
			"rounds in dispatches": {f: steps, want: 200 * 768, opts: []graph.JitOption{graph.Lanes(graph.LanesNever)}},
		} {
			t.Run(name, func(t *testing.T) {
				y, err := graph.Jit(d, c.f, c.opts...)(t.Context(), args{wide, tall, data})
				require.NoError(t, err)
				defer y.Close()
				got, err := y.Floats(t.Context())
				require.NoError(t, err)
				for i, v := range got {
					require.InEpsilon(t, c.want, v, 1e-4, "element %d of %v", i, y.Shape())
				}
			})
		}
	})
}
