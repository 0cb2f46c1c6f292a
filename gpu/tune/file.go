package tune

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/lavagrad/lavagrad/gpu"
)

// formVersion counts changes of what is measured, and of the kernels that it is measured on: files of another version are ignored, by
// their name.
const formVersion = 3

var fileName = fmt.Sprintf("profile-%d.json", formVersion)

// record is a file: the facts of gpu.Profile as measured.
type record struct {
	Identity         string           `json:"identity"` // gpu.Device.Identity
	When             time.Time        `json:"when"`
	Measured         gpu.Measured     `json:"measured"`
	LocalSize        int              `json:"local_size"`
	VecPerInvocation int              `json:"vectors"`
	Unrolled         bool             `json:"unrolled"`
	TexelReads       bool             `json:"texel_reads"`
	TexelScalars     bool             `json:"texel_scalars"`
	MatMul           gpu.MatMulFamily `json:"matmul"`
	RoundedMatrices  bool             `json:"rounded_matrices"`
	SplitMatrices    bool             `json:"split_matrices"`
	MatrixTile       int              `json:"matrix_tile"`
	Rates            gpu.Rates        `json:"rates"`
}

// Path is where the device's facts are kept, "" where they are not.
func Path(dev *gpu.Device) string {
	if dev.CacheDir() == "" {
		return ""
	}
	return filepath.Join(dev.CacheDir(), fileName)
}

// parse reads a file and checks that it is of this device, and that its facts are possible ones.
func parse(data []byte, dev *gpu.Device, p gpu.Profile) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("tune: %w", err)
	}
	rates := []float64{r.Rates.MatMul, r.Rates.Vector, r.Rates.Bytes, r.Rates.Dispatch}
	for _, x := range rates {
		if !(x > 0) || math.IsInf(x, 0) {
			return r, fmt.Errorf("tune: a rate is %v", x)
		}
	}
	switch {
	case r.Identity != dev.Identity():
		return r, fmt.Errorf("tune: the file is of another device or driver")
	case r.Measured == 0 || r.Measured&^Everything != 0:
		return r, fmt.Errorf("tune: unknown groups of facts %b", r.Measured)
	case r.LocalSize < 1 || r.LocalSize > min(p.MaxWorkgroup, p.MaxWorkgroupSize[0]):
		return r, fmt.Errorf("tune: workgroups of %d, the device has up to %d", r.LocalSize, min(p.MaxWorkgroup, p.MaxWorkgroupSize[0]))
	case r.VecPerInvocation < 1 || r.VecPerInvocation > 64:
		return r, fmt.Errorf("tune: %d vectors an invocation", r.VecPerInvocation)
	case !supported(r.MatMul, p):
		return r, fmt.Errorf("tune: matrix products of the family %q", r.MatMul)
	case (r.RoundedMatrices || r.SplitMatrices) && len(p.Matrices) == 0:
		return r, fmt.Errorf("tune: cooperative matrices, which the device has not")
	case r.MatrixTile < 0 || r.MatrixTile > 0 && r.MatrixTile < 32:
		return r, fmt.Errorf("tune: tiles of %d rows", r.MatrixTile)
	}
	return r, nil
}

// into is p with the facts that were measured.
func (r record) into(p gpu.Profile) gpu.Profile {
	if r.Measured&gpu.MeasuredStreams != 0 {
		p.LocalSize, p.VecPerInvocation, p.Unrolled = r.LocalSize, r.VecPerInvocation, r.Unrolled
		p.TexelReads, p.TexelScalars = r.TexelReads, r.TexelScalars
		p.Rates.Vector, p.Rates.Bytes, p.Rates.Dispatch = r.Rates.Vector, r.Rates.Bytes, r.Rates.Dispatch
	}
	if r.Measured&gpu.MeasuredMatMul != 0 {
		p.MatMul, p.Rates.MatMul = r.MatMul, r.Rates.MatMul
		p.RoundedMatrices, p.SplitMatrices, p.MatrixTile = r.RoundedMatrices, r.SplitMatrices, r.MatrixTile
	}
	p.Measured |= r.Measured
	return p
}

// save keeps the measured facts of p, and of the file those that p has not: another process may have measured them.
func save(dev *gpu.Device, p gpu.Profile) error {
	if missing := Everything &^ p.Measured; missing != 0 {
		if data, err := dev.Kept(fileName); err == nil {
			if kept, err := parse(data, dev, p); err == nil {
				kept.Measured &= missing
				p = kept.into(p)
			}
		}
	}
	data, err := json.MarshalIndent(record{Identity: dev.Identity(), When: time.Now().UTC().Truncate(time.Second), Measured: p.Measured,
		LocalSize: p.LocalSize, VecPerInvocation: p.VecPerInvocation, Unrolled: p.Unrolled, TexelReads: p.TexelReads, TexelScalars: p.TexelScalars,
		MatMul: p.MatMul, RoundedMatrices: p.RoundedMatrices, SplitMatrices: p.SplitMatrices, MatrixTile: p.MatrixTile, Rates: p.Rates}, "", "\t")
	if err != nil {
		return err
	}
	return dev.Keep(fileName, append(data, '\n'))
}
