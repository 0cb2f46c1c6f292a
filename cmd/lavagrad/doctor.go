package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/lavagrad/lavagrad/gpu"
)

// diagnosis is everything that doctor finds out, in the form of its JSON.
type diagnosis struct {
	System   string    `json:"system"` // such as "linux/amd64, go1.26.0, 2 CPUs"
	Vulkan   string    `json:"vulkan"` // "" when the loader and a driver were found, else what is wrong
	Devices  []device  `json:"devices"`
	Problems []problem `json:"unusable_drivers"`
	Selector string    `json:"selector"`
	Source   string    `json:"selector_from"`     // "-device", "LAVAGRAD_DEVICE" or "", the latter for the best device
	Chosen   *int      `json:"chosen"`            // index into Devices, null when none could be opened
	Profile  *profile  `json:"profile,omitempty"` // null when no device was opened
	Kernel   *trial    `json:"kernel,omitempty"`  // the same
	Failure  string    `json:"failure,omitempty"` // what does not work, with the fix
}

// problem is a driver that is announced but cannot be used.
type problem struct {
	Manifest string `json:"manifest"`
	Library  string `json:"library"`
	Reason   string `json:"reason"`
}

// doctor is the command.
func doctor(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	flags := flag.NewFlagSet("lavagrad doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	selector := flags.String("device", "", `device to examine: "gpu", "cpu", "lavapipe", "swiftshader", an index or part of a name (default $LAVAGRAD_DEVICE, else the best)`)
	asJSON := flags.Bool("json", false, "print the findings as JSON")
	measure := flags.Bool("tune", false, "measure the device's profile now, and keep it")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return statusOK
	} else if err != nil {
		return statusUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "lavagrad doctor: %q is no flag; -help lists them\n", flags.Arg(0))
		return statusUsage
	}
	d := diagnose(ctx, *selector, *measure)
	if *asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(d); err != nil {
			fmt.Fprintln(stderr, "lavagrad doctor:", err)
			return statusFailed
		}
	} else {
		d.print(stdout)
	}
	if d.Failure != "" {
		return statusFailed
	}
	return statusOK
}

// diagnose looks at drivers and devices, opens the one that the selector chooses ("" leaves the choice to
// LAVAGRAD_DEVICE) and tries it, after measuring its profile if that is asked for.
func diagnose(ctx context.Context, selector string, measure bool) *diagnosis {
	d := &diagnosis{System: fmt.Sprintf("%s/%s, %s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU()),
		Devices: []device{}, Problems: []problem{}, Selector: selector, Source: "-device"}
	if selector == "" {
		d.Selector, d.Source = os.Getenv("LAVAGRAD_DEVICE"), "LAVAGRAD_DEVICE"
	}
	if d.Selector == "" {
		d.Source = ""
	}
	list, problems, err := gpu.Enumerate(ctx)
	for _, p := range problems {
		d.Problems = append(d.Problems, problem(p))
	}
	if err != nil {
		d.Vulkan, d.Failure = err.Error(), err.Error()
		return d
	}
	for _, info := range list {
		d.Devices = append(d.Devices, newDevice(info))
	}
	opts := []gpu.Option{gpu.WithDevice(d.Selector)}
	if measure {
		opts = append(opts, gpu.WithTuning(gpu.TuneForce))
	}
	dev, err := gpu.Open(ctx, opts...)
	if err != nil {
		d.Failure = err.Error()
		return d
	}
	index := dev.Info().Index
	d.Chosen = &index
	d.Profile = newProfile(ctx, dev)
	d.Kernel = try(ctx, dev)
	switch err := errors.Join(d.Kernel.err, dev.Close()); {
	case err != nil:
		d.Failure = fmt.Sprintf("the device was opened, but the trial kernel failed: %v; update its driver, or choose another device by LAVAGRAD_DEVICE", err)
	case !d.Kernel.OK:
		d.Failure = fmt.Sprintf("the device computes wrongly: relative error %.3g, at most %.3g is right; update its driver, or choose another device by LAVAGRAD_DEVICE",
			d.Kernel.Error, tolerance)
	}
	return d
}
