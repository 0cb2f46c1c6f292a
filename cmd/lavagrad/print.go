package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

// device is what doctor tells of a device.
type device struct {
	Index    int      `json:"index"`
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Driver   string   `json:"driver"`
	Version  string   `json:"driver_version"`
	Vulkan   string   `json:"vulkan"`
	Memory   int64    `json:"memory_bytes"`
	Mapped   bool     `json:"host_visible"`
	Features []string `json:"features"`
	Matrices []string `json:"cooperative_matrices"` // M x N x K and components of each product
	Limits   limits   `json:"limits"`
	Unusable string   `json:"unusable,omitempty"`
}

// limits are the limits of a device that lavagrad minds.
type limits struct {
	Allocation   int64   `json:"allocation_bytes"`
	StorageRange int64   `json:"storage_range_bytes"`
	Bindings     int     `json:"bindings"`
	PushWords    int     `json:"push_words"`
	Shared       int     `json:"shared_bytes"`
	Workgroup    int     `json:"workgroup_invocations"`
	Size         [3]int  `json:"workgroup_size"`
	Groups       [3]int  `json:"groups"`
	Subgroup     int     `json:"subgroup_invocations"`
	SubgroupOps  bool    `json:"subgroup_operations"`
	Timestamp    float64 `json:"timestamp_ns"` // 0 without timestamps
}

func newDevice(d gpu.DeviceInfo) device {
	p := d.Profile
	return device{Index: d.Index, Name: d.Name, Kind: d.Kind.String(), Driver: d.Driver, Version: d.DriverVersion, Vulkan: d.APIVersion,
		Memory: d.MemoryBytes, Mapped: d.HostVisible, Features: strings.Split(d.Features.String(), ", "), Unusable: d.Unusable, Matrices: matrices(p.Matrices),
		Limits: limits{Allocation: p.MaxAllocation, StorageRange: p.MaxStorageRange, Bindings: p.MaxBindings, PushWords: p.MaxPushWords,
			Shared: p.MaxShared, Workgroup: p.MaxWorkgroup, Size: p.MaxWorkgroupSize, Groups: p.MaxGroups,
			Subgroup: p.SubgroupSize, SubgroupOps: p.SubgroupOps, Timestamp: p.TimestampPeriod}}
}

// line prints a name and what belongs to it in two columns.
func line(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
}

// print writes the diagnosis for people.
func (d *diagnosis) print(w io.Writer) {
	line(w, "system", "%s", d.System)
	if d.Vulkan != "" {
		line(w, "vulkan", "not usable")
	} else {
		line(w, "vulkan", "loader found, %s", count(len(d.Devices), "device"))
	}
	for _, p := range d.Problems {
		line(w, "not usable", "%s", p.Manifest)
		if p.Library != "" {
			line(w, "", "library %s", p.Library)
		}
		line(w, "", "%s", p.Reason)
	}
	for _, x := range d.Devices {
		fmt.Fprintln(w)
		x.print(w, d.Chosen != nil && *d.Chosen == x.Index)
	}
	fmt.Fprintln(w)
	if d.Chosen != nil {
		line(w, "chosen", "device %d, %s", *d.Chosen, d.reason())
	}
	if d.Profile != nil {
		d.Profile.print(w)
	}
	if k := d.Kernel; k != nil && k.OK {
		line(w, "kernel", "%s is right: relative error %.1e against float64 on the host", k.Program, k.Error)
		line(w, "", "%.1f ms to compile and run, then %.3f ms a call", k.First, k.Later)
	}
	if d.Failure != "" {
		line(w, "FAILED", "%s", d.Failure)
		return
	}
	fmt.Fprintln(w, "all well")
}

// reason says why Open takes the chosen device.
func (d *diagnosis) reason() string {
	if d.Source == "" {
		return "the first usable one: LAVAGRAD_DEVICE is not set"
	}
	return fmt.Sprintf("the first usable one that matches %q (%s)", d.Selector, d.Source)
}

func (x *device) print(w io.Writer, chosen bool) {
	mark := ""
	if chosen {
		mark = "   <- chosen"
	}
	line(w, fmt.Sprintf("device %d", x.Index), "%s%s", x.Name, mark)
	item := func(name, format string, args ...any) { line(w, "  "+name, format, args...) }
	if x.Unusable != "" {
		item("not usable", "%s", x.Unusable)
	}
	item("kind", "%s", x.Kind)
	item("driver", "%s: %s, Vulkan %s", x.Driver, x.Version, x.Vulkan)
	where := "through staging copies"
	if x.Mapped {
		where = "mapped by the host"
	}
	l := x.Limits
	item("memory", "%s, %s; an array up to %s", size(x.Memory), where, size(l.Allocation))
	item("features", "%s", strings.Join(x.Features, ", "))
	for i, m := range x.Matrices {
		name := "matrices"
		if i > 0 {
			name = ""
		}
		item(name, "%s", m)
	}
	item("workgroups", "%d invocations at most, axes up to %s, groups up to %s", l.Workgroup, axes(l.Size), axes(l.Groups))
	operations := "basic operations only"
	if l.SubgroupOps {
		operations = "with vote, ballot, shuffle and arithmetic"
	}
	item("subgroups", "%d invocations, %s", l.Subgroup, operations)
	item("shared", "%s a workgroup", size(int64(l.Shared)))
	item("bindings", "%d a kernel, each up to %s; %d push words", l.Bindings, size(l.StorageRange), l.PushWords)
	if l.Timestamp > 0 {
		item("timestamps", "every %g ns", l.Timestamp)
	} else {
		item("timestamps", "none")
	}
}

func matrices(list []gpu.MatrixProduct) []string {
	text := make([]string, len(list))
	for i, m := range list {
		text[i] = m.String()
	}
	return text
}

func axes(n [3]int) string { return fmt.Sprintf("%d x %d x %d", n[0], n[1], n[2]) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size writes bytes for people, in the largest unit that keeps it at 1 or more.
func size(bytes int64) string {
	v, unit := float64(bytes), 0
	for ; v >= 1024 && unit < 5; unit++ {
		v /= 1024
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}
