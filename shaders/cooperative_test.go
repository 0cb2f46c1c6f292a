package shaders_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/gpu/tune"
	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
	"github.com/lavagrad/lavagrad/shaders/spirv/spirvrun"
)

var allTiles = flag.Bool("alltiles", false, "run the large tiles of cooperative matrices on CPU drivers too")

var roundings = []shaders.Rounding{shaders.RoundBFloat16, shaders.RoundFloat16, shaders.SplitBFloat16, shaders.SplitFloat16}

// hopper is a target like a large GPU: subgroups of 32, 48 KiB of shared memory.
func hopper(r shaders.Rounding, units ...shaders.MatrixUnit) shaders.MatMulTarget {
	return shaders.MatMulTarget{Cores: 132, Rounding: r, Units: units, UnitSubgroup: 32, MaxShared: 48 << 10, MaxWorkgroup: 1024, PreserveNaN: true}
}

func bothTypes(m, n, k int) []shaders.MatrixUnit {
	return []shaders.MatrixUnit{{M: m, N: n, K: k}, {M: m, N: n, K: k, BFloat16: true}}
}

// awkward float32 numbers: around every boundary of both 16-bit types, and random ones.
func awkward() []float32 {
	special := []float32{0, 1, 65504, 65519, 65519.996, 65520, 65536, 1e5, 3.3895314e38, 3.395e38, 3.3961775e38, 3.4e38, math.MaxFloat32,
		1.0 / (1 << 14), 1.0 / (1 << 24), 1.0 / (1 << 25), 1.5 / (1 << 25), 2.5 / (1 << 24), 1023.5 / (1 << 24), float32(math.Inf(1)), float32(math.NaN()),
		math.Float32frombits(0x7f800001), math.Float32frombits(0x7fffffff)}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 400 {
		special = append(special, math.Float32frombits(rng.Uint32N(0x7f800000)))                                                     // of any size
		special = append(special, math.Float32frombits((127-26+rng.Uint32N(44))<<23|rng.Uint32N(1<<23)))                             // near float16's range
		special = append(special, math.Float32frombits((127-26+rng.Uint32N(44))<<23|rng.Uint32N(1<<12)<<12|rng.Uint32N(3)<<11))      // ties of float16
		special = append(special, math.Float32frombits((1+rng.Uint32N(254))<<23|rng.Uint32N(1<<8)<<15), math.Float32frombits(1<<30)) // and of bfloat16
	}
	list := special
	for _, x := range special {
		list = append(list, float32(math.Copysign(float64(x), -1)))
	}
	for len(list)%64 != 0 {
		list = append(list, 0)
	}
	return list
}

// What kernels round is the nearest number, to the bit, on every driver.
func TestRound(t *testing.T) {
	xs := awkward()
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, r := range []shaders.Rounding{shaders.RoundBFloat16, shaders.RoundFloat16} {
			got := mapped(t, d, xs, 1, func(b *spirv.Builder, x spirv.Value) []spirv.Value {
				return []spirv.Value{b.Bitcast(shaders.Round(b, x, r), spirv.Uint32)}
			})
			for i, x := range xs {
				want, have := r.Nearest(x), math.Float32frombits(got[i])
				if x != x {
					assert.True(t, have != have, "%v of NaN %x is %v", r, math.Float32bits(x), have)
					continue
				}
				if math.Abs(float64(x)) < 0x1p-126 && have == 0 {
					continue // a driver may flush subnormal float32
				}
				assert.Equal(t, math.Float32bits(want), got[i], "%v of %v: %v, not %v", r, x, have, want)
			}
		}
	})
}

// The bits that a rounded number is packed to are those of its type.
func TestBitsOfRoundedNumbers(t *testing.T) {
	xs := awkward()
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		for _, r := range []shaders.Rounding{shaders.RoundBFloat16, shaders.RoundFloat16} {
			got := mapped(t, d, xs, 1, func(b *spirv.Builder, x spirv.Value) []spirv.Value {
				return []spirv.Value{shaders.Bits16(b, shaders.Round(b, x, r), r)}
			})
			for i, x := range xs {
				if math.Abs(float64(x)) >= 0x1p-126 {
					assert.Equal(t, valueOf(got[i], r), r.Nearest(x), "%v of %v: bits %04x", r, x, got[i])
				} else if x != x {
					assert.True(t, valueOf(got[i], r) != valueOf(got[i], r), "%v of NaN: bits %04x", r, got[i])
				}
			}
		}
	})
}

