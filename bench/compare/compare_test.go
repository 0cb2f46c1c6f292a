package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/gpu/gputest"
	"github.com/lavagrad/lavagrad/graph"
)

// fakeResults names, in the environment, the file of results that this program gives when it plays the Python side.
const fakeResults = "COMPARE_FAKE_RESULTS"

func TestMain(m *testing.M) {
	if file := os.Getenv(fakeResults); file != "" {
		os.Exit(fakePeer(file))
	}
	os.Exit(m.Run())
}

// fakePeer speaks the protocol of peer/main.py, is there for torch only, and gives the leaves of a file, a JSON list of lists.
func fakePeer(file string) int {
	if os.Args[1] == "-c" { // the probe for modules
		return 0
	}
	if os.Args[2] != "torch" {
		return exitAbsent
	}
	say := func(r reply) { _ = json.NewEncoder(os.Stdout).Encode(r) }
	say(reply{Peer: "fake", Version: "1"})
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var q struct{ Cmd, File string }
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			return 1
		}
		switch q.Cmd {
		case "load":
			say(reply{})
		case "check":
			text, _ := os.ReadFile(file)
			var leaves [][]float32
			if err := json.Unmarshal(text, &leaves); err != nil {
				say(reply{Error: err.Error()})
				continue
			}
			var b bytes.Buffer
			var sizes []int
			for _, l := range leaves {
				_ = binary.Write(&b, binary.LittleEndian, l)
				sizes = append(sizes, len(l))
			}
			if err := os.WriteFile(q.File, b.Bytes(), 0o600); err != nil {
				return 1
			}
			say(reply{Sizes: sizes})
		case "series":
			say(reply{MS: []float64{3, 1, 2}})
		}
	}
	return 0
}

// small is a model whose gradients are checked by hand.
func small() model { return mlpModel([]int{5, 4, 3}, 6, 1) }

// valuesOf runs a workload on a device.
func valuesOf(t *testing.T, dev *gpu.Device, w workload) [][]float32 {
	t.Helper()
	args, err := upload(dev, w.inputs(newGenerator()))
	require.NoError(t, err)
	defer graph.Close(args)
	p, err := w.start(t.Context(), dev, args)
	require.NoError(t, err)
	defer func() { assert.NoError(t, graph.Close(p.held)) }()
	out, err := ours{t.Context(), dev, p}.results()
	require.NoError(t, err)
	return out
}

func TestReductionsFollowFromPerSampleGradients(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		m := small()
		grads := valuesOf(t, dev, m.workload("per_sample"))
		const n = 6
		norms := make([]float32, n)
		for s := range n {
			sum := 0.0
			for _, g := range grads {
				for _, v := range g[s*len(g)/n : (s+1)*len(g)/n] {
					sum += float64(v) * float64(v)
				}
			}
			norms[s] = float32(math.Sqrt(sum))
		}
		// Some of the samples are clipped, not all.
		m.clip = float64(norms[0]+norms[1]) / 2
		reduced := func(f func(s int, v float64) float64) (out [][]float32) {
			for _, g := range grads {
				leaf := make([]float32, len(g)/n)
				for i := range leaf {
					sum := 0.0
					for s := range n {
						sum += f(s, float64(g[s*len(leaf)+i]))
					}
					leaf[i] = float32(sum)
				}
				out = append(out, leaf)
			}
			return out
		}
		for reduction, want := range map[string][][]float32{
			"norms":       {norms},
			"batch_grad":  reduced(func(_ int, v float64) float64 { return v }),
			"diag_fisher": reduced(func(_ int, v float64) float64 { return v * v }),
			"clip_sum":    reduced(func(s int, v float64) float64 { return v * min(1, m.clip/float64(norms[s])) }),
		} {
			d, err := difference(valuesOf(t, dev, m.workload(reduction)), want)
			require.NoError(t, err)
			assert.Less(t, d, 1e-5, reduction)
		}
	})
}

func TestHessianVectorProductIsTheGradientsDerivative(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		m := small()
		at := func(scale float32) [][]float32 { // the gradient at so many times the parameters
			w := m.workload("batch_grad")
			w.inputs = func(g generator) []array {
				in := m.inputs(g)
				for _, a := range in[:m.params] {
					for i := range a.floats {
						a.floats[i] *= scale
					}
				}
				return in
			}
			return valuesOf(t, dev, w)
		}
		const h = 1.0 / 256
		up, down := at(1+h), at(1-h)
		for i := range up {
			for j := range up[i] {
				up[i][j] = (up[i][j] - down[i][j]) / (2 * h)
			}
		}
		d, err := difference(valuesOf(t, dev, m.workload("hvp")), up)
		require.NoError(t, err)
		assert.Less(t, d, 1e-3)
	})
}

func TestSGHMCWithoutNoise(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		for _, chains := range []int{1, 3} {
			const steps = 5
			w := sghmcWorkload(chains, steps)
			in := w.inputs(newGenerator())
			want := make([]float32, steps*2*chains)
			for c := range chains {
				x, m := [2]float64{}, [2]float64{}
				for i := range 2 {
					x[i], m[i] = float64(in[0].floats[2*c+i]), float64(in[1].floats[2*c+i])
				}
				for k := range steps {
					d0, d1 := x[0]-1, x[1]+2
					g := [2]float64{-1.5*d0 - 0.5*d1, -0.5*d0 - d1}
					for i := range 2 {
						x[i], m[i] = x[i]+w.spec.LR*m[i], m[i]+w.spec.LR*g[i]-w.spec.LR*w.spec.Alpha*m[i]
						want[(k*chains+c)*2+i] = float32(x[i])
					}
				}
			}
			d, err := difference(valuesOf(t, dev, w), [][]float32{want})
			require.NoError(t, err)
			assert.Less(t, d, 1e-6)
		}
	})
}

