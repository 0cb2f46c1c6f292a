package tree_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lavagrad/lavagrad/tree"
)

// A tensor stands for any leaf type.
type tensor []float64

type Linear struct{ W, B tensor }

type Net struct {
	Layers []Linear
	Scale  map[string]tensor
	Slope  float64 // static
}

func newNet() Net {
	return Net{
		Layers: []Linear{{W: tensor{1, 2}, B: tensor{3}}, {W: tensor{4, 5}, B: tensor{6}}},
		Scale:  map[string]tensor{"out": {7}, "in": {8}},
		Slope:  0.1,
	}
}

func sum(a, b tensor) tensor {
	out := make(tensor, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

func numel(t tensor) int { return len(t) }

func Example() {
	net := newNet()
	paths, err := tree.Paths[tensor](net)
	fmt.Println(paths, err)

	double, err := tree.Map2(sum, net, net)
	fmt.Println(double, err)

	other := newNet()
	other.Layers = other.Layers[:1]
	_, err = tree.Map2(sum, net, other)
	fmt.Println(err)
	fmt.Println(errors.Is(err, tree.ErrStructure))
	// Output:
	// [.Layers[0].W .Layers[0].B .Layers[1].W .Layers[1].B .Scale["in"] .Scale["out"]] <nil>
	// {[{[2 4] [6]} {[8 10] [12]}] map[in:[16] out:[14]] 0.1} <nil>
	// tree: map: structures differ at .Layers: slice of 2 elements against slice of 1
	// true
}

func ExampleLeaves() {
	leaves, err := tree.Leaves[tensor](newNet())
	fmt.Println(leaves, err)
	// Output: [[1 2] [3] [4 5] [6] [8] [7]] <nil>
}

func ExampleUnflatten() {
	layer, err := tree.Unflatten(Linear{}, []tensor{{1, 2}, {3}})
	fmt.Println(layer, err)
	_, err = tree.Unflatten(Linear{}, []tensor{{1, 2}})
	fmt.Println(err)
	// Output:
	// {[1 2] [3]} <nil>
	// tree: unflatten: wrong count at (root): 1 leaves given for a tree of 2
}

func ExampleWalk() {
	err := tree.Walk(newNet(), func(path string, leaf tensor) error {
		if strings.HasSuffix(path, ".B") {
			fmt.Println(path, leaf)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// .Layers[0].B [3]
	// .Layers[1].B [6]
	// <nil>
}

func ExampleStructureOf() {
	s, err := tree.StructureOf[tensor](newNet())
	fmt.Println(s, err)
	// Output: Net{Layers: []Linear{{W: *, B: *}, {W: *, B: *}}, Scale: map[string]tensor{"in": *, "out": *}, Slope: 0.1} <nil>
}

func ExampleSize() {
	n, err := tree.Size(newNet(), numel)
	fmt.Println(n, err)
	// Output: 8 <nil>
}

func ExampleFlexiMap() {
	net := newNet()
	plusOne := func(t tensor) tensor { return sum(t, tensor{1, 1}) }
	assign := func(dst, value tensor) error { copy(dst, value); return nil }

	pure, err := tree.FlexiMap(plusOne, net.Layers[0], nil)
	fmt.Println(pure, net.Layers[0], err)
	same, err := tree.FlexiMap(plusOne, net.Layers[0], assign)
	fmt.Println(same, net.Layers[0], err)
	// Output:
	// {[2 3] [4]} {[1 2] [3]} <nil>
	// {[2 3] [4]} {[2 3] [4]} <nil>
}

func ExampleOnSubset() {
	total := func(n Net) (s float64) {
		flat, err := tree.Ravel(n, func(t tensor) ([]float64, error) { return t, nil })
		if err != nil {
			panic(err) // cannot happen: Net has neither cycles nor hidden leaves
		}
		for _, x := range flat {
			s += x
		}
		return s
	}
	lastLayer := func(path string, _ tensor) bool { return strings.HasPrefix(path, ".Layers[1]") }
	onLast, last, err := tree.OnSubset(total, newNet(), lastLayer)
	fmt.Println(last, err)
	s, err := onLast([]tensor{{0, 0}, {100}})
	fmt.Println(s, err)
	// Output:
	// [[4 5] [6]] <nil>
	// 121 <nil>
}

func ExampleStack() {
	layers := []Linear{{W: tensor{1}, B: tensor{2}}, {W: tensor{3}, B: tensor{4}}}
	rows := func(t []tensor) (out tensor, err error) {
		for _, x := range t {
			out = append(out, x...)
		}
		return out, nil
	}
	stacked, err := tree.Stack(layers, rows)
	fmt.Println(stacked, err)
	// Output: {[1 3] [2 4]} <nil>
}

func ExampleUnravel() {
	from := func(_ tensor, elems []float64) (tensor, error) { return tensor(elems), nil }
	like := Linear{W: make(tensor, 2), B: make(tensor, 1)}
	layer, err := tree.Unravel(like, []float64{1, 2, 3}, numel, from)
	fmt.Println(layer, err)
	// Output: {[1 2] [3]} <nil>
}
