package gpu

import "log/slog"

// Option adjusts Open.
type Option func(*config)

type config struct {
	selector string
	log      *slog.Logger
	validate bool
	limit    int64
	staged   bool // tests: memory that the host cannot map, as on discrete GPUs
	robust   bool
	watched  bool // tests: submissions are bounded as on GPUs
	tuning   *Tuning
	adjust   []func(*Profile)
	cacheDir *string
}

// WithDevice chooses a device: "gpu", "cpu", "lavapipe", "swiftshader", an index into Enumerate's list, or a part of the device's or
// driver's name, case ignored. It wins over LAVAGRAD_DEVICE; "" means the best device.
func WithDevice(selector string) Option { return func(c *config) { c.selector = selector } }

// WithLogger sets where the device logs; the default is silence.
func WithLogger(log *slog.Logger) Option { return func(c *config) { c.log = log } }

// WithValidation switches the Khronos validation layer on or off, whatever LAVAGRAD_DEBUG says.
func WithValidation(on bool) Option { return func(c *config) { c.validate = on } }

// WithRobustAccess makes accesses outside a bound range read zero and drop writes (robustBufferAccess), for kernels that are not trusted.
// It is off by default: package graph proves its bounds, and on SwiftShader it costs matrix products 15 to 30 % and some kernels half.
func WithRobustAccess(on bool) Option { return func(c *config) { c.robust = on } }

// WithMemoryLimit bounds the bytes taken from the driver for arrays and program temporaries; 0 means no bound but the device's.
func WithMemoryLimit(bytes int64) Option { return func(c *config) { c.limit = bytes } }
