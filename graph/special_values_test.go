package graph_test

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// The arguments of the table below: NaN, infinities, zeros, the smallest denormals and the largest floats.
var specialArguments = []float32{
	float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)),
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32,
}

// specialValues states what the functions of one argument give there. x is the argument, -x its opposite, z a
// zero of any sign, d a denormal or a zero, of this sign. A device may take a denormal for a zero of its sign:
// the answer for that zero is good too.
var specialValues = []struct {
	name string
	f    func(graph.Tensor) graph.Tensor
	want string
}{
	//                                            NaN  +Inf -Inf +0   -0   tiny -tiny max -max
	{"neg", graph.Tensor.Neg, "NaN -Inf Inf -0 0 -x -x -x -x"},
	{"abs", graph.Tensor.Abs, "NaN Inf Inf 0 0 x -x x -x"},
	{"sign", graph.Tensor.Sign, "NaN 1 -1 0 -0 1 -1 1 -1"},
	{"floor", graph.Tensor.Floor, "NaN Inf -Inf 0 -0 0 -1 x x"},
	{"ceil", graph.Tensor.Ceil, "NaN Inf -Inf 0 -0 1 -0 x x"},
	{"round", graph.Tensor.Round, "NaN Inf -Inf 0 -0 0 -0 x x"},
	{"trunc", graph.Tensor.Trunc, "NaN Inf -Inf 0 -0 0 -0 x x"},
	{"reciprocal", graph.Tensor.Reciprocal, "NaN 0 -0 Inf -Inf Inf -Inf d -d"},
	{"square", graph.Tensor.Square, "NaN Inf Inf 0 0 0 0 Inf Inf"},
	{"sqrt", graph.Tensor.Sqrt, "NaN Inf NaN 0 -0 3.7433924e-23 NaN 1.8446743e19 NaN"},
	{"rsqrt", graph.Tensor.Rsqrt, "NaN 0 NaN Inf -Inf 2.6713738e22 NaN 5.421011e-20 NaN"},
	{"exp", graph.Tensor.Exp, "NaN Inf 0 1 1 1 1 Inf 0"},
	{"exp2", graph.Tensor.Exp2, "NaN Inf 0 1 1 1 1 Inf 0"},
	{"expm1", graph.Tensor.Expm1, "NaN Inf -1 0 -0 x x Inf -1"},
	{"log", graph.Tensor.Log, "NaN Inf NaN -Inf -Inf -103.27893 NaN 88.72284 NaN"},
	{"log2", graph.Tensor.Log2, "NaN Inf NaN -Inf -Inf -149 NaN 128 NaN"},
	{"log1p", graph.Tensor.Log1p, "NaN Inf NaN 0 -0 x x 88.72284 NaN"},
	{"log1mexp", graph.Tensor.Log1mExp, "NaN z NaN -Inf -Inf -103.27893 NaN z NaN"},
	{"tanh", graph.Tensor.Tanh, "NaN 1 -1 0 -0 x x 1 -1"},
	{"sinh", graph.Tensor.Sinh, "NaN Inf -Inf 0 -0 x x Inf -Inf"},
	{"cosh", graph.Tensor.Cosh, "NaN Inf Inf 1 1 1 1 Inf Inf"},
	{"sigmoid", graph.Tensor.Sigmoid, "NaN 1 0 0.5 0.5 0.5 0.5 1 0"},
	{"softplus", graph.Tensor.Softplus, "NaN Inf 0 0.6931472 0.6931472 0.6931472 0.6931472 x 0"},
	{"relu", graph.Tensor.ReLU, "NaN Inf z z z x z x z"},
	{"sin", graph.Tensor.Sin, "NaN NaN NaN 0 -0 x x -0.5218765 0.5218765"},
	{"cos", graph.Tensor.Cos, "NaN NaN NaN 1 1 1 1 0.85302098 0.85302098"},
	{"tan", graph.Tensor.Tan, "NaN NaN NaN 0 -0 x x -0.61179795 0.61179795"},
	{"asin", graph.Tensor.Asin, "NaN NaN NaN 0 -0 x x NaN NaN"},
	{"acos", graph.Tensor.Acos, "NaN NaN NaN 1.5707964 1.5707964 1.5707964 1.5707964 NaN NaN"},
	{"atan", graph.Tensor.Atan, "NaN 1.5707964 -1.5707964 0 -0 x x 1.5707964 -1.5707964"},
	{"asinh", graph.Tensor.Asinh, "NaN Inf -Inf 0 -0 x x 89.415985 -89.415985"},
	{"acosh", graph.Tensor.Acosh, "NaN Inf NaN NaN NaN NaN NaN 89.415985 NaN"},
	{"atanh", graph.Tensor.Atanh, "NaN NaN NaN 0 -0 x x NaN NaN"},
	{"erf", graph.Tensor.Erf, "NaN 1 -1 0 -0 d -d 1 -1"},
	{"erfc", graph.Tensor.Erfc, "NaN 0 2 1 1 1 1 0 2"},
	{"erfinv", graph.Tensor.Erfinv, "NaN NaN NaN 0 -0 d -d NaN NaN"},
	{"lgamma", graph.Tensor.Lgamma, "NaN Inf Inf Inf Inf 103.27893 103.27893 Inf Inf"},
	{"digamma", graph.Tensor.Digamma, "NaN Inf NaN -Inf Inf -Inf Inf 88.72284 NaN"},
	{"polygamma1", polygamma(1), "NaN 0 NaN Inf Inf Inf Inf d Inf"},
	{"polygamma2", polygamma(2), "NaN -0 NaN -Inf Inf -Inf Inf -0 NaN"},
	{"polygamma3", polygamma(3), "NaN 0 NaN Inf Inf Inf Inf 0 Inf"},
	{"clamp", func(x graph.Tensor) graph.Tensor { return x.Clamp(-1, 2) }, "NaN 2 -1 0 -0 x x 2 -1"},
	{"isnan", asFloat(graph.Tensor.IsNaN), "1 0 0 0 0 0 0 0 0"},
	{"isinf", asFloat(graph.Tensor.IsInf), "0 1 1 0 0 0 0 0 0"},
	{"isfinite", asFloat(graph.Tensor.IsFinite), "0 0 0 1 1 1 1 1 1"},
}

