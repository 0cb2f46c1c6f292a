package graph

import (
	"cmp"
	"fmt"

	"github.com/lavagrad/lavagrad/tree"
)

// JVP runs f at p and returns its value with the directional derivative along tangent, a tree like
// p: the Jacobian-vector product. Leaves of the result that do not depend on p have zero tangents.
func JVP[P, R any](f func(P) R, p, tangent P) (value, derivative R) {
	primals, ts := leavesOf("jvp", p), alike("jvp", "tangent", "argument", tangent, p)
	tr := newTrace("jvp")
	defer tr.close()
	fresh := tr.aliases(primals)
	value = f(rebuild("jvp", p, fresh))
	outs := leavesOf("jvp", value)
	return value, rebuild("jvp", value, pushforward(fresh, ts, outs))
}

// alike flattens t, a tree that stands for the derivatives of like: the tangent of an argument, the cotangent of an output.
func alike[T any](op, name, of string, t, like T) []Tensor {
	ts := leavesOf(op, t)
	have, want := sameLeaves(op, of, name, like, t, fmt.Sprintf("give a %s tree like the %s", name, of)), leavesOf(op, like)
	for i, w := range want {
		if !ts[i].Shape().Equal(w.Shape()) {
			fail(op, ErrShape, fmt.Sprintf("a %s has the shape of its %s", name, of), "%s %s is %v, the %s %v", name, leafAt(have, i), ts[i].Spec(), of, w.Spec())
		}
		if w.DType().IsFloat() && ts[i].DType() != w.DType() {
			fail(op, ErrDType, fmt.Sprintf("a %s has the type of its %s; Convert it", name, of), "%s %s is %v, the %s %v", name, leafAt(have, i), ts[i].Spec(), of, w.Spec())
		}
	}
	return ts
}

// sameLeaves fails where two trees of one type, as their names have it, do not have the same leaves: maps and slices may differ. It
// gives the paths of b.
func sameLeaves[T any](op, nameA, nameB string, a, b T, fix string) []string {
	p, q := pathsOf(a), pathsOf(b)
	for i := range max(len(p), len(q)) {
		if i >= len(p) || i >= len(q) || p[i] != q[i] {
			fail(op, ErrArgument, fix, "structures differ: leaf %d of %d of the %s is %s, leaf %d of %d of the %s is %s",
				i, len(p), nameA, leafAt(p, i), i, len(q), nameB, leafAt(q, i))
		}
	}
	return q
}

func pathsOf[T any](t T) []string {
	paths, _ := tree.Paths[Tensor](t) // leavesOf has reported the error
	return paths
}

func leafAt(paths []string, i int) string {
	if i >= len(paths) {
		return "none"
	}
	return cmp.Or(paths[i], "(root)")
}

// pushforward carries tangents from params to outs; zero Tensors stand for no tangent.
func pushforward(params, tangents, outs []Tensor) []Tensor {
	return pushAlong(recordSince(outs, params), params, tangents, outs)
}

// pushAlong is pushforward along an order that was recorded before.
func pushAlong(order []applied, params, tangents, outs []Tensor) []Tensor {
	checkOutdated(order)
	tangent := map[*node]Tensor{}
	for i, p := range params {
		if p.DType().IsFloat() && tangents[i].Valid() {
			tangent[p.n] = tangents[i]
		}
	}
	param := map[*node]bool{}
	for _, p := range params {
		param[p.n] = true
	}
	several := results{}
	for _, a := range order {
		op, multi := a.op.(multiOp)
		if param[a.node] || len(a.from) == 0 || !multi && !a.spec.DType.IsFloat() {
			continue
		}
		if p, ok := a.op.(pickOp); ok {
			if ts := several[a.from[0]]; ts != nil && ts[p.i].Valid() {
				tangent[a.node] = ts[p.i]
			}
			continue
		}
		ts := make([]Tensor, len(a.from))
		some := false
		for i, in := range a.from {
			ts[i] = tangent[in]
			some = some || ts[i].Valid()
		}
		switch {
		case !some:
		case multi:
			several[a.node] = op.JVPAll(a.multiCall(op), ts)
		default:
			if t := a.op.JVP(a.call(), ts); t.Valid() {
				tangent[a.node] = t
			}
		}
	}
	out := zerosLike(outs)
	for i, o := range outs {
		if t := tangent[o.n]; t.Valid() {
			out[i] = t
		}
	}
	return out
}

func zerosLike(ts []Tensor) []Tensor {
	out := make([]Tensor, len(ts))
	for i, t := range ts {
		out[i] = Full(t.DType().orFloat32(), 0, t.Shape()...)
	}
	return out
}
