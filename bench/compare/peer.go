package main

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed peer/*.py
var scripts embed.FS

// errAbsent is a peer that is not installed.
var errAbsent = errors.New("not installed")

// exitAbsent is the status by which the Python side says so.
const exitAbsent = 3

// peer is a running Python process.
type peer struct {
	name, version string // as it reports itself
	dir           string // of files between the two
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *bufio.Reader
	stderr        *bytes.Buffer
}

// reply is what the process says.
type reply struct {
	Peer    string    `json:"peer"`
	Version string    `json:"version"`
	Sizes   []int     `json:"sizes"`
	MS      []float64 `json:"ms,omitempty"`
	Error   string    `json:"error"`
}

// extract writes the Python side into a folder.
func extract(dir string) error {
	files, err := scripts.ReadDir("peer")
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := scripts.ReadFile("peer/" + f.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name()), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startPeer starts a peer: torch, torch.compile or jax, on cpu or cuda.
func startPeer(python, dir, name, device string, threads int) (*peer, error) {
	p := &peer{dir: dir, stderr: &bytes.Buffer{}}
	p.cmd = exec.Command(python, filepath.Join(dir, "main.py"), name, device, strconv.Itoa(threads))
	p.cmd.Stderr = p.stderr
	// Else the library may take fewer threads than it is told, whatever this shell exports.
	p.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS="+strconv.Itoa(threads))
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %v", errAbsent, err)
	}
	hello, err := p.read()
	if err != nil {
		if e := new(exec.ExitError); errors.As(err, &e) && e.ExitCode() == exitAbsent {
			err = fmt.Errorf("%w: %s", errAbsent, strings.TrimSpace(p.stderr.String()))
		}
		return nil, err
	}
	p.name, p.version = hello.Peer, hello.Version
	return p, nil
}

// read is the next reply.
func (p *peer) read() (r reply, err error) {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		if e := p.cmd.Wait(); e != nil {
			err = e
		}
		return r, fmt.Errorf("the peer has ended: %w\n%s", err, p.stderr.Bytes())
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("the peer said %q: %w", line, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (p *peer) ask(request any) (reply, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return reply{}, err
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return reply{}, fmt.Errorf("the peer has ended: %w\n%s", err, p.stderr.Bytes())
	}
	return p.read()
}

// load makes a workload ready.
func (p *peer) load(s spec, inputs []entry) error {
	_, err := p.ask(struct {
		Cmd string `json:"cmd"`
		spec
		Arrays []entry `json:"arrays"`
	}{"load", s, inputs})
	return err
}

// results runs the workload, without noise, and reads what it gives.
func (p *peer) results() ([][]float32, error) {
	file := filepath.Join(p.dir, "results")
	defer os.Remove(file)
	r, err := p.ask(map[string]any{"cmd": "check", "file": file})
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var out [][]float32
	for _, n := range r.Sizes {
		leaf := make([]float32, n)
		if err := binary.Read(in, binary.LittleEndian, leaf); err != nil {
			return nil, err
		}
		out = append(out, leaf)
	}
	return out, nil
}

// series is the times in milliseconds of runs that take about ms in all.
func (p *peer) series(ms float64) ([]float64, error) {
	r, err := p.ask(map[string]any{"cmd": "series", "ms": ms})
	return r.MS, err
}

func (p *peer) close() error {
	if err := p.in.Close(); err != nil {
		return err
	}
	return p.cmd.Wait()
}
