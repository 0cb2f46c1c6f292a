// Package vk is lavagrad's thin layer over Vulkan: the loader, one instance per validation setting, and the calls of a device.
//
// Set-up goes through github.com/vulkan-go/vulkan (loader handshake, instance creation, enumeration). Everything that takes a slice of
// structures, or came after Vulkan 1.1, goes through the C shim beside this file: the binding frees the arrays it builds for such calls
// in finalizers that may run before the driver has read them. The shim reads Go memory only during a call, never calls back into Go,
// and batches: one call rewrites a program's descriptors and records all its dispatches.
//
// The headers under include are Khronos' own (Apache-2.0, from Debian's libvulkan-dev 1.3.239), so that no development package is needed.
// Without cgo the package compiles to functions that return ErrNoCgo.
package vk
