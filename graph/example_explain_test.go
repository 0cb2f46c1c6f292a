package graph_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// The norms of the outer products of 256 pairs of vectors, as those of a linear layer's per-sample gradients, need no outer product.
func ExampleExplain() {
	dev, err := gpu.Open(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	type layer struct{ X, G graph.Tensor }
	norms := func(l layer) graph.Tensor {
		gradients := graph.Einsum("bi,bj->bij", l.X, l.G)
		return gradients.Square().Sum(1, 2)
	}
	s, err := graph.Explain(dev, norms, layer{graph.Placeholder(graph.Float32, 256, 784), graph.Placeholder(graph.Float32, 256, 128)})
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "  ") {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	// Output:
	// ac,ac->a   65.54 k operations, 1.024 k bytes
	// ab,a->ab   200.7 k operations, in place
	// ab,ab->a   401.4 k operations, 1.024 k bytes
}
