package vi_test

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
	"github.com/lavagrad/lavagrad/posterior/vi"
)

// The posterior of a mean after four observations of standard deviation 1, under the prior N(0, 1), is N(1.2, 0.2).
func Example() {
	ctx := context.Background()
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	logPosterior := func(mean, data graph.Tensor) (graph.Tensor, posterior.None) {
		likelihood := data.Sub(mean).Square().Sum().Scale(-0.5)
		return likelihood.Add(mean.Square().Scale(-0.5)), posterior.None{}
	}
	transform := vi.Diag(logPosterior, vi.DiagConfig{Optimizer: optim.Adam(schedule.Linear(0.1, 0, 300))})

	data, err := graph.FromSlice(dev, []float32{1, 2, 0.5, 2.5})
	if err != nil {
		log.Fatal(err)
	}
	state, err := transform.Init(ctx, dev, graph.Scalar(0), random.NewKey(1))
	if err != nil {
		log.Fatal(err)
	}
	for range 300 {
		if state, err = transform.Update(ctx, state, data, posterior.InPlace); err != nil {
			log.Fatal(err)
		}
	}
	mean, err := state.Params.Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	variance, err := state.LogSD.Scale(2).Exp().Float(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("mean %.2f, variance %.2f\n", mean, variance)
	fmt.Println("draws", state.Sample(random.NewKey(2), 3, 2).Shape())
	// Output:
	// mean 1.20, variance 0.20
	// draws [3 2]
}
