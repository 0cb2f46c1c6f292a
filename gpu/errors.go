package gpu

import (
	"errors"
	"fmt"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// The kinds of failure, for errors.Is.
var (
	// ErrNoDevice: no Vulkan loader, no driver, or no device that matches the choice.
	ErrNoDevice = errors.New("gpu: no device")
	// ErrOutOfMemory: the device, its limits or WithMemoryLimit cannot hold what was asked for.
	ErrOutOfMemory = errors.New("gpu: out of memory")
	// ErrDeviceLost: the driver gave the device up (a hang, a reset, an unplugged GPU). Close it, open it again, upload again.
	ErrDeviceLost = errors.New("gpu: device lost")
	// ErrLoopLimit: a while loop went on after the most rounds it may run.
	ErrLoopLimit = errors.New("gpu: too many rounds")
	// ErrClosed: the device, array or program was closed before.
	ErrClosed = errors.New("gpu: use after Close")
	// ErrNoCgo: the build has no cgo, through which Vulkan is reached.
	ErrNoCgo = vk.ErrNoCgo
)

// closedError wraps ErrClosed with what was closed.
func closedError(what string) error { return fmt.Errorf("%w of the %s", ErrClosed, what) }

// driverError turns a Vulkan error into one with our sentinels; doing says what was going on.
func driverError(doing string, err error) error {
	var e *vk.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	switch e.Result {
	case vk.ErrorDeviceLost:
		return fmt.Errorf("%w while %s: %w; close the device, open it again and upload again", ErrDeviceLost, doing, err)
	case vk.ErrorOutOfMemory, vk.ErrorOutOfHostMemory, vk.ErrorOutOfPoolMemory, vk.ErrorMemoryMapFailed, vk.ErrorTooManyObjects:
		return fmt.Errorf("%w while %s: %w", ErrOutOfMemory, doing, err)
	}
	return fmt.Errorf("gpu: %s: %w", doing, err)
}

// formatBytes writes a size for people: 1.5 GiB.
func formatBytes(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	unit, v := 0, float64(n)
	for ; v >= 1024 && unit < 6; unit++ {
		v /= 1024
	}
	return fmt.Sprintf("%.4g %ciB", v, " KMGTPE"[unit])
}

func isLost(err error) bool        { return errors.Is(err, ErrDeviceLost) }
func isOutOfMemory(err error) bool { return errors.Is(err, ErrOutOfMemory) }
