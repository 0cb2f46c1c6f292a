package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
)

// BenchmarkFirstStep is the first call of a training step in place of an MLP on a device opened for it: trace, plan, compile, machine code, run. Drivers that
// keep machine code on disk must be told not to (MESA_SHADER_CACHE_DISABLE=true).
func BenchmarkFirstStep(b *testing.B) {
	step := func(n network, s batch) network {
		g := graph.Grad2(func(n network, s batch) graph.Tensor { return n.loss(s).Mean() })(n, s)
		next := network{}
		for i, l := range n.Layers {
			next.Layers = append(next.Layers, nn.Linear{W: l.W.Sub(g.Layers[i].W.Scale(1e-3)), B: l.B.Sub(g.Layers[i].B.Scale(1e-3))})
		}
		return next
	}
	for b.Loop() {
		b.StopTimer()
		dev, err := gpu.Open(b.Context())
		require.NoError(b, err)
		n, s := newNetwork(b, dev, 784, 128, 10), newInputs(b, dev, 256, 784, 10)
		b.StartTimer()
		next, err := graph.JitInPlace2(dev, step)(b.Context(), n, s)
		require.NoError(b, err)
		_, err = next.Layers[1].B.Floats(b.Context())
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, graph.Close(next))
		require.NoError(b, graph.Close(s))
		require.NoError(b, dev.Close())
		b.StartTimer()
	}
}
