package main

import (
	"context"
	"regexp"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// workload is one line of the output.
type workload struct {
	name   string
	spec   spec
	inputs func(generator) []array // the parameters' leaves first
	start  func(context.Context, *gpu.Device, []graph.Tensor) (program, error)
}

// spec is what the peer must know of a workload besides its inputs.
type spec struct {
	Model  string  `json:"model"`
	Reduce string  `json:"reduce,omitempty"`
	Params int     `json:"params"` // how many of the inputs are leaves of the parameters
	Clip   float64 `json:"clip,omitempty"`
	Chains int     `json:"chains,omitempty"`
	Steps  int     `json:"steps,omitempty"`
	LR     float64 `json:"lr,omitempty"`
	Alpha  float64 `json:"alpha,omitempty"`
}

// program is a workload of ours, compiled at its first run.
type program struct {
	run   func(context.Context) ([]graph.Tensor, error) // as it is timed
	check func(context.Context) ([]graph.Tensor, error) // as it is compared: without noise where it draws
	held  []graph.Tensor                                // what start has put on the device
}

// workloads are all there are.
func workloads() []workload {
	var all []workload
	for _, m := range []model{mlpModel([]int{784, 128, 10}, 256, 32), mlpModel([]int{784, 512, 512, 10}, 128, 44), cnnModel(64, 175)} {
		for _, r := range reductions {
			all = append(all, m.workload(r))
		}
	}
	all = append(all, mlpModel([]int{784, 128, 10}, 256, 32).workload("hvp"))
	return append(all, sghmcWorkload(1, 1000), sghmcWorkload(1024, 200))
}

// chosen are the workloads whose names match a pattern.
func chosen(pattern string) ([]workload, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var out []workload
	for _, w := range workloads() {
		if re.MatchString(w.name) {
			out = append(out, w)
		}
	}
	return out, nil
}
