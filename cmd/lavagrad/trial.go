package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// tolerance bounds the trial's error in units of the largest true value: float32 rounding in sums of some
// hundred terms stays ten times below.
const tolerance = 1e-5

// trial is the outcome of a small program on a device, compared with the float64 reference on the host.
type trial struct {
	Program string  `json:"program"`
	OK      bool    `json:"ok"`
	Error   float64 `json:"relative_error"` // the largest of all calls, in units of the largest true value
	First   float64 `json:"first_call_ms"`  // trace, compile, run, read
	Later   float64 `json:"later_calls_ms"` // submit, run, read: the shortest of the later calls
	err     error
}

const (
	trialRows, trialInner, trialColumns = 33, 200, 65 // no multiples of any tile, so that edges are tried too
	trialCalls                          = 20
)

// sample is a layer of a network with a sum after it: a matmul, elementwise functions, broadcasts and a reduction.
func sample(in [3]graph.Tensor) graph.Tensor {
	x, w, b := in[0], in[1], in[2]
	return x.MatMul(w).Add(b).Tanh().Exp().Sum(-1)
}

// try runs the sample on dev and measures it.
func try(ctx context.Context, dev *gpu.Device) *trial {
	t := &trial{Program: "sum(exp(tanh(x W + b)))"}
	if t.err = t.run(ctx, dev); t.err == nil && math.IsNaN(t.Error) {
		t.err, t.Error = errors.New("it gave NaN"), 0 // JSON has no NaN
	}
	t.OK = t.err == nil && t.Error <= tolerance
	return t
}

func (t *trial) run(ctx context.Context, dev *gpu.Device) error {
	// Two inputs take turns: a device whose results come late, so that memory is read with an earlier call's
	// result still in it, is found out.
	var inputs [2][3]graph.Tensor
	var want [2][]float64
	random := rand.New(rand.NewPCG(1, 2))
	for i := range inputs {
		var err error
		if inputs[i], want[i], err = trialInput(ctx, dev, random); err != nil {
			return err
		}
	}
	run := graph.Jit(dev, sample)
	t.Later = math.Inf(1)
	for i := range trialCalls {
		begin := time.Now()
		y, err := run(ctx, inputs[i%2])
		if err != nil {
			return err
		}
		got, err := y.Floats(ctx)
		if err != nil {
			return err
		}
		took := float64(time.Since(begin).Nanoseconds()) / 1e6
		if i == 0 {
			t.First = took
		} else {
			t.Later = min(t.Later, took)
		}
		t.Error = max(t.Error, relativeError(got, want[i%2])) // the built-in max keeps NaN
		if err := y.Close(); err != nil {
			return err
		}
	}
	return nil
}

// trialInput draws an input for the sample, uploads it, and computes what the sample makes of it.
func trialInput(ctx context.Context, dev *gpu.Device, random *rand.Rand) (input [3]graph.Tensor, want []float64, err error) {
	var onHost [3]graph.Tensor
	for i, shape := range [][]int{{trialRows, trialInner}, {trialInner, trialColumns}, {trialColumns}} {
		values := make([]float32, graph.Shape(shape).Size())
		for j := range values {
			values[j] = float32(random.NormFloat64() / math.Sqrt(trialInner))
		}
		onHost[i] = graph.Literal(values, shape...)
		if input[i], err = graph.FromSlice(dev, values, shape...); err != nil {
			return input, nil, err
		}
	}
	want, err = graph.Reference(ctx, sample(onHost))
	return input, want, err
}

// relativeError is the largest difference in units of the largest true value; NaN when any value is NaN.
func relativeError(got []float32, want []float64) float64 {
	largest, scale := 0., 0.
	for i, w := range want {
		largest = max(largest, math.Abs(float64(got[i])-w))
		scale = max(scale, math.Abs(w))
	}
	return largest / scale
}
