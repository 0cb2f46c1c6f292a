package safetensors_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/graph/random"
	"github.com/lavagrad/lavagrad/graph/safetensors"
)

// A layer is written, and read into a layer of the same shapes. Files go through Save and Load.
func Example() {
	dev, err := gpu.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	var data bytes.Buffer
	if err := safetensors.Write(ctx, &data, nn.Linear{W: graph.Ones(2, 1), B: graph.Zeros(1)}); err != nil {
		log.Fatal(err)
	}
	layer, err := safetensors.Read(ctx, dev, &data, nn.NewLinear(random.NewKey(1), 2, 1))
	if err != nil {
		log.Fatal(err)
	}
	w, err := layer.W.Floats(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w, layer.B.Shape())
	// Output: [1 1] [1]
}
