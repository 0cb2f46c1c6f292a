package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/graph/nn"
	"github.com/lavagrad/lavagrad/tree"
	"github.com/lavagrad/lavagrad/vmap"
)

func parameters(t *testing.T, p any) int {
	size, err := tree.Size(p, graph.Tensor.Size)
	require.NoError(t, err)
	return size
}

// Subramani et al. 2020, logistic regression and the small net on Adult: 104 features.
type adultNet struct{ L1, L2 nn.Linear }

func TestPerSampleSubramaniAdult(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		x := sample{m.normal(1, 5, 104), m.classes(2, 5)}
		target := func(s sample) graph.Tensor { return s.Y.AsFloat() }
		requirePerSample(t, m.dev, func(p nn.Linear, s sample) graph.Tensor {
			return nn.BinaryCrossEntropyWithLogits(p.Apply(s.X).Squeeze(0), target(s))
		}, m.linear(104, 1), x, 1e-5)
		x = sample{m.normal(1, 5, 104), m.classes(2, 5)}
		requirePerSample(t, m.dev, func(p adultNet, s sample) graph.Tensor {
			return nll(p.L2.Apply(p.L1.Apply(s.X).ReLU()), s.Y)
		}, adultNet{m.linear(104, 50), m.linear(50, 2)}, x, 1e-5)
	})
}

// Subramani et al. 2020, CIFAR: eight convolutions and their mean, 605,226 parameters; here on smaller images.
type cifarNet struct{ Convs []nn.Conv }

func (p cifarNet) loss(s sample) graph.Tensor {
	h := s.X
	for i, c := range p.Convs {
		h = c.Apply(h, graph.ConvOptions{Same: true})
		if i < len(p.Convs)-1 {
			h = h.ReLU()
		}
		if i == 1 || i == 3 || i == 5 {
			h = nn.AvgPool(h, nn.PoolOptions{Size: []int{2, 2}})
		}
	}
	return nll(h.Mean(-2, -1), s.Y)
}

func TestPerSampleSubramaniCIFAR(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		var p cifarNet
		in := 3
		for _, out := range []int{32, 32, 64, 64, 128, 128, 256, 10} {
			p.Convs = append(p.Convs, m.conv(in, out, 3))
			in = out
		}
		require.Equal(t, 605226, parameters(t, p))
		requirePerSample(t, m.dev, cifarNet.loss, p, sample{m.normal(1, 2, 3, 8, 8), m.classes(10, 2)}, 2e-5)
	})
}

// Subramani et al. 2020, text: the mean of a sentence's embeddings, and an LSTM over them, 10,004 words; here on short sentences.
type textNet struct {
	E    nn.Embedding
	Head nn.Linear
}

func (p textNet) loss(s sample) graph.Tensor { return nll(p.Head.Apply(p.E.Apply(s.X).Mean(0)), s.Y) }

type lstmNet struct {
	E    nn.Embedding
	LSTM nn.LSTMCell
	Head nn.Linear
}

func (p lstmNet) loss(s sample) graph.Tensor {
	width := p.LSTM.H.Dim(0)
	last, _ := p.LSTM.Scan(p.E.Apply(s.X), nn.LSTMState{H: graph.Zeros(width), C: graph.Zeros(width)})
	return nll(p.Head.Apply(last.H), s.Y)
}

func TestPerSampleSubramaniText(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const words, length = 10004, 12
		p := textNet{nn.Embedding{Table: m.normal(1, words, 16)}, m.linear(16, 2)}
		require.Equal(t, 160098, parameters(t, p))
		requirePerSample(t, m.dev, textNet.loss, p, sample{m.classes(words, 3, length), m.classes(2, 3)}, 1e-5)
		q := lstmNet{nn.Embedding{Table: m.normal(1, words, 100)},
			nn.LSTMCell{X: m.normal(0.1, 100, 400), H: m.normal(0.1, 100, 400), B: m.normal(0.1, 400)}, m.linear(100, 2)}
		require.Equal(t, 1081002, parameters(t, q))
		requirePerSample(t, m.dev, lstmNet.loss, q, sample{m.classes(words, 2, length), m.classes(2, 2)}, 2e-5)
	})
}

