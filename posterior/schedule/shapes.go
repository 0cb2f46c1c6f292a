package schedule

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Linear goes from one value at step 0 in a straight line to another at step n, and stays there. n >= 1.
func Linear(from, to float64, n int) Schedule {
	finite("linear schedule", from, to)
	atLeast("linear schedule", "its length", n, 1)
	return func(step graph.Tensor) graph.Tensor {
		done := progress(step, n)
		return done.Neg().AddScalar(1).Scale(from).Add(done.Scale(to)) // exact at both ends
	}
}

// progress is min(step/n, 1).
func progress(step graph.Tensor, n int) graph.Tensor {
	return step.AsFloat().Scale(1/float64(n)).Clamp(math.Inf(-1), 1)
}

// Step is initial * factor^k after k times every steps (torch's StepLR): initial * factor^floor(step/every). every >= 1.
func Step(initial, factor float64, every int) Schedule {
	finite("step schedule", initial, factor)
	atLeast("step schedule", "every", every, 1)
	return func(step graph.Tensor) graph.Tensor {
		return power(factor, step.Div(graph.Int(every)).AsFloat()).Scale(initial)
	}
}

// Exponential is initial * factor^(step/n): by the factor in n steps, smoothly. With n = 1 it is torch's ExponentialLR. The
// factor is positive, n >= 1.
func Exponential(initial, factor float64, n int) Schedule {
	finite("exponential schedule", initial, factor)
	atLeast("exponential schedule", "its length", n, 1)
	if factor <= 0 {
		graph.Fail("exponential schedule", graph.ErrArgument, "give a positive factor", "the factor is %v", factor)
	}
	return func(step graph.Tensor) graph.Tensor {
		return step.AsFloat().Scale(math.Log(factor) / float64(n)).Exp().Scale(initial)
	}
}

// power is base^k for whole k >= 0, and a base of any sign.
func power(base float64, k graph.Tensor) graph.Tensor {
	if base == 0 {
		return graph.Where(k.Eq(k.Like(0)), k.Like(1), k.Like(0))
	}
	y := k.Scale(math.Log(math.Abs(base))).Exp()
	if base < 0 {
		odd := k.AsInt().Rem(graph.Int(2)).Eq(graph.Int(1))
		y = graph.Where(odd, y.Neg(), y)
	}
	return y
}

// Cosine goes from initial at step 0 to final at step n along half a cosine, and stays there (Loshchilov and Hutter 2017, arXiv
// 1608.03983, without restarts):
//
//	final + (initial - final) (1 + cos(pi min(step/n, 1))) / 2
//
// n >= 1.
func Cosine(initial, final float64, n int) Schedule {
	finite("cosine schedule", initial, final)
	atLeast("cosine schedule", "its length", n, 1)
	return func(step graph.Tensor) graph.Tensor {
		// sin^2(x/2) = (1 - cos x)/2 loses no digits near 0 and gives both ends.
		s := progress(step, n).Scale(math.Pi / 2).Sin().Square()
		return s.Neg().AddScalar(1).Scale(initial).Add(s.Scale(final))
	}
}

// Polynomial is initial * (1 + step/b)^-power: with power in (1/2, 1] the decaying step sizes of Robbins and Monro that SGLD is
// proved for (Welling and Teh 2011, with a = initial * b^power). b > 0.
func Polynomial(initial, b, power float64) Schedule {
	finite("polynomial schedule", initial, b, power)
	if b <= 0 {
		graph.Fail("polynomial schedule", graph.ErrArgument, "give a positive number of steps", "b is %v", b)
	}
	return func(step graph.Tensor) graph.Tensor {
		return step.AsFloat().Scale(1 / b).Log1p().Scale(-power).Exp().Scale(initial)
	}
}

// Join runs schedules one after the other: the first until step ends[0], the second, whose steps count from 0 again, until
// ends[1], and so on; the last has no end. ends are increasing and not negative, one fewer than the schedules.
func Join(ends []int, schedules ...Schedule) Schedule {
	if len(schedules) != len(ends)+1 {
		graph.Fail("join schedules", graph.ErrArgument, "give one end for each schedule but the last", "%d schedules with %d ends", len(schedules), len(ends))
	}
	last := 0
	for _, e := range ends {
		if e < last {
			graph.Fail("join schedules", graph.ErrArgument, "give ends in increasing order", "the ends are %v", ends)
		}
		last = e
	}
	checked := make([]Schedule, len(schedules))
	for i, s := range schedules {
		checked[i] = Of(s)
	}
	return func(step graph.Tensor) graph.Tensor {
		y := checked[0](step)
		for i, e := range ends {
			own := step.Sub(graph.Int(e))
			// A schedule is not asked for steps before its own: 1/step and the like stay finite there.
			y = graph.Where(own.Ge(graph.Int(0)), checked[i+1](own.Max(graph.Int(0))), y)
		}
		return y
	}
}

// Warmup goes linearly from 0 to the first value of a schedule in n steps and then begins it. n = 0 is the schedule itself.
func Warmup(n int, then Schedule) Schedule {
	atLeast("warm-up", "its length", n, 0)
	then = Of(then)
	if n == 0 {
		return then
	}
	return Join([]int{n}, func(step graph.Tensor) graph.Tensor {
		return progress(step, n).Mul(then(graph.Int(0)))
	}, then)
}

// WarmupCosine goes linearly from 0 to peak in warmup steps, then by Cosine to final at step n, and stays there.
func WarmupCosine(peak, final float64, warmup, n int) Schedule {
	atLeast("warm-up cosine schedule", "its length less the warm-up", n-warmup, 1)
	return Warmup(warmup, Cosine(peak, final, n-warmup))
}
