// Package spirvtest checks emitted SPIR-V in tests with the Khronos validator.
package spirvtest
