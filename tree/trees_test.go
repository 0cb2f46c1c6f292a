package tree_test

import (
	"fmt"

	"pgregory.net/rapid"
)

// Types and generators of trees for all tests.

// num is the leaf type of most tests: a struct, as tensors are.
type num struct{ V float64 }

func (n num) shape() string { return "scalar" }

type linear struct{ W, B num }

type net struct {
	Layers []linear
	Head   map[string]linear
	Slope  float32
}

type base struct{ Shared num }

// node has everything that a tree can be made of.
type node struct {
	base
	W      num
	Opt    *num
	Pair   [2]num
	Kids   []node
	Named  map[string]node
	ByID   map[int8]*node
	Any    any
	Next   *node
	Frozen num `tree:"-"`
	N      int
	Name   string
	Rate   float32
	Sizes  []int
	Act    func(float64) float64
	hidden bool
}

func relu(x float64) float64 { return max(x, 0) }

// shape draws numbers; rapid and the fuzz targets each have one.
type shape interface{ intn(n int) int }

type rapidShape struct{ t *rapid.T }

func (s rapidShape) intn(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "n") }

// byteShape draws from the bytes of a fuzz input, then zeros.
type byteShape struct{ data []byte }

func (s *byteShape) intn(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

// drawNode makes a tree whose leaves count up in no special order. Choices are few, so that two
// drawn trees often have the same structure or nearly so.
func drawNode(s shape, depth int) node {
	n := node{base: base{drawNum(s)}, W: drawNum(s), Pair: [2]num{drawNum(s), drawNum(s)}}
	if s.intn(2) == 1 {
		x := drawNum(s)
		n.Opt = &x
	}
	switch s.intn(8) {
	case 1:
		n.N = 1
	case 2:
		n.Name = "x"
	case 3:
		n.Sizes = []int{}
	case 4:
		n.Sizes = []int{s.intn(3), 2}
	case 5:
		n.hidden = true
	case 6:
		n.Frozen = drawNum(s)
	case 7:
		n.Rate = float32(s.intn(2))
	}
	if depth == 0 {
		return n
	}
	switch s.intn(8) {
	case 1:
		n.Kids = []node{}
	case 2:
		for range 1 + s.intn(2) {
			n.Kids = append(n.Kids, drawNode(s, depth-1))
		}
	case 3:
		n.Named = map[string]node{}
		for range s.intn(3) {
			n.Named[string(rune('a'+s.intn(4)))] = drawNode(s, depth-1)
		}
	case 4:
		n.ByID = map[int8]*node{0: nil}
		for range s.intn(3) {
			kid := drawNode(s, depth-1)
			n.ByID[int8(s.intn(5)-2)] = &kid
		}
	case 5, 6:
		n.Any = drawAny(s, depth-1)
	case 7:
		next := drawNode(s, depth-1)
		n.Next = &next
	}
	return n
}

func drawAny(s shape, depth int) any {
	switch s.intn(9) {
	case 0:
		return drawNum(s)
	case 1:
		return []num{drawNum(s), drawNum(s)}[:s.intn(3)]
	case 2:
		return map[string]any{"leaf": drawNum(s), "static": s.intn(2), "nil": nil}
	case 3:
		return s.intn(3)
	case 4:
		return fmt.Sprint(s.intn(2))
	case 5:
		return (*num)(nil)
	case 6:
		return []any{drawNum(s), 1, []any{}}
	case 7:
		if depth > 0 {
			return drawNode(s, depth-1)
		}
		return map[float64]bool{1: true, 2: s.intn(2) == 1}
	}
	return nil
}

func drawNum(s shape) num { return num{float64(s.intn(100))} }
