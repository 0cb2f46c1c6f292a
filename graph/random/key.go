package random

import (
	"math"

	"github.com/lavagrad/lavagrad/graph"
)

// Key determines draws. It is a tree with one leaf, so it may be an argument, a result, part of a state, and mapped.
type Key struct {
	// Bits has the key's two words, uint32 [2]. What Split returns has [n 2]: many keys, to be mapped over or
	// taken one by one with At.
	Bits graph.Tensor
}

// The second word of a counter keeps the uses of a key apart. Draws count theirs up from 0.
const (
	drawStream  = 0
	stepStream  = 1 << 30
	splitStream = 1 << 31
	foldStream  = 1<<31 + 1
)

// NewKey makes a key from a seed; different seeds give unrelated draws. It is a constant, and so is whatever is drawn
// from it outside of a compiled function, or inside from a captured key: give keys to compiled functions as
// arguments. Then a call with another seed runs the same program.
func NewKey(seed uint64) Key {
	return Key{join(graph.Full(graph.Uint32, float64(seed>>32)), graph.Full(graph.Uint32, float64(uint32(seed))))}
}

// join puts two words beside each other on a new last axis.
func join(w0, w1 graph.Tensor) graph.Tensor { return graph.Stack(w0.Rank(), w0, w1) }

// At is key i of many.
func (k Key) At(i int) Key {
	if !k.Bits.Valid() || k.Bits.Rank() < 2 {
		graph.Fail("key at", graph.ErrShape, "split it first", "a single key has no key %d", i)
	}
	return Key{k.Bits.Index(0, i)}
}

// words gives the two words of the key.
func (k Key) words(op string) (k0, k1 graph.Tensor) {
	b := k.Bits
	switch {
	case !b.Valid():
		graph.Fail(op, graph.ErrArgument, "make keys with random.NewKey or random.Split", "the zero Key has no bits")
	case b.DType() != graph.Uint32:
		graph.Fail(op, graph.ErrDType, "make keys with random.NewKey or random.Split", "the key's bits are %v, want uint32[2]", b.Spec())
	case b.Rank() == 2 && b.Dim(1) == 2:
		graph.Fail(op, graph.ErrShape, "map over the keys with vmap, or take one with At", "%d keys were given, want one", b.Dim(0))
	case !b.Shape().Equal(graph.Shape{2}):
		graph.Fail(op, graph.ErrShape, "make keys with random.NewKey or random.Split", "the key's bits are %v, want uint32[2]", b.Spec())
	}
	return b.Index(0, 0), b.Index(0, 1)
}

// Split makes n new keys, as good as independent of each other and of what is drawn from key: Bits [n 2]. The first of
// them do not depend on n.
func Split(key Key, n int) Key {
	if n < 0 || n > math.MaxInt32 {
		graph.Fail("split", graph.ErrArgument, "ask for 0 to 2^31-1 keys", "%d keys", n)
	}
	k0, k1 := key.words("split")
	return Key{join(graph.Threefry(k0, k1, graph.Iota(0, n).Convert(graph.Uint32), stream(splitStream)))}
}

// Split2 makes two new keys.
func Split2(key Key) (a, b Key) {
	keys := Split(key, 2)
	return keys.At(0), keys.At(1)
}

// FoldIn makes a new key from a key and a number, such as a step or the index of a layer. The number is an int from -2^31 to
// 2^32-1, or an integer tensor; one of shape [...] gives keys [... 2].
func FoldIn[N int | graph.Tensor](key Key, number N) Key {
	k0, k1 := key.words("fold in")
	var c graph.Tensor
	switch n := any(number).(type) {
	case int:
		if int64(n) < math.MinInt32 || int64(n) > math.MaxUint32 {
			graph.Fail("fold in", graph.ErrArgument, "fold the number's halves in one after the other", "%d has more than 32 bits", n)
		}
		c = graph.Full(graph.Uint32, float64(uint32(n)))
	case graph.Tensor:
		if !n.DType().IsInt() {
			graph.Fail("fold in", graph.ErrDType, "convert it with AsInt", "the number is %v, want int32 or uint32", n.Spec())
		}
		c = n.Convert(graph.Uint32)
	}
	return Key{join(graph.Threefry(k0, k1, c, stream(foldStream)))}
}

func stream(n float64) graph.Tensor { return graph.Full(graph.Uint32, n) }

// counter numbers the elements of a shape.
func counter(op string, shape []int) graph.Tensor {
	n := 1
	for i, d := range shape {
		if d < 0 {
			graph.Fail(op, graph.ErrArgument, "axis lengths are 0 or more", "axis %d of %v is negative", i, graph.Shape(shape))
		}
		if n *= d; n > math.MaxInt32 {
			graph.Fail(op, graph.ErrArgument, "draw in parts, with a key for each", "shape %v has more than 2^31-1 elements", graph.Shape(shape))
		}
	}
	return graph.Iota(0, n).Convert(graph.Uint32).Reshape(shape...)
}

// draw gives two words for every element of a shape.
func draw(op string, key Key, shape []int) (w0, w1 graph.Tensor) {
	k0, k1 := key.words(op)
	return graph.Threefry(k0, k1, counter(op, shape), stream(drawStream))
}

// Bits draws uint32 words, every value equally likely.
func Bits(key Key, shape ...int) graph.Tensor {
	w, _ := draw("bits", key, shape)
	return w
}
