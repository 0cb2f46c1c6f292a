// Package linalg has linear algebra on batches of matrices: the last two axes of a tensor are rows and columns, all
// axes before them are batch axes, which broadcast by NumPy's rule; vmap adds one more. Everything is float32, or
// float64 where the device has it, and differentiable to any order.
//
// Symmetric positive definite matrices, such as covariances and precisions, go through the Cholesky factor:
//
//	l := linalg.Cholesky(a)            // a = l l^T
//	x := linalg.CholeskySolve(l, b)    // a x = b
//	d := linalg.CholeskyLogDet(l)      // log det a
//
// A factorisation of n columns takes n^3/3 multiplications and runs in blocks of 32 columns, each some dispatches for
// the whole batch; matrices of up to 32 columns take one dispatch.
//
// # Matrices that are not positive definite
//
// A run does not fail: the factor, and all that is computed from it, is NaN from the first column on whose pivot is
// not positive, for this matrix of the batch only. CheckedCholesky makes it an error that names matrix and column.
package linalg
