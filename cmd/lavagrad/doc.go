// Command lavagrad looks after lavagrad on a machine:
//
//	lavagrad doctor [-device SELECTOR] [-tune] [-json]
//
// doctor says what Vulkan offers here, which device the library would take and why, by which profile it shapes kernels for it, and runs one checked
// kernel on it. With -tune it measures the profile first, whatever is kept of it.
//
// The exit status is 0 when all is well, 1 when something does not work (the output says how to mend it), and 2 for a
// command line that makes no sense.
package main
