package optim_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/vmap"
)

// A hundred steps in one call on the device: the optimizer's state is part of what the loop carries.
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	loss := func(p graph.Tensor) graph.Tensor {
		return p.Sub(graph.Literal([]float32{3, -1})).Mul(graph.Literal([]float32{1, 10})).Square().Sum()
	}
	opt := optim.Chain(optim.ClipByGlobalNorm(10), optim.Adam(schedule.Cosine(0.3, 0, 100)))
	fit := graph.Jit(dev, func(p graph.Tensor) graph.Tensor {
		type carry struct {
			P graph.Tensor
			S optim.State
		}
		return graph.Fori(0, 100, func(_ graph.Tensor, c carry) carry {
			p, s := optim.Step(opt, graph.Grad(loss)(c.P), c.S, c.P)
			return carry{p, s}
		}, carry{p, optim.Init(opt, p)}).P
	})
	start := graph.Zeros(2)
	p, err := fit(ctx, start)
	if err != nil {
		log.Fatal(err)
	}
	v, err := p.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f\n", v)
	// Output: [3.0 -1.0]
}

// One step of DP-SGD: per-sample gradients are clipped, summed, blurred and averaged before Adam sees them.
func ExampleDPSGD() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	loss := func(p, x graph.Tensor) graph.Tensor { return p.Sub(x).Square().Sum() }
	opt := optim.Chain(
		optim.DPSGD(optim.DPSGDConfig{Clip: 1, Noise: 1.1, Batch: 3}, random.NewKey(1)),
		optim.SGD(0.1),
	)
	step := graph.Jit2(dev, func(p, batch graph.Tensor) graph.Tensor {
		perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
		next, _ := optim.Step(opt, perSample(p, batch), optim.Init(opt, p), p)
		return next
	})
	batch, err := graph.FromSlice(dev, []float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	p, err := step(ctx, graph.Zeros(2), batch)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Shape())
	// Output: [2]
}

// The maximum of a log posterior: the line that makes the transform is all that tells training from sampling.
func ExampleMAP() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	logPosterior := func(x graph.Tensor, _ posterior.None) (graph.Tensor, posterior.None) {
		return x.AddScalar(-3).Square().Sum().Scale(-0.5), posterior.None{}
	}
	transform := optim.MAP(logPosterior, optim.Adam(0.1))
	state, err := transform.Init(ctx, dev, graph.Zeros(2), random.NewKey(1))
	if err != nil {
		log.Fatal(err)
	}
	for range 200 {
		if state, err = transform.Update(ctx, state, posterior.None{}, posterior.InPlace); err != nil {
			log.Fatal(err)
		}
	}
	x, err := state.Params.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.1f\n", x)
	// Output: [3.0 3.0]
}
