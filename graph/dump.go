package graph

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"github.com/lavagrad/lavagrad/gpu"
	"github.com/lavagrad/lavagrad/tree"
)

// DumpOption chooses what Dump prints.
type DumpOption func(*dumpConfig)

type dumpConfig struct {
	dot        bool
	simplified bool
	dev        *gpu.Device
}

// AsDOT prints the graph in the DOT language, which dot of Graphviz draws, instead of lines.
func AsDOT() DumpOption { return func(c *dumpConfig) { c.dot = true } }

// Simplified prints the graph as the compiler's device-independent passes leave it: without markers, equal nodes merged,
// arithmetic on constants done.
func Simplified() DumpOption { return func(c *dumpConfig) { c.simplified = true } }

// ForDevice prints the graph after all passes for a device, then the dispatches of the program with their workgroups. Nothing
// is compiled by the driver, and nothing runs.
func ForDevice(dev *gpu.Device) DumpOption { return func(c *dumpConfig) { c.dev = dev } }

// Dump prints the graph of f at an argument like a, which may be made of Placeholders: f is traced, with all transforms
// inside it expanded, and not run. For several arguments give a function of a struct. A line is an op: its number,
// name, operands, result type and shape, attributes, and the user's line.
//
//	%0 = parameter .X  float32[3]
//	%1 = tanh %0  float32[3]  # main.go:12
//	return %1
//
// Arrays that f captured are named so. By the options the graph is printed as the compiler leaves it.
func Dump[A, R any](f func(A) R, a A, opts ...DumpOption) (s string, err error) {
	defer Recover(&err)
	var c dumpConfig
	for _, o := range opts {
		o(&c)
	}
	params, _, outs := traceLike("dump", f, a)
	l, err := lift(params, outs)
	if err != nil {
		return "", err
	}
	names, err := tree.Paths[Tensor](a)
	if err != nil {
		return "", err
	}
	outputs := l.outputs
	var steps *lowered
	switch {
	case c.dev != nil:
		steps = passes((&executable{}).addChecks(outputs, false, configured(nil).plan), profileOf(c.dev), configured(nil))
		outputs = steps.outputs
	case c.simplified:
		outputs = simplify((&executable{}).addChecks(outputs, false, configured(nil).plan))
	}
	if c.dot {
		return dot(names, l.params, outputs), nil
	}
	s = text(names, l.params, outputs)
	if steps != nil {
		s += dispatches(steps)
	}
	return s, nil
}

// paramName says what a graph's parameter i is: one of the function's arguments, or a captured array.
func paramName(names []string, i int) string {
	switch {
	case names == nil:
		return "parameter"
	case i < len(names):
		return strings.TrimSuffix("parameter "+names[i], " ")
	}
	return "captured array"
}

// numbered gives each node below outputs its line number, the parameters first.
func numbered(params, outputs []*node) (order []*node, number map[*node]int) {
	number = map[*node]int{}
	add := func(n *node) {
		if _, done := number[n]; !done {
			number[n] = len(number)
			order = append(order, n)
		}
	}
	for _, p := range params {
		add(p)
	}
	for _, n := range reach(outputs, nil) {
		add(n)
	}
	return order, number
}

// text prints a graph, a line a node, operands before users.
func text(names []string, params, outputs []*node) string {
	var b strings.Builder
	order, number := numbered(params, outputs)
	for i, n := range order {
		name := n.op.Name()
		if i < len(params) {
			name = paramName(names, i)
		}
		fmt.Fprintf(&b, "%%%d = %s", i, name)
		for _, x := range n.in() {
			fmt.Fprintf(&b, " %%%d", number[x])
		}
		fmt.Fprintf(&b, "  %v", n.spec)
		if s := attributes(n.op); s != "" {
			fmt.Fprintf(&b, "  %s", s)
		}
		if at := position(n.pc); at != "" && i >= len(params) {
			fmt.Fprintf(&b, "  # %s", at)
		}
		b.WriteByte('\n')
	}
	b.WriteString("return")
	for _, n := range outputs {
		fmt.Fprintf(&b, " %%%d", number[n])
	}
	b.WriteByte('\n')
	return b.String()
}

// dot prints a graph in the DOT language.
func dot(names []string, params, outputs []*node) string {
	var b strings.Builder
	b.WriteString("digraph {\n\tnode [shape=box]\n")
	order, number := numbered(params, outputs)
	for i, n := range order {
		name, style := n.op.Name(), ""
		if i < len(params) {
			name, style = paramName(names, i), ", style=rounded"
		}
		label := name + "\n" + n.spec.String()
		if s := attributes(n.op); s != "" {
			label += "\n" + s
		}
		if at := position(n.pc); at != "" && i >= len(params) {
			label += "\n" + at
		}
		fmt.Fprintf(&b, "\tn%d [label=%q%s]\n", i, label, style)
		for _, x := range n.in() {
			fmt.Fprintf(&b, "\tn%d -> n%d\n", number[x], i)
		}
	}
	for i, n := range outputs {
		fmt.Fprintf(&b, "\tr%d [label=\"result %d\", shape=plaintext]\n\tn%d -> r%d\n", i, i, number[n], i)
	}
	b.WriteString("}\n")
	return b.String()
}

// dispatches prints a program's kernels, a line each.
func dispatches(l *lowered) string {
	var b strings.Builder
	for i, s := range l.steps {
		fmt.Fprintf(&b, "dispatch %d: %s  groups %v\n", i, s.name, s.kernel().Groups)
	}
	return b.String()
}

// attributes prints an op's fields as name=value; functions and what is embedded are left out.
func attributes(op Op) string {
	switch o := op.(type) {
	case elementwise, pickOp:
		return ""
	case constOp:
		if len(o.values) > 4 {
			return fmt.Sprintf("%v...", strings.TrimSuffix(fmt.Sprint(o.values[:4]), "]"))
		}
		return fmt.Sprint(o.values)
	}
	v := reflect.Indirect(reflect.ValueOf(op))
	if v.Kind() != reflect.Struct {
		return ""
	}
	var parts []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch f.Type.Kind() {
		case reflect.Func, reflect.Pointer, reflect.Interface, reflect.Chan, reflect.UnsafePointer:
			continue
		}
		if f.Anonymous || v.Field(i).IsZero() {
			continue
		}
		if s := fmt.Sprintf("%v", v.Field(i)); len(s) <= 60 {
			parts = append(parts, cmp.Or(f.Name, "_")+"="+s)
		}
	}
	return strings.Join(parts, " ")
}
