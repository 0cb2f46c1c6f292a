package graph_test

import (
	"context"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// show prints float tensors, evaluated on dev.
func show(dev *gpu.Device, ts ...graph.Tensor) {
	ctx := context.Background()
	if err := graph.EvalOn(ctx, dev, ts); err != nil {
		log.Fatal(err)
	}
	for _, t := range ts {
		v, err := t.AsFloat().Floats(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Shape(), v)
	}
}

// Rows of a table by their numbers, as an embedding looks them up; and the gradient, which adds up where a row was taken twice.
func ExampleTensor_Take() {
	dev := open()
	defer dev.Close()
	table := graph.Iota(0, 6).AsFloat().Reshape(3, 2)
	rows := graph.Literal([]float32{2, 0, 2}).AsInt()
	gradient := graph.Grad(func(table graph.Tensor) graph.Tensor { return table.Take(0, rows).Sum() })
	show(dev, table.Take(0, rows), gradient(table))
	// Output:
	// [3 2] [4 5 0 1 4 5]
	// [3 2] [1 1 0 0 2 2]
}

// The element of every row that a label names, as a cross entropy picks them.
func ExampleTensor_TakeAlong() {
	dev := open()
	defer dev.Close()
	x := graph.Literal([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	label := graph.Literal([]float32{2, 0}).AsInt()
	show(dev, x.TakeAlong(1, label.ExpandDims(1)).Squeeze(1))
	// Output: [2] [3 4]
}

// A histogram: equal indices add up, and what is out of range is dropped.
func ExampleTensor_IndexAdd() {
	dev := open()
	defer dev.Close()
	bins := graph.Literal([]float32{1, 3, 1, 1, 9}).AsInt()
	show(dev, graph.Zeros(4).IndexAdd(0, bins, graph.Scalar(1)))
	// Output: [4] [0 3 0 1]
}

func ExampleTensor_IndexSet() {
	dev := open()
	defer dev.Close()
	at := graph.Literal([]float32{1, 3, 1}).AsInt()
	show(dev, graph.Zeros(4).IndexSet(0, at, graph.Literal([]float32{5, 6, 7})))
	// Output: [4] [0 7 0 6]
}

func ExampleTensor_Sort() {
	dev := open()
	defer dev.Close()
	x := graph.Literal([]float32{3, 1, 2})
	show(dev, x.Sort(0), x.ArgSort(0), x.SortDescending(0))
	// Output:
	// [3] [1 2 3]
	// [3] [1 2 0]
	// [3] [3 2 1]
}

func ExampleTensor_TopK() {
	dev := open()
	defer dev.Close()
	top := graph.Literal([]float32{3, 1, 4, 1, 5}).TopK(0, 2)
	show(dev, top.Values, top.Indices)
	// Output:
	// [2] [5 4]
	// [2] [4 2]
}

func ExampleTensor_CumSum() {
	dev := open()
	defer dev.Close()
	x := graph.Literal([]float32{1, 2, 3, 4}, 2, 2)
	show(dev, x.CumSum(1), x.CumSum(0), x.CumSumReverse(1))
	// Output:
	// [2 2] [1 3 3 7]
	// [2 2] [1 2 4 6]
	// [2 2] [3 2 7 4]
}

// Discounted returns of a sequence of rewards: what follows counts half of what is now.
func ExampleLinearRecurrenceReverse() {
	dev := open()
	defer dev.Close()
	rewards := graph.Literal([]float32{1, 0, 4})
	show(dev, graph.LinearRecurrenceReverse(graph.Scalar(0.5), rewards, 0))
	// Output: [3] [2 2 4]
}

// A window whose start is computed: from the largest element on, held inside.
func ExampleTensor_DynamicSlice() {
	dev := open()
	defer dev.Close()
	x := graph.Literal([]float32{1, 7, 2, 5})
	show(dev, x.DynamicSliceIn(0, x.ArgMax(0), 2), x.DynamicUpdateIn(0, x.ArgMax(0), graph.Zeros(2)))
	// Output:
	// [2] [7 2]
	// [4] [1 0 0 5]
}
