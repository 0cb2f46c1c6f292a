package gpu

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu/internal/vk"
)

// Only products of a subgroup count, with components that have a name here; bfloat16 only with its feature.
func TestMatrixProducts(t *testing.T) {
	const float16, float32, float64, uint64, bfloat16, unknown = 0, 1, 2, 10, 1000141000, 1000491002
	p := vk.Properties{Matrices: []vk.Matrix{
		{M: 16, N: 8, K: 32, A: float16, B: float16, C: float32, Result: float32, Scope: 3},
		{M: 16, N: 16, K: 16, A: float16, B: float16, C: float16, Result: float16, Scope: 2}, // of a workgroup
		{M: 16, N: 16, K: 16, A: bfloat16, B: bfloat16, C: float32, Result: float32, Scope: 3},
		{M: 16, N: 16, K: 16, A: unknown, B: unknown, C: float32, Result: float32, Scope: 3},
		{M: 8, N: 8, K: 4, A: float64, B: float64, C: float64, Result: uint64, Saturating: true, Scope: 3},
	}}
	text := func() (list []string) {
		for _, m := range matrixProducts(&p) {
			list = append(list, m.String())
		}
		return list
	}
	assert.Equal(t, []string{"16x8x32 f16 f16 + f32 = f32", "8x8x4 f64 f64 + f64 = u64 saturating"}, text())
	p.Features = vk.BFloat16
	require.Len(t, text(), 3)
	assert.Equal(t, "16x16x16 bf16 bf16 + f32 = f32", text()[1])
}

// What a driver enumerates is opened with the device, and nothing is listed without the feature.
func TestMatricesNeedTheFeature(t *testing.T) {
	list, _, err := Enumerate(t.Context())
	require.NoError(t, err)
	for _, d := range list {
		if !d.Features.CooperativeMatrix {
			assert.Empty(t, d.Profile.Matrices, d.Name)
			assert.False(t, d.Features.BFloat16, d.Name)
		}
		for _, m := range d.Profile.Matrices {
			assert.True(t, m.M > 0 && m.N > 0 && m.K > 0, "%s: %v", d.Name, m)
			assert.NotContains(t, m.String(), "?", d.Name)
		}
	}
}
