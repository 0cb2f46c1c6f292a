// Package nn has the pieces that models are made of, as plain functions over tensors and structs of
// tensors, without hidden state: a layer is a struct of its parameters with a method Apply, a model is a struct
// of layers, and a struct of layers is a tree that Grad, vmap and Jit take as it is.
//
//	type Net struct {
//		C    nn.Conv
//		Head nn.Linear
//	}
//
//	func (n Net) Logits(image graph.Tensor) graph.Tensor { // one image [channels height width]
//		h := n.C.Apply(image, graph.ConvOptions{Same: true}).ReLU()
//		return n.Head.Apply(nn.MaxPool(h, nn.PoolOptions{Size: []int{2, 2}}).Flatten())
//	}
//
// Functions are written for one sample and mapped over a batch with package vmap. Most accept leading axes as well: Linear,
// Conv, ConvTranspose, MaxPool, AvgPool, LayerNorm, RMSNorm, Embedding, MultiHeadAttention, LSTMCell and GRUCell treat axes before
// those that they name as samples, and the losses that are "one value for each row" keep them. GroupNorm takes one sample.
//
// Initialisers (NewLinear, NewConv, XavierUniform, Orthogonal and so on) and Dropout draw by keys of package random.
package nn
