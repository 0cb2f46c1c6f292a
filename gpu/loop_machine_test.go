package gpu_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lavagrad/lavagrad/gpu"
)

// A program with loops, as a tree: it can be built for a device and computed in Go.
type (
	node interface{}
	// calc is a dispatch: v -> a v + b for every number of the data, or for a word, if word mask is not 0.
	calc struct {
		mask   int // a word
		target int // a word, or data
		a, b   uint32
	}
	// again is a loop; while is a word or none.
	again struct {
		count, while int
		body         []node
	}
)

const (
	data = -1
	none = -1
	one  = 0 // the word that is always 1
)

// machine is the state of such a program: numbers and words.
type machine struct {
	data  []uint32
	words [8]uint32
}

func newMachine(n int) *machine {
	m := &machine{data: make([]uint32, n)}
	for i := range m.data {
		m.data[i] = uint32(i)
	}
	m.words[one] = 1
	return m
}

// run computes what the device should. A while loop ends as soon as its word is 0.
func (m *machine) run(list []node) {
	for _, x := range list {
		switch x := x.(type) {
		case calc:
			if m.words[x.mask] == 0 {
				continue
			}
			if x.target != data {
				m.words[x.target] = x.a*m.words[x.target] + x.b
				continue
			}
			for i, v := range m.data {
				m.data[i] = x.a*v + x.b
			}
		case again:
			for i := 0; x.while != none && m.words[x.while] != 0 || x.while == none && i < x.count; i++ {
				m.run(x.body)
			}
		}
	}
}

// The arguments of the programs: the data, and words 256 bytes apart.
const (
	slotData = iota
	slotWords
)

func wordAt(i int) gpu.Binding { return gpu.Binding{Slot: slotWords, Offset: int64(256 * i), Size: 4} }

func flatten(k *gpu.Kernel, n int, spec *gpu.ProgramSpec, list []node) {
	for _, x := range list {
		switch x := x.(type) {
		case calc:
			at, size := gpu.Binding{Slot: slotData}, n
			if x.target != data {
				at, size = wordAt(x.target), 1
			}
			to := at
			to.Write = true
			spec.Dispatches = append(spec.Dispatches, gpu.Dispatch{Kernel: k, Bindings: []gpu.Binding{wordAt(x.mask), at, to},
				Push: []uint32{uint32(size), x.a, x.b}, Groups: [3]uint32{uint32((size + 63) / 64), 1, 1}})
		case again:
			l := gpu.Loop{First: len(spec.Dispatches), Count: x.count}
			at := len(spec.Loops)
			spec.Loops = append(spec.Loops, l)
			flatten(k, n, spec, x.body)
			l.Last = len(spec.Dispatches)
			if x.while != none {
				word := wordAt(x.while)
				l.While = &word
			}
			spec.Loops[at] = l
		}
	}
}

func loopProgram(t testing.TB, d *gpu.Device, n int, list ...node) *gpu.Program {
	t.Helper()
	k, err := d.Kernel(ctx, gpu.KernelSpec{Name: "step", Code: words(t, "step"), PushWords: 3,
		Bindings: []gpu.BindingKind{gpu.Storage, gpu.Storage, gpu.Storage}})
	require.NoError(t, err)
	spec := gpu.ProgramSpec{Name: "loops", Slots: []int64{int64(4 * n), 8 * 256}}
	flatten(k, n, &spec, list)
	p, err := d.NewProgram(ctx, spec)
	require.NoError(t, err)
	return p
}

// load makes the arguments of a machine's state.
func (m *machine) load(t testing.TB, d *gpu.Device) []*gpu.Array {
	t.Helper()
	bytes := make([]byte, 4*len(m.data))
	for i, v := range m.data {
		binary.LittleEndian.PutUint32(bytes[4*i:], v)
	}
	x, err := d.Upload(ctx, bytes)
	require.NoError(t, err)
	bytes = make([]byte, 8*256)
	for i, v := range m.words {
		binary.LittleEndian.PutUint32(bytes[256*i:], v)
	}
	w, err := d.Upload(ctx, bytes)
	require.NoError(t, err)
	return []*gpu.Array{x, w}
}

// numbers downloads the data.
func numbers(t testing.TB, args []*gpu.Array) []uint32 {
	t.Helper()
	bytes := make([]byte, args[slotData].Size())
	require.NoError(t, args[slotData].Download(ctx, bytes))
	return asWords(bytes)
}

func closeAll(t testing.TB, args []*gpu.Array) {
	for _, a := range args {
		require.NoError(t, a.Close())
	}
}

