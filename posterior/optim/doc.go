// Package optim has optimizers as pure functions over trees of tensors: an optimizer's state is a tree
// beside the parameters, and a step maps gradient, state and parameters to new ones.
package optim
