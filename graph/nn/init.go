package nn

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/linalg"
	"github.com/lavagrad/lavagrad/graph/random"
)

// Initialisers draw parameters by keys. Fan-in is the number of inputs that one output adds up, fan-out the number of outputs that one
// input goes to: in and out for Linear, in*k1*..*kd and out*k1*..*kd for Conv. What they give is computed where it is first used;
// graph.EvalOn puts a tree of parameters on a device.

// XavierUniform draws uniformly within sqrt(6 / (fanIn + fanOut)) of 0 (Glorot and Bengio 2010): for tanh and sigmoid.
func XavierUniform(key random.Key, fanIn, fanOut int, shape ...int) graph.Tensor {
	return within(key, math.Sqrt(6/fans("xavier uniform", fanIn, fanOut)), shape)
}

// XavierNormal draws from the normal distribution of variance 2 / (fanIn + fanOut) (Glorot and Bengio 2010).
func XavierNormal(key random.Key, fanIn, fanOut int, shape ...int) graph.Tensor {
	return random.Normal(key, shape...).Scale(math.Sqrt(2 / fans("xavier normal", fanIn, fanOut)))
}

// HeUniform draws uniformly within sqrt(6 / fanIn) of 0 (He et al., arXiv 1502.01852; also called Kaiming): for ReLU.
func HeUniform(key random.Key, fanIn int, shape ...int) graph.Tensor {
	return within(key, math.Sqrt(6/fans("he uniform", fanIn, 0)), shape)
}

// HeNormal draws from the normal distribution of variance 2 / fanIn (He et al., arXiv 1502.01852).
func HeNormal(key random.Key, fanIn int, shape ...int) graph.Tensor {
	return random.Normal(key, shape...).Scale(math.Sqrt(2 / fans("he normal", fanIn, 0)))
}

// fans is the sum of both, which must be positive.
func fans(op string, in, out int) float64 {
	if in < 1 || out < 0 {
		graph.Fail(op, graph.ErrArgument, "fans are numbers of connections, 1 or more", "fan-in %d, fan-out %d", in, out)
	}
	return float64(in + out)
}

// within draws uniformly from [-bound, bound).
func within(key random.Key, bound float64, shape []int) graph.Tensor {
	return random.Uniform(key, -bound, bound, shape...)
}

// Orthogonal draws a matrix [rows columns] with orthonormal columns, or rows where there are fewer of them, uniformly among those
// (Saxe et al., arXiv 1312.6120): the factor Q of a normal matrix, by three rounds of Cholesky QR, the first shifted
// (Fukaya et al., SIAM J. Sci. Comput. 42, 2020). Products of two columns are 0 or 1 to some 1e-6.
func Orthogonal(key random.Key, rows, columns int) graph.Tensor {
	if rows < 1 || columns < 1 {
		graph.Fail("orthogonal", graph.ErrArgument, "give lengths of 1 or more", "%d rows, %d columns", rows, columns)
	}
	m, n := max(rows, columns), min(rows, columns)
	q := random.Normal(key, m, n)
	for round := range 3 {
		gram := swapLast(q).MatMul(q)
		if round == 0 {
			// Enough above the rounding of the product, some n u |A|^2, for the factor to be real, however close A is to singular.
			shift := q.Square().Sum().Scale(0x1p-20)
			gram = gram.Add(graph.Where(graph.Iota(0, n, n).Eq(graph.Iota(1, n, n)), shift, graph.Scalar(0)))
		}
		// Q = A R^-1 with R = L^T: solve L Q^T = A^T.
		q = swapLast(linalg.SolveTriangular(linalg.Cholesky(gram), swapLast(q), graph.Triangle{}))
	}
	if rows < columns {
		q = swapLast(q)
	}
	return q
}

// NewLinear draws W and B uniformly within 1/sqrt(in) of 0, as torch does.
func NewLinear(key random.Key, in, out int) Linear {
	kw, kb := random.Split2(key)
	bound := 1 / math.Sqrt(fans("linear", in, 0))
	return Linear{W: within(kw, bound, []int{in, out}), B: within(kb, bound, []int{out})}
}

// NewConv draws W [out in k1 .. kd] and B uniformly within 1/sqrt(in k1 .. kd) of 0, as torch does. With groups, in is the number of
// input channels of one group.
func NewConv(key random.Key, in, out int, kernel ...int) Conv {
	kw, kb := random.Split2(key)
	bound := 1 / math.Sqrt(fans("conv", in*graph.Shape(kernel).Size(), 0))
	return Conv{W: within(kw, bound, append([]int{out, in}, kernel...)), B: within(kb, bound, []int{out})}
}

// NewConvTranspose draws W [in out k1 .. kd] and B uniformly within 1/sqrt(out k1 .. kd) of 0, as torch does. With groups, out is the number
// of output channels of one group; then B has to be drawn for all of them.
func NewConvTranspose(key random.Key, in, out int, kernel ...int) ConvTranspose {
	kw, kb := random.Split2(key)
	bound := 1 / math.Sqrt(fans("conv transpose", out*graph.Shape(kernel).Size(), 0))
	return ConvTranspose{W: within(kw, bound, append([]int{in, out}, kernel...)), B: within(kb, bound, []int{out})}
}

// NewEmbedding draws a standard normal table.
func NewEmbedding(key random.Key, vocabulary, width int) Embedding {
	return Embedding{Table: random.Normal(key, vocabulary, width)}
}

// NewMultiHeadAttention draws projections from width features to width, heads side by side, by XavierUniform; biases are 0.
func NewMultiHeadAttention(key random.Key, width int) MultiHeadAttention {
	keys := random.Split(key, 4)
	project := func(i int) Linear {
		return Linear{W: XavierUniform(keys.At(i), width, width, width, width), B: graph.Zeros(width)}
	}
	return MultiHeadAttention{Q: project(0), K: project(1), V: project(2), Out: project(3)}
}

// NewLSTMCell draws all parameters uniformly within 1/sqrt(width) of 0, as torch does.
func NewLSTMCell(key random.Key, in, width int) LSTMCell {
	keys := random.Split(key, 3)
	bound := 1 / math.Sqrt(fans("lstm cell", width, 0))
	return LSTMCell{X: within(keys.At(0), bound, []int{in, 4 * width}), H: within(keys.At(1), bound, []int{width, 4 * width}),
		B: within(keys.At(2), bound, []int{4 * width})}
}

// NewGRUCell draws all parameters uniformly within 1/sqrt(width) of 0, as torch does.
func NewGRUCell(key random.Key, in, width int) GRUCell {
	keys := random.Split(key, 4)
	bound := 1 / math.Sqrt(fans("gru cell", width, 0))
	return GRUCell{X: within(keys.At(0), bound, []int{in, 3 * width}), H: within(keys.At(1), bound, []int{width, 3 * width}),
		BX: within(keys.At(2), bound, []int{3 * width}), BH: within(keys.At(3), bound, []int{3 * width})}
}