func polygamma(n int) func(graph.Tensor) graph.Tensor {
	return func(x graph.Tensor) graph.Tensor { return x.Polygamma(n) }
}

func asFloat(f func(graph.Tensor) graph.Tensor) func(graph.Tensor) graph.Tensor {
	return func(x graph.Tensor) graph.Tensor { return f(x).AsFloat() }
}

// isSpecial tells whether got is what a word of a table wants for an argument.
func isSpecial(word string, x, got float32) bool {
	const minNormal = 0x1p-126
	sameSign := func(want float32) bool { return math.Signbit(float64(want)) == math.Signbit(float64(got)) }
	small := float32(math.Abs(float64(got))) < minNormal
	switch word {
	case "NaN":
		return got != got
	case "z":
		return got == 0
	case "d", "-d":
		return small && sameSign(float32(len("d")-len(word))+0.5)
	case "x", "-x":
		if word == "-x" {
			x = -x
		}
		flushed := got == 0 && math.Abs(float64(x)) < minNormal
		return (got == x || flushed) && sameSign(x)
	}
	v, err := strconv.ParseFloat(word, 32)
	if err != nil {
		panic(err)
	}
	want := float32(v)
	if want == 0 || math.IsInf(v, 0) {
		return got == want && sameSign(want)
	}
	return math.Abs(float64(got)-float64(want)) <= 2.5e-7*math.Abs(v)
}

func TestSpecialValues(t *testing.T) {
	const tiny, negativeTiny = 5, 6 // columns
	check := func(t *testing.T, name, want string, got []float32) {
		words := strings.Fields(want)
		require.Len(t, words, len(specialArguments), name)
		for i, x := range specialArguments {
			ok := isSpecial(words[i], x, got[i])
			if i == tiny || i == negativeTiny {
				ok = ok || isSpecial(words[i-2], 0, got[i])
			}
			require.True(t, ok, "%s(%v) = %v, want %s", name, x, got[i], words[i])
		}
	}
	ctx := context.Background()
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		x := slice(t, dev, specialArguments)
		for _, c := range specialValues {
			y := c.f(x)
			got, err := y.Floats(ctx)
			y.Close()
			require.NoError(t, err)
			check(t, c.name, c.want, got)
		}
	})
	t.Run("evaluator", func(t *testing.T) {
		for _, c := range specialValues {
			v, err := graph.Reference(ctx, c.f(graph.Literal(specialArguments)))
			require.NoError(t, err)
			got := make([]float32, len(v))
			for i := range v {
				got[i] = float32(v[i])
			}
			check(t, c.name, c.want, got)
		}
	})
}

