package gpu

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"sync"
)

// pipelineCache is the driver's cache of compiled kernels, read from the device's cache folder when the first kernel is compiled, and written
// back when the device closes. CPU drivers keep nothing in it: lavapipe has a cache of its own on disk, SwiftShader has none.
type pipelineCache struct {
	once   sync.Once
	handle uint64 // 0 for none
	read   [sha256.Size]byte
}

const (
	pipelinesFile  = "pipelines.bin"
	pipelinesMagic = "lavagrad pipelines 1\n"
	pipelinesMost  = 64 << 20 // bytes: more is neither read nor written
	// pipelinesHeader is what every driver writes (VkPipelineCacheHeaderVersionOne): a cache of that size holds no pipeline.
	pipelinesHeader = 32
)

// pipelineCacheOf returns the cache to compile through, 0 for none. It is called without Device.mu.
func (d *Device) pipelineCacheOf() uint64 {
	c := &d.pipelines
	c.once.Do(func() {
		if d.CacheDir() == "" {
			return
		}
		data, err := d.Kept(pipelinesFile)
		if err == nil {
			data, err = unwrapPipelines(data)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("gpu: kept pipelines are ignored", "err", err)
		}
		c.read = sha256.Sum256(data)
		if c.handle, err = d.vk.NewCache(data); err != nil {
			d.log.Warn("gpu: no pipeline cache", "err", err)
		}
	})
	return c.handle
}

// closePipelines keeps what the cache holds, if it holds something new, and destroys it.
func (d *Device) closePipelines() {
	c := &d.pipelines
	c.once.Do(func() {})
	if c.handle == 0 {
		return
	}
	data, err := d.vk.CacheData(c.handle)
	d.vk.FreeCache(c.handle)
	switch {
	case err != nil:
	case len(data) > pipelinesMost:
		d.log.Warn("gpu: pipelines are not kept: too many", "bytes", len(data), "most", pipelinesMost)
	case len(data) > pipelinesHeader && sha256.Sum256(data) != c.read:
		err = d.Keep(pipelinesFile, wrapPipelines(data))
	}
	if err != nil {
		d.log.Warn("gpu: pipelines are not kept", "err", err)
	}
}

// wrapPipelines puts a checksum before the driver's data: drivers check whose data it is, and trust the rest.
func wrapPipelines(data []byte) []byte {
	sum := sha256.Sum256(data)
	return bytes.Join([][]byte{[]byte(pipelinesMagic), sum[:], data}, nil)
}

// unwrapPipelines gives the driver's data back, nil with an error where the file is not whole.
func unwrapPipelines(file []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(file, []byte(pipelinesMagic))
	if !ok || len(rest) < sha256.Size {
		return nil, errors.New("gpu: the file is of another version")
	}
	data := rest[sha256.Size:]
	if len(data) > pipelinesMost || sha256.Sum256(data) != [sha256.Size]byte(rest[:sha256.Size]) {
		return nil, errors.New("gpu: the file is damaged")
	}
	return data, nil
}
