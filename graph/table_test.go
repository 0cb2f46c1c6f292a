package graph

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/lavagrad/lavagrad/gpu"
)

// table collects what the conformance suite ran; TestMain prints it.
var table conformanceTable

// onHost is the column of what the evaluator computes alone.
const onHost = "evaluator"

// conformanceTable counts cases by op, driver and rule.
type conformanceTable struct {
	mu      sync.Mutex
	drivers []string
	cells   map[cell]*tally
}

type cell struct{ op, driver, rule string }

type tally struct{ ran, failed int }

// run is t.Run of a case that is counted.
func (c *conformanceTable) run(t *testing.T, of Case, driver, rule string, f func(t *testing.T)) {
	t.Helper()
	ok := t.Run(caseName(of), f)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cells == nil {
		c.cells = map[cell]*tally{}
	}
	if !slices.Contains(c.drivers, driver) {
		c.drivers = append(c.drivers, driver)
	}
	k := cell{of.Op.Name(), driver, rule}
	if c.cells[k] == nil {
		c.cells[k] = &tally{}
	}
	c.cells[k].ran++
	if !ok {
		c.cells[k].failed++
	}
}

func driver(dev *gpu.Device) string { return dev.Profile().Driver }

// print writes a line an op: for each driver and rule the number of cases that passed, FAIL where one did not, and
// - where the op has none, as non-differentiable ops in the derivative columns.
func (c *conformanceTable) print(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cells) == 0 {
		return
	}
	slices.Sort(c.drivers)
	var columns []cell
	for _, d := range c.drivers {
		for _, r := range []string{"value", "jvp", "vjp", "second", "vmap", "float64"} {
			used := false
			for k := range c.cells {
				used = used || k.driver == d && k.rule == r
			}
			if used {
				columns = append(columns, cell{driver: d, rule: r})
			}
		}
	}
	var names []string // in the order of Ops, and those that cases add behind their op
	for _, op := range Ops() {
		names = append(names, op.Name())
		for _, of := range op.Cases() {
			names = append(names, of.Op.Name())
		}
	}
	fmt.Fprintln(w, "conformance: cases passed, by op, driver and rule")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, line := range []func(cell) string{func(k cell) string { return k.driver }, func(k cell) string { return k.rule }} {
		row := []string{"", "op"}[i]
		last := ""
		for _, k := range columns {
			s := line(k)
			if s == last {
				s = ""
			} else {
				last = s
			}
			row += "\t" + s
		}
		fmt.Fprintln(tw, row)
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		row, any := []string{name}, false
		for _, k := range columns {
			n := c.cells[cell{name, k.driver, k.rule}]
			switch {
			case n == nil:
				row = append(row, "-")
			case n.failed > 0:
				row = append(row, fmt.Sprintf("FAIL %d/%d", n.failed, n.ran))
			default:
				row = append(row, fmt.Sprint(n.ran))
			}
			any = any || n != nil
		}
		if any {
			fmt.Fprintln(tw, strings.Join(row, "\t"))
		}
	}
	tw.Flush()
}
