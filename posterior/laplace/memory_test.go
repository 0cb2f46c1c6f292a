package laplace_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/distribution"
	"github.com/lavagrad/lavagrad/posterior/laplace"
)

// Diagonals and Kronecker factors do not hold per-sample gradients: of a network with 100,000 parameters and 256 samples those are 105 MB.
func TestNoPerSampleGradientsAreWritten(t *testing.T) {
	const n, in, hidden = 256, 784, 128
	type network struct{ Body, Head nn.Linear }
	layer := func(in, out int) nn.Linear {
		return nn.Linear{W: graph.Placeholder(graph.Float32, in, out), B: graph.Placeholder(graph.Float32, out)}
	}
	tapped := func(p network, b batch, linear curvature.LinearFunc) (graph.Tensor, none) {
		return linear(p.Head, linear(p.Body, b.X).Tanh()), none{}
	}
	forward := func(p network, b batch) (graph.Tensor, none) { return tapped(p, b, nn.Linear.Apply) }
	logPosterior := func(p network, b batch) (graph.Tensor, none) {
		z, _ := forward(p, b)
		return logLikelihood(z, b), none{}
	}
	type args struct {
		P network
		B batch
	}
	a := args{network{layer(in, hidden), layer(hidden, 10)}, batch{graph.Placeholder(graph.Float32, n, in), graph.Placeholder(graph.Float32, n, 10)}}
	key := random.NewKey(1)
	c := laplace.Config{}
	for name, arena := range map[string]int64{
		"fisher":      stepArena(t, laplace.DiagFisher(logPosterior, c), a.P, a.B, key),
		"ggn":         stepArena(t, laplace.DiagGGN(forward, logLikelihood, c), a.P, a.B, key),
		"true fisher": stepArena(t, laplace.DiagTrueFisher(forward, distribution.NewCategoricalLogits, laplace.Config{Draws: 2}), a.P, a.B, key),
		"kfac":        stepArena(t, laplace.KFAC(tapped, logLikelihood, c), a.P, a.B, key),
	} {
		assert.Less(t, arena, int64(n*(in+10*hidden)*4*4), "%s: a few times the activations", name)
	}
}

// stepArena is the memory that an update takes beside state and batch.
func stepArena[P, B, S any](t *testing.T, transform *posterior.Transform[P, B, S], p P, b B, key random.Key) int64 {
	type args struct {
		P P
		B B
	}
	cost, err := graph.Cost(func(a args) S { return transform.Step(transform.Start(a.P, key), a.B) }, args{p, b})
	require.NoError(t, err)
	t.Log(cost)
	return cost.Arena
}
