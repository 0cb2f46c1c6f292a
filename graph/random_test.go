package graph

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

var (
	randomPrograms = flag.Int("random", 60, "how many random programs to run on each driver")
	randomFirst    = flag.Int("random-first", 0, "the seed of the first of them")
)

// modes are what is compared of a random program: its values, or those of a transform of it.
var modes = []string{"value", "grad", "jvp", "vmap", "vmap of grad"}

// check runs the program on floats of type d on dev in one of the modes, against the evaluator; vmap against a loop over samples.
func (r recipe) check(t *testing.T, dev *gpu.Device, d DType, mode string) {
	limit := largestInput
	if mode != "value" {
		limit = 1000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	specs := r.inputs(d, limit)
	draws := func(batch Shape) []Tensor {
		var in []Tensor
		for _, s := range specs {
			s.Shape = append(batch[:len(batch):len(batch)], s.Shape...)
			in = append(in, upload(t, dev, s, draw(rng, Sample{Spec: s, Lo: -1, Hi: 1})))
		}
		return in
	}
	f := func(in []Tensor) []Tensor { return r.build(d, limit, in) }
	grad := func(in []Tensor) []Tensor {
		return Grad(func(in []Tensor) Tensor {
			total := Full(d, 0)
			for i, y := range r.build(d, limit, in) {
				if y.DType().IsFloat() {
					total = total.Add(y.Mean().Scale(float64(i + 1)))
				}
			}
			return total
		})(in)
	}
	switch mode {
	case "value":
		in := draws(nil)
		outs := f(in)
		requireAgreement(t, dev, outs, mode)
		closeAll(in, outs...)
	case "grad":
		in := draws(nil)
		defer closeAll(in)
		outs, ok := reversible(t, func() []Tensor { return grad(in) })
		if ok {
			requireAgreement(t, dev, outs, mode)
			closeAll(outs)
		}
	case "jvp":
		in, along := draws(nil), draws(nil)
		_, dy := JVP(f, in, along)
		requireAgreement(t, dev, dy, mode)
		closeAll(in, append(along, dy...)...)
	case "vmap", "vmap of grad":
		if mode == "vmap of grad" {
			f = grad
		}
		const batch = 3
		in := draws(Shape{batch})
		defer closeAll(in)
		axes := make([]int, len(in))
		axes[0] = Shared
		whole := in[0]
		defer whole.Close()
		in[0] = in[0].Index(0, 0)
		outs, ok := reversible(t, func() []Tensor {
			return Vectorize("vmap", f, in, axes, func(int, int) (int, bool) { return 0, false })
		})
		if !ok {
			return
		}
		require.NoError(t, EvalOn(t.Context(), dev, outs))
		for s := range batch {
			one := append([]Tensor{in[0]}, in[1:]...)
			for i := 1; i < len(in); i++ {
				one[i] = in[i].Index(0, s)
			}
			single := f(one)
			want, allowed := expected(t, single)
			for i, w := range want {
				got := readAny(t, dev, outs[i])
				requireWithin(t, w, allowed[i], got[s*len(w):(s+1)*len(w)], fmt.Sprintf("%s, sample %d, result %d %v", mode, s, i, outs[i].Spec()))
			}
		}
		closeAll(outs)
	}
}

// reversible is f's result, false where the program has a While, which has no reverse mode.
func reversible(t *testing.T, f func() []Tensor) (out []Tensor, ok bool) {
	t.Helper()
	err := Try(func() { out = f() })
	var e *Error
	if errors.As(err, &e) && strings.Contains(e.Detail, "no reverse-mode derivative") {
		return nil, false
	}
	require.NoError(t, err)
	return out, true
}

// Random programs, and the transforms of them, give on the device what the evaluator gives, fused as the compiler sees fit.
func TestRandomPrograms(t *testing.T) {
	n := *randomPrograms
	if testing.Short() {
		n = min(n, 20)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for i := range n {
			seed := *randomFirst + i
			mode := modes[seed%len(modes)]
			t.Run(fmt.Sprintf("%d %s", seed, mode), func(t *testing.T) { seeded(uint64(seed)).check(t, dev, Float32, mode) })
		}
	})
}

// The same in float64, a sixth as many.
func TestRandomProgramsFloat64(t *testing.T) {
	n := (*randomPrograms + 5) / 6
	if testing.Short() {
		n = min(n, 4)
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		if !hasFloat64(dev) {
			requireFloat64Missing(t, dev)
			return
		}
		for i := range n {
			seed := *randomFirst + i
			mode := modes[seed%len(modes)]
			t.Run(fmt.Sprintf("%d %s", seed, mode), func(t *testing.T) { seeded(uint64(seed)).check(t, dev, Float64, mode) })
		}
	})
}

// FuzzProgram runs programs that the fuzzer's bytes choose: the first chooses what is compared, the others inputs, ops and
// operands. Where the device has float64, the first byte's high bit asks for it.
func FuzzProgram(f *testing.F) {
	dev := gputest.Open(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		d, first := Float32, int(data[0])
		if first >= 128 && hasFloat64(dev) {
			d = Float64
		}
		fromBytes(data[1:]).check(t, dev, d, modes[first%128%len(modes)])
	})
}
