// Package vmap maps functions of one sample over a batch: it runs the function once on stand-ins for a
// sample and rewrites what was built so that all samples are computed together. The batch is an axis of the
// arrays and a dimension of the dispatches, never a loop.
//
//	perSample := vmap.Map2(graph.Grad2(loss), vmap.In(vmap.Shared, 0))
//
// is the function from parameters and a batch to the gradient for each sample. Maps nest, and compose with
// Grad, VJP, JVP and Jit in any order. Tensors that the mapped function captures are shared by all samples.
// InTree and OutTree give every leaf an axis of its own, PerSample gives value, gradient and auxiliary values of
// every sample, SquaredNorms and InnerProducts what is asked of many gradients, and PSum, PMean and PMax fold over the
// samples of an axis that Name has named. Chunk maps a few samples at a time, in bounded memory.
package vmap
