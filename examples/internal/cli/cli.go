// Package cli has what the examples' command lines share: the device, interrupts, progress bars.
package cli

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/lavagrad/lavagrad/gpu"
)

// DeviceFlag defines -device.
func DeviceFlag(device *string) {
	flag.StringVar(device, "device", "", "device by kind, index or part of its name, as in LAVAGRAD_DEVICE (default: that variable, else the best device)")
}

// Main parses the flags and runs a program until it ends or is interrupted; an error is its last line, with exit status 1.
func Main(name string, run func(ctx context.Context) error) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := error(nil)
	if flag.NArg() > 0 {
		err = fmt.Errorf("%s: %q is no flag; -help lists them", name, flag.Arg(0))
	} else {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Open opens the device with a name, or the one LAVAGRAD_DEVICE or the library chooses.
func Open(ctx context.Context, device string) (*gpu.Device, error) {
	if device == "" {
		return gpu.Open(ctx)
	}
	return gpu.Open(ctx, gpu.WithDevice(device))
}

// Terminal tells whether somebody watches stderr, where bars go.
func Terminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

// Bar is a progress bar of n steps on stderr, which goes away when full; nothing is shown unless visible.
func Bar(n int, text string, visible bool) *progressbar.ProgressBar {
	return progressbar.NewOptions(n, progressbar.OptionSetVisibility(visible), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription(text), progressbar.OptionSetWidth(20),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("steps"), progressbar.OptionThrottle(100*time.Millisecond))
}

// Writable tells whether there is a folder to write a file into, before a long run instead of after it.
func Writable(file string) error {
	info, err := os.Stat(filepath.Dir(file))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", filepath.Dir(file))
	}
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}
