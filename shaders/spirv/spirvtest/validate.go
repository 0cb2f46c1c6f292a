package spirvtest

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Validate fails the test unless spirv-val accepts the module for Vulkan 1.1.
// The message has the validator's words and, where spirv-dis is present, the
// disassembly. A missing spirv-val fails the test.
func Validate(tb testing.TB, words []uint32) {
	tb.Helper()
	tool, err := exec.LookPath("spirv-val")
	if err != nil {
		tb.Fatalf("spirvtest: spirv-val is not installed; run: bash tools/setup.sh (Debian and Ubuntu package: spirv-tools)")
	}
	path := filepath.Join(tb.TempDir(), "module.spv")
	if err := os.WriteFile(path, Bytes(words), 0o600); err != nil {
		tb.Fatalf("spirvtest: %v", err)
	}
	out, err := exec.Command(tool, "--target-env", "vulkan1.1", path).CombinedOutput()
	if err == nil {
		return
	}
	text, _ := exec.Command("spirv-dis", "--no-color", path).Output()
	tb.Fatalf("spirvtest: invalid module: %v\n%s\n%s", err, out, text)
}

// Bytes returns the module as a .spv file holds it, little endian.
func Bytes(words []uint32) []byte {
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, words); err != nil {
		panic("BUG: spirvtest: " + err.Error()) // a bytes.Buffer takes all
	}
	return buf.Bytes()
}
