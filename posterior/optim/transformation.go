package optim

import (
	"slices"

	"github.com/lavagrad/lavagrad/graph"
	"github.com/lavagrad/lavagrad/tree"
)

// Transformation is a chain of steps from a gradient to an update. The zero Transformation gives the gradient itself. It is
// immutable and safe for concurrent use.
type Transformation struct{ stages []stage }

// stage is one link of a chain.
type stage struct {
	name      string
	perSample bool // takes gradients with a sample axis in front
	init      func(params []graph.Tensor) Part
	update    func(in Input, p Part) ([]graph.Tensor, Part)
}

// State is what a Transformation remembers: a tree, the same type for all of them.
type State struct {
	Step  graph.Tensor // int32: updates done
	Parts []Part       // one for each link of the chain
}

// Part is the state of one link of a chain.
type Part struct {
	Name   string                    // of the transformation
	Values map[string]graph.Tensor   // single tensors, such as "lr", a learning rate that was given as a number
	Slots  map[string][]graph.Tensor // a tensor for each float leaf of the parameters, such as Adam's "m" and "v"
}

// Input is what a link of a chain works on. Lists have one tensor for each float leaf of the parameters, in the order of
// tree.Leaves.
type Input struct {
	Updates []graph.Tensor // the gradient, as the links before have changed it
	Params  []graph.Tensor
	Step    graph.Tensor // int32: updates done before
}

// New makes a Transformation of the user's own, from the state at the start and the function that takes updates and state to
// the next ones. Updates keep their shapes and dtypes; the Part keeps its form, and New sets its name.
func New(name string, init func(params []graph.Tensor) Part, update func(in Input, p Part) ([]graph.Tensor, Part)) Transformation {
	return Transformation{[]stage{{name: name, init: init, update: update}}}
}

// stateless is New without a state.
func stateless(name string, update func(in Input) []graph.Tensor) Transformation {
	return New(name, func([]graph.Tensor) Part { return Part{} }, func(in Input, p Part) ([]graph.Tensor, Part) { return update(in), p })
}

// each is stateless for what works leaf by leaf.
func each(name string, f func(u, param graph.Tensor) graph.Tensor) Transformation {
	return stateless(name, func(in Input) []graph.Tensor { return pairs(f, in.Updates, in.Params) })
}

// Chain applies transformations one after the other, the first to the gradient. One that takes per-sample gradients, as DPSGD
// does, must be the first.
func Chain(ts ...Transformation) Transformation {
	var all []stage
	for _, t := range ts {
		for _, s := range t.stages {
			if s.perSample && len(all) > 0 {
				graph.Fail("chain", graph.ErrArgument, "put it first", "%s takes per-sample gradients, but comes after %s", s.name, all[len(all)-1].name)
			}
			all = append(all, s)
		}
	}
	return Transformation{all}
}

// Init is the state before the first step, for a tree of parameters.
func Init[P any](t Transformation, params P) State {
	_, p := floatLeaves("optim init", params)
	s := State{Step: graph.Int(0), Parts: make([]Part, len(t.stages))}
	for i, g := range t.stages {
		s.Parts[i] = g.init(p)
		s.Parts[i].Name = g.name
	}
	return s
}

