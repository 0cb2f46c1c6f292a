package graph

// JVP runs f at p and returns its value with the directional derivative along tangent, a tree like
// p: the Jacobian-vector product. Leaves of the result that do not depend on p have zero tangents.
func JVP[P, R any](f func(P) R, p, tangent P) (value, derivative R) {
	primals, ts := leavesOf("jvp", p), leavesOf("jvp", tangent)
	checkTangents("jvp", primals, ts)
	tr := newTrace("jvp")
	defer tr.close()
	fresh := tr.aliases(primals)
	value = f(rebuild("jvp", p, fresh))
	outs := leavesOf("jvp", value)
	return value, rebuild("jvp", value, pushforward(fresh, ts, outs))
}

func checkTangents(what string, primals, ts []Tensor) {
	if len(primals) != len(ts) {
		fail(what, ErrArgument, "give a tangent tree like the argument", "%d tangents for %d leaves", len(ts), len(primals))
	}
	for i, t := range ts {
		if !t.Shape().Equal(primals[i].Shape()) {
			fail(what, ErrShape, "a tangent has its argument's shape", "tangent %d is %v, the argument %v", i, t.Spec(), primals[i].Spec())
		}
	}
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