// valueOf is the number of 16 bits, by the types' definitions.
func valueOf(bits uint32, r shaders.Rounding) float32 {
	if r == shaders.RoundBFloat16 {
		return math.Float32frombits(bits << 16)
	}
	exp, fraction := int(bits>>10&31), float64(bits&1023)
	v := math.Ldexp(1024+fraction, exp-25)
	switch {
	case exp == 0:
		v = math.Ldexp(fraction, -24)
	case exp == 31 && fraction == 0:
		v = math.Inf(1)
	case exp == 31:
		v = math.NaN()
	}
	if bits&0x8000 != 0 {
		v = -v
	}
	return float32(v)
}

// The three parts of a number are bfloat16 and their sum is the number, on every driver; of an infinity or NaN the first part is all.
func TestSplitIsExact(t *testing.T) {
	xs := awkward()
	gputest.Each(t, func(t *testing.T, d *gpu.Device) {
		got := mapped(t, d, xs, 3, func(b *spirv.Builder, x spirv.Value) []spirv.Value {
			parts := shaders.Split(b, x, shaders.SplitBFloat16)
			for i := range parts {
				parts[i] = b.Bitcast(parts[i], spirv.Uint32)
			}
			return parts
		})
		for i, x := range xs {
			var sum float64
			for p := range 3 {
				v := math.Float32frombits(got[3*i+p])
				assert.Zero(t, got[3*i+p]&0xffff, "part %d of %v", p, x)
				sum += float64(v)
				if p > 0 && (x != x || math.IsInf(float64(x), 0)) {
					assert.Zero(t, v, "part %d of %v", p, x)
				}
			}
			switch size := math.Abs(float64(x)); {
			case x != x:
				assert.True(t, sum != sum)
			case size == 0 || size >= 0x1p-103:
				assert.Equal(t, float64(x), sum)
			default:
				assert.InDelta(t, float64(x), sum, 0x1p-126)
			}
		}
	})
}

// mapped computes n words from each number.
func mapped(t *testing.T, d *gpu.Device, xs []float32, n int, f func(b *spirv.Builder, x spirv.Value) []spirv.Value) []uint32 {
	words := make([]uint32, len(xs))
	for i, x := range xs {
		words[i] = math.Float32bits(x)
	}
	b := spirv.NewBuilder(spirv.Config{LocalSize: [3]uint32{64}, PreserveNaN: d.Profile().PreserveNaN})
	in, out := b.StorageBuffer(0, spirv.F32, spirv.ReadOnly), b.StorageBuffer(1, spirv.U32, spirv.WriteOnly)
	i := b.GlobalID(0)
	for p, v := range f(b, b.Load(in, i)) {
		b.Store(out, b.Add(b.Mul(i, b.ConstU32(uint32(n))), b.ConstU32(uint32(p))), v)
	}
	return spirvrun.Run(t, d, b.Module(), [3]uint32{uint32(len(xs) / 64), 1, 1}, nil, n*len(xs), words)
}

// Kernels of all forms, roundings and kinds of matrices that drivers have are valid; the validator must know the extension.
func TestCooperativeModulesAreValid(t *testing.T) {
	units := [][]shaders.MatrixUnit{bothTypes(16, 16, 16), bothTypes(8, 8, 8), bothTypes(16, 8, 16), bothTypes(8, 16, 32)}
	var kernels []shaders.MatMulKernel
	for _, u := range units {
		for _, r := range roundings {
			some := shaders.CooperativeKernels(r, hopper(r, u...))
			require.NotEmpty(t, some, "%v %v", r, u)
			kernels = append(kernels, some...)
		}
	}
	for _, k := range kernels {
		assert.LessOrEqual(t, k.Local, 1024)
		file := filepath.Join(t.TempDir(), "module.spv")
		code := make([]byte, 0, 4*len(k.Code))
		for _, w := range k.Code {
			code = binary.LittleEndian.AppendUint32(code, w)
		}
		require.NoError(t, os.WriteFile(file, code, 0o600))
		out, err := exec.Command("spirv-val", "--target-env", "vulkan1.1", file).CombinedOutput()
		if oldValidator(string(out)) {
			t.Skipf("%d modules are made; this spirv-val is too old for cooperative matrices, or for those of bfloat16: %s", len(kernels), out)
		}
		require.NoError(t, err, "%s: %s", k.Name, out)
	}
	t.Logf("%d modules", len(kernels))
}

// oldValidator reports the words of a validator that is older than an extension.
func oldValidator(out string) bool {
	return strings.Contains(out, "Invalid capability operand") || strings.Contains(out, "Invalid opcode")
}

// product is a test case: operands as they lie in memory, with NaN wherever kernels must not look, and the result's true values and bounds of
// the error.
type product struct {
	form        shaders.MatMulForm
	args        shaders.MatMulArgs
	batch       int
	a, b        []float32
	want, bound []float64 // [batch, M, N]
}

