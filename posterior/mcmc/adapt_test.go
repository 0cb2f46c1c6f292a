package mcmc

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Stan's schedule of windows: 75, then 25, 50, 100, ..., the last stretched, then 50.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		warmup, first int
		ends          []int
	}{
		{1000, 75, []int{100, 150, 250, 450, 950}},
		{500, 75, []int{100, 150, 450}},
		{150, 75, []int{100}},
		{100, 15, []int{90}},
		{20, 3, []int{18}},
	} {
		first, ends := windows(c.warmup)
		assert.Equal(t, c.first, first, "%d", c.warmup)
		assert.Equal(t, c.ends, ends, "%d", c.warmup)
	}
}
