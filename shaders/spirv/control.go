package spirv

// If runs the instructions that then emits where cond, a boolean scalar, holds.
func (b *Builder) If(cond Value, then func()) {
	b.IfElse(cond, func() []Value { then(); return nil }, nil)
}

// IfElse runs one of two bodies and returns the values of the one that ran,
// position by position. The bodies return values of the same types; els may be
// nil if then returns none. A constant condition leaves no branch.
func (b *Builder) IfElse(cond Value, then, els func() []Value) []Value {
	if cond.Type != B1 {
		bug("condition of type %v", cond.Type)
	}
	if els == nil {
		els = func() []Value { return nil }
	}
	if c, ok := b.IntConst(cond); ok {
		if c != 0 {
			return then()
		}
		return els()
	}
	thenID, elseID, mergeID := b.newID(), b.newID(), b.newID()
	b.body.add(opSelectionMerge, mergeID, 0)
	b.body.add(opBranchConditional, cond.ID, thenID, elseID)

	b.label(thenID)
	xs := b.scoped(then)
	thenEnd := b.block
	b.body.add(opBranch, mergeID)

	b.label(elseID)
	ys := b.scoped(els)
	elseEnd := b.block
	b.body.add(opBranch, mergeID)

	b.label(mergeID)
	b.sameTypes("if and else", xs, ys)
	out := make([]Value, len(xs))
	for i, x := range xs {
		y := ys[i]
		if x.ID == y.ID { // the same value on both ways dominates the branch
			out[i] = x
			continue
		}
		typeID := b.typeOf(x.Type)
		out[i] = Value{b.newID(), x.Type}
		b.body.add(opPhi, typeID, out[i].ID, x.ID, thenEnd, y.ID, elseEnd)
	}
	return out
}

// Loop is for i := lo; i < hi; i += step { carried = body(i, carried) }, over
// u32 or i32 scalars, and returns the carried values at its end. The step must
// be positive and hi + step must not overflow. Bodies may nest. A range known
// to be empty or to have one element leaves no loop.
func (b *Builder) Loop(lo, hi, step Value, carried []Value, body func(i Value, carried []Value) []Value) []Value {
	t := lo.Type
	if !t.Kind.isInt() || t.Lanes != 1 || hi.Type != t || step.Type != t {
		bug("loop from %v to %v by %v", lo.Type, hi.Type, step.Type)
	}
	l, lok := b.IntConst(lo)
	h, hok := b.IntConst(hi)
	s, sok := b.IntConst(step)
	if sok && s <= 0 {
		bug("loop step %d", s)
	}
	if lok && hok {
		if l >= h {
			return carried
		}
		if sok && l+s >= h {
			out := body(lo, carried)
			b.sameTypes("loop body", carried, out)
			return out
		}
	}
	vals := append([]Value{lo}, carried...)
	out := b.loop(vals,
		func(c []Value) Value { return b.Lt(c[0], hi) },
		func(c []Value) []Value { return body(c[0], c[1:]) },
		func(c, next []Value) []Value {
			i := b.effect(opIAdd, t, c[0].ID, step.ID)
			return append([]Value{i}, next...)
		})
	return out[1:]
}

// While is for cond(carried) { carried = body(carried) }, and returns the
// carried values for which cond, a boolean scalar, failed.
func (b *Builder) While(carried []Value, cond func(c []Value) Value, body func(c []Value) []Value) []Value {
	return b.loop(carried, cond, body, func(_, next []Value) []Value { return next })
}

// loop emits the one form of loop there is. The continue target gets the
// body's results and makes the values of the next round of them.
//
//	header: phis; merge; -> test
//	test:   cond          -> body or merge
//	body:   ...           -> continue
//	continue: advance     -> header
func (b *Builder) loop(vals []Value, cond func([]Value) Value, body func([]Value) []Value, advance func(c, next []Value) []Value) []Value {
	before := b.block
	headerID, testID, bodyID := b.newID(), b.newID(), b.newID()
	continueID, mergeID := b.newID(), b.newID()
	b.body.add(opBranch, headerID)

	b.label(headerID)
	phis := make([]Value, len(vals))
	patch := make([]int, len(vals)) // where the word of the back edge's value is
	for i, v := range vals {
		if !v.Valid() {
			bug("carried value %d is no value", i)
		}
		typeID := b.typeOf(v.Type)
		phis[i] = Value{b.newID(), v.Type}
		b.body.add(opPhi, typeID, phis[i].ID, v.ID, before, 0, continueID)
		patch[i] = len(b.body) - 2
	}
	b.body.add(opLoopMerge, mergeID, continueID, 0)
	b.body.add(opBranch, testID)

	b.label(testID)
	b.pushScope()
	c := cond(phis)
	if c.Type != B1 {
		bug("loop condition of type %v", c.Type)
	}
	b.body.add(opBranchConditional, c.ID, bodyID, mergeID)

	b.label(bodyID)
	next := b.scoped(func() []Value { return body(phis) })
	b.body.add(opBranch, continueID)

	b.label(continueID)
	next = advance(phis, next)
	b.sameTypes("loop body", phis, next)
	b.body.add(opBranch, headerID)
	for i, v := range next {
		b.body[patch[i]] = v.ID
	}
	b.popScope()

	b.label(mergeID)
	return phis
}

func (b *Builder) sameTypes(what string, xs, ys []Value) {
	if len(xs) != len(ys) {
		bug("%s: %d values against %d", what, len(xs), len(ys))
	}
	for i := range xs {
		if xs[i].Type != ys[i].Type || !xs[i].Valid() || !ys[i].Valid() {
			bug("%s: value %d is %v against %v", what, i, xs[i].Type, ys[i].Type)
		}
	}
}

func (b *Builder) label(id uint32) {
	b.body.add(opLabel, id)
	b.block = id
}

// scoped runs f with value numbers of its own: what it emits dominates nothing
// outside.
func (b *Builder) scoped(f func() []Value) []Value {
	b.pushScope()
	out := f()
	b.popScope()
	return out
}

func (b *Builder) pushScope() { b.scopes = append(b.scopes, map[instKey]Value{}) }
func (b *Builder) popScope()  { b.scopes = b.scopes[:len(b.scopes)-1] }