// newProduct draws operands of all sizes within float16's range.
func newProduct(rng *rand.Rand, f shaders.MatMulForm, r shaders.Rounding, batch, m, n, k int) product {
	p := product{form: f, args: dense(f, m, n, k), batch: batch}
	p.args.OffsetA, p.args.OffsetB, p.args.OffsetC = 8, 12, 4
	p.args.LDC += 8
	p.args.StrideC = m * p.args.LDC
	spans := p.args.Elements(f, batch)
	fill := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(math.NaN())
		}
		return v
	}
	p.a, p.b = fill(spans[0]), fill(spans[1])
	atA := func(z, i, l int) *float32 {
		if f == shaders.MatMulTN {
			i, l = l, i
		}
		return &p.a[p.args.OffsetA+z*p.args.StrideA+i*p.args.LDA+l]
	}
	atB := func(z, l, j int) *float32 {
		if f == shaders.MatMulNT {
			l, j = j, l
		}
		return &p.b[p.args.OffsetB+z*p.args.StrideB+l*p.args.LDB+j]
	}
	draw := func() float32 { return float32(rng.NormFloat64() * math.Exp2(float64(rng.IntN(5))-2)) }
	seen := func(x float32) float64 { return float64(x) }
	slack := math.Exp2(-23) * float64(k+2) // of split operands, and of float32 sums
	if r == shaders.RoundBFloat16 || r == shaders.RoundFloat16 {
		seen = func(x float32) float64 { return float64(r.Nearest(x)) }
	}
	for z := range batch {
		for i := range m {
			for l := range k {
				*atA(z, i, l) = draw()
			}
		}
		for l := range k {
			for j := range n {
				*atB(z, l, j) = draw()
			}
		}
		for i := range m {
			for j := range n {
				sum, size := 0.0, 0.0
				for l := range k {
					x, y := seen(*atA(z, i, l)), seen(*atB(z, l, j))
					sum, size = sum+x*y, size+math.Abs(x*y)
					if r == shaders.SplitFloat16 { // the parts are multiples of 2^-24
						size += (math.Abs(x) + math.Abs(y)) / (4 * float64(k+2))
					}
				}
				p.want, p.bound = append(p.want, sum), append(p.bound, slack*size)
			}
		}
	}
	return p
}

// run computes the product by a kernel, the result between words of guard.
func (p product) run(t *testing.T, d *gpu.Device, k shaders.MatMulKernel) []float32 {
	ctx := context.Background()
	const guard = 0x7fc0beef
	spans := p.args.Elements(p.form, p.batch)
	bytes := func(v []float32) []byte {
		out := make([]byte, 0, 4*len(v))
		for _, x := range v {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
		return out
	}
	c := make([]float32, spans[2]+16)
	for i := range c {
		c[i] = math.Float32frombits(guard)
	}
	var arrays []*gpu.Array
	defer func() {
		for _, a := range arrays {
			require.NoError(t, a.Close())
		}
	}()
	spec := gpu.ProgramSpec{Name: t.Name()}
	dispatch := gpu.Dispatch{Push: p.args.Words(p.form), Groups: k.Groups(p.args.M, p.args.N, p.batch)}
	for i, data := range [][]byte{bytes(p.a), bytes(p.b), bytes(c)} {
		a, err := d.Upload(ctx, data)
		require.NoError(t, err)
		arrays = append(arrays, a)
		spec.Slots = append(spec.Slots, a.Size())
		dispatch.Bindings = append(dispatch.Bindings, gpu.Binding{Slot: i, Write: i == 2})
	}
	var err error
	kinds := []gpu.BindingKind{gpu.Storage, gpu.Storage, gpu.Storage}
	for i, v := range k.Views {
		if v == shaders.TexelVector {
			kinds[i] = gpu.Texel
		}
	}
	dispatch.Kernel, err = d.Kernel(ctx, gpu.KernelSpec{Name: k.Name, Code: k.Code, PushWords: len(dispatch.Push), FullSubgroups: k.FullSubgroups, Bindings: kinds})
	require.NoError(t, err)
	spec.Dispatches = []gpu.Dispatch{dispatch}
	program, err := d.NewProgram(ctx, spec)
	require.NoError(t, err)
	defer func() { require.NoError(t, program.Close()) }()
	require.NoError(t, program.Run(ctx, arrays))
	raw := make([]byte, 4*len(c))
	require.NoError(t, arrays[2].Download(ctx, raw))
	at := func(i int) uint32 { return binary.LittleEndian.Uint32(raw[4*i:]) }
	written := map[int]bool{}
	out := make([]float32, 0, len(p.want))
	for z := range p.batch {
		for i := range p.args.M {
			row := p.args.OffsetC + z*p.args.StrideC + i*p.args.LDC
			for j := range (p.args.N + 3) / 4 * 4 {
				written[row+j] = true
				if j < p.args.N {
					out = append(out, math.Float32frombits(at(row+j)))
				} else {
					require.Zero(t, at(row+j), "row %d of product %d: padding", i, z)
				}
			}
		}
	}
	for i := range c {
		if !written[i] {
			require.EqualValues(t, guard, at(i), "element %d is not the kernel's to write", i)
		}
	}
	return out
}

// cooperativeTarget is the device's own target for operands of a rounding, or the test is skipped.
func cooperativeTarget(t *testing.T, d *gpu.Device, r shaders.Rounding) shaders.MatMulTarget {
	target := tune.MatMulTarget(d.Profile())
	target.Rounding = r
	if !target.Cooperative(r) {
		t.Skipf("%s enumerates no cooperative matrices for %v operands", d.Name(), r)
	}
	return target
}

// Every kernel that the device can run, at sizes around its tiles, against float64.
func TestCooperativeMatMul(t *testing.T) {
	for _, r := range roundings {
		t.Run(r.String(), func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, d *gpu.Device) {
				rng := rand.New(rand.NewPCG(3, uint64(r)))
				target := cooperativeTarget(t, d, r)
				if testing.Short() || d.Profile().Kind == gpu.CPU && !*allTiles {
					target.UnitTile = 32 // lavapipe takes a minute to compile each of the others
				}
				for _, k := range shaders.CooperativeKernels(r, target) {
					for _, s := range [][4]int{{1, k.TileM, k.TileN, 64}, {2, k.TileM + 5, k.TileN - 3, 37}, {1, 3, 2, 1}, {3, 17, 2*k.TileN + 1, 100}} {
						p := newProduct(rng, k.Form, r, s[0], s[1], s[2], s[3])
						for i, v := range p.run(t, d, k) {
							require.InDelta(t, p.want[i], v, p.bound[i], "%s, %v, element %d", k.Name, s, i)
						}
					}
				}
			})
		})
	}
}

