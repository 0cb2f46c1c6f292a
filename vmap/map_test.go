package vmap_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/vmap"
)

func vector(t *testing.T, dev *gpu.Device, v []float32, shape ...int) graph.Tensor {
	t.Helper()
	x, err := graph.FromSlice(dev, v, shape...)
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

func values(t *testing.T, x graph.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { x.Close() })
	return v
}

// The rows of a Hessian: forward over reverse, mapped over the unit vectors.
func TestHessianByMappedJVPOfGrad(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		f := func(x graph.Tensor) graph.Tensor {
			return x.Index(0, 0).Mul(x.Index(0, 1).Square()).Add(x.Index(0, 2).Exp())
		}
		row := func(x, v graph.Tensor) graph.Tensor {
			_, d := graph.JVP(graph.Grad(f), x, v)
			return d
		}
		x := vector(t, dev, []float32{3, 2, 0})
		eye := vector(t, dev, []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 3)
		h := vmap.Map2(row, vmap.In(vmap.Shared, 0))(x, eye)
		assert.InDeltaSlice(t, []float32{0, 4, 0, 4, 6, 0, 0, 0, 1}, values(t, h), 1e-5)
	})
}

// The derivative of an inner gradient by a captured variable: no confusion of what is differentiated by what.
func TestNestedGradients(t *testing.T) {
	dev := gputest.Open(t)
	// d/dx of x * d/dy (x y^2 + x y) at y = x is d/dx (2x^3 + x^2) = 6x^2 + 2x.
	f := func(x graph.Tensor) graph.Tensor {
		inner := graph.Grad(func(y graph.Tensor) graph.Tensor { return x.Mul(y).Mul(y).Add(x.Mul(y)) })
		return x.Mul(inner(x))
	}
	// The inner gradient is 2xy + x, at y = x times x: 2x^3 + x^2.
	x := vector(t, dev, []float32{1, 2, -1})
	assert.InDeltaSlice(t, []float32{8, 28, 4}, values(t, vmap.Map(graph.Grad(f))(x)), 1e-4)
	// And with the gradient through the inner one stopped: d/dx (x c) = c = 2x^2 + x.
	stopped := func(x graph.Tensor) graph.Tensor {
		inner := graph.Grad(func(y graph.Tensor) graph.Tensor { return x.Mul(y).Mul(y).Add(x.Mul(y)) })
		return x.Mul(graph.StopGradient(inner(x)))
	}
	assert.InDeltaSlice(t, []float32{3, 10, 1}, values(t, vmap.Map(graph.Grad(stopped))(x)), 1e-4)
}

// A derivative that is constant has no operand on a device, and can be read all the same.
func TestConstantDerivative(t *testing.T) {
	dev := gputest.Open(t)
	x := vector(t, dev, []float32{1, 2, 3})
	g := graph.Grad(func(x graph.Tensor) graph.Tensor { return x.Sum().Square() })
	assert.Equal(t, []float32{6, 6, 6}, values(t, graph.Grad(func(x graph.Tensor) graph.Tensor { return g(x).Sum() })(x)))
	assert.Equal(t, []float32{2, 2, 2}, values(t, graph.Grad(func(x graph.Tensor) graph.Tensor { return x.Scale(2).Sum() })(x)))
}

func TestAxes(t *testing.T) {
	dev := gputest.Open(t)
	x := vector(t, dev, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	sum := func(x graph.Tensor) graph.Tensor { return x.Sum() }
	assert.Equal(t, []float32{6, 15}, values(t, vmap.Map(sum)(x)))
	assert.Equal(t, []float32{5, 7, 9}, values(t, vmap.Map(sum, vmap.In(-1))(x)))
	twice := vmap.Map(func(x graph.Tensor) graph.Tensor { return x.Scale(2) }, vmap.In(1), vmap.Out(-1))(x)
	assert.Equal(t, graph.Shape{2, 3}, twice.Shape())
	assert.Equal(t, []float32{2, 4, 6, 8, 10, 12}, values(t, twice))
	// What does not depend on the sample is repeated.
	same := vmap.Map(func(graph.Tensor) graph.Tensor { return graph.Ones(2) })(x)
	assert.Equal(t, graph.Shape{2, 2}, same.Shape())
	// A captured tensor is shared.
	w := vector(t, dev, []float32{1, 0, -1})
	assert.Equal(t, []float32{-2, -2}, values(t, vmap.Map(func(x graph.Tensor) graph.Tensor { return x.Dot(w) })(x)))
}

// Checks and arguments of a distribution's density work under vmap: log N(0, 1) at 0, 1, 2.
func TestChecksUnderVmap(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		logProb := func(x graph.Tensor) graph.Tensor {
			x = x.Check(x.IsNaN().Not(), "x is a number")
			return x.Square().AddScalar(1.8378770664).Scale(-0.5)
		}
		x := vector(t, dev, []float32{0, 1, 2})
		assert.InDeltaSlice(t, []float32{-0.9189, -1.4189, -2.9189}, values(t, vmap.Map(logProb)(x)), 1e-4)
	})
}
