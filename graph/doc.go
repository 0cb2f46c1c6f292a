// Package graph has tensors, their ops, and the transforms of functions over them: Grad, VJP, JVP, Jacobians, Hessians, loops and
// branches, and Jit, which compiles a function for a device.
//
//	loss := func(w graph.Tensor) graph.Tensor { return x.MatMul(w).Sub(y).Square().Mean() }
//	step := graph.Jit(dev, func(w graph.Tensor) graph.Tensor { return w.Sub(graph.Grad(loss)(w).Scale(0.1)) })
//	w, err := step(ctx, w)
//	values, err := w.Floats(ctx)
//
// Arguments and results are trees: a Tensor, or structs, slices, maps and pointers of trees (package tree). Everything in them that is no
// tensor is static, part of what a compiled function is compiled for. Package vmap maps functions over batches; transforms nest in any order.
//
// # With and without Jit
//
// Ops on arrays are recorded, and run when a value is read (Floats, Read) or asked for (Eval): everything outstanding as one program, which
// is compiled once for each form; what scalars are and where slices begin may change from time to time. A loop that never reads nor evaluates
// its state records more and more. A function under Jit is traced once for each form of its arguments, calls do no more than run it, and
// JitInPlace allocates nothing either; what takes time belongs there. Under Jit and vmap the function sees stand-ins without values: instead of a Go if or for on values take Where, Cond, Switch,
// While, Fori or Scan. Go's own loops over layers, or over some hundred steps, and conditions on shapes, are fine: steps that differ in a scalar or in the part of
// an array that they read share their kernels.
//
// # Types and shapes
//
// Elements are float32, float64 (where the device has it), int32, uint32 or bool. Nothing is converted silently: Convert, AsFloat and AsInt do,
// Like makes a constant of a tensor's own type. Elementwise ops broadcast by NumPy's rule. Negative axes count from the end. Arrays are
// row-major, and any axis may be empty.
//
// Those who know torch or jax.numpy find here
//
//	x[i], x[a:b]              Index, Slice; SliceStep, Flip
//	x[idx], gather            Take, TakeAlong; indices out of range are clamped, and negative ones too (CheckIndex: an error)
//	index_add, .at[].set      IndexAdd, IndexSet, ScatterAdd, ScatterSet
//	unsqueeze, permute        ExpandDims, Transpose, MoveAxis
//	x.item(), x.numpy()       Float, Floats, Ints, Bools, Read
//	maximum, max              Max (of two), ReduceMax (over axes)
//	x.detach()                StopGradient
//	lax.cond, scan, fori_loop Cond, Scan, Fori
//	jax.checkpoint            Checkpoint
//	zeros_like                Full(x.DType(), 0, x.Shape()...)
//	make_jaxpr, eval_shape    Dump, EvalShape
//	tree.map                  tree.Map
//	save, load                package safetensors
//	softmax, layers, losses   package nn; keys and draws: package random; cholesky: package linalg
//
// # Errors
//
// An op on wrong operands cannot return an error, since ops chain; it panics with an *Error, which names the op, the line that called it, the
// shapes, and what to do. Whatever traces or evaluates a function returns it as an error: Jit's functions, Eval, Dump, EvalShape, Cost. In plain
// code, which runs ops by themselves, Try does:
//
//	err := graph.Try(func() { y = x.MatMul(w) })
//
// What only the values show (a label out of range, Tensor.Check) is returned by the call that runs the program, or by the read. errors.Is tells
// the kinds apart: ErrShape, ErrDType, ErrCheck and so on, and gpu.ErrOutOfMemory. The variable LAVAGRAD_DEBUG has checknan, which finds the first
// result that is NaN, and checkcpu, which compares every result with Reference; see package gpu.
//
// # Memory and goroutines
//
// Arrays are freed by Close, or by the garbage collector some time after they are forgotten; loops over large arrays run faster when they
// close what they replace, or in place. Tensors and compiled functions may be used by any number of goroutines, but for what JitInPlace says.
package graph