// Infinities and NaN give what they give in float32, and numbers that rounding makes infinite give infinities.
func TestCooperativeMatMulOfSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, r := range roundings {
		t.Run(r.String(), func(t *testing.T) {
			gputest.Each(t, func(t *testing.T, d *gpu.Device) {
				target := cooperativeTarget(t, d, r)
				target.UnitTile = 32
				k, err := shaders.MatMul(shaders.MatMulNN, dense(shaders.MatMulNN, 8, 8, 8), 1, target)
				require.NoError(t, err)
				p := newProduct(rand.New(rand.NewPCG(1, 1)), shaders.MatMulNN, r, 1, 8, 8, 8)
				set := func(v []float32, offset, i, j int, x float32) { v[offset+8*i+j] = x }
				for i := range 8 {
					for j := range 8 {
						set(p.a, p.args.OffsetA, i, j, 1+float32(i)/256+float32(j)/65536)
						set(p.b, p.args.OffsetB, i, j, 1)
					}
				}
				set(p.b, p.args.OffsetB, 3, 1, 0)
				set(p.b, p.args.OffsetB, 3, 2, -1.0001)
				set(p.a, p.args.OffsetA, 0, 3, inf)
				set(p.a, p.args.OffsetA, 1, 3, -inf)
				set(p.a, p.args.OffsetA, 2, 3, nan)
				set(p.a, p.args.OffsetA, 3, 3, 70000)
				set(p.a, p.args.OffsetA, 4, 2, inf)
				set(p.a, p.args.OffsetA, 4, 4, -inf)
				got := p.run(t, d, k)
				row := func(i int) []float32 { return got[8*i : 8*i+3] }
				text := func(v []float32) string { return fmt.Sprintf("%.4v", v) }
				assert.Equal(t, "[+Inf NaN -Inf]", text(row(0)), "Inf times 1, 0, -1")
				assert.Equal(t, "[-Inf NaN +Inf]", text(row(1)), "-Inf times 1, 0, -1")
				assert.Equal(t, "[NaN NaN NaN]", text(row(2)))
				assert.Equal(t, "[NaN NaN NaN]", text(row(4)), "Inf - Inf")
				for j, x := range []float64{1, 0, -1.0001} {
					want := 70000 * x
					switch {
					case r == shaders.RoundFloat16 || r == shaders.SplitFloat16:
						want = math.Inf(1) * x
						if x == 0 {
							want = math.NaN()
						}
					}
					if math.IsInf(want, 0) || math.IsNaN(want) {
						assert.Equal(t, text([]float32{float32(want)}), text(row(3)[j:j+1]), "70000 times %v", x)
					} else {
						assert.InEpsilon(t, want+7, row(3)[j], 0.02, "70000 times %v", x)
					}
				}
			})
		})
	}
}