func TestDifference(t *testing.T) {
	a := [][]float32{{1, 2, 2}, {0, 0}}
	d, err := difference(a, [][]float32{{1, 2, 2}, {0, 0}})
	require.NoError(t, err)
	assert.Zero(t, d)
	d, err = difference([][]float32{{1, 2, 2.003}, {0, 0}}, a)
	require.NoError(t, err)
	assert.InDelta(t, 1e-3, d, 1e-6, "0.003 against a norm of 3")
	d, err = difference([][]float32{{1, 2, 2}, {0, 1e-9}}, a)
	require.NoError(t, err)
	assert.Greater(t, d, 1e300, "anything against zeros")
	_, err = difference([][]float32{{1, 2, float32(math.NaN())}, {0, 0}}, a)
	assert.ErrorContains(t, err, "result 0 has NaN")
	_, err = difference(a[:1], a)
	assert.ErrorContains(t, err, "1 results, the peer has 2")
	_, err = difference([][]float32{{1, 2}, {0, 0}}, a)
	assert.ErrorContains(t, err, "result 0 has 2 elements")
}

func TestMedian(t *testing.T) {
	assert.Equal(t, 2.0, median([]float64{3, 1, 2}))
	assert.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
}

func TestAgainstAPeer(t *testing.T) {
	gputest.Each(t, func(t *testing.T, dev *gpu.Device) {
		w := small().workload("norms")
		right := valuesOf(t, dev, w)
		dir := t.TempDir()
		compared := func(leaves [][]float32) ([]result, error) {
			text, err := json.Marshal(leaves)
			require.NoError(t, err)
			file := filepath.Join(dir, "fake")
			require.NoError(t, os.WriteFile(file, text, 0o600))
			t.Setenv(fakeResults, file)
			p, err := startPeer(os.Args[0], dir, "torch", "cpu", 2)
			require.NoError(t, err)
			defer func() { assert.NoError(t, p.close()) }()
			return measure(t.Context(), w, dev.Profile().Driver, []*peer{p}, dir, 3)
		}
		lines, err := compared(right)
		require.NoError(t, err)
		require.Len(t, lines, 1)
		l := lines[0]
		assert.Equal(t, "mlp5-4-3_B6/norms", l.Workload)
		assert.Equal(t, "fake", l.Peer)
		assert.Equal(t, 2.0, *l.PeerMS)
		assert.Positive(t, l.OursMS)
		assert.Equal(t, l.OursMS/2, *l.Ratio)
		assert.GreaterOrEqual(t, l.Peak, int64(4*(5*4+4+4*3+3+6*5+6+6)), "parameters, batch and result")

		right[0][0] *= 1.01
		_, err = compared(right)
		assert.ErrorContains(t, err, "relative difference", "a wrong answer is no answer")
		_, err = compared(right[:0])
		assert.ErrorContains(t, err, "1 results, the peer has 0")
	})
}

func TestLines(t *testing.T) {
	ms, ratio := 2.0, 0.25
	var out bytes.Buffer
	require.NoError(t, print(&out, result{Workload: "w", Device: "lavapipe", OursMS: 0.5, Peer: "functorch", PeerMS: &ms, Ratio: &ratio, Peak: 7}, true))
	require.NoError(t, print(&out, result{Workload: "w", Device: "lavapipe", OursMS: 0.5}, true))
	assert.Equal(t, `{"workload":"w","device":"lavapipe","ours_ms":0.5,"peer":"functorch","peer_ms":2,"ratio":0.25,"ours_peak_bytes":7}
{"workload":"w","device":"lavapipe","ours_ms":0.5,"peer":"","peer_ms":null,"ratio":null,"ours_peak_bytes":0}
`, out.String())
}

func TestNames(t *testing.T) {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	for _, m := range []string{"mlp784-128-10_B256", "mlp784-512-512-10_B128", "cnn_B64"} {
		for _, r := range reductions {
			assert.Contains(t, names, m+"/"+r)
		}
	}
	assert.Contains(t, names, "sghmc_2d_1x1000")
	assert.Contains(t, names, "sghmc_2d_1024x200")
	seen := map[string]bool{}
	for _, n := range names {
		assert.False(t, seen[n], "%s twice", n)
		seen[n] = true
	}
}

func TestUsage(t *testing.T) {
	try := func(args ...string) (status int, stderr string) {
		var out, err bytes.Buffer
		status = run(args, &out, &err)
		return status, fmt.Sprint(out.String(), err.String())
	}
	for args, want := range map[string]string{
		"-only=nothing-like-it": "matches none of the workloads",
		"-only=(":               "missing closing",
		"-rounds=0":             "give at least 1",
		"-peers=tensorflow":     "known are torch",
		"extra":                 "unexpected argument",
	} {
		status, text := try(args)
		assert.Equal(t, 2, status, args)
		assert.Contains(t, text, want)
	}
	status, text := try("-list", "-only", "^cnn.*norms")
	assert.Zero(t, status)
	assert.Equal(t, "cnn_B64/norms\n", text)
	for _, name := range gputest.Devices(t) {
		status, text = try("-device", name, "-python", filepath.Join(t.TempDir(), "python3"))
		assert.Equal(t, 3, status)
		assert.Contains(t, text, "bash tools/setup.sh --peers")
	}
	status, text = try("-device", "no-such-device")
	assert.Equal(t, 1, status)
	assert.Contains(t, text, "no-such-device")
}
