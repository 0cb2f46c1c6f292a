// Package spirvrun runs one emitted kernel on a device, for tests of what the
// emitted instructions compute.
package spirvrun
