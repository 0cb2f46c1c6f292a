package tune

import (
	"math"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/shaders"
)

// Target is what kernels must know of a device with profile p.
func Target(p gpu.Profile) shaders.Target {
	t := shaders.Target{LocalSize: p.LocalSize, Subgroup: p.SubgroupSize, VectorRun: p.VecPerInvocation, Unrolled: p.Unrolled,
		MaxRange: int(p.MaxStorageRange / 4), Align: int(p.BindingAlign), Parallel: 1 << 14, Workgroups: 256, PreserveNaN: p.PreserveNaN, WorkgroupFolds: p.WorkgroupFolds, PairStores: p.PairStores, MaxIterations: p.MaxIterations}
	if p.TexelReads {
		t.MaxTexels = int(min(p.MaxTexelElements, math.MaxInt32))
		t.TexelScalar = p.TexelScalars
	}
	if p.Kind == gpu.CPU {
		// Each core runs a subgroup at a time; a few times as many keep the cores evenly busy.
		t.Parallel = p.Cores * p.SubgroupSize * 4
		t.Workgroups = p.Cores * 2
		t.SplitLength = 1 << 15 // some 30 microseconds of one core, what another dispatch takes
		t.Rows = 4              // outer products of 256 x 784 x 128 in G/s of processor time, with 4, 8 and 16: lavapipe 4.8, 4.3 and 4.1, SwiftShader 2.6, 3.0 and 3.3
		t.Ahead = 4             // 204,800 steps of SGHMC in lanes of lavapipe take 2.0 ms of processor time without, 1.6 with 2 and 1.3 to 1.5 with 4
		if p.Driver == "swiftshader" {
			// Its compiler has few registers: 6.5 ms with 1 (the processor waits for the cipher), 6.6 with 2, 5.3 with 3, 5.6 with 4.
			t.ScalarShifts, t.Ahead, t.Rows = true, 3, 16
		}
	}
	return t
}

// MatMulTarget is what the choice of a matrix product kernel must know of a device with profile p.
func MatMulTarget(p gpu.Profile) shaders.MatMulTarget {
	t := shaders.MatMulTarget{CPU: p.Kind == gpu.CPU, Driver: p.Driver, Cores: p.Cores, MaxTexels: p.MaxTexelElements, Family: string(p.MatMul),
		MaxIterations: p.MaxIterations, MaxShared: p.MaxShared, MaxWorkgroup: min(p.MaxWorkgroup, p.MaxWorkgroupSize[0]), PreserveNaN: p.PreserveNaN, UnitTile: p.MatrixTile}
	for _, m := range p.Matrices {
		if m.A == m.B && (m.A == gpu.MatrixFloat16 || m.A == gpu.MatrixBFloat16) && m.C == gpu.MatrixFloat32 && m.Result == gpu.MatrixFloat32 {
			t.Units, t.UnitSubgroup = append(t.Units, shaders.MatrixUnit{M: m.M, N: m.N, K: m.K, BFloat16: m.A == gpu.MatrixBFloat16}), p.SubgroupSize
		}
	}
	if !p.TexelReads {
		t.MaxTexels = 0
	}
	if p.SubgroupOps {
		t.Subgroup = p.SubgroupSize
	}
	return t
}
