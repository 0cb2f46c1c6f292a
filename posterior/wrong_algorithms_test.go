package posterior_test

import (
	"context"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/ekf"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/posterior/mcmc"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

// list is the params of all rows but KFAC's: a type of which trees can differ.
type list = []graph.Tensor

// head is KFAC's, which wants layers.
type head struct{ L nn.Linear }

func asList(w, b graph.Tensor) list { return list{w, b} }
func listLayer(p list) nn.Linear    { return nn.Linear{W: p[0], B: p[1]} }
func asHead(w, b graph.Tensor) head { return head{nn.Linear{W: w, B: b}} }
func headLayer(p head) nn.Linear    { return p.L }

func minus() graph.Tensor { return graph.Scalar(-1) }

// indefinite is symmetric with the eigenvalues 3, 1 and -1.
func indefinite() graph.Tensor {
	return graph.Literal([]float32{1, 2, 0, 2, 1, 0, 0, 0, 1}, 3, 3)
}

// drawn is the error of a draw from an approximation.
func drawn[P any](sample func(key random.Key, shape ...int) P) error {
	return graph.Try(func() {
		p := sample(random.NewKey(2))
		if err := graph.Eval(context.Background(), p); err != nil {
			panic(err)
		}
	})
}

// algorithms are all of them, each with what is wrong in its own config and state.
func algorithms() []algorithm {
	f, k := functions[list]{layer: listLayer}, functions[head]{layer: headLayer}
	adam := optim.Adam(1e-2)
	return []algorithm{
		row("sgld", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, sgmcmc.SGLDState[list, any]] {
			return sgmcmc.SGLD(f.density, sgmcmc.SGLDConfig{LR: 0.1})
		}, []refused[list, sgmcmc.SGLDState[list, any]]{
			{sgmcmc.SGLD(f.density, sgmcmc.SGLDConfig{LR: -0.1}), "LR is -0.1, want at least 0"},
			{sgmcmc.SGLD(f.density, sgmcmc.SGLDConfig{LR: 0.1, Temperature: -1}), "Temperature is -1, want at least 0"},
			{sgmcmc.SGLD(f.density, sgmcmc.SGLDConfig{}), "LR is not given"},
		}, []spoilt[sgmcmc.SGLDState[list, any]]{
			{func(s *sgmcmc.SGLDState[list, any], x graph.Tensor) { s.LR = x }, minus(), graph.ErrCheck, "learning rate >= 0", nil},
			{func(s *sgmcmc.SGLDState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", nil},
		}),
		row("sghmc", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, sgmcmc.SGHMCState[list, any]] {
			return sgmcmc.SGHMC(f.density, sgmcmc.SGHMCConfig{LR: 0.1})
		}, []refused[list, sgmcmc.SGHMCState[list, any]]{
			{sgmcmc.SGHMC(f.density, sgmcmc.SGHMCConfig{LR: -0.1}), "LR is -0.1, want at least 0"},
			{sgmcmc.SGHMC(f.density, sgmcmc.SGHMCConfig{LR: 0.1, Temperature: -1}), "Temperature is -1, want at least 0"},
			{sgmcmc.SGHMC(f.density, sgmcmc.SGHMCConfig{}), "LR is not given"},
			{sgmcmc.SGHMC(f.density, sgmcmc.SGHMCConfig{LR: 0.1, Momenta: list{graph.Zeros(2, 1)}}), "slice of"},
		}, []spoilt[sgmcmc.SGHMCState[list, any]]{
			{func(s *sgmcmc.SGHMCState[list, any], x graph.Tensor) { s.LR = x }, minus(), graph.ErrCheck, "learning rate >= 0", nil},
			{func(s *sgmcmc.SGHMCState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", nil},
			{func(s *sgmcmc.SGHMCState[list, any], _ graph.Tensor) { s.Momenta = s.Momenta[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("sgnht", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, sgmcmc.SGNHTState[list, any]] {
			return sgmcmc.SGNHT(f.density, sgmcmc.SGNHTConfig{LR: 0.1})
		}, []refused[list, sgmcmc.SGNHTState[list, any]]{
			{sgmcmc.SGNHT(f.density, sgmcmc.SGNHTConfig{LR: -0.1}), "LR is -0.1, want at least 0"},
			{sgmcmc.SGNHT(f.density, sgmcmc.SGNHTConfig{LR: 0.1, Temperature: -1}), "Temperature is -1, want at least 0"},
			{sgmcmc.SGNHT(f.density, sgmcmc.SGNHTConfig{}), "LR is not given"},
			{sgmcmc.SGNHT(f.density, sgmcmc.SGNHTConfig{LR: 0.1, Momenta: list{graph.Zeros(2, 1)}}), "slice of"},
		}, []spoilt[sgmcmc.SGNHTState[list, any]]{
			{func(s *sgmcmc.SGNHTState[list, any], x graph.Tensor) { s.LR = x }, minus(), graph.ErrCheck, "learning rate >= 0", nil},
			{func(s *sgmcmc.SGNHTState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", nil},
			{func(s *sgmcmc.SGNHTState[list, any], _ graph.Tensor) { s.Momenta = s.Momenta[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("baoa", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, sgmcmc.BAOAState[list, any]] {
			return sgmcmc.BAOA(f.density, sgmcmc.BAOAConfig{LR: 0.1})
		}, []refused[list, sgmcmc.BAOAState[list, any]]{
			{sgmcmc.BAOA(f.density, sgmcmc.BAOAConfig{LR: -0.1}), "LR is -0.1, want at least 0"},
			{sgmcmc.BAOA(f.density, sgmcmc.BAOAConfig{LR: 0.1, Temperature: -1}), "Temperature is -1, want at least 0"},
			{sgmcmc.BAOA(f.density, sgmcmc.BAOAConfig{}), "LR is not given"},
			{sgmcmc.BAOA(f.density, sgmcmc.BAOAConfig{LR: 0.1, Momenta: list{graph.Zeros(2, 1)}}), "slice of"},
		}, []spoilt[sgmcmc.BAOAState[list, any]]{
			{func(s *sgmcmc.BAOAState[list, any], x graph.Tensor) { s.LR = x }, minus(), graph.ErrCheck, "learning rate >= 0", nil},
			{func(s *sgmcmc.BAOAState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", nil},
			{func(s *sgmcmc.BAOAState[list, any], _ graph.Tensor) { s.Momenta = s.Momenta[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("vi diag", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, vi.DiagState[list, any]] {
			return vi.Diag(f.density, vi.DiagConfig{Optimizer: adam})
		}, []refused[list, vi.DiagState[list, any]]{
			{vi.Diag(f.density, vi.DiagConfig{}), "Optimizer is not given"},
			{vi.Diag(f.density, vi.DiagConfig{Optimizer: adam, Temperature: -1}), "Temperature is -1, want at least 0"},
			{vi.Diag(f.density, vi.DiagConfig{Optimizer: adam, InitLogSD: list{graph.Zeros(2, 1)}}), "InitLogSD"},
		}, []spoilt[vi.DiagState[list, any]]{
			{func(s *vi.DiagState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", nil},
			{func(s *vi.DiagState[list, any], _ graph.Tensor) { s.LogSD = s.LogSD[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("vi dense", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, vi.DenseState[list, any]] {
			return vi.Dense(f.density, vi.DenseConfig{Optimizer: adam})
		}, []refused[list, vi.DenseState[list, any]]{
			{vi.Dense(f.density, vi.DenseConfig{Optimizer: adam, Temperature: -1}), "Temperature is -1, want at least 0"},
			{vi.Dense(f.density, vi.DenseConfig{Optimizer: adam, InitScale: -1}), "InitScale is -1"},
		}, []spoilt[vi.DenseState[list, any]]{
			{func(s *vi.DenseState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", nil},
			{func(s *vi.DenseState[list, any], x graph.Tensor) { s.L = x }, graph.Zeros(4), graph.ErrShape, "4", nil},
		}),
		row("map", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, optim.MAPState[list, any]] {
			return optim.MAP(f.density, adam)
		}, []refused[list, optim.MAPState[list, any]]{
			{optim.MAP(f.density, optim.DPSGD(optim.DPSGDConfig{Clip: 1, Batch: 1}, random.NewKey(1))), "per-sample"},
		}, []spoilt[optim.MAPState[list, any]]{
			{func(s *optim.MAPState[list, any], _ graph.Tensor) { s.Optimizer = optim.Init(adam, list{s.Params[0]}) }, graph.Tensor{}, graph.ErrArgument, "leaves", nil},
		}),
		row("hmc", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, mcmc.HMCState[list, any]] {
			return mcmc.HMC(f.density, mcmc.HMCConfig{StepSize: 0.1, Steps: 2})
		}, []refused[list, mcmc.HMCState[list, any]]{
			{mcmc.HMC(f.density, mcmc.HMCConfig{StepSize: -0.1, Steps: 2}), "StepSize is -0.1, want at least 0"},
			{mcmc.HMC(f.density, mcmc.HMCConfig{StepSize: 0.1, Steps: 2, Temperature: -1}), "Temperature is -1"},
			{mcmc.HMC(f.density, mcmc.HMCConfig{StepSize: 0.1}), "Steps is 0"},
			{mcmc.HMC(f.density, mcmc.HMCConfig{StepSize: 0.1, Steps: 2, InverseMass: list{graph.Ones(2, 1)}}), "InverseMass"},
		}, []spoilt[mcmc.HMCState[list, any]]{
			{func(s *mcmc.HMCState[list, any], x graph.Tensor) { s.StepSize = x }, minus(), graph.ErrCheck, "step size > 0", nil},
			{func(s *mcmc.HMCState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature > 0", nil},
			{func(s *mcmc.HMCState[list, any], x graph.Tensor) { s.InverseMass = list{s.InverseMass[0], x} }, graph.Literal([]float32{-1}), graph.ErrCheck, "inverse mass > 0 is false for element [0]", nil},
			{func(s *mcmc.HMCState[list, any], _ graph.Tensor) { s.InverseMass = s.InverseMass[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("ekf diag fisher", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, ekf.DiagState[list, any]] {
			return ekf.DiagFisher(f.density, ekf.DiagConfig{LR: 0.5})
		}, []refused[list, ekf.DiagState[list, any]]{
			{ekf.DiagFisher(f.density, ekf.DiagConfig{}), "LR is not given"},
			{ekf.DiagFisher(f.density, ekf.DiagConfig{LR: -1}), "LR is -1, want at least 0"},
			{ekf.DiagFisher(f.density, ekf.DiagConfig{LR: 0.5, InitSD: -1}), "InitSD is -1"},
			{ekf.DiagFisher(f.density, ekf.DiagConfig{LR: 0.5, InitSD: list{graph.Ones(2, 1)}}), "InitSD"},
		}, []spoilt[ekf.DiagState[list, any]]{
			{func(s *ekf.DiagState[list, any], x graph.Tensor) { s.LR = x }, minus(), graph.ErrCheck, "learning rate >= 0", nil},
			{func(s *ekf.DiagState[list, any], x graph.Tensor) { s.SD = list{x, s.SD[1]} }, graph.Literal([]float32{1, -1}, 2, 1), graph.ErrCheck, "standard deviation >= 0 is false for element [1 0]", nil},
			{func(s *ekf.DiagState[list, any], _ graph.Tensor) { s.SD = s.SD[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("ekf dense fisher", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, ekf.DenseState[list, any]] {
			return ekf.DenseFisher(f.density, ekf.DenseConfig{LR: 0.5})
		}, []refused[list, ekf.DenseState[list, any]]{
			{ekf.DenseFisher(f.density, ekf.DenseConfig{LR: -1}), "LR is -1, want at least 0"},
			{ekf.DenseFisher(f.density, ekf.DenseConfig{LR: 0.5, InitCov: graph.Ones(2, 2)}), "InitCov"},
		}, []spoilt[ekf.DenseState[list, any]]{
			{func(s *ekf.DenseState[list, any], x graph.Tensor) { s.LR = x }, minus(), graph.ErrCheck, "learning rate >= 0", nil},
			{func(s *ekf.DenseState[list, any], x graph.Tensor) { s.Covariance = x }, indefinite(), graph.ErrCheck, "pivot > 0 is false for element [1]", nil},
		}),
		row("diagonal fisher laplace", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, laplace.DiagState[list, any]] {
			return laplace.DiagFisher(f.density, laplace.Config{Precision: 1})
		}, []refused[list, laplace.DiagState[list, any]]{
			{laplace.DiagFisher(f.density, laplace.Config{Precision: -1}), "Precision is -1, want at least 0"},
			{laplace.DiagFisher(f.density, laplace.Config{Temperature: -1}), "Temperature is -1, want at least 0"},
			{laplace.DiagFisher(f.density, laplace.Config{Precision: list{graph.Ones(2, 1)}}), "Precision"},
		}, []spoilt[laplace.DiagState[list, any]]{
			{func(s *laplace.DiagState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", func(s laplace.DiagState[list, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.DiagState[list, any], x graph.Tensor) { s.Precision = list{x, s.Precision[1]} }, graph.Literal([]float32{1, -1}, 2, 1), graph.ErrCheck, "precision > 0", func(s laplace.DiagState[list, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.DiagState[list, any], _ graph.Tensor) { s.Precision = s.Precision[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("diagonal ggn laplace", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, laplace.DiagState[list, any]] {
			return laplace.DiagGGN(f.forward, f.outer, laplace.Config{Precision: 1})
		}, []refused[list, laplace.DiagState[list, any]]{
			{laplace.DiagGGN(f.forward, f.outer, laplace.Config{Precision: -1}), "Precision is -1, want at least 0"},
			{laplace.DiagGGN(f.forward, f.outer, laplace.Config{Temperature: -1}), "Temperature is -1, want at least 0"},
			{laplace.DiagGGN(f.forward, f.outer, laplace.Config{Precision: list{graph.Ones(2, 1)}}), "Precision"},
		}, []spoilt[laplace.DiagState[list, any]]{
			{func(s *laplace.DiagState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", func(s laplace.DiagState[list, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.DiagState[list, any], x graph.Tensor) { s.Precision = list{x, s.Precision[1]} }, graph.Literal([]float32{1, -1}, 2, 1), graph.ErrCheck, "precision > 0", func(s laplace.DiagState[list, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.DiagState[list, any], _ graph.Tensor) { s.Precision = s.Precision[:1] }, graph.Tensor{}, graph.ErrArgument, "slice of", nil},
		}),
		row("dense fisher laplace", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, laplace.DenseState[list, any]] {
			return laplace.DenseFisher(f.density, laplace.Config{Precision: 1})
		}, []refused[list, laplace.DenseState[list, any]]{
			{laplace.DenseFisher(f.density, laplace.Config{Precision: -1}), "Precision is -1, want at least 0"},
			{laplace.DenseFisher(f.density, laplace.Config{Temperature: -1}), "Temperature is -1, want at least 0"},
		}, []spoilt[laplace.DenseState[list, any]]{
			{func(s *laplace.DenseState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", func(s laplace.DenseState[list, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.DenseState[list, any], x graph.Tensor) { s.Precision = x }, indefinite(), graph.ErrCheck, "pivot > 0 is false for element [1]", func(s laplace.DenseState[list, any]) error { return drawn(s.Sample) }},
		}),
		row("dense ggn laplace", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, laplace.DenseState[list, any]] {
			return laplace.DenseGGN(f.forward, f.outer, laplace.Config{Precision: 1})
		}, []refused[list, laplace.DenseState[list, any]]{
			{laplace.DenseGGN(f.forward, f.outer, laplace.Config{Precision: -1}), "Precision is -1, want at least 0"},
			{laplace.DenseGGN(f.forward, f.outer, laplace.Config{Temperature: -1}), "Temperature is -1, want at least 0"},
		}, []spoilt[laplace.DenseState[list, any]]{
			{func(s *laplace.DenseState[list, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", func(s laplace.DenseState[list, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.DenseState[list, any], x graph.Tensor) { s.Precision = x }, indefinite(), graph.ErrCheck, "pivot > 0 is false for element [1]", func(s laplace.DenseState[list, any]) error { return drawn(s.Sample) }},
		}),
		row("dense hessian laplace", asList, listLayer, func(f functions[list]) *posterior.Transform[list, points, laplace.DenseState[list, any]] {
			return laplace.DenseHessian(f.density, laplace.HessianConfig{})
		}, []refused[list, laplace.DenseState[list, any]]{
			{laplace.DenseHessian(f.density, laplace.HessianConfig{Temperature: -1}), "Temperature is -1"},
		}, []spoilt[laplace.DenseState[list, any]]{
			{func(s *laplace.DenseState[list, any], x graph.Tensor) { s.Precision = x }, indefinite(), graph.ErrCheck, "pivot > 0 is false for element [1]", func(s laplace.DenseState[list, any]) error { return drawn(s.Sample) }},
		}),
		row("kfac laplace", asHead, headLayer, func(f functions[head]) *posterior.Transform[head, points, laplace.KFACState[head, any]] {
			return laplace.KFAC(f.linear, f.outer, laplace.Config{Precision: 1})
		}, []refused[head, laplace.KFACState[head, any]]{
			{laplace.KFAC(k.linear, k.outer, laplace.Config{Precision: -1}), "Precision is -1, want at least 0"},
			{laplace.KFAC(k.linear, k.outer, laplace.Config{Temperature: -1}), "Temperature is -1, want at least 0"},
		}, []spoilt[laplace.KFACState[head, any]]{
			{func(s *laplace.KFACState[head, any], x graph.Tensor) { s.Temperature = x }, minus(), graph.ErrCheck, "temperature >= 0", func(s laplace.KFACState[head, any]) error { return drawn(s.Sample) }},
			{func(s *laplace.KFACState[head, any], x graph.Tensor) { s.Prior = x }, minus(), graph.ErrCheck, "prior precision >= 0", func(s laplace.KFACState[head, any]) error { return drawn(s.Sample) }},
		}),
	}
}
