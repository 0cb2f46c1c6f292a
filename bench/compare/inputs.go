package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
)

// array is an input that both sides get: float32 numbers, or int32 ones.
type array struct {
	shape  []int
	floats []float32
	ints   []int32
	linear bool // a weight [in out], which torch keeps as [out in]
}

// generator makes a workload's inputs, the same numbers on every machine.
type generator struct{ rng *rand.Rand }

func newGenerator() generator { return generator{rand.New(rand.NewPCG(11, 12))} }

func (g generator) normal(scale float64, shape ...int) array {
	v := make([]float32, graph.Shape(shape).Size())
	for i := range v {
		v[i] = float32(g.rng.NormFloat64() * scale)
	}
	return array{shape: shape, floats: v}
}

func (g generator) classes(n, samples int) array {
	v := make([]int32, samples)
	for i := range v {
		v[i] = g.rng.Int32N(int32(n))
	}
	return array{shape: []int{samples}, ints: v}
}

// linear is a layer's weight and bias.
func (g generator) linear(in, out int) []array {
	w := g.normal(math.Sqrt(2/float64(in)), in, out)
	w.linear = true
	return []array{w, g.normal(0.1, out)}
}

// conv is a convolution's weight and bias.
func (g generator) conv(in, out, k int) []array {
	return []array{g.normal(math.Sqrt(2/float64(in*k*k)), out, in, k, k), g.normal(0.1, out)}
}

// upload puts inputs on a device.
func upload(dev *gpu.Device, inputs []array) (out []graph.Tensor, err error) {
	for _, a := range inputs {
		var t graph.Tensor
		if a.ints != nil {
			t, err = graph.FromSlice(dev, a.ints, a.shape...)
		} else {
			t, err = graph.FromSlice(dev, a.floats, a.shape...)
		}
		if err != nil {
			return nil, errors.Join(err, graph.Close(out))
		}
		out = append(out, t)
	}
	return out, nil
}

// linears pairs weights and biases.
func linears(t []graph.Tensor) (layers []nn.Linear) {
	for i := 0; i < len(t); i += 2 {
		layers = append(layers, nn.Linear{W: t[i], B: t[i+1]})
	}
	return layers
}

// entry tells the peer where an input is.
type entry struct {
	File   string `json:"file"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Linear bool   `json:"linear,omitempty"`
}

// write puts inputs into files of a folder, little-endian.
func write(dir string, inputs []array) ([]entry, error) {
	var out []entry
	for i, a := range inputs {
		e := entry{filepath.Join(dir, fmt.Sprintf("input%d", i)), "float32", a.shape, a.linear}
		var values any = a.floats
		if a.ints != nil {
			e.DType, values = "int32", a.ints
		}
		var b bytes.Buffer
		if err := binary.Write(&b, binary.LittleEndian, values); err != nil {
			return nil, err
		}
		if err := os.WriteFile(e.File, b.Bytes(), 0o600); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
