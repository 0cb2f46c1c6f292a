// Package solve solves linear systems over trees of tensors by products with the matrix, which is never built: conjugate
// gradients for Hessians, Fisher and Gauss-Newton matrices (package curvature).
package solve
