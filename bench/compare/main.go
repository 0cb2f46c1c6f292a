// Command compare runs workloads in lavagrad and in other libraries, in turns within one run, and prints how long each takes:
//
//	go run ./bench/compare -device lavapipe|swiftshader|gpu [-only REGEXP] [-json]
//
// On a CPU the peer is functorch, which bash tools/setup.sh --peers installs (Debian's python3-torch); where Python has newer PyTorch,
// torch.func and torch.compile, and JAX where it is there. All sides have the same inputs and as many threads; a workload counts only
// if the results agree within 1e-4. Times are medians of runs after the first, which compiles, until the device is done.
//
// With -json every workload is one line on stdout for each peer:
//
//	{"workload","device","ours_ms","peer","peer_ms","ratio","ours_peak_bytes"}
//
// ratio is ours over the peer's; ours_peak_bytes is the most device memory that arrays and temporaries take in a run, inputs included.
// Machine and versions go to stderr. Exit status: 0, 1 when a workload failed or its results differ, 2 for wrong usage, 3 when
// no peer is installed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags.
type options struct {
	device, only, peers, python string
	json, list                  bool
	rounds                      int
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.device, "device", "", "lavapipe, swiftshader, gpu, or whatever LAVAGRAD_DEVICE may be; default the best device")
	f.StringVar(&o.only, "only", "", "run workloads whose names match this regular `expression`")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line")
	f.BoolVar(&o.list, "list", false, "print the names of the workloads and exit")
	f.StringVar(&o.peers, "peers", "auto", "torch, torch.compile, jax (several with commas), none, or auto for those that are installed")
	f.StringVar(&o.python, "python", "", "the `program` that has the peers; default the first with PyTorch or JAX of python3 and /usr/bin/python3")
	f.IntVar(&o.rounds, "rounds", 11, "turns of each side")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.rounds < 1:
		err = fmt.Errorf("-rounds %d: give at least 1", o.rounds)
	}
	for _, p := range strings.Split(o.peers, ",") {
		if !slices.Contains(append(known, "auto", "none"), p) {
			err = fmt.Errorf("-peers %q: known are %s, none and auto", o.peers, strings.Join(known, ", "))
		}
	}
	return o, err
}

// known are the peers that the Python side can be.
var known = []string{"torch", "torch.compile", "jax"}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	chosen, patternErr := chosen(o.only)
	if err = errors.Join(err, patternErr); err == nil && len(chosen) == 0 {
		err = fmt.Errorf("-only %q matches none of the workloads; -list prints them", o.only)
	}
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return 2
	}
	if o.list {
		for _, w := range chosen {
			fmt.Fprintln(stdout, w.name)
		}
		return 0
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	peers, err := startPeers(o, dir, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		if errors.Is(err, errAbsent) {
			return 3
		}
		return 1
	}
	if !o.json {
		fmt.Fprintf(stdout, "%-34s %-12s %10s %-14s %10s %8s %10s %9s\n", "workload", "device", "ours ms", "peer", "peer ms", "ratio", "peak MB", "differ by")
	}
	status := 0
	for _, w := range chosen {
		lines, err := measure(context.Background(), w, o.device, peers, dir, o.rounds)
		if err != nil {
			fmt.Fprintf(stderr, "compare: %s: %v\n", w.name, err)
			status = 1
			continue
		}
		for _, l := range lines {
			if err := print(stdout, l, o.json); err != nil {
				fmt.Fprintln(stderr, "compare:", err)
				return 1
			}
		}
	}
	for _, p := range peers {
		if err := p.close(); err != nil {
			fmt.Fprintf(stderr, "compare: %s: %v\n", p.name, err)
			status = 1
		}
	}
	return status
}

func print(w io.Writer, l result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(l)
	}
	if l.Ratio == nil {
		_, err := fmt.Fprintf(w, "%-34s %-12s %10.3f %-14s %10s %8s %10.1f\n", l.Workload, l.Device, l.OursMS, "", "", "", float64(l.Peak)/1e6)
		return err
	}
	_, err := fmt.Fprintf(w, "%-34s %-12s %10.3f %-14s %10.3f %8.4f %10.1f %9.1e\n", l.Workload, l.Device, l.OursMS, l.Peer, *l.PeerMS, *l.Ratio, float64(l.Peak)/1e6, l.err)
	return err
}

// startPeers starts the peers that are asked for and tells on what machine.
func startPeers(o options, dir string, stderr io.Writer) ([]*peer, error) {
	dev, err := gpu.Open(context.Background(), gpu.WithDevice(o.device))
	if err != nil {
		return nil, err
	}
	info, profile := dev.Info(), dev.Profile()
	if err := dev.Close(); err != nil {
		return nil, err
	}
	device, threads := "cuda", runtime.NumCPU()
	if profile.Kind == gpu.CPU {
		device, threads = "cpu", profile.Cores
	}
	fmt.Fprintf(stderr, "compare: %s, driver %s %s, %d threads, %s\n", info.Name, info.Driver, info.DriverVersion, threads, runtime.Version())
	if o.peers == "none" {
		return nil, nil
	}
	if err := extract(dir); err != nil {
		return nil, err
	}
	python, err := findPython(o.python)
	if err != nil {
		return nil, err
	}
	names := strings.Split(o.peers, ",")
	if o.peers == "auto" {
		names = known
	}
	var peers []*peer
	for _, name := range names {
		p, err := startPeer(python, dir, name, device, threads)
		if errors.Is(err, errAbsent) && o.peers == "auto" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stderr, "compare: %s %s\n", p.name, p.version)
		peers = append(peers, p)
	}
	if len(peers) == 0 {
		return nil, fmt.Errorf("neither PyTorch nor JAX in %s runs on %s: %w", python, device, errAbsent)
	}
	return peers, nil
}

// findPython is the program to run the peers with.
func findPython(named string) (string, error) {
	candidates := []string{"python3", "/usr/bin/python3"}
	if named != "" {
		candidates = []string{named}
	}
	for _, c := range candidates {
		probe := `import importlib.util as u, sys; sys.exit(not any(u.find_spec(m) for m in ("torch", "jax")))`
		if exec.Command(c, "-c", probe).Run() == nil {
			return c, nil
		}
	}
	return "", fmt.Errorf("neither PyTorch nor JAX in %s: %w; bash tools/setup.sh --peers brings Debian's PyTorch, -python names another Python, -peers none measures lavagrad alone",
		strings.Join(candidates, " or "), errAbsent)
}
