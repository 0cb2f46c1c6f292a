// Package schedule has numbers that change with the step, such as learning rates and temperatures, as functions that run on the
// device: a training loop hands nothing over, and a compiled program serves all steps.
//
//	rate := schedule.WarmupCosine(1e-3, 0, 100, 10000)
//	opt := optim.Adam(rate)
//
// Steps are counted from 0. They become float32, exact up to 2^24.
package schedule
