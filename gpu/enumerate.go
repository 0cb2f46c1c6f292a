package gpu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// DeviceInfo describes a device that a driver offers.
type DeviceInfo struct {
	Index         int // the place in Enumerate's list, for LAVAGRAD_DEVICE
	Name          string
	Kind          Kind
	Driver        string // short name, as in Profile
	DriverVersion string // the driver's own text, such as "Mesa 22.3.6 (LLVM 15.0.6)"
	APIVersion    string // such as "1.3.230"
	MemoryBytes   int64  // the largest device-local heap
	HostVisible   bool   // arrays are mapped: uploads and downloads need no staging copy
	Features      Features
	Profile       Profile
	Unusable      string // why Open refuses the device, "" if it does not
}

// Features are the optional abilities of kernels; those present are enabled.
type Features struct {
	Int64, Float64, Int16, Float16, Int8 bool // arithmetic
	Storage8, Storage16                  bool // 8- and 16-bit elements in storage buffers
	RobustAccess                         bool // accesses out of a binding's range are harmless
	SubgroupSizeControl                  bool
	VulkanMemoryModel                    bool
	CooperativeMatrix                    bool // products of Profile.Matrices
	BFloat16                             bool // as a component of cooperative matrices
}

// String lists the features that are present.
func (f Features) String() string {
	var names []string
	for _, x := range []struct {
		on   bool
		name string
	}{{f.Int8, "int8"}, {f.Int16, "int16"}, {f.Int64, "int64"}, {f.Float16, "float16"}, {f.Float64, "float64"}, {f.Storage8, "storage8"},
		{f.Storage16, "storage16"}, {f.RobustAccess, "robust access"}, {f.SubgroupSizeControl, "subgroup size control"},
		{f.VulkanMemoryModel, "memory model"}, {f.CooperativeMatrix, "cooperative matrix"}, {f.BFloat16, "bfloat16 matrix"}} {
		if x.on {
			names = append(names, x.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

const setupFix = "install a driver: bash tools/setup.sh (Debian and Ubuntu; packages libvulkan1 and mesa-vulkan-drivers), or your GPU vendor's"

// Enumerate lists the devices of all drivers, best first, and the drivers that could not be used with the reason (those also when there
// is an error). The error is ErrNoDevice without a Vulkan loader or without any driver, and ErrNoCgo without cgo.
func Enumerate(ctx context.Context) ([]DeviceInfo, []DriverProblem, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	physicals, err := physicals(false)
	if errors.Is(err, ErrNoCgo) {
		return nil, nil, err
	}
	if err != nil {
		return nil, driverProblems(), err
	}
	list := make([]DeviceInfo, len(physicals))
	for i, p := range physicals {
		list[i] = describe(i, p)
	}
	return list, driverProblems(), nil
}

// LoaderVersion returns the version of the Vulkan loader, such as "1.3.239"; ErrNoDevice without a loader, ErrNoCgo without cgo.
func LoaderVersion() (string, error) {
	v, err := vk.LoaderVersion()
	switch {
	case errors.Is(err, vk.ErrNoCgo):
		return "", fmt.Errorf("gpu: %w", err)
	case err != nil:
		return "", fmt.Errorf("%w: %w; %s", ErrNoDevice, err, setupFix)
	}
	return version(v), nil
}

// physicals returns the devices in the order that Enumerate shows and Open prefers.
func physicals(validate bool) ([]*vk.Physical, error) {
	announceSwiftshader()
	in, err := vk.Open(validate)
	if err != nil {
		var e *vk.Error
		switch {
		case errors.Is(err, vk.ErrNoCgo):
			return nil, fmt.Errorf("gpu: %w", err)
		case errors.Is(err, vk.ErrNoLoader):
			return nil, fmt.Errorf("%w: %w; %s", ErrNoDevice, err, setupFix)
		case errors.As(err, &e) && e.Result == -9: // VK_ERROR_INCOMPATIBLE_DRIVER: the loader found no driver at all
			return nil, fmt.Errorf("%w: the Vulkan loader found no usable driver (%w)%s; %s", ErrNoDevice, err, problemText(), setupFix)
		}
		return nil, fmt.Errorf("gpu: opening Vulkan: %w", err)
	}
	list, err := in.Physicals()
	if err != nil {
		return nil, fmt.Errorf("%w: %w; %s", ErrNoDevice, err, setupFix)
	}
	slices.SortStableFunc(list, func(a, b *vk.Physical) int { return cmp.Compare(rank(&a.Properties), rank(&b.Properties)) })
	return list, nil
}

func problemText() string {
	var b strings.Builder
	for _, p := range driverProblems() {
		fmt.Fprintf(&b, "; %s: %s", p.Manifest, p.Reason)
	}
	return b.String()
}

// rank orders devices: by kind, and lavapipe before SwiftShader before unknown CPU drivers (measured: two to five times faster).
func rank(p *vk.Properties) int {
	r := int(kindOf(p.Type)) * 10
	switch driverNames[p.DriverID] {
	case "lavapipe":
	case "swiftshader":
		r++
	default:
		r += 2
	}
	return r
}

func version(v uint32) string { return fmt.Sprintf("%d.%d.%d", v>>22&0x7f, v>>12&0x3ff, v&0xfff) }

func describe(index int, p *vk.Physical) DeviceInfo {
	has := func(f vk.Features) bool { return p.Features&f != 0 }
	d := DeviceInfo{
		Index: index, Name: p.Name, Kind: kindOf(p.Type), DriverVersion: strings.TrimSpace(p.DriverName + " " + p.DriverInfo),
		APIVersion: version(p.APIVersion), Profile: newProfile(&p.Properties),
		Features: Features{Int64: has(vk.Int64), Float64: has(vk.Float64), Int16: has(vk.Int16), Float16: has(vk.Float16), Int8: has(vk.Int8),
			Storage8: has(vk.Storage8), Storage16: has(vk.Storage16), RobustAccess: has(vk.Robust),
			SubgroupSizeControl: has(vk.SubgroupSize), VulkanMemoryModel: has(vk.MemoryModel), CooperativeMatrix: has(vk.Cooperative), BFloat16: has(vk.BFloat16)},
	}
	d.Driver = d.Profile.Driver
	for _, t := range p.MemoryTypes {
		if t.DeviceLocal {
			d.MemoryBytes = max(d.MemoryBytes, t.HeapBytes)
		}
	}
	_, d.HostVisible = chooseMemory(p.MemoryTypes, ^uint32(0), false)
	switch {
	case p.APIVersion < 1<<22|2<<12:
		d.Unusable = "it offers Vulkan " + d.APIVersion + ", 1.2 is needed"
	case !p.HasCompute:
		d.Unusable = "it has no compute queue"
	case !has(vk.Timeline):
		d.Unusable = "it has no timeline semaphores"
	}
	return d
}

// choose picks a device by selector; see WithDevice.
func choose(list []*vk.Physical, selector string) (*vk.Physical, DeviceInfo, error) {
	index, indexErr := strconv.Atoi(selector)
	var offered []string
	for i, p := range list {
		d := describe(i, p)
		match := d.matches(selector)
		if indexErr == nil {
			match = i == index
		}
		if match && d.Unusable == "" {
			return p, d, nil
		}
		text := fmt.Sprintf("%d: %s (%s, %s)", i, d.Name, d.Kind, d.Driver)
		if d.Unusable != "" {
			text += ", unusable: " + d.Unusable
		}
		offered = append(offered, text)
	}
	if len(list) == 0 {
		return nil, DeviceInfo{}, fmt.Errorf("%w: no driver offers one%s; %s", ErrNoDevice, problemText(), setupFix)
	}
	return nil, DeviceInfo{}, fmt.Errorf("%w matches %q; there are [%s]%s; choose by LAVAGRAD_DEVICE or gpu.WithDevice, or %s",
		ErrNoDevice, selector, strings.Join(offered, "; "), problemText(), setupFix)
}

func (d *DeviceInfo) matches(selector string) bool {
	switch s := strings.ToLower(strings.TrimSpace(selector)); s {
	case "":
		return true
	case "gpu":
		return d.Kind != CPU
	case "cpu":
		return d.Kind == CPU
	case "swiftshader", "lavapipe":
		return d.Driver == s
	default:
		return strings.Contains(strings.ToLower(d.Name+"\n"+d.Driver+"\n"+d.DriverVersion), s)
	}
}
