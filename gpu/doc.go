// Package gpu is lavagrad's Vulkan runtime: devices, memory, kernels and programs. It knows bytes, SPIR-V kernels and dispatches, but no
// tensors and no graph. Any device with a Vulkan 1.2 driver serves: GPUs, and CPUs through lavapipe or SwiftShader.
//
//	dev, err := gpu.Open(ctx)                          // the best device there is
//	x, err := dev.Upload(ctx, bytes)                   // an Array: a range of device memory
//	k, err := dev.Kernel(ctx, gpu.KernelSpec{...})     // SPIR-V, deduplicated
//	p, err := dev.NewProgram(ctx, gpu.ProgramSpec{...}) // kernels compiled, barriers planned
//	err = p.Run(ctx, []*gpu.Array{x, y})               // asynchronous; the same arrays again cost one resubmission
//	err = y.Download(ctx, out)                         // waits for y's writers
//
// # Loops
//
// A program may repeat ranges of its dispatches, a number of times or while a word in memory is not 0 (Loop). Short counted loops cost
// nothing; longer ones keep the host busy submitting, some tens of milliseconds of work at a time, and while loops make Run wait, because the
// host reads the word. Meanwhile no other program runs on the device.
//
// # Choosing a device
//
// Without a choice Open takes the first discrete GPU, else an integrated, else a virtual one, else a CPU driver: lavapipe before
// SwiftShader, because it is two to five times faster. LAVAGRAD_DEVICE, or the option WithDevice, which wins over it, chooses
// otherwise: "gpu", "cpu", "lavapipe", "swiftshader", an index into Enumerate's list, or a part of a device's or driver's name.
//
// SwiftShader needs no loader configuration: its manifest vk_swiftshader_icd.json is looked for in $LAVAGRAD_SWIFTSHADER (the file or
// its folder), then in ${XDG_CACHE_HOME:-~/.cache}/lavagrad/swiftshader, where tools/setup.sh puts it. Who sets VK_DRIVER_FILES or
// VK_ICD_FILENAMES keeps full control: then nothing is added.
//
// # Tuning
//
// Kernels are shaped by a device's Profile: its limits, and facts such as whether reads through texel buffers are fast. The facts are a table by
// driver until package tune measures them: once for each device, driver version and number of processors, when package graph first compiles a
// program large enough to care (arrays of 65,536 elements, products of half a million multiplications), in some two seconds on a quiet machine.
// They are kept in the user's cache folder (os.UserCacheDir), in lavagrad/devices/DRIVER-HASH/profile-N.json, which may be deleted at any time.
// A profile decides in which order kernels add, so results for two profiles differ by rounding.
//
// LAVAGRAD_TUNE holds one word, which the options WithTuning and WithoutTuning win over:
//
//	once    the default: measured where nothing is kept
//	off     the table by driver
//	force   measured anew in every process
//
// The driver's pipeline cache is kept beside it in pipelines.bin, up to 64 MiB, written when a device closes. WithCacheDir puts what is kept elsewhere, or keeps nothing. lavagrad doctor prints the profile and where it is kept.
//
// # Debugging
//
// LAVAGRAD_DEBUG holds words separated by commas:
//
//	validate   Khronos validation layer with synchronization validation; messages in Device.ValidationMessages
//	sync       every Run waits until the device is done, so that an error shows at its cause
//	profile    every Run measures its dispatches and logs them at debug level, to standard error without WithLogger (slow: it waits)
//	checknan, checkcpu, dump=DIR   read by package graph
//	without=PASS+PASS   package graph's compiler leaves out passes: whoever suspects it of a wrong result finds the guilty one so
//
// The passes are: simplify (equal nodes, views of views, constants), contract (sums of products in the order that costs least), chunk (chunks of
// samples within a memory budget), matmul and scatter (kernels of their own for these), fuse (without it every op is a kernel), epilogue (elementwise kernels inside those of products), lanes (loops in one kernel), inplace (outputs of in-place
// programs written straight over the old values), arena (temporaries that share memory). What they would have done is done the plain way:
// slower, and with more memory.
//
// # Memory and goroutines
//
// Arrays are ranges of slabs, aligned to 256 bytes, with their capacity rounded up to 16 bytes; kernels may read and write that padding.
// Close frees an array at once for the host and, for the device, when the last submission that uses it is done; a forgotten array is
// freed by the garbage collector, which runs before the driver is asked for more where the memory of live arrays has doubled (from 256 MiB
// on). Submissions run in the order of their calls. Everything is safe for use by several goroutines, except that an array must not be
// written (Write, or a program that writes it) while another goroutine downloads it.
//
// Opening a CPU driver teaches glibc's malloc to keep blocks of up to 32 MiB that are freed, as any program teaches it that frees one: half of what SwiftShader's
// compiler takes would be page faults. MALLOC_MMAP_THRESHOLD_ in the environment wins over it.
//
// Kernels must stay within their bindings: an access outside is undefined, and may reach a neighbour's array. WithRobustAccess makes it
// harmless, at a cost that SwiftShader's fastest kernels feel (15 to 60 %).
package gpu
