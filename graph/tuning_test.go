package graph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/gpu/tune"
)

// forms are profiles that a measurement may choose.
var forms = map[string]func(*gpu.Profile){
	"unrolled":        func(p *gpu.Profile) { p.VecPerInvocation, p.Unrolled = 8, true },
	"one vector":      func(p *gpu.Profile) { p.VecPerInvocation, p.LocalSize = 1, 64 },
	"storage buffers": func(p *gpu.Profile) { p.TexelReads = !p.TexelReads },
	"single elements": func(p *gpu.Profile) { p.TexelScalars = !p.TexelScalars },
	"texel products":  func(p *gpu.Profile) { p.MatMul = gpu.MatMulTexel },
	"quad products":   func(p *gpu.Profile) { p.MatMul = gpu.MatMulQuad },
}

// formCases are programs that the facts of a profile shape: contiguous ones of even and odd lengths, strided reads, reductions, products.
func formCases(t *testing.T, dev *gpu.Device) map[string]Tensor {
	rng := rand.New(rand.NewPCG(5, 6))
	in := func(shape ...int) Tensor {
		s := Spec{Float32, Shape(shape)}
		return upload(t, dev, s, draw(rng, Sample{Spec: s}))
	}
	even, odd, m, q := in(1<<17), in(1<<17+5), in(301, 260), in(260, 128)
	return map[string]Tensor{
		"axpy":      even.Scale(2).Add(even.Exp()),
		"odd":       odd.Scale(2).Add(odd.Sin()),
		"strided":   even.Reshape(1<<14, 8).Slice(1, 3, 4).Exp(),
		"transpose": m.Transpose(1, 0).Exp(),
		"rows":      m.Sum(1),
		"columns":   m.Mul(m).Sum(0),
		"largest":   odd.ReduceMax(),
		"product":   m.MatMul(q),
		"gradient":  m.Transpose(1, 0).MatMul(m).Scale(0.1),
		"outer":     m.Slice(0, 0, 64).ExpandDims(2).Mul(q.Transpose(1, 0).Slice(0, 0, 64).ExpandDims(1)),
	}
}

// compareForms runs the matrix products, or all other cases.
func compareForms(t *testing.T, dev *gpu.Device, products bool) {
	for name, y := range formCases(t, dev) {
		if products != (name == "product" || name == "gradient") {
			continue
		}
		want, err := Reference(context.Background(), y)
		require.NoError(t, err)
		requireClose(t, want, readAny(t, dev, y), 4e-6, name)
		closeAll(nil, y)
	}
}

// Whatever a measurement chooses, results are right.
func TestEveryFormIsRight(t *testing.T) {
	if testing.Short() {
		t.Skip("forms take half a minute under the race detector, and differ in kernels alone")
	}
	for _, name := range gputest.Devices(t) {
		for form, adjust := range forms {
			t.Run(fmt.Sprint(name, "/", form), func(t *testing.T) {
				dev, err := gpu.Open(t.Context(), gpu.WithDevice(name), gpu.WithProfile(adjust), gpu.WithCacheDir(""))
				require.NoError(t, err)
				defer dev.Close() // and with it all operands
				compareForms(t, dev, strings.HasSuffix(form, "products"))
				assert.Empty(t, dev.ValidationMessages())
			})
		}
	}
}

// A program measures what it depends on: nothing where it is small, products only where there are some, also inside of loops.
func TestProgramsMeasureWhatTheyNeed(t *testing.T) {
	x, m := Zeros(1<<16).Add(Iota(0, 1<<16).Convert(Float32)), Iota(0, 128*128).Convert(Float32).Reshape(128, 128)
	loop := func(f func(Tensor) Tensor, init Tensor) Tensor {
		return Fori(0, 1000, func(_, x Tensor) Tensor { return f(x) }, init)
	}
	for _, c := range []struct {
		what string
		y    Tensor
		need gpu.Measured
	}{
		{"small", m.Sum(), 0},
		{"small product", m.Slice(0, 0, 8).MatMul(m), 0},
		{"long", x.Exp(), gpu.MeasuredStreams},
		{"sum of many", x.Sum(), gpu.MeasuredStreams},
		{"product", m.MatMul(m), tune.Everything},
		{"small loop", loop(Tensor.Tanh, m), 0},
		{"products in a loop", loop(func(x Tensor) Tensor { return x.MatMul(x) }, m), tune.Everything},
	} {
		assert.Equal(t, c.need, facts([]*node{c.y.n}), c.what)
	}
}

// A tuned program, in its first process and in the next, gives the same, which is right.
func TestTunedPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("gpu/tune has shorter tests of the tuner")
	}
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 {
				dev, err := gpu.Open(t.Context(), gpu.WithDevice(name), gpu.WithTuning(gpu.TuneOnce), gpu.WithCacheDir(dir))
				require.NoError(t, err)
				require.Zero(t, dev.Profile().Measured)
				compareForms(t, dev, true)
				assert.Equal(t, tune.Everything, dev.Profile().Measured)
				require.NoError(t, dev.Close())
			}
		})
	}
}
