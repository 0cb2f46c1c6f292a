//go:build !cgo

package gpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
)

func TestWithoutCgo(t *testing.T) {
	_, err := gpu.Open(ctx)
	require.ErrorIs(t, err, gpu.ErrNoCgo)
	require.ErrorContains(t, err, "CGO_ENABLED=1")
	_, _, err = gpu.Enumerate(ctx)
	require.ErrorIs(t, err, gpu.ErrNoCgo)
}