// The numbers of a linear congruential generator: a round too many, too few or out of order changes every result.
func lcg(mask int) calc  { return calc{mask, data, 1664525, 1013904223} }
func swap(mask int) calc { return calc{mask, data, 69069, 1} }

// countdown makes a word one less.
func countdown(word int) calc { return calc{word, word, 1, 0xffffffff} }

// set gives a word a value.
func set(mask, word int, value uint32) calc { return calc{mask, word, 0, value} }

var loopCases = map[string][]node{
	"short":              {again{5, none, []node{lcg(one), swap(one)}}},
	"none":               {lcg(one), again{0, none, []node{lcg(one)}}, swap(one)},
	"nothing but none":   {again{0, none, []node{lcg(one)}}, again{3, none, []node{again{0, none, []node{lcg(one)}}}}},
	"one round":          {again{1, none, []node{lcg(one)}}},
	"nested short":       {swap(one), again{3, none, []node{lcg(one), again{4, none, []node{swap(one)}}, lcg(one)}}, lcg(one)},
	"neighbours":         {again{3, none, []node{lcg(one)}}, again{2, none, []node{swap(one)}}, swap(one), again{2, none, []node{lcg(one)}}},
	"long":               {swap(one), again{5003, none, []node{lcg(one)}}, swap(one)},
	"long of two":        {again{1501, none, []node{lcg(one), swap(one)}}},
	"long of a short":    {again{700, none, []node{lcg(one), again{3, none, []node{swap(one)}}}}},
	"long in a loop":     {again{5, none, []node{swap(one), again{300, none, []node{lcg(one)}}, swap(one)}}},
	"two long in a loop": {again{4, none, []node{again{300, none, []node{lcg(one)}}, again{301, none, []node{swap(one)}}}}},
	"long just in long":  {again{3, none, []node{again{900, none, []node{lcg(one)}}}}},
	"while":              {set(one, 1, 777), again{0, 1, []node{lcg(1), countdown(1)}}, swap(one)},
	"while not":          {swap(one), again{0, 1, []node{lcg(1), countdown(1)}}, lcg(one)},
	"while once":         {set(one, 1, 1), again{1, 1, []node{lcg(1), countdown(1)}}},
	"while to the limit": {set(one, 1, 100), again{100, 1, []node{lcg(1), countdown(1)}}},
	"while around short": {set(one, 1, 37), again{0, 1, []node{again{3, none, []node{lcg(1)}}, countdown(1)}}},
	"while around long":  {set(one, 1, 4), again{0, 1, []node{again{300, none, []node{lcg(1)}}, countdown(1)}}},
	"while in a loop":    {again{6, none, []node{set(one, 1, 9), again{0, 1, []node{lcg(1), countdown(1)}}, swap(one)}}},
	"while in while": {set(one, 1, 5), again{0, 1, []node{set(1, 2, 7), swap(1),
		again{20, 2, []node{lcg(2), countdown(2)}}, countdown(1)}}},
	"while around while not": {swap(one), again{0, 1, []node{set(1, 2, 7), again{20, 2, []node{lcg(2), countdown(2)}}, countdown(1)}}},
}

// drawBody draws a body whose dispatches obey the word mask; words from free on are unused. It bounds the rounds of all loops together.
func drawBody(r *rapid.T, mask, free, depth, most int) []node {
	var list []node
	for range rapid.IntRange(0, 3).Draw(r, "nodes") {
		kind := rapid.SampledFrom([]string{"calc", "calc", "counted", "while"}).Draw(r, "kind")
		if depth == 3 {
			kind = "calc"
		}
		switch kind {
		case "calc":
			list = append(list, calc{mask, data, rapid.Uint32().Draw(r, "a") | 1, rapid.Uint32().Draw(r, "b")})
		case "counted":
			count := min(most, rapid.SampledFrom([]int{0, 1, 2, 3, 5, 20, 300}).Draw(r, "count"))
			list = append(list, again{count, none, drawBody(r, mask, free, depth+1, most/max(count, 1))})
		case "while":
			rounds := min(most, rapid.IntRange(0, 12).Draw(r, "rounds"))
			limit := rapid.SampledFrom([]int{0, max(1, rounds), rounds + 3}).Draw(r, "limit")
			body := append(drawBody(r, free, free+1, depth+1, most/max(rounds, 1)), countdown(free))
			list = append(list, set(mask, free, uint32(rounds)), again{limit, free, body})
		}
	}
	return list
}