// Update takes a gradient, a tree like params, to the update to be added to params, with the next state; params themselves
// matter to weight decay only. Updates of integer and bool leaves are the gradients given for them. Trees or shapes that do not
// fit each other or the state are graph.ErrArgument and graph.ErrShape, with the path of the leaf.
func Update[P any](t Transformation, grads P, s State, params P) (P, State) {
	const op = "optim update"
	check(op, tree.SameStructure[graph.Tensor](params, grads))
	all, p := floatLeaves(op, params)
	gradLeaves, paths, err := tree.LeavesAndPaths[graph.Tensor](grads)
	check(op, err)
	t.checkState(op, s, p)
	perSample := len(t.stages) > 0 && t.stages[0].perSample
	var u []graph.Tensor
	batch := -1
	for i, g := range gradLeaves {
		if !all[i].DType().IsFloat() {
			continue
		}
		if !g.Valid() {
			graph.Fail(op, graph.ErrArgument, "give a gradient for every leaf", "the gradient at %s is the zero Tensor", shown(paths[i]))
		}
		shape := g.Shape()
		if perSample && len(shape) > 0 {
			if batch >= 0 && shape[0] != batch {
				graph.Fail(op, graph.ErrShape, "give one batch of per-sample gradients", "the gradient at %s has %d samples, others have %d", shown(paths[i]), shape[0], batch)
			}
			batch, shape = shape[0], shape[1:]
		} else if perSample {
			shape = graph.Shape{-1}
		}
		if !shape.Equal(all[i].Shape()) || g.DType() != all[i].DType() {
			fix := "give the gradient by these parameters"
			if perSample {
				fix = "give per-sample gradients: the parameter's shape behind the sample axis"
			}
			graph.Fail(op, graph.ErrShape, fix, "at %s the gradient is %v, the parameter %v", shown(paths[i]), g.Spec(), all[i].Spec())
		}
		u = append(u, g)
	}
	next := State{Step: s.Step.AddScalar(1), Parts: make([]Part, len(s.Parts))}
	for i, g := range t.stages {
		u, next.Parts[i] = g.update(Input{u, p, s.Step}, s.Parts[i])
		next.Parts[i].Name = g.name
		if len(u) != len(p) {
			graph.Fail(op, graph.ErrArgument, "return an update for every float leaf", "%s returned %d updates for %d leaves", g.name, len(u), len(p))
		}
	}
	out, k := slices.Clone(gradLeaves), 0
	for i := range out {
		if all[i].DType().IsFloat() {
			out[i] = u[k]
			k++
		}
	}
	updates, err := tree.Unflatten(grads, out)
	check(op, err)
	return updates, next
}

// Apply adds updates to parameters; integer and bool leaves stay.
func Apply[P any](params, updates P) P {
	next, err := tree.Map2(func(p, u graph.Tensor) graph.Tensor {
		if !p.DType().IsFloat() {
			return p
		}
		return p.Add(u)
	}, params, updates)
	check("optim apply", err)
	return next
}

// Step is Update, then Apply: the parameters and the state after one step.
func Step[P any](t Transformation, grads P, s State, params P) (P, State) {
	updates, next := Update(t, grads, s, params)
	return Apply(params, updates), next
}

// WithRate is the state with another learning rate, in every link that was given its rate as a number. Compiled functions of
// the state run on as they are. It is graph.ErrArgument if the rate is negative or no link has one.
func (s State) WithRate(lr float64) State {
	notNegative("with rate", "learning rate", lr)
	found := false
	s.Parts = slices.Clone(s.Parts)
	for i, p := range s.Parts {
		if old, ok := p.Values[rateValue]; ok {
			found = true
			s.Parts[i] = p.with(rateValue, graph.Full(old.DType(), lr, old.Shape()...))
		}
	}
	if !found {
		graph.Fail("with rate", graph.ErrArgument, "give the optimizer a number as its rate, or change the schedule", "no learning rate is in the state")
	}
	return s
}

// with is the part with another value.
func (p Part) with(name string, v graph.Tensor) Part {
	values := map[string]graph.Tensor{}
	for k, t := range p.Values {
		values[k] = t
	}
	values[name] = v
	p.Values = values
	return p
}

// checkState reports a state that another transformation or other parameters have made.
func (t Transformation) checkState(op string, s State, params []graph.Tensor) {
	if !s.Step.Valid() {
		graph.Fail(op, graph.ErrArgument, "make it with optim.Init", "the state is the zero State")
	}
	if len(s.Parts) != len(t.stages) {
		graph.Fail(op, graph.ErrArgument, "make it with optim.Init for this transformation", "the state has %d parts, the chain %d links", len(s.Parts), len(t.stages))
	}
	for i, p := range s.Parts {
		if p.Name != t.stages[i].name {
			graph.Fail(op, graph.ErrArgument, "make it with optim.Init for this transformation", "part %d of the state is of %s, the chain has %s there", i, p.Name, t.stages[i].name)
		}
		for name, slot := range p.Slots {
			if len(slot) != len(params) {
				graph.Fail(op, graph.ErrArgument, "make it with optim.Init for these parameters", "%s of %s has %d leaves, the parameters have %d", name, p.Name, len(slot), len(params))
			}
			for j, x := range slot {
				if !x.Shape().Equal(params[j].Shape()) || x.DType() != params[j].DType() {
					graph.Fail(op, graph.ErrShape, "make it with optim.Init for these parameters", "%s of %s is %v for leaf %d, the parameter %v", name, p.Name, x.Spec(), j, params[j].Spec())
				}
			}
		}
	}
}
