// Package optim has optimizers as gradient transformations: pure functions over trees of tensors, which chain.
//
//	opt := optim.Chain(optim.ClipByGlobalNorm(1), optim.AdamW(schedule.WarmupCosine(1e-3, 0, 100, 10000)))
//	state := optim.Init(opt, params)
//	params, state = optim.Step(opt, grads, state, params)
//
// A Transformation takes the gradient to the update that is added to the parameters, and its state to the next. It does not
// know the type of the parameters, so one value serves any tree; the state is a tree as well, and all of it may be compiled,
// scanned, mapped (many models, or many learning rates, by one vmap) and differentiated through.
//
// Optimizers descend: give them the gradient of a loss, or begin the chain with Scale(-1) for a log posterior. Defaults and
// formulas are PyTorch's; options are set by functions that change the defaults, so that a zero means zero:
//
//	optim.Adam(1e-3, func(c *optim.AdamConfig) { c.Beta1 = 0 })
//
// MAP makes a posterior.Transform of one: training is a line in the place of a sampler.
//
// # Learning rates
//
// A rate is a number, a float32 scalar tensor or a schedule (schedule.Rate). Init puts a number into the state, as Values["lr"]
// of its part, in float32; WithRate changes it there, and no program is compiled again. Negative numbers are errors; of tensors and
// schedules, whose values are known to the device only, they are not.
//
// # Leaves
//
// Float leaves are optimized in their own dtype, float64 too. Integer and bool leaves are carried along unchanged. A NaN in the
// gradient goes to where the formulas take it: the same element, or, by way of a norm, all of them.
//
// # Differential privacy
//
// DPSGD clips per-sample gradients and adds noise, PoissonBatch draws the batches that its guarantee is for, and package
// privacy counts what has been spent.
package optim
