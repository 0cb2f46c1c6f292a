// Package random draws random numbers on the device, by keys.
//
// # Keys instead of a global generator
//
// A function here has no hidden state: the draw is a function of a Key and a shape, and the same key gives the
// same draw, always. So a program can be compiled, mapped, differentiated, checkpointed and run again, on another
// device or in other batches, and what it drew is reproduced. The price is that keys are handed about:
//
//	key := random.NewKey(42)
//	a, b := random.Split2(key)                    // two keys, as good as independent
//	x := random.Normal(a, 3, 4)
//	p := random.Bernoulli(b, 0.5, 10)
//
// Use each key for one draw. Two draws with one key are not independent: they are made of the same words. Splitting
// and folding in use words of their own, so a key may be drawn from and split. In a loop, keep a key in the
// state and Split2 it every step, or fold the step's number into one key:
//
//	noise := random.Normal(random.FoldIn(key, step), 3, 4) // step: an int, or an integer tensor
//
// NormalStep does the same for normal draws with less work.
//
// # Samples of their own
//
// Under vmap a shared key gives every sample the same draw, a mapped key gives each its own:
//
//	keys := random.Split(key, 100)                // Bits [100 2]
//	y := vmap.Map2(f, vmap.In(vmap.Shared, 0))(params, keys)
//
// # What is reproduced
//
// The generator is Threefry-2x32-20 (Salmon et al., SC11 2011): the element at row-major position i takes the words that
// the key gives for counter (i, 0). A value depends on its key and its position only: not on batch, chunk, driver or device. Words,
// integers, uniforms and booleans are the same to the bit everywhere; other floats to rounding. Gamma and Poisson variates are drawn by rejection,
// where rounding can decide: about one in a million may differ between devices.
//
// # Parameters and shapes
//
// A parameter is a number or a float tensor (see Param). The shape of the result comes last; parameters are broadcast
// to it. Without a shape, the result has the parameters' common shape; for a scalar without parameters, give none.
// A parameter out of its range makes the draws that depend on it NaN; where the result is no float, the function says what happens. To
// stop the run instead, add a graph.Tensor.Check to the parameter.
//
// # Gradients
//
// Draws are differentiable functions of their parameters at fixed words: where a parameter is location, scale or
// bound, by ordinary ops; for Gamma, Beta, Dirichlet and StudentT by implicit reparameterisation, to any order. Draws of
// integers and booleans have no gradient; Shuffle hands it to the elements.
//
// # Float64
//
// Floats are float32, or of the type of the parameters: float64 tensors give float64 draws, and numbers beside them are float64 too.
// Distributions without parameters have a form with the type in front:
//
//	x := random.NormalOf(graph.Float64, key, 3, 4)
//	u := random.Uniform(key, graph.Full(graph.Float64, 0), 1, 10)
//
// A float64 draw takes both words of its counter, the first as the more significant: so where one word decides a float32 draw, the
// float64 draw of the same key is the same number with more digits (Gamma, Beta, Dirichlet and StudentT are other numbers). Booleans and
// classes of float64 parameters are decided by 64 bits. A device without float64 answers with the error that names the feature.
package random