// A transformer block: attention and a net of two layers, both after normalisation and added to their input.
type block struct {
	N1, N2 nn.LayerNorm
	Attend nn.MultiHeadAttention
	Up     nn.Linear
	Down   nn.Linear
	Head   nn.Linear
}

func (p block) loss(s sample) graph.Tensor {
	x := s.X
	h := p.N1.Apply(x)
	x = x.Add(p.Attend.Apply(h, h, 4, nn.CausalMask(x.Dim(-2))))
	x = x.Add(p.Down.Apply(nn.GELUTanh(p.Up.Apply(p.N2.Apply(x)))))
	return nll(p.Head.Apply(x.Mean(0)), s.Y)
}

func TestPerSampleTransformerBlock(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const d, length = 20, 7
		norm := func() nn.LayerNorm { return nn.LayerNorm{Scale: m.normal(1, d), Shift: m.normal(1, d)} }
		p := block{N1: norm(), N2: norm(), Up: m.linear(d, 3*d), Down: m.linear(3*d, d), Head: m.linear(d, 5),
			Attend: nn.MultiHeadAttention{Q: m.linear(d, d), K: m.linear(d, d), V: m.linear(d, d), Out: m.linear(d, d)}}
		requirePerSample(t, m.dev, block.loss, p, sample{m.normal(1, 3, length, d), m.classes(5, 3)}, 2e-5)
	})
}

// A chain of cells with shared weights: what an LSTM is. The last state is classified.
type recurrent struct {
	LSTM nn.LSTMCell
	GRU  nn.GRUCell
	Head nn.Linear
}

func (p recurrent) start() (nn.LSTMState, graph.Tensor) {
	width := p.GRU.H.Dim(0)
	return nn.LSTMState{H: graph.Zeros(width), C: graph.Zeros(width)}, graph.Zeros(width)
}

// unrolled is a Go loop over the steps.
func (p recurrent) unrolled(s sample) graph.Tensor {
	state, h := p.start()
	for step := range s.X.Dim(0) {
		state = p.LSTM.Apply(s.X.Index(0, step), state)
		h = p.GRU.Apply(state.H, h)
	}
	return nll(p.Head.Apply(h), s.Y)
}

// scanned is a loop on the device.
func (p recurrent) scanned(s sample) graph.Tensor {
	state, h := p.start()
	_, outputs := p.LSTM.Scan(s.X, state)
	h, _ = p.GRU.Scan(outputs, h)
	return nll(p.Head.Apply(h), s.Y)
}

func TestPerSampleRecurrentCells(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const in, h, steps = 6, 8, 5
		for name, loss := range map[string]func(recurrent, sample) graph.Tensor{"unrolled": recurrent.unrolled, "scanned": recurrent.scanned} {
			t.Run(name, func(t *testing.T) {
				p := recurrent{
					LSTM: nn.LSTMCell{X: m.normal(0.4, in, 4*h), H: m.normal(0.4, h, 4*h), B: m.normal(0.1, 4*h)},
					GRU:  nn.GRUCell{X: m.normal(0.4, h, 3*h), H: m.normal(0.4, h, 3*h), BX: m.normal(0.1, 3*h), BH: m.normal(0.1, 3*h)},
					Head: m.linear(h, 4),
				}
				x := sample{m.normal(1, 3, steps, in), m.classes(4, 3)}
				v, err := graph.Reference(t.Context(), recurrent.unrolled(p, sample{x.X.Index(0, 0), x.Y.Index(0, 0)}))
				require.NoError(t, err)
				w, err := graph.Reference(t.Context(), loss(p, sample{x.X.Index(0, 0), x.Y.Index(0, 0)}))
				require.NoError(t, err)
				require.InDelta(t, v[0], w[0], 1e-12, "a scan is its loop")
				requirePerSample(t, m.dev, loss, p, x, 2e-5)
			})
		}
	})
}

// Opacus' normalising layers: group norm with 16 groups of 256 channels, layer norm of 64.
type normNet struct {
	C    nn.Conv
	G    nn.GroupNorm
	R    nn.RMSNorm
	Head nn.Linear
}