// TestSpecialValuesOfTwo: functions of two arguments.
func TestSpecialValuesOfTwo(t *testing.T) {
	const quarter, half, whole = "0.7853982", "1.5707964", "3.1415927"
	cases := []struct {
		name string
		f    func(x, y graph.Tensor) graph.Tensor
		rows [][3]string // x, y, result
	}{
		{"max", graph.Tensor.Max, [][3]string{
			{"NaN", "1", "NaN"}, {"1", "NaN", "NaN"}, {"NaN", "Inf", "NaN"}, {"-Inf", "NaN", "NaN"}, {"NaN", "NaN", "NaN"},
			{"Inf", "1", "Inf"}, {"-Inf", "1", "1"}, {"-Inf", "-Inf", "-Inf"}, {"0", "-0", "z"},
		}},
		{"min", graph.Tensor.Min, [][3]string{
			{"NaN", "1", "NaN"}, {"1", "NaN", "NaN"}, {"NaN", "Inf", "NaN"}, {"-Inf", "NaN", "NaN"}, {"NaN", "NaN", "NaN"},
			{"Inf", "1", "1"}, {"-Inf", "1", "-Inf"}, {"Inf", "Inf", "Inf"}, {"-0", "0", "z"},
		}},
		{"logaddexp", graph.Tensor.LogAddExp, [][3]string{
			{"NaN", "1", "NaN"}, {"1", "NaN", "NaN"}, {"-Inf", "NaN", "NaN"}, {"-Inf", "-Inf", "-Inf"}, {"-Inf", "2", "2"},
			{"2", "-Inf", "2"}, {"Inf", "Inf", "Inf"}, {"Inf", "-Inf", "Inf"}, {"Inf", "3", "Inf"}, {"0", "0", "0.6931472"},
			{"3e38", "3e38", "3e38"}, {"-3e38", "3e38", "3e38"},
		}},
		{"atan2", graph.Tensor.Atan2, [][3]string{
			{"NaN", "1", "NaN"}, {"1", "NaN", "NaN"}, {"0", "1", "0"}, {"-0", "1", "-0"}, {"0", "0", "0"}, {"-0", "0", "-0"},
			{"0", "-1", whole}, {"-0", "-1", "-" + whole}, {"0", "-0", whole}, {"-0", "-0", "-" + whole},
			{"1", "0", half}, {"-1", "0", "-" + half}, {"1", "-0", half}, {"-1", "-0", "-" + half},
			{"2", "Inf", "0"}, {"-2", "Inf", "-0"}, {"2", "-Inf", whole}, {"-2", "-Inf", "-" + whole},
			{"Inf", "2", half}, {"-Inf", "2", "-" + half}, {"Inf", "Inf", quarter}, {"-Inf", "Inf", "-" + quarter},
			{"Inf", "-Inf", "2.3561945"}, {"-Inf", "-Inf", "-2.3561945"}, {"3e38", "3e38", quarter}, {"1e-38", "-3e38", whole},
		}},
		{"pow", graph.Tensor.Pow, [][3]string{
			{"NaN", "0", "1"}, {"1", "NaN", "1"}, {"NaN", "1", "NaN"}, {"2", "NaN", "NaN"}, {"-1", "Inf", "1"}, {"-1", "-Inf", "1"},
			{"0", "-1", "Inf"}, {"-0", "-1", "-Inf"}, {"-0", "-2", "Inf"}, {"0", "3", "0"}, {"-0", "3", "-0"}, {"-0", "2", "0"},
			{"2", "Inf", "Inf"}, {"0.5", "Inf", "0"}, {"2", "-Inf", "0"}, {"0.5", "-Inf", "Inf"}, {"-Inf", "3", "-Inf"},
			{"-Inf", "-3", "-0"}, {"Inf", "-1", "0"}, {"-8", "0.5", "NaN"}, {"-2", "3", "-8"}, {"0", "0", "1"},
		}},
	}
	parse := func(words [][3]string, column int) []float32 {
		out := make([]float32, len(words))
		for i, w := range words {
			v, err := strconv.ParseFloat(w[column], 32)
			require.NoError(t, err)
			out[i] = float32(v)
		}
		return out
	}
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, c := range cases {
			x, y := parse(c.rows, 0), parse(c.rows, 1)
			z := c.f(slice(t, dev, x), slice(t, dev, y))
			got, err := z.Floats(context.Background())
			z.Close()
			require.NoError(t, err)
			want, err := graph.Reference(context.Background(), c.f(graph.Literal(x), graph.Literal(y)))
			require.NoError(t, err)
			for i, r := range c.rows {
				require.True(t, isSpecial(r[2], x[i], got[i]), "%s(%s, %s) = %v, want %s", c.name, r[0], r[1], got[i], r[2])
				require.True(t, isSpecial(r[2], x[i], float32(want[i])), "evaluator: %s(%s, %s) = %v, want %s", c.name, r[0], r[1], want[i], r[2])
			}
		}
	})
}
