// Package safetensors saves trees of tensors and loads them again: parameters, states of optimizers, samplers and approximations, keys.
//
//	err := safetensors.Save(ctx, "state.safetensors", state)
//	state, err := safetensors.Load(ctx, dev, "state.safetensors", like) // like: a tree of the same structure, such as transform.Init gives
//
// The format is that of huggingface/safetensors, which other languages read as well: a JSON header with name, type, shape and place of every
// tensor, then their elements. A tensor's name is its path in the tree with dots, as torch's state_dict has it: .Layers[0].W is "Layers.0.W",
// .Head["a"].B is "Head.a.B", and a tree that is one tensor is "tensor". ReadMap reads files whose names are not known.
//
// What is no tensor (numbers, strings, functions) is not saved: it comes from like. A state whose aux is not needed again is saved without it
// (posterior.Transform.Bare).
package safetensors