func TestPerSampleNormLayers(t *testing.T) {
	each(t, func(t *testing.T, m maker) {
		const channels = 256
		p := normNet{m.conv(2, channels, 3), nn.GroupNorm{Scale: m.normal(1, channels), Shift: m.normal(1, channels)},
			nn.RMSNorm{Scale: m.normal(1, channels)}, m.linear(channels, 3)}
		requirePerSample(t, m.dev, func(p normNet, s sample) graph.Tensor {
			h := nn.SiLU(p.G.Apply(p.C.Apply(s.X, graph.ConvOptions{Same: true}), 16))
			return nll(p.Head.Apply(p.R.Apply(h.Mean(-2, -1))), s.Y)
		}, p, sample{m.normal(1, 2, 2, 6, 6), m.classes(3, 2)}, 2e-5)
	})
}

// The neural tangent kernel of a convolutional net by contracting Jacobians equals the one by vector products, where no
// Jacobian exists (Novak et al., arXiv 2206.08720).
type ntkNet struct {
	Convs []nn.Conv
	Head  nn.Linear
}

func (p ntkNet) apply(x graph.Tensor) graph.Tensor {
	for _, c := range p.Convs {
		x = c.Apply(x, graph.ConvOptions{}).ReLU()
	}
	return p.Head.Apply(x.Flatten())
}

func TestNeuralTangentKernel(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		m := newMaker(t, dev)
		const side, classes = 10, 10
		p := ntkNet{[]nn.Conv{m.conv(3, 8, 3), m.conv(8, 8, 3), m.conv(8, 8, 3)}, m.linear(8*(side-6)*(side-6), classes)}
		a, b := m.normal(1, 3, 3, side, side), m.normal(1, 2, 3, side, side)
		eye := graph.OneHot(graph.Iota(0, classes), classes)
		at := func(x graph.Tensor) func(ntkNet) graph.Tensor {
			return func(p ntkNet) graph.Tensor { return p.apply(x) }
		}
		type images struct{ A, B graph.Tensor }
		contraction := graph.Jit2(dev, func(p ntkNet, x images) graph.Tensor {
			jacobians := vmap.Map(func(x graph.Tensor) ntkNet {
				_, pull := graph.VJP(at(x), p)
				return vmap.Map(pull)(eye)
			})
			ja, jb := leaves(t, jacobians(x.A)), leaves(t, jacobians(x.B))
			sum := graph.Zeros(x.A.Dim(0), x.B.Dim(0), classes, classes)
			for i := range ja {
				flat := func(j graph.Tensor) graph.Tensor { return j.Reshape(j.Dim(0), classes, -1) }
				sum = sum.Add(graph.Einsum("aif,bjf->abij", flat(ja[i]), flat(jb[i])))
			}
			return sum
		})
		products := graph.Jit2(dev, func(p ntkNet, x images) graph.Tensor {
			pair := func(xa, xb graph.Tensor) graph.Tensor {
				return vmap.Map(func(ct graph.Tensor) graph.Tensor {
					_, pull := graph.VJP(at(xa), p)
					_, along := graph.JVP(at(xb), p, pull(ct))
					return along
				})(eye)
			}
			return vmap.Map2(func(xa, xb graph.Tensor) graph.Tensor {
				return vmap.Map2(pair, vmap.In(vmap.Shared, 0))(xa, xb)
			}, vmap.In(0, vmap.Shared))(x.A, x.B)
		})
		run := func(f func(ntkNet, images) (graph.Tensor, error)) []float64 {
			y, err := f(p, images{a, b})
			require.NoError(t, err)
			return values(t, keep(t, y))
		}
		want := run(func(p ntkNet, x images) (graph.Tensor, error) { return contraction(t.Context(), p, x) })
		got := run(func(p ntkNet, x images) (graph.Tensor, error) { return products(t.Context(), p, x) })
		scale := 0.0
		for _, v := range want {
			scale = max(scale, math.Abs(v))
		}
		assert.NotZero(t, scale)
		assert.InDeltaSlice(t, want, got, 1e-5*scale)
		require.NoError(t, graph.Close(p))
		require.NoError(t, graph.Close(images{a, b}))
	})
}
