package main

import (
	"github.com/lavagrad/lavagrad/examples/internal/digits"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/posterior"
	"github.com/lavagrad/lavagrad/posterior/curvature"
	"github.com/lavagrad/lavagrad/posterior/ekf"
	"github.com/lavagrad/lavagrad/posterior/laplace"
	"github.com/lavagrad/lavagrad/posterior/optim"
	"github.com/lavagrad/lavagrad/posterior/schedule"
	"github.com/lavagrad/lavagrad/posterior/sgmcmc"
	"github.com/lavagrad/lavagrad/posterior/vi"
)

// algorithms are all bound to the same log posterior of n digits, one line each; they are to make so many steps.
func algorithms(n, steps int) map[string]inference {
	logPosterior := digits.LogPosterior(n)
	cold := 1 / float64(n) // the log posterior is a mean over the digits
	adam := optim.Adam(schedule.Linear(5e-3, 0, steps))
	return map[string]inference{
		"vi-diag":      family(vi.Diag(logPosterior, vi.DiagConfig{Optimizer: adam, Temperature: cold, InitLogSD: -2.5})),
		"sgld":         chain(sgmcmc.SGLD(logPosterior, sgmcmc.SGLDConfig{LR: 0.2, Temperature: cold})),
		"sghmc":        chain(sgmcmc.SGHMC(logPosterior, sgmcmc.SGHMCConfig{LR: 0.1, Temperature: cold, Alpha: 1, Momenta: 0})),
		"sgnht":        chain(sgmcmc.SGNHT(logPosterior, sgmcmc.SGNHTConfig{LR: 0.1, Temperature: cold, Alpha: 1, Momenta: 0})),
		"baoa":         chain(sgmcmc.BAOA(logPosterior, sgmcmc.BAOAConfig{LR: 0.1, Temperature: cold, Alpha: 1, Momenta: 0})),
		"ekf-diag":     family(ekf.DiagFisher(logPosterior, ekf.DiagConfig{LR: 128, InitSD: 0.1})),
		"laplace-kfac": around(optim.MAP(logPosterior, adam), laplace.KFAC(logits, likelihood, laplace.Config{Precision: 1})),
		"map":          point(optim.MAP(logPosterior, adam)),
	}
}

// logits and likelihood are the two halves of the log likelihood; KFAC looks into the layers, by the function that applies them.
func logits(m digits.MLP, batch digits.Digit, linear curvature.LinearFunc) (graph.Tensor, posterior.None) {
	return linear(m.Out, linear(m.Hidden, batch.X).ReLU()), posterior.None{}
}

func likelihood(logits graph.Tensor, batch digits.Digit) graph.Tensor {
	return nn.CrossEntropy(logits, batch.Y).Sum().Neg()
}
