package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

// Products and quotients with a literal zero are IEEE's: lavapipe by itself takes x * 0 for 0 whatever x is.
func TestLiteralZeroIsNoShortcut(t *testing.T) {
	inf := math.Inf(1)
	values := []float64{math.NaN(), inf, -inf, 0, math.Copysign(0, -1), 1, -2}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, d := range []DType{Float32, Float64} {
			if d == Float64 && !hasFloat64(dev) {
				continue
			}
			x := upload(t, dev, Spec{d, Shape{len(values)}}, values)
			for _, zero := range []float64{0, math.Copysign(0, -1)} {
				for name, y := range map[string]Tensor{
					"product":       x.Scale(zero),
					"quotient":      x.Div(x.Like(zero)),
					"zero over x":   x.Like(zero).Div(x),
					"inside a sum":  x.Scale(zero).Sum(),
					"a row's outer": Full(d, zero, 3, 1).Mul(x.ExpandDims(0)),
				} {
					want, got := reference(t, y), readAny(t, dev, y)
					for i := range want {
						same := math.IsNaN(want[i]) && math.IsNaN(got[i]) || want[i] == got[i] && math.Signbit(want[i]) == math.Signbit(got[i])
						require.True(t, same, "%s of %v by %v: element %d is %v, want %v", name, d, zero, i, got[i], want[i])
					}
					y.Close()
				}
			}
			x.Close()
		}
	})
}
