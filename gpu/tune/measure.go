package tune

import (
	"context"
	"math"
	"reflect"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// meter measures on dev and notes in p what it found.
type meter struct {
	ctx   context.Context
	dev   *gpu.Device
	p     gpu.Profile
	until time.Time // begin nothing new after it
	alone bool      // the work keeps one core busy, not all
}

// seconds is how long run takes. A CPU driver's work is read from the processor time of this process, spread over the cores: on a machine with
// other work that says more than the time that passes, and equals it on a quiet one.
func (m *meter) seconds(run func() error) (float64, error) {
	start, busy := time.Now(), processorSeconds()
	err := run()
	passed, used := time.Since(start).Seconds(), processorSeconds()-busy
	switch {
	case m.p.Kind != gpu.CPU || used <= 0:
		return passed, err
	case m.alone:
		return used, err
	}
	return used / float64(max(m.p.Cores, 1)), err
}

// margin is how much less time a form must take than the one that would be used without it. On a machine with seven jobs a core the ratios
// of the least times scattered by 0.09.
const margin = 0.85

// Rounds of a comparison: few where rounds are long, at least three.
const (
	mostRounds = 15
	raceTime   = 100 * time.Millisecond
)

// form is a way of doing some work: functions that run to the end of it, one for each kind of work.
type form []func() error

// race times forms in turns, so that all of them see the machine in the same state, and gives for each the geometric mean over the kinds
// of work of its least time over that of the first form, and the first form's least times.
func (m *meter) race(forms ...form) (ratio []float64, base []float64, err error) {
	times := make([][]float64, len(forms))
	for i, f := range forms {
		times[i] = make([]float64, len(f))
		for j, run := range f {
			times[i][j] = math.Inf(1)
			if err := run(); err != nil { // compiles, and touches the memory
				return nil, nil, err
			}
		}
	}
	begin := time.Now()
	for round := 0; round < mostRounds && (round < 3 || time.Since(begin) < raceTime*time.Duration(len(forms))); round++ {
		for i, f := range forms {
			for j, run := range f {
				t, err := m.seconds(run)
				if err != nil {
					return nil, nil, err
				}
				times[i][j] = min(times[i][j], t)
			}
		}
	}
	for _, t := range times {
		sum := 0.0
		for j := range t {
			sum += math.Log(t[j] / times[0][j])
		}
		ratio = append(ratio, math.Exp(sum/float64(len(t))))
	}
	return ratio, times[0], nil
}

// choose tries changes of the profile, as long as there is time, and takes the one that makes the works fastest, if by the margin.
// It returns the least times of the works in the form that was taken.
func (m *meter) choose(works []work, changes ...func(*gpu.Profile)) ([]float64, error) {
	profiles := []gpu.Profile{m.p}
	for _, change := range changes {
		q := m.p
		change(&q)
		if !reflect.DeepEqual(q, m.p) && time.Now().Before(m.until) {
			profiles = append(profiles, q)
		}
	}
	var forms []form
	var runs []*run
	defer func() {
		for _, r := range runs {
			r.close()
		}
	}()
	for _, p := range profiles {
		var f form
		for _, w := range works {
			r, err := w(m, p)
			if err != nil {
				return nil, err
			}
			runs = append(runs, r)
			f = append(f, r.once)
		}
		forms = append(forms, f)
	}
	ratio, base, err := m.race(forms...)
	if err != nil {
		return nil, err
	}
	best := 0
	for i, r := range ratio {
		if r < margin && r < ratio[best] {
			best = i
		}
	}
	m.p = profiles[best]
	for j := range base {
		base[j] *= ratio[best]
	}
	return base, nil
}

// settle is what a rate becomes: the measured one where it is far from the table's, beyond what noise explains, so that plans
// that weigh rates do not change with it.
func settle(table, measured float64) float64 {
	const far = 1.5
	if measured > table*far || measured < table/far {
		return measured
	}
	return table
}

// streams measures what elementwise kernels and reductions are shaped by, and the rates but that of matrix products.
func (m *meter) streams() error {
	n := streamElements(m.p.Kind)
	side := 1 << (int(math.Log2(float64(n))) / 2)
	axpy := axpyOver(n)
	changes := func(list ...func(*gpu.Profile)) []func(*gpu.Profile) { return list }
	if _, err := m.choose([]work{axpy, rowSums(side)}, func(p *gpu.Profile) { p.TexelReads = !p.TexelReads }); err != nil {
		return err
	}
	shapes := changes(func(p *gpu.Profile) { p.VecPerInvocation, p.Unrolled = 8, false }, func(p *gpu.Profile) { p.VecPerInvocation, p.Unrolled = 8, true },
		func(p *gpu.Profile) { p.VecPerInvocation, p.Unrolled = 1, false })
	if _, err := m.choose([]work{axpy}, shapes...); err != nil {
		return err
	}
	var sizes []func(*gpu.Profile)
	for _, s := range []int{64, 128, 256} {
		if s <= min(m.p.MaxWorkgroup, m.p.MaxWorkgroupSize[0]) {
			sizes = append(sizes, func(p *gpu.Profile) { p.LocalSize = s })
		}
	}
	least, err := m.choose([]work{axpy}, sizes...)
	if err != nil {
		return err
	}
	table := m.p.Rates
	m.p.Rates.Bytes = settle(table.Bytes, 12*float64(n)/least[0])
	if m.p.TexelReads {
		if _, err := m.choose([]work{strided(1 << 16)}, func(p *gpu.Profile) { p.TexelScalars = !p.TexelScalars }); err != nil {
			return err
		}
	}
	least, err = m.choose([]work{products(side / 8)})
	if err != nil {
		return err
	}
	m.p.Rates.Vector = settle(table.Vector, 2*math.Pow(float64(side/8), 3)/least[0])
	few, many := 1, 33
	m.alone = true // each waits for the one before
	least, err = m.choose([]work{dispatches(few), dispatches(many)})
	m.alone = false
	if err != nil {
		return err
	}
	if d := (least[1] - least[0]) / float64(many-few); d > 0 {
		m.p.Rates.Dispatch = settle(table.Dispatch, d)
	}
	return nil
}

// streamElements is how long the vectors are: a millisecond's work on a CPU driver, and on a GPU more than its caches hold.
func streamElements(k gpu.Kind) int {
	if k == gpu.CPU {
		return 1 << 20
	}
	return 1 << 24
}

// matmul measures which family of matrix product kernels is fastest, and its rate.
func (m *meter) matmul() error {
	n := 256
	if m.p.Kind != gpu.CPU {
		n = 2048
	}
	var families []func(*gpu.Profile)
	for _, f := range []gpu.MatMulFamily{gpu.MatMulTexel, gpu.MatMulQuad, gpu.MatMulShared} {
		// Without shared memory of its own a CPU driver runs these ten times slower than the others.
		if supported(f, m.p) && (m.p.SharedMemory || f != gpu.MatMulShared) {
			families = append(families, func(p *gpu.Profile) { p.MatMul = f })
		}
	}
	least, err := m.choose([]work{square(n)}, families...)
	if err != nil {
		return err
	}
	m.p.Rates.MatMul = settle(m.p.Rates.MatMul, 2*math.Pow(float64(n), 3)/least[0])
	if m.p.Kind == gpu.CPU {
		return nil // a driver that has cooperative matrices here computes them element by element, and takes a minute to compile a large tile
	}
	m.until = time.Now().Add(budget)
	return m.matrices(n)
}

// matrices measures whether cooperative matrices are faster than float32 kernels, and with which tiles.
func (m *meter) matrices(n int) error {
	target := MatMulTarget(m.p)
	for _, r := range []shaders.Rounding{shaders.RoundFloat16, shaders.RoundBFloat16} {
		if !target.Cooperative(r) {
			continue
		}
		changes := []func(*gpu.Profile){func(p *gpu.Profile) { p.RoundedMatrices = false }}
		for _, tile := range []int{64, 32} {
			changes = append(changes, func(p *gpu.Profile) { p.RoundedMatrices, p.MatrixTile = true, tile })
		}
		if _, err := m.choose([]work{rounded(n, r)}, changes...); err != nil {
			return err
		}
		break // the units are as fast for one as for the other
	}
	if !target.Cooperative(shaders.SplitBFloat16) {
		return nil
	}
	_, err := m.choose([]work{rounded(n, shaders.SplitBFloat16)}, func(p *gpu.Profile) { p.SplitMatrices = !p.SplitMatrices })
	return err
}

// supported reports that the device can run a family of kernels.
func supported(f gpu.MatMulFamily, p gpu.Profile) bool {
	switch f {
	case gpu.MatMulTexel:
		return p.MaxTexelElements >= 1<<16 // which Vulkan promises
	case gpu.MatMulQuad:
		return p.SubgroupQuads && p.MaxTexelElements >= 1<<16
	case gpu.MatMulShared:
		return p.MaxWorkgroup >= 256
	}
	return false
}

var viewKinds = map[shaders.View]gpu.BindingKind{shaders.Storage: gpu.Storage, shaders.TexelVector: gpu.Texel}
