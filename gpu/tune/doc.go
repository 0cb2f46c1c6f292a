// Package tune measures which kernel forms are fast on the device at hand, and how fast: the facts of gpu.Profile. Drivers
// that go by one name differ between versions, and nothing that a driver reports says how its loads compile.
//
// Ensure measures only the group of facts that a program needs, at its first need, in a second or two, on a device handle of its own; the
// result is kept in a file for each device and driver version (gpu.Device.CacheDir), so that later processes read it. Options and
// LAVAGRAD_TUNE say whether to measure at all (see package gpu). A form replaces the one of the built-in table only where it is faster by
// a clear margin, so noise changes nothing.
//
// A profile decides in which order a kernel adds: results for different profiles differ by rounding. With one profile they are equal
// to the bit, from run to run.
package tune
