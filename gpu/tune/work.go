package tune

import (
	"errors"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// work makes a program that does some work in the form of a profile.
type work func(m *meter, p gpu.Profile) (*run, error)

// run is a program with its arrays.
type run struct {
	m       *meter
	program *gpu.Program
	args    []*gpu.Array
}

// once runs the program to its end.
func (r *run) once() error {
	if err := r.program.Run(r.m.ctx, r.args); err != nil {
		return err
	}
	return r.m.dev.Wait(r.m.ctx)
}

func (r *run) close() {
	for _, a := range r.args {
		a.Close()
	}
	r.program.Close()
}

// prepare compiles a program and makes arrays of zeros for it.
func (m *meter) prepare(spec gpu.ProgramSpec) (*run, error) {
	r := &run{m: m}
	var err error
	if r.program, err = m.dev.NewProgram(m.ctx, spec); err != nil {
		return nil, err
	}
	for _, size := range spec.Slots {
		a, err := m.dev.Upload(m.ctx, make([]byte, size))
		if err != nil {
			r.close()
			return nil, err
		}
		r.args = append(r.args, a)
	}
	return r, nil
}

// fused is a program of one kernel, which times dispatches one after the other. Its last argument is written.
func fused(times int, build func() *shaders.Fused) work {
	return func(m *meter, p gpu.Profile) (*run, error) {
		f := build()
		spec := gpu.ProgramSpec{Name: "tune"}
		for _, a := range f.Args() {
			spec.Slots = append(spec.Slots, 4*int64(a.Size))
		}
		for _, piece := range f.Pieces(Target(p)) {
			d := gpu.Dispatch{Push: piece.Kernel.Push, Groups: piece.Kernel.Groups}
			var kinds []gpu.BindingKind
			for i, v := range piece.Kernel.Views {
				kinds = append(kinds, viewKinds[v])
				bind := gpu.Binding{Slot: i, Write: f.Args()[i].Write}
				if piece.Ranges != nil {
					bind.Offset, bind.Size = 4*int64(piece.Ranges[i].Offset), 4*int64(piece.Ranges[i].Length)
				}
				d.Bindings = append(d.Bindings, bind)
			}
			var err error
			if d.Kernel, err = m.dev.Kernel(m.ctx, gpu.KernelSpec{Name: "tune", Code: piece.Kernel.Code, Bindings: kinds, PushWords: len(d.Push)}); err != nil {
				return nil, err
			}
			for range times {
				spec.Dispatches = append(spec.Dispatches, d)
			}
		}
		return m.prepare(spec)
	}
}

var (
	scaledSum = &shaders.Fn{Name: "2x+y", Cost: 2, Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value {
		return b.Add(b.Mul(v[0], b.ConstF32(2)), v[1])
	}}
	product = &shaders.Fn{Name: "x*y", Cost: 1, Emit: func(b *spirv.Builder, v []spirv.Value) spirv.Value { return b.Mul(v[0], v[1]) }}
)

func float(f *shaders.Fused, n int) int {
	return f.AddArg(shaders.Arg{Kind: spirv.Float32, Size: n})
}

// axpyOver is z = 2 x + y over n elements, 12 n bytes.
func axpyOver(n int) work {
	return fused(1, func() *shaders.Fused {
		f := shaders.NewFused(n)
		at := f.Space()[0]
		x, y := float(f, n), float(f, n)
		v := f.Apply(spirv.Float32, scaledSum, f.Load(x, at), f.Load(y, at))
		f.Store(float(f, n), at, v)
		return f
	})
}

// rowSums sums the rows of an n x n matrix.
func rowSums(n int) work {
	return fused(1, func() *shaders.Fused {
		f := shaders.NewFused(n)
		x := float(f, n*n)
		inner := f.ReductionAxes(n)
		row := f.Space()[0]
		v := f.Reduce(shaders.Sum, f.Load(x, row.Scale(n).Add(inner[0])), inner)
		f.Store(float(f, n), row, v)
		return f
	})
}

// strided takes every third element of an array, n of them: reads of single elements.
func strided(n int) work {
	return fused(1, func() *shaders.Fused {
		f := shaders.NewFused(n)
		at := f.Space()[0]
		x := float(f, 3*n)
		v := f.Load(x, at.Scale(3))
		f.Store(float(f, n), at, v)
		return f
	})
}

// products is a matrix product of side n by a fused kernel, 2 n^3 operations.
func products(n int) work {
	return fused(1, func() *shaders.Fused {
		f := shaders.NewFused(n, n)
		x, y := float(f, n*n), float(f, n*n)
		i, j := f.Space()[0], f.Space()[1]
		k := f.ReductionAxes(n)
		v := f.Reduce(shaders.Sum, f.Apply(spirv.Float32, product, f.Load(x, i.Scale(n).Add(k[0])), f.Load(y, k[0].Scale(n).Add(j))), k)
		f.Store(float(f, n*n), i.Scale(n).Add(j), v)
		return f
	})
}

// dispatches is n dispatches of next to no work, each of which waits for the one before.
func dispatches(n int) work {
	return fused(n, func() *shaders.Fused {
		f := shaders.NewFused(4)
		at := f.Space()[0]
		x := float(f, 4)
		v := f.Apply(spirv.Float32, scaledSum, f.Load(x, at), f.Load(x, at))
		f.Store(float(f, 4), at, v)
		return f
	})
}

// square is the product of two n x n matrices by the hand-written kernels.
func square(n int) work { return squareOn(n, MatMulTarget) }

// rounded is that product of operands of a rounding: on cooperative matrices where the profile has them, else in float32.
func rounded(n int, r shaders.Rounding) work {
	return squareOn(n, func(p gpu.Profile) shaders.MatMulTarget {
		t := MatMulTarget(p)
		split := r == shaders.SplitBFloat16
		if split && p.SplitMatrices || !split && p.RoundedMatrices {
			t.Rounding = r
		}
		return t
	})
}

func squareOn(n int, target func(gpu.Profile) shaders.MatMulTarget) work {
	return func(m *meter, p gpu.Profile) (*run, error) {
		args := shaders.MatMulArgs{M: n, N: n, K: n, LDA: n, LDB: n, LDC: n}
		k, err := shaders.MatMul(shaders.MatMulNN, args, 1, target(p))
		if err != nil {
			return nil, err
		}
		push := args.Words(shaders.MatMulNN)
		kernel, err := m.dev.Kernel(m.ctx, gpu.KernelSpec{Name: k.Name, Code: k.Code, PushWords: len(push), FullSubgroups: k.FullSubgroups,
			Bindings: []gpu.BindingKind{viewKinds[k.Views[0]], viewKinds[k.Views[1]], viewKinds[k.Views[2]]}})
		if err != nil {
			return nil, err
		}
		size := 4 * int64(n*n)
		r, err := m.prepare(gpu.ProgramSpec{Name: "tune", Slots: []int64{size, size, size}, Dispatches: []gpu.Dispatch{{
			Kernel: kernel, Push: push, Groups: k.Groups(n, n, 1), Bindings: []gpu.Binding{{Slot: 0}, {Slot: 1}, {Slot: 2, Write: true}}}}})
		if err != nil {
			return nil, errors.Join(errors.New("tune: "+k.Name), err)
		}
		return r, nil
	}
}
