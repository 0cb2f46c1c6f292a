package graph

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/tree"
)

// JitOption adjusts a compiled function.
type JitOption func(*jitConfig)

type jitConfig struct {
	checks bool
	lanes  LaneMode
	plan   planOptions
}

func configured(opts []JitOption) jitConfig {
	c := jitConfig{checks: true, plan: planOptions{plain: off("contract")}}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// check refuses options that mean nothing.
func (c jitConfig) check(op string, pc uintptr) error {
	if c.plan.budget < 0 {
		return &Error{Op: op, Pos: position(pc), Kind: ErrArgument, Detail: fmt.Sprintf("MemoryBudget is %d bytes", c.plan.budget),
			Fix: "give a positive number of bytes, or 0 for what the device allocates"}
	}
	if p := c.plan.precision; p > PrecisionFloat16 {
		return &Error{Op: op, Pos: position(pc), Kind: ErrArgument, Detail: fmt.Sprintf("ProductPrecision is %v", p),
			Fix: "give one of the constants PrecisionHighest, PrecisionHigh, PrecisionBFloat16 and PrecisionFloat16"}
	}
	return nil
}

// WithoutChecks leaves Tensor.Check out of the program: the call no longer waits for their results.
func WithoutChecks() JitOption { return func(c *jitConfig) { c.checks = false } }

// WithoutContraction compiles products and sums in the order in which they are written: per-sample gradients that are reduced
// are computed one by one. Without this option, they are taken apart, and multiplied and summed in the order that is cheapest
// on the device (see Explain). LAVAGRAD_DEBUG=without=contract does the same for the whole process.
func WithoutContraction() JitOption { return func(c *jitConfig) { c.plan.plain = true } }

// WithoutGram forbids plans that square a sum without computing it, such as the norm of a per-sample gradient over T positions from
// two T by T matrices of inner products. They lose the digits that cancel in the sum: the relative error of a norm grows with the
// norms of the summands over that of the sum, squared.
func WithoutGram() JitOption { return func(c *jitConfig) { c.plan.noGram = true } }

// MemoryBudget limits the bytes of temporaries: what a program has in memory at once beside arguments and results. An order of products and
// sums (see Explain) that makes a larger array is taken only where every other does too. What still takes more is computed in chunks of
// samples: a loop along an axis along which the large arrays are independent, that sums or otherwise reduces, or stacks, what comes
// out of each chunk. What needs a result over all samples, such as a quantile of their norms, comes in a second loop, which computes
// large arrays again. Results differ in rounding only. Where the budget cannot be kept, the program takes little more than the least that chunks
// reach. The default is what the device allocates at most.
func MemoryBudget(bytes int64) JitOption { return func(c *jitConfig) { c.plan.budget = bytes } }

// WithoutChunks computes all samples at once, whatever memory that takes: the budget only chooses the order of products and sums.
func WithoutChunks() JitOption { return func(c *jitConfig) { c.plan.whole = true } }

// Jit compiles f for dev. The returned function traces f at the first call for every new combination
// of argument shapes, dtypes and static values (anything in the arguments that is no tensor), and from
// then on only runs the program. Each static value is compiled for, and kept: a number that changes from
// call to call is better a tensor, such as Scalar(rate). Arguments are trees of tensors on dev (lazy ones and constants are
// evaluated first); the result has new arrays, which the caller may Close. Calls return when the work
// is submitted: reading a result waits. It is safe for concurrent use.
//
// A call with a Placeholder among its tensors only compiles, ahead of the first call that runs, and returns Placeholders.
//
// f must be a function of its arguments: what it captures is fixed when it is traced.
func Jit[A, R any](dev *gpu.Device, f func(A) R, opts ...JitOption) func(context.Context, A) (R, error) {
	j := newJit(dev, func(a []any) R { return f(a[0].(A)) }, opts)
	return func(ctx context.Context, a A) (R, error) {
		c := j.begin()
		defer j.end(c)
		bind(c, 0, a)
		return j.call(ctx, c)
	}
}

// Jit2 is Jit for a function of two arguments.
func Jit2[A, B, R any](dev *gpu.Device, f func(A, B) R, opts ...JitOption) func(context.Context, A, B) (R, error) {
	j := newJit(dev, func(a []any) R { return f(a[0].(A), a[1].(B)) }, opts)
	return func(ctx context.Context, a A, b B) (R, error) {
		c := j.begin()
		defer j.end(c)
		bind(c, 0, a)
		bind(c, 1, b)
		return j.call(ctx, c)
	}
}

// Jit3 is Jit for a function of three arguments.
func Jit3[A, B, C, R any](dev *gpu.Device, f func(A, B, C) R, opts ...JitOption) func(context.Context, A, B, C) (R, error) {
	j := newJit(dev, func(a []any) R { return f(a[0].(A), a[1].(B), a[2].(C)) }, opts)
	return func(ctx context.Context, a A, b B, third C) (R, error) {
		c := j.begin()
		defer j.end(c)
		bind(c, 0, a)
		bind(c, 1, b)
		bind(c, 2, third)
		return j.call(ctx, c)
	}
}

// argument is one argument of a compiled function, whatever its type.
type argument interface {
	appendKey(dst []byte) ([]byte, error)
	appendLeaves(dst []Tensor) ([]Tensor, error)
	with(leaves []Tensor) (any, error)
	paths() ([]string, error)
	clear()
}

type arg[T any] struct{ v T }

func (a *arg[T]) appendKey(dst []byte) ([]byte, error) { return tree.AppendKey[Tensor](dst, a.v) }
func (a *arg[T]) appendLeaves(dst []Tensor) ([]Tensor, error) {
	return tree.AppendLeaves(dst, a.v)
}
func (a *arg[T]) paths() ([]string, error)          { return tree.Paths[Tensor](a.v) }
func (a *arg[T]) with(leaves []Tensor) (any, error) { return tree.Unflatten(a.v, leaves) }
func (a *arg[T]) clear()                            { a.v = *new(T) }

// bind sets argument i of a call.
func bind[T any](c *jitCall, i int, v T) {
	if i == len(c.args) {
		c.args = append(c.args, &arg[T]{})
	}
	c.args[i].(*arg[T]).v = v
}

// jit is a compiled function with its programs by argument form.
type jit[R any] struct {
	dev  *gpu.Device
	f    func([]any) R
	conf jitConfig
	pc   uintptr
	mu   sync.RWMutex
	over bool // results are written over the first argument
	form map[string]*compiled[R]
	pool sync.Pool // *jitCall
}

// compiled is a traced and compiled form.
type compiled[R any] struct {
	ready    chan struct{} // closed when the rest is set
	err      error
	x        *executable
	captured []*gpu.Array
	holders  []*node
	like     R      // the traced result, for its structure
	began    uint64 // the node number when it was traced
	specs    []Spec // of the result's leaves
	over     []int  // in place: for each of these the leaf of the arguments that it is written over, -1 without
	same     bool   // in place: the result is the first argument, leaf for leaf
}

// errAbandoned is what calls get that waited for a compilation which ended in a panic.
var errAbandoned = errors.New("graph: the function panicked while another call traced it")

// jitCall is a call's arguments and scratch memory, kept for the next call.
type jitCall struct {
	args   []argument
	key    []byte
	leaves []Tensor // of all arguments
	own    int      // how many of them are the first one's
	arrays []*gpu.Array
	outs   []*gpu.Array
	first  map[*gpu.Array]int // where an array stands first
	old    []uint64           // numbers of overwritings before this one
}

func newJit[R any](dev *gpu.Device, f func([]any) R, opts []JitOption) *jit[R] {
	j := &jit[R]{dev: dev, f: f, conf: configured(opts), pc: callerPC(), form: map[string]*compiled[R]{}}
	j.pool.New = func() any { return &jitCall{first: map[*gpu.Array]int{}} }
	return j
}

func (j *jit[R]) begin() *jitCall { return j.pool.Get().(*jitCall) }

// end keeps the scratch memory, but no tensors.
func (j *jit[R]) end(c *jitCall) {
	for _, a := range c.args {
		a.clear()
	}
	clear(c.leaves)
	clear(c.arrays)
	clear(c.outs)
	clear(c.first)
	j.pool.Put(c)
}

func (j *jit[R]) call(ctx context.Context, c *jitCall) (result R, err error) {
	if j.dev == nil {
		return result, &Error{Op: "jit", Pos: position(j.pc), Kind: ErrDevice, Detail: "the device is nil", Fix: "open one with gpu.Open"}
	}
	c.key, c.leaves, c.arrays, c.outs = c.key[:0], c.leaves[:0], c.arrays[:0], c.outs[:0]
	for i, a := range c.args {
		if c.leaves, err = a.appendLeaves(c.leaves); err != nil {
			return result, j.argumentError(err)
		}
		if i == 0 {
			c.own = len(c.leaves)
		}
		if c.key, err = a.appendKey(c.key); err != nil {
			return result, j.argumentError(err)
		}
	}
	ahead := false // some argument is a Placeholder
	for i, t := range c.leaves {
		if !t.Valid() {
			return result, j.missing(i, c.args)
		}
		if t.isPlaceholder() {
			ahead = true
		} else {
			a, err := concrete(ctx, j.dev, t)
			if err != nil {
				return result, err
			}
			c.arrays = append(c.arrays, a)
		}
		c.key = append(c.key, byte(t.n.spec.DType), byte(len(t.n.spec.Shape)))
		for _, d := range t.n.spec.Shape {
			c.key = binary.AppendUvarint(c.key, uint64(d))
		}
	}
	f, err := j.lookup(ctx, c)
	if err != nil {
		return result, err
	}
	if ahead {
		leaves := make([]Tensor, len(f.specs))
		for i, s := range f.specs {
			leaves[i] = Placeholder(s.DType, s.Shape...)
		}
		return tree.Unflatten(f.like, leaves)
	}
	for i, a := range f.captured {
		if a.Closed() {
			return result, closedError(f.holders[i])
		}
		if f.holders[i].over.id.Load() > f.began {
			return result, j.captureChanged(f.holders[i])
		}
		c.arrays = append(c.arrays, a)
	}
	if j.over {
		return j.overwrite(ctx, f, c)
	}
	if c.outs, err = f.x.run(ctx, c.arrays, c.outs); err != nil {
		return result, err
	}
	leaves := make([]Tensor, len(c.outs))
	for i, a := range c.outs {
		leaves[i] = wrap(a, f.specs[i], j.pc)
	}
	return tree.Unflatten(f.like, leaves)
}

func (j *jit[R]) argumentError(err error) error {
	return &Error{Op: "jit", Pos: position(j.pc), Kind: ErrArgument, Detail: err.Error(), Fix: "arguments are trees of graph.Tensor"}
}

// missing says which tensor of the arguments is not set.
func (j *jit[R]) missing(leaf int, args []argument) error {
	for i, a := range args {
		paths, err := a.paths()
		if err != nil {
			return j.argumentError(err)
		}
		if leaf < len(paths) {
			return &Error{Op: "jit", Pos: position(j.pc), Kind: ErrArgument, Fix: "set every tensor of the arguments",
				Detail: fmt.Sprintf("argument %d: the tensor at %s is the zero Tensor, which has no value", i, cmp.Or(paths[leaf], "(root)"))}
		}
		leaf -= len(paths)
	}
	panic("BUG: graph: more leaves than paths")
}

// lookup finds the form of a call; the first call of a form compiles it, others wait for it.
func (j *jit[R]) lookup(ctx context.Context, c *jitCall) (*compiled[R], error) {
	j.mu.RLock()
	f := j.form[string(c.key)]
	j.mu.RUnlock()
	if f == nil {
		j.mu.Lock()
		if f = j.form[string(c.key)]; f == nil {
			f = &compiled[R]{ready: make(chan struct{}), err: errAbandoned}
			key := string(c.key)
			j.form[key] = f
			j.mu.Unlock()
			defer close(f.ready) // also when the user's function panics
			defer func() {
				if f.err != nil {
					j.mu.Lock()
					delete(j.form, key) // nothing is lost: the next call tries again
					j.mu.Unlock()
				}
			}()
			f.err = j.compile(ctx, f, c)
			return f, f.err
		}
		j.mu.Unlock()
	}
	select {
	case <-f.ready:
		return f, f.err
	default:
	}
	select {
	case <-f.ready:
		return f, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// compile traces f on stand-ins for the arguments.
func (j *jit[R]) compile(ctx context.Context, f *compiled[R], c *jitCall) (err error) {
	defer Recover(&err)
	if err := j.conf.check("jit", j.pc); err != nil {
		return err
	}
	tr := &trace{what: "jit", pc: j.pc}
	f.began = nodeIDs.Load()
	defer tr.close()
	stand := make([]Tensor, len(c.leaves))
	for i, t := range c.leaves {
		stand[i] = tr.param(t.n.spec)
	}
	values := make([]any, len(c.args))
	at := 0
	for i, a := range c.args {
		own, err := a.appendLeaves(nil)
		if err != nil {
			return err
		}
		if values[i], err = a.with(stand[at : at+len(own)]); err != nil {
			return err
		}
		at += len(own)
	}
	f.like = j.f(values)
	outs := leavesOf("jit", f.like)
	for _, o := range outs {
		f.specs = append(f.specs, o.Spec())
	}
	results := nodes(outs)
	var over []int
	if j.over {
		if results, over, err = j.placeResults(f, c, stand, outs); err != nil {
			return err
		}
	}
	l, err := lift(nodes(stand), results)
	if err != nil {
		return err
	}
	for i, a := range l.arrays {
		if a.Device() != j.dev {
			return deviceError(l.holders[i], a.Device(), j.dev)
		}
	}
	f.captured, f.holders = l.arrays, l.holders
	// The result's structure is kept, not the graph that led to it.
	empty := make([]Tensor, len(outs))
	if f.like, err = tree.Unflatten(f.like, empty); err != nil {
		return err
	}
	f.x, err = compileOver(ctx, j.dev, l, j.conf, over)
	return err
}
