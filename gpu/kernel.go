package gpu

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// BindingKind is how a kernel sees a range of memory.
type BindingKind uint32

const (
	// Storage is a storage buffer, read and written.
	Storage = BindingKind(vk.KindStorage)
	// Texel is a uniform texel buffer of RGBA32F, only read (texelFetch on a samplerBuffer): the fast read path of CPU drivers.
	Texel = BindingKind(vk.KindTexel)
)

// KernelSpec describes a compute kernel: a SPIR-V module with the entry point "main", whose descriptor set 0 has the bindings 0, 1, ...
type KernelSpec struct {
	Name      string        // for errors and timing
	Code      []uint32      // SPIR-V words
	Bindings  []BindingKind // the kind of binding 0, 1, ...
	PushWords int           // 32-bit words of push constants, from offset 0
	Spec      []uint32      // values of specialization constants 0, 1, ...

	// FullSubgroups says that the kernel counts on subgroups without missing invocations. Its workgroup's x must be a multiple of
	// Profile.SubgroupSize. Devices that cannot promise it (without SubgroupSizeControl) fill subgroups of such workgroups anyhow.
	FullSubgroups bool
}

// Kernel is a kernel of one device. It lives as long as the device and is compiled when a program first needs it.
type Kernel struct {
	d      *Device
	name   string
	module uint64
	layout layout
	kinds  []BindingKind
	push   int
	spec   []uint32
	full   bool // subgroups

	mu       sync.Mutex // compiling
	pipeline uint64
}

// Name returns the name the kernel was first made with.
func (k *Kernel) Name() string { return k.name }

type layout struct{ set, pipeline uint64 }

// kernelCache deduplicates, because drivers cannot: SwiftShader recognises a pipeline only by its module's handle. Device.mu guards it.
type kernelCache struct {
	kernels map[[sha256.Size]byte]*Kernel
	modules map[[sha256.Size]byte]uint64
	layouts map[string]layout
}

func (c *kernelCache) init() {
	c.kernels = map[[sha256.Size]byte]*Kernel{}
	c.modules = map[[sha256.Size]byte]uint64{}
	c.layouts = map[string]layout{}
}

func (c *kernelCache) free(v *vk.Device) {
	for _, k := range c.kernels {
		if k.pipeline != 0 {
			v.FreePipeline(k.pipeline)
		}
	}
	for _, m := range c.modules {
		v.FreeModule(m)
	}
	for _, l := range c.layouts {
		v.FreeLayout(l.set, l.pipeline)
	}
}

// wordsOf are the words of a hash, to hash it with others.
func wordsOf(sum [sha256.Size]byte) []uint32 {
	words := make([]uint32, len(sum)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(sum[4*i:])
	}
	return words
}

func hashWords(parts ...[]uint32) (sum [sha256.Size]byte) {
	h := sha256.New()
	var buffer []byte
	for _, p := range parts {
		buffer = binary.LittleEndian.AppendUint64(buffer[:0], uint64(len(p)))
		for _, w := range p {
			buffer = binary.LittleEndian.AppendUint32(buffer, w)
		}
		h.Write(buffer)
	}
	h.Sum(sum[:0])
	return sum
}

// Kernel returns the kernel of a spec: the same handle for the same code, bindings, push words and constants.
func (d *Device) Kernel(ctx context.Context, spec KernelSpec) (*Kernel, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := d.checkKernel(&spec); err != nil {
		return nil, fmt.Errorf("gpu: kernel %q: %w", spec.Name, err)
	}
	kinds := make([]uint32, len(spec.Bindings), len(spec.Bindings)+1)
	for i, b := range spec.Bindings {
		kinds[i] = uint32(b)
	}
	code := hashWords(spec.Code)
	full := uint32(0)
	if spec.FullSubgroups && d.info.Features.SubgroupSizeControl {
		full = 1
	}
	key := hashWords(wordsOf(code), spec.Spec, kinds, []uint32{uint32(spec.PushWords), full})
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	if k := d.kernels.kernels[key]; k != nil {
		return k, nil
	}
	k := &Kernel{d: d, name: spec.Name, push: spec.PushWords, kinds: append([]BindingKind(nil), spec.Bindings...),
		spec: append([]uint32(nil), spec.Spec...), full: full == 1}
	var err error
	if k.layout, err = d.layoutOf(kinds, spec.PushWords); err != nil {
		return nil, err
	}
	module, ok := d.kernels.modules[code]
	if !ok {
		if module, err = d.vk.NewModule(spec.Code); err != nil {
			return nil, d.failed(fmt.Sprintf("loading kernel %q", spec.Name), err)
		}
		d.kernels.modules[code] = module
	}
	k.module = module
	d.kernels.kernels[key] = k
	d.stats.Kernels++
	return k, nil
}

func (d *Device) checkKernel(spec *KernelSpec) error {
	const magic, header = 0x07230203, 5 // SPIR-V specification, section 2.3
	if len(spec.Code) <= header || spec.Code[0] != magic {
		return fmt.Errorf("%d words that are no SPIR-V module (first word 0x%08x expected)", len(spec.Code), magic)
	}
	if most := d.info.Profile.MaxPushWords; spec.PushWords < 0 || spec.PushWords > most {
		return fmt.Errorf("%d push words, the device has %d", spec.PushWords, most)
	}
	storage, texel := 0, 0
	for i, b := range spec.Bindings {
		switch b {
		case Storage:
			storage++
		case Texel:
			texel++
		default:
			return fmt.Errorf("binding %d has the unknown kind %d", i, b)
		}
	}
	p := &d.physical.Properties
	if uint32(storage) > p.MaxStorageBindings || uint32(texel) > p.MaxTexelBindings {
		return fmt.Errorf("%d storage and %d texel bindings, the device has %d and %d", storage, texel, p.MaxStorageBindings, p.MaxTexelBindings)
	}
	return nil
}

// layoutOf returns the layouts of kernels with these bindings. mu is held.
func (d *Device) layoutOf(kinds []uint32, push int) (layout, error) {
	key := fmt.Sprint(kinds, push)
	if l, ok := d.kernels.layouts[key]; ok {
		return l, nil
	}
	set, pipeline, err := d.vk.NewLayout(kinds, push*4)
	if err != nil {
		return layout{}, d.failed("making a pipeline layout", err)
	}
	l := layout{set, pipeline}
	d.kernels.layouts[key] = l
	return l, nil
}

// compile makes the pipeline if it is not there yet. It runs without Device.mu: a pipeline takes milliseconds to seconds.
func (k *Kernel) compile() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pipeline != 0 {
		return nil
	}
	d := k.d
	d.mu.Lock()
	if err := d.usable(); err != nil {
		d.mu.Unlock()
		return err
	}
	d.calls.Add(1)
	d.mu.Unlock()
	defer d.calls.Done()
	pipeline, err := d.vk.NewPipeline(d.pipelineCacheOf(), k.module, k.layout.pipeline, k.spec, k.full)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		return d.failed(fmt.Sprintf("compiling kernel %q", k.name), err)
	}
	if pipeline == 0 {
		return errors.New("gpu: the driver compiled kernel " + k.name + " to nothing")
	}
	k.pipeline = pipeline
	d.stats.Pipelines++
	return nil
}
