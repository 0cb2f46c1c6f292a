package gpu_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
)

func TestEnumerate(t *testing.T) {
	list, _, err := gpu.Enumerate(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, list, "no driver: bash tools/setup.sh")
	loader, err := gpu.LoaderVersion()
	require.NoError(t, err)
	require.Regexp(t, `^1\.\d+\.\d+$`, loader)
	for i, d := range list {
		assert.Equal(t, i, d.Index)
		assert.NotEmpty(t, d.Name)
		assert.Regexp(t, `^1\.\d+\.\d+$`, d.APIVersion)
		assert.Positive(t, d.MemoryBytes)
		assert.GreaterOrEqual(t, d.Profile.MaxWorkgroup, 128, "Vulkan guarantees it")
		assert.Positive(t, d.Profile.LocalSize)
		assert.Positive(t, d.Profile.Cores)
		if i > 0 {
			assert.GreaterOrEqual(t, d.Kind, list[i-1].Kind, "best first")
		}
	}
}

func TestSelection(t *testing.T) {
	list, _, err := gpu.Enumerate(ctx)
	require.NoError(t, err)
	opened := func(selector string) gpu.DeviceInfo {
		d := gputest.Open(t, gpu.WithDevice(selector))
		require.Equal(t, d.Info().Name, d.Name())
		return d.Info()
	}
	for _, want := range list {
		if want.Unusable != "" {
			continue
		}
		require.Equal(t, want.Name, opened(fmt.Sprint(want.Index)).Name)
		require.Equal(t, want.Driver, opened(strings.ToUpper(want.Driver)).Driver)
		require.Equal(t, want.Name, opened(want.Name[:len(want.Name)-1]).Name)
	}
	t.Setenv("LAVAGRAD_DEVICE", list[len(list)-1].Driver)
	require.Equal(t, list[len(list)-1].Driver, gputest.Open(t).Info().Driver)
	require.Equal(t, list[0].Name, opened("0").Name, "the option wins over the variable")
	t.Setenv("LAVAGRAD_DEVICE", "voodoo2")
	_, err = gpu.Open(ctx)
	require.ErrorIs(t, err, gpu.ErrNoDevice)
	require.ErrorContains(t, err, `matches "voodoo2"; there are [0: `+list[0].Name)
}

func TestLavapipeComesBeforeSwiftShader(t *testing.T) {
	list, _, err := gpu.Enumerate(ctx)
	require.NoError(t, err)
	place := map[string]int{}
	for _, d := range list {
		place[d.Driver] = d.Index
	}
	if _, both := place["lavapipe"]; both && len(place) > 1 {
		require.Greater(t, place["swiftshader"], place["lavapipe"])
	}
}

func TestParseDebug(t *testing.T) {
	f, err := gpu.ParseDebug("validate, checknan,dump=/tmp/x,sync")
	require.NoError(t, err)
	require.Equal(t, gpu.DebugFlags{Validate: true, CheckNaN: true, Dump: "/tmp/x", Sync: true}, f)
	f, err = gpu.ParseDebug("")
	require.NoError(t, err)
	require.Zero(t, f)
	f, err = gpu.ParseDebug("without=contract+fuse,without=arena")
	require.NoError(t, err)
	require.Equal(t, gpu.DebugFlags{Without: []string{"contract", "fuse", "arena"}}, f)
	for _, bad := range []string{"valdiate", "dump", "dump=", "without", "without=", "plain"} {
		_, err = gpu.ParseDebug(bad)
		require.ErrorContains(t, err, "the words are: validate, sync, profile, checknan, checkcpu, dump=DIR, without=PASS+PASS")
	}
	_, err = gpu.ParseDebug("without=fuse+fusion")
	require.ErrorContains(t, err, `the unknown pass "fusion"; the passes are: simplify, contract, chunk, matmul, windows, scatter, fuse, epilogue, lanes, inplace, arena`)
}

func TestFormatBytes(t *testing.T) {
	require.Equal(t, "1023 B", gpu.FormatBytes(1023))
	require.Equal(t, "1.5 KiB", gpu.FormatBytes(1536))
	require.Equal(t, "64 MiB", gpu.FormatBytes(64<<20))
	require.Equal(t, "8 EiB", gpu.FormatBytes(1<<63-1))
}

