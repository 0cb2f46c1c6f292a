package graph

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestMain passes every kernel that the tests of this package have emitted through spirv-val.
func TestMain(m *testing.M) {
	var mu sync.Mutex
	emitted := map[uint64]string{}
	dir, err := os.MkdirTemp("", "kernels")
	if err != nil {
		panic(err)
	}
	inspectKernel = func(name string, words []uint32) {
		data := make([]byte, 0, 4*len(words))
		for _, w := range words {
			data = binary.LittleEndian.AppendUint32(data, w)
		}
		h := fnv.New64a()
		h.Write(data)
		mu.Lock()
		defer mu.Unlock()
		if _, seen := emitted[h.Sum64()]; seen {
			return
		}
		emitted[h.Sum64()] = name
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%x.spv", h.Sum64())), data, 0o600); err != nil {
			panic(err)
		}
	}
	status := m.Run()
	for sum, name := range emitted {
		file := filepath.Join(dir, fmt.Sprintf("%x.spv", sum))
		if out, err := exec.Command("spirv-val", "--target-env", "vulkan1.1", file).CombinedOutput(); err != nil {
			fmt.Printf("--- FAIL: the kernel %q is not valid SPIR-V: %v\n%s(spirv-val comes with bash tools/setup.sh)\n", name, err, out)
			status = 1
		}
	}
	fmt.Printf("spirv-val: %d kernels\n", len(emitted))
	os.RemoveAll(dir)
	os.Exit(status)
}
