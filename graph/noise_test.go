package graph

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// The oracle for random programs. A program may amplify rounding errors, or round, compare and sort what carries them. How much
// is measured: the evaluator runs a few times with every node's result disturbed as float32 would, in pairs of opposite signs, and
// the device may differ from the undisturbed run by a few times what they differ.

// disturbed evaluates with an error of the op's tolerance in every computed float, or in those of one node, its signs drawn from rng.
func disturbed(t *testing.T, outs []Tensor, rng *rand.Rand, sign float64, only *node) [][]float64 {
	t.Helper()
	values := map[*node]*Host{}
	several := map[*node][]*Host{}
	disturb := func(n *node, h *Host) {
		op := n.op
		if !h.DType.IsFloat() || op.Class() == View || op.Class() == Leaf || only != nil && only != n {
			return
		}
		e := sign * noiseOf(op) * precision(h.DType)
		largest := 0.0
		if o, ok := op.(cumulativeOp); ok && o.by == shaders.ScanSum { // where a running sum crosses 0 it has the errors of what it was before
			for _, v := range h.V {
				if !math.IsInf(v, 0) && !math.IsNaN(v) {
					largest = max(largest, math.Abs(v))
				}
			}
		}
		for i, v := range h.V {
			if rng.IntN(2) == 0 {
				e = -e
			}
			if !math.IsInf(v, 0) {
				h.V[i] += e * max(math.Abs(v), largest)
			}
		}
	}
	for _, a := range record(nodes(outs), evaluated) {
		n := a.node
		h := newHost(n.spec)
		in := make([]*Host, len(a.from))
		for i, x := range a.from {
			in[i] = values[x]
		}
		if evaluated(n) {
			var err error
			h, err = hostOf(context.Background(), n.array.Load(), n.spec)
			require.NoError(t, err)
		} else if op, ok := n.op.(pickOp); ok {
			h = several[a.from[0]][op.i]
		} else if op, ok := n.op.(multiOp); ok {
			var err error
			several[n], err = evaluateAll(context.Background(), op, in)
			require.NoError(t, err)
			for _, h := range several[n] {
				disturb(n, h)
			}
		} else {
			n.op.Eval(h, in)
			disturb(n, h)
		}
		values[n] = h
	}
	result := make([][]float64, len(outs))
	for i, o := range outs {
		result[i] = values[o.n].V
	}
	return result
}

// precision is how much smaller errors are than in float32, for which cases state them.
func precision(d DType) float64 {
	if d == Float64 {
		return 1e-7
	}
	return 1
}

var loosest struct {
	sync.Once
	of map[string]float64
}

// noiseOf is the relative error that an op's own cases allow it on a device.
func noiseOf(op Op) float64 {
	loosest.Do(func() {
		loosest.of = map[string]float64{}
		eachCase(func(c Case) { loosest.of[c.Op.Name()] = max(loosest.of[c.Op.Name()], c.tolerance()) })
	})
	return max(loosest.of[op.Name()], 1e-6)
}

// requireAgreement evaluates outs on the device and compares them with the evaluator.
func requireAgreement(t *testing.T, dev *gpu.Device, outs []Tensor, what string) {
	t.Helper()
	want, allowed := expected(t, outs)
	require.NoError(t, EvalOn(context.Background(), dev, outs), what)
	for i, y := range outs {
		requireWithin(t, want[i], allowed[i], readAny(t, dev, y), fmt.Sprintf("%s, result %d %v", what, i, y.Spec()))
	}
}

// expected are the values of outs with the error that each element is allowed.
func expected(t *testing.T, outs []Tensor) (want, allowed [][]float64) {
	t.Helper()
	want = references(t, outs)
	allowed = make([][]float64, len(want))
	for i, w := range want {
		scale := 1.0 // intermediate values are of the order of one: so are the rounding errors of sums that cancel
		for _, v := range w {
			if !math.IsInf(v, 0) && !math.IsNaN(v) {
				scale = max(scale, math.Abs(v))
			}
		}
		allowed[i] = make([]float64, len(w))
		for j := range w {
			allowed[i][j] = 1e-5 * precision(outs[i].DType()) * scale
		}
	}
	allow := func(values [][]float64) {
		for i, d := range values {
			for j, v := range d {
				switch diff := math.Abs(v - want[i][j]); {
				case v == want[i][j] || math.IsNaN(v) && math.IsNaN(want[i][j]):
				case math.IsNaN(diff):
					allowed[i][j] = math.NaN() // anything
				default:
					allowed[i][j] += 4 * diff
				}
			}
		}
	}
	for pair := range 2 {
		for _, sign := range []float64{1, -1} {
			allow(disturbed(t, outs, rand.New(rand.NewPCG(uint64(pair), 11)), sign, nil))
		}
	}
	for _, n := range lessPrecise(outs) {
		allow(disturbed(t, outs, rand.New(rand.NewPCG(2, 11)), 1, n))
	}
	return want, allowed
}

// lessPrecise lists the nodes computed in float32 below results in float64. Errors of several may cancel in what is disturbed at once, as
// where one's sign is the other's, reversed: in float32 results the least that is allowed covers that, but in float64 it is much smaller.
// So each is disturbed alone, too.
func lessPrecise(outs []Tensor) []*node {
	var found []*node
	for _, y := range outs {
		if y.DType() != Float64 {
			continue
		}
		for _, a := range record(nodes([]Tensor{y}), evaluated) {
			n := a.node
			float32s := n.spec.DType == Float32
			if m, ok := n.op.(multiOp); ok {
				specs := make([]Spec, len(a.from))
				for i, x := range a.from {
					specs[i] = x.spec
				}
				several, _ := m.InferAll(specs)
				float32s = slices.ContainsFunc(several, func(s Spec) bool { return s.DType == Float32 })
			}
			if _, picks := n.op.(pickOp); float32s && !picks && !evaluated(n) && n.op.Class() != View && n.op.Class() != Leaf && !slices.Contains(found, n) {
				found = append(found, n)
			}
		}
	}
	return found
}

func requireWithin(t *testing.T, want, allowed, got []float64, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i, w := range want {
		switch g := got[i]; {
		case math.IsNaN(allowed[i]), w == g, math.IsNaN(w) && math.IsNaN(g):
		case !(math.Abs(w-g) <= allowed[i]):
			require.Failf(t, "values differ", "%s: element %d is %v, want %v within %v", what, i, g, w, allowed[i])
		}
	}
}
