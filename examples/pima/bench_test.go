package main

import (
	"flag"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
)

var (
	chainCount = flag.Int("chains", 64, "chains of BenchmarkOneCall")
	stepCount  = flag.Int("steps", 400, "steps of BenchmarkOneCall, a multiple of 100")
	lanes      = flag.Int("lanes", int(graph.LanesAuto), "how BenchmarkOneCall runs its loops: 0 auto, 1 never in lanes, 2 always")
)

// All steps of all chains in one call of Run, of which every hundredth state is kept:
//
//	go test ./examples/pima -run - -bench OneCall -benchtime 1x -chains 1024 -steps 10000
//
// While it runs, nothing goes from the device to the host: the program is recorded once, and the host only submits it.
func BenchmarkOneCall(b *testing.B) {
	for _, name := range gputest.Devices(b) {
		b.Run(name, func(b *testing.B) { oneCall(b, gputest.Open(b, gpu.WithDevice(name))) })
	}
}

func oneCall(b *testing.B, dev *gpu.Device) {
	ctx := b.Context()
	t, err := load()
	require.NoError(b, err)
	d, err := t.upload(dev)
	require.NoError(b, err)
	chains := sgmcmc.SGHMC(logPosterior, sgmcmc.SGHMCConfig{LR: 0.004, Alpha: 15}).Chains()
	type state = sgmcmc.SGHMCState[graph.Tensor, posterior.None]
	run := posterior.NewRunner(chains, func(d data, _ graph.Tensor) data { return d }, func(s state) graph.Tensor { return s.Params },
		graph.Lanes(graph.LaneMode(*lanes)))
	starts, keys := random.Split2(random.NewKey(1))
	start, err := chains.Init(ctx, dev, random.Normal(starts, *chainCount, d.X.Dim(1)), random.Split(keys, *chainCount))
	require.NoError(b, err)
	conf := posterior.RunConfig{Steps: *stepCount, Thin: 100}
	dev.ResetPeak()
	before := dev.Stats()
	fastest := time.Duration(math.MaxInt64) // the first call compiles, too
	for b.Loop() {
		begin := time.Now()
		last, kept, err := run.Run(ctx, start, d, conf)
		require.NoError(b, err)
		_, err = kept.Floats(ctx)
		require.NoError(b, err)
		fastest = min(fastest, time.Since(begin))
		require.NoError(b, graph.Close([]state{last}))
		require.NoError(b, kept.Close())
	}
	after := dev.Stats()
	b.StopTimer()
	b.ReportMetric(fastest.Seconds(), "s/call")
	b.ReportMetric(float64(fastest.Nanoseconds())/float64(*stepCount**chainCount), "ns/step")
	b.ReportMetric(float64(after.PeakBytes)/(1<<20), "MiB")
	b.ReportMetric(float64(after.Submissions-before.Submissions)/float64(b.N), "submissions/call")
	b.ReportMetric(float64(after.Recordings-before.Recordings)/float64(b.N), "recordings/call")
	require.NoError(b, graph.Close(start))
	require.NoError(b, graph.Close(d))
}
