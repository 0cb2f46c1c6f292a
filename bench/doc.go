// Package bench measures lavagrad's kernels and whole workloads: go test -bench . ./bench on the device that
// LAVAGRAD_DEVICE names. Package compare measures beside other libraries. README.md says how to repeat, results has figures with machine and versions.
package bench
