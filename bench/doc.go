// Package bench measures lavagrad's kernels and whole workloads: go test -bench . ./bench on the device that
// LAVAGRAD_DEVICE names. Results with machine and versions are in bench/results.
package bench
