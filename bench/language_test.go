package bench

import (
	"fmt"
	"testing"

	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/vmap"
)

// one takes a tensor and is measured on it.
type one = func(graph.Tensor) graph.Tensor

// million is the length of the long vectors.
const million = 1 << 20

// seeded is a key; running with it puts it on the device.
func seeded(b *testing.B) random.Key {
	k := random.NewKey(1)
	b.Cleanup(func() { k.Bits.Close() })
	return k
}

func BenchmarkSort(b *testing.B) {
	dev := gputest.Open(b)
	key := graph.Jit(dev, func(k random.Key) graph.Tensor { return random.Normal(k, million) })
	k := seeded(b)
	x, err := key(b.Context(), k)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	measure(b, dev, one(func(x graph.Tensor) graph.Tensor { return x.Sort(0) }), x, 8*million, 0)
}

func BenchmarkCumSum(b *testing.B) {
	dev := gputest.Open(b)
	measure(b, dev, one(func(x graph.Tensor) graph.Tensor { return x.CumSum(0) }), zeros(b, dev, million), 8*million, 0)
}

func BenchmarkNormal(b *testing.B) {
	dev := gputest.Open(b)
	measure(b, dev, func(k random.Key) graph.Tensor { return random.Normal(k, million) }, seeded(b), 4*million, 0)
}

// BenchmarkEmbeddingGradient adds the gradients of 2,048 tokens into a table of 20,000 rows of 100.
func BenchmarkEmbeddingGradient(b *testing.B) {
	dev := gputest.Open(b)
	type args struct{ Table, Grads graph.Tensor }
	tokens := graph.Iota(0, 2048).Mul(graph.Int(7919)).Rem(graph.Int(20000))
	measure(b, dev, func(a args) graph.Tensor {
		return graph.Grad(func(t graph.Tensor) graph.Tensor { return t.Take(0, tokens).Dot(a.Grads) })(a.Table)
	}, args{zeros(b, dev, 20000, 100), zeros(b, dev, 2048, 100)}, 4*20000*100, 0)
}

func BenchmarkCholesky(b *testing.B) {
	for _, c := range []struct{ batch, n int }{{1, 512}, {10000, 8}} {
		b.Run(fmt.Sprintf("batch=%d/n=%d", c.batch, c.n), func(b *testing.B) {
			dev := gputest.Open(b)
			n := float64(c.n)
			measure(b, dev, one(func(x graph.Tensor) graph.Tensor { return linalg.Cholesky(x.Add(graph.Eye(c.n))) }), zeros(b, dev, c.batch, c.n, c.n), 0, float64(c.batch)*n*n*n/3)
		})
	}
}

// BenchmarkScan is a loop of a thousand small rounds: the time is that of two dispatches a thousand times.
func BenchmarkScan(b *testing.B) {
	dev := gputest.Open(b)
	type walk struct{ Q, P graph.Tensor }
	f := func(w walk) graph.Tensor {
		return graph.Fori(0, 1000, func(_ graph.Tensor, w walk) walk {
			p := w.P.Scale(0.9).Sub(w.Q.Scale(0.01))
			return walk{w.Q.Add(p.Scale(0.01)), p}
		}, w).Q
	}
	measure(b, dev, f, walk{zeros(b, dev, 1024, 2), zeros(b, dev, 1024, 2)}, 0, 0)
}

// BenchmarkLSTM is the per-sample gradient norms of an LSTM over 28 steps of 28 numbers.
func BenchmarkLSTM(b *testing.B) {
	dev := gputest.Open(b)
	type model struct {
		Cell nn.LSTMCell
		Out  nn.Linear
	}
	type batch struct{ X, Y graph.Tensor }
	type args struct {
		M model
		B batch
	}
	loss := func(m model, s batch) graph.Tensor {
		last, _ := m.Cell.Scan(s.X, nn.LSTMState{H: graph.Zeros(64), C: graph.Zeros(64)})
		return nn.CrossEntropy(m.Out.Apply(last.H), s.Y)
	}
	perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
	labels := zeros(b, dev, 32).AsInt()
	b.Cleanup(func() { labels.Close() })
	a := args{model{nn.LSTMCell{X: zeros(b, dev, 28, 256), H: zeros(b, dev, 64, 256), B: zeros(b, dev, 256)}, nn.Linear{W: zeros(b, dev, 64, 10), B: zeros(b, dev, 10)}},
		batch{zeros(b, dev, 32, 28, 28), labels}}
	measure(b, dev, func(a args) graph.Tensor { return vmap.SquaredNorms(perSample(a.M, a.B)) }, a, 0, 0)
}
