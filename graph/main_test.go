package graph

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lavagrad/lavagrad/gpu"
)

// guardResults puts guard words behind every result of this package's tests, and looks at them after every
// run. The function that it returns counts the results whose guards were overwritten.
func guardResults() func() int {
	const guard = 64
	var bad, guarded atomic.Int64
	whole := func(bytes int64) int64 { return roundUp(max(bytes, 16), 16) } // kernels may write the padding to whole vectors
	plain := newResult
	newResult = func(ctx context.Context, dev *gpu.Device, bytes int64) (*gpu.Array, error) {
		if bytes > 1<<20 || guarded.Add(1) > 20_000 { // large results and the soak's are left alone
			return plain(ctx, dev, bytes)
		}
		data := make([]byte, whole(bytes)+guard)
		for i := range guard {
			data[len(data)-1-i] = 0xa5
		}
		return dev.Upload(ctx, data)
	}
	inspectResult = func(a *gpu.Array, bytes int64) {
		if a.Size() < whole(bytes)+guard {
			return // not guarded
		}
		data := make([]byte, whole(bytes)+guard)
		if err := a.Download(context.Background(), data); err != nil {
			panic(err)
		}
		for _, v := range data[whole(bytes):] {
			if v != 0xa5 {
				bad.Add(1)
				return
			}
		}
	}
	return func() int { return int(bad.Load()) }
}

// TestMain prints the conformance table, watches all results with guard words, and passes every kernel that the tests of this package have
// emitted through spirv-val.
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
	guards := guardResults()
	status := m.Run()
	table.print(os.Stdout)
	if n := guards(); n > 0 {
		fmt.Printf("--- FAIL: %d results had their guard words overwritten\n", n)
		status = 1
	}
	unknown := 0 // kernels on cooperative matrices, which Debian 12's validator does not know
	for sum, name := range emitted {
		file := filepath.Join(dir, fmt.Sprintf("%x.spv", sum))
		out, err := exec.Command("spirv-val", "--target-env", "vulkan1.1", file).CombinedOutput()
		if err != nil && strings.Contains(string(out), "Invalid capability operand: 6022") {
			unknown++
			continue
		}
		if err != nil {
			fmt.Printf("--- FAIL: the kernel %q is not valid SPIR-V: %v\n%s(spirv-val comes with bash tools/setup.sh)\n", name, err, out)
			status = 1
		}
	}
	fmt.Printf("spirv-val: %d kernels\n", len(emitted)-unknown)
	if unknown > 0 {
		fmt.Printf("spirv-val: too old for %d kernels on cooperative matrices\n", unknown)
	}
	os.RemoveAll(dir)
	os.Exit(status)
}