func TestLogger(t *testing.T) {
	var text bytes.Buffer
	d := gputest.Open(t, gpu.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	require.Contains(t, text.String(), "gpu: device opened")
	require.Contains(t, text.String(), d.Name())
}

// TestValidationGate makes a mistake that only the validation layer sees: the kernel's code has three push words, its spec declares two.
func TestValidationGate(t *testing.T) {
	for _, name := range gputest.Devices(t) {
		t.Run(name, func(t *testing.T) {
			d, err := gpu.Open(ctx, gpu.WithDevice(name), gpu.WithValidation(true))
			require.NoError(t, err)
			p := affineProgram(t, d, 64, 2, 1)
			x := upload(t, d, ramp(64))
			require.NoError(t, p.Run(ctx, []*gpu.Array{x, x}))
			require.NoError(t, d.Wait(ctx))
			require.Empty(t, d.ValidationMessages())
			k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "wrong", Code: words(t, "affine"), Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage},
				PushWords: 2, Spec: []uint32{localSize, 0}})
			require.NoError(t, err)
			_, err = d.NewProgram(ctx, gpu.ProgramSpec{Name: "wrong", Slots: []int64{256}, Dispatches: []gpu.Dispatch{
				{Kernel: k, Bindings: []gpu.Binding{{Slot: 0}, {Slot: 0}}, Push: []uint32{0, 0}, Groups: [3]uint32{1, 1, 1}}}})
			require.NoError(t, err, "the driver itself does not look")
			require.NotEmpty(t, d.ValidationMessages())
			require.Contains(t, d.ValidationMessages()[0], "VUID-VkComputePipelineCreateInfo-layout")
			require.NoError(t, d.Close())
		})
	}
}

// TestMain lets a test run this binary again as a process of its own, with other environment variables: drivers are searched once.
func TestMain(m *testing.M) {
	if os.Getenv("LAVAGRAD_TEST_OPEN") == "" {
		os.Exit(m.Run())
	}
	list, problems, err := gpu.Enumerate(ctx)
	fmt.Println("enumerated:", len(list), problems, err)
	d, err := gpu.Open(ctx)
	if err != nil {
		fmt.Println("not opened:", err)
		os.Exit(0)
	}
	fmt.Println("opened:", d.Info().Driver)
	fmt.Println("closed:", d.Close())
}

// open runs Enumerate and Open in a new process and returns what they print.
func open(t *testing.T, env ...string) string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), "LAVAGRAD_TEST_OPEN=1"), env...)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestNoDriver(t *testing.T) {
	out := open(t, "VK_DRIVER_FILES=/nowhere/icd.json", "VK_ICD_FILENAMES=/nowhere/icd.json", "LAVAGRAD_DEVICE=")
	require.Contains(t, out, "not opened: gpu: no device")
	require.Contains(t, out, "/nowhere/icd.json: open /nowhere/icd.json: no such file or directory")
	require.Contains(t, out, "bash tools/setup.sh")
}

func TestDriverProblems(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	missing := write("missing.json", `{"file_format_version": "1.0.0", "ICD": {"library_path": "./libmissing.so", "api_version": "1.3.0"}}`)
	broken := write("broken.json", `{`)
	nothing := write("nothing.json", `{}`)
	list := strings.Join([]string{missing, broken, nothing}, ":")
	out := open(t, "VK_DRIVER_FILES="+list, "VK_ICD_FILENAMES="+list, "LAVAGRAD_DEVICE=")
	require.Contains(t, out, folder+"/libmissing.so: cannot open shared object file")
	require.Contains(t, out, "not a driver manifest: unexpected end of JSON input")
	require.Contains(t, out, "not a driver manifest: it has no ICD.library_path")
}

func TestUnknownDebugWord(t *testing.T) {
	require.Contains(t, open(t, "LAVAGRAD_DEBUG=everything"), `not opened: gpu: LAVAGRAD_DEBUG has the unknown word "everything"`)
}

func TestDebugWords(t *testing.T) {
	require.Contains(t, open(t, "LAVAGRAD_DEBUG=validate,sync,profile"), "closed: <nil>")
}

// TestSwiftShaderPlaces: its manifest is found in the folder, or as the file, of LAVAGRAD_SWIFTSHADER and in the cache.
func TestSwiftShaderPlaces(t *testing.T) {
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	folder := filepath.Join(cache, "lavagrad", "swiftshader")
	file := filepath.Join(folder, "vk_swiftshader_icd.json")
	require.FileExists(t, file, "bash tools/setup.sh puts SwiftShader there")
	empty, device := "XDG_CACHE_HOME="+t.TempDir(), "LAVAGRAD_DEVICE=swiftshader"
	t.Setenv("VK_ADD_DRIVER_FILES", "") // this process has added SwiftShader there
	require.Contains(t, open(t, device), "opened: swiftshader")
	require.Contains(t, open(t, device, empty, "LAVAGRAD_SWIFTSHADER="+folder), "opened: swiftshader")
	require.Contains(t, open(t, device, empty, "LAVAGRAD_SWIFTSHADER="+file), "opened: swiftshader")
	require.Contains(t, open(t, device, empty), `no device matches "swiftshader"`)
	require.Contains(t, open(t, device, "LAVAGRAD_SWIFTSHADER=/nowhere"), "/nowhere: LAVAGRAD_SWIFTSHADER names it, but it cannot be read")
}
