package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// WithCacheDir sets the folder in which what was learned of devices is kept (measured profiles, compiled pipelines) instead of lavagrad in
// the user's cache folder; "" keeps nothing.
func WithCacheDir(dir string) Option { return func(c *config) { c.cacheDir = &dir } }

// Identity is a text that changes with the device, its driver, or the driver's version, for files that are good for one of them only.
func (d *Device) Identity() string {
	p := &d.physical.Properties
	return fmt.Sprintf("%s\n%s\n%s %08x\nVulkan %s\ndriver %x\ndevice %x %04x:%04x\n%d CPUs\n", p.Name, p.DriverName, p.DriverInfo, p.DriverVersion,
		version(p.APIVersion), p.DriverUUID, p.DeviceUUID, p.VendorID, p.DeviceID, runtime.NumCPU())
}

// CacheDir is the folder for files about this device and driver, "" where none are kept. It need not exist.
func (d *Device) CacheDir() string {
	root := ""
	if d.config.cacheDir != nil {
		root = *d.config.cacheDir
	} else if user, err := os.UserCacheDir(); err == nil {
		root = filepath.Join(user, "lavagrad")
	}
	if root == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(d.Identity()))
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(d.info.Driver))
	return filepath.Join(root, "devices", name+"-"+hex.EncodeToString(sum[:8]))
}

// Keep writes a file of the device's cache folder, whole or not at all: other processes see the old content or the new.
func (d *Device) Keep(name string, data []byte) error {
	dir := d.CacheDir()
	if dir == "" {
		return nil
	}
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("gpu: keep %s: %w", name, err)
		}
		forgetOld(filepath.Dir(dir))
	}
	f, err := os.CreateTemp(dir, name+".*.tmp")
	if err != nil {
		return fmt.Errorf("gpu: keep %s: %w", name, err)
	}
	_, err = f.Write(data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("gpu: keep %s: %w", name, err)
	}
	return nil
}

// Kept reads a file of the device's cache folder; an error that is fs.ErrNotExist says that there is none.
func (d *Device) Kept(name string) ([]byte, error) {
	dir := d.CacheDir()
	if dir == "" {
		return nil, os.ErrNotExist
	}
	return os.ReadFile(filepath.Join(dir, name))
}

// unusedFor is after how long the files of a device that nothing was written for are removed: drivers are updated, and each version has
// a folder of its own.
const unusedFor = 180 * 24 * time.Hour

// forgetOld removes the folders of devices and driver versions that are long gone.
func forgetOld(root string) {
	list, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil && e.IsDir() && time.Since(info.ModTime()) > unusedFor {
			_ = os.RemoveAll(filepath.Join(root, e.Name()))
		}
	}
}
