// Package special computes in float64 the special functions that package math
// lacks. The evaluator of package graph defines its ops by them, and the tests
// of package shaders/emath compare float32 kernels with them. Relative errors
// are some 1e-15, or absolute ones next to a zero.
package special
