package nn_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
)

func show(x graph.Tensor) {
	v, err := x.Floats(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shape(), v)
}

// An edge filter over one image of one channel.
func ExampleConv() {
	image := graph.Literal([]float32{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}, 1, 3, 4)
	edges := nn.Conv{W: graph.Literal([]float32{-1, 1}, 1, 1, 1, 2), B: graph.Zeros(1)}
	show(edges.Apply(image, graph.ConvOptions{}))
	// Output: [1 3 3] [0 1 0 0 1 0 0 1 0]
}

func ExampleMaxPool() {
	x := graph.Literal([]float32{1, 2, 5, 6, 3, 4, 7, 8}, 2, 4)
	show(nn.MaxPool(x, nn.PoolOptions{Size: []int{2, 2}}))
	show(nn.MaxPool(x, nn.PoolOptions{Size: []int{2}, Stride: []int{1}}))
	// Output:
	// [1 2] [4 8]
	// [2 3] [2 5 6 4 7 8]
}

// Position 1 looks at positions 0 and 1 alike, position 0 at itself only.
func ExampleAttention() {
	q, k := graph.Zeros(2, 4), graph.Ones(2, 4)
	v := graph.Literal([]float32{1, 10, 3, 30}, 2, 2)
	show(nn.Attention(q, k, v, nn.CausalMask(2)))
	// Output: [2 2] [1 10 2 20]
}

// A cell without weights forgets half of its memory at each step.
func ExampleLSTMCell_Scan() {
	cell := nn.LSTMCell{X: graph.Zeros(1, 4), H: graph.Zeros(1, 4), B: graph.Zeros(4)}
	start := nn.LSTMState{H: graph.Zeros(1), C: graph.Ones(1)}
	last, outputs := cell.Scan(graph.Zeros(3, 1), start)
	fmt.Println(outputs.Shape())
	show(last.C)
	// Output:
	// [3 1]
	// [1] [0.125]
}
