package graph

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// chooser makes the choices of a random program; rngChoices and byteChoices are the two kinds.
type chooser interface {
	intn(n int) int
	done() bool
}

// rngChoices go on for ever.
type rngChoices struct{ *rand.Rand }

func (c rngChoices) intn(n int) int { return c.IntN(n) }
func (rngChoices) done() bool       { return false }

// byteChoices come from a fuzz input; when it is used up they are 0, and the program ends.
type byteChoices struct{ data []byte }

func (c *byteChoices) done() bool { return len(c.data) == 0 }

func (c *byteChoices) intn(n int) int {
	v := 0
	for range 1 + (n-1)>>8 {
		if len(c.data) > 0 {
			v = v<<8 | int(c.data[0])
			c.data = c.data[1:]
		}
	}
	return v % n
}

// recipe is a random program: the same choices, so the same ops, each time it is built.
type recipe func() chooser

func seeded(seed uint64) recipe {
	return func() chooser { return rngChoices{rand.New(rand.NewPCG(seed, 7))} }
}

func fromBytes(data []byte) recipe { return func() chooser { return &byteChoices{data} } }

const (
	largestRandom = 60_000 // elements: the evaluator must be quick
	largestInput  = 20_000
	randomSteps   = 12
)

// inputs are the specs of the program's arguments.
func (r recipe) inputs(d DType, limit int) []Spec {
	p := &program{chooser: r(), dtype: d}
	return p.inputs(limit)
}

// build applies the program to tensors like its inputs, and gives its last results. For a program of bytes, type and limit must be those of
// inputs.
func (r recipe) build(d DType, limit int, in []Tensor) []Tensor {
	p := &program{chooser: r(), dtype: d, pool: slices.Clone(in), limit: limit * largestRandom / largestInput}
	p.inputs(limit)
	for range randomSteps {
		if p.done() {
			break
		}
		if p.intn(2) == 0 {
			p.caseStep()
		} else {
			p.step()
		}
	}
	outs := p.pool[max(len(in), len(p.pool)-3):]
	if len(outs) == 0 {
		outs = []Tensor{p.pool[0].Tanh()}
	}
	return slices.Clone(outs)
}

// program builds a random graph on floats of one type. They stay of the order of one, so that float32 and float64 agree.
type program struct {
	chooser
	dtype DType
	pool  []Tensor
	limit int // elements of a tensor
}

var lengths = []int{1, 2, 3, 4, 5, 7, 8, 12, 16, 33, 64, 100, 256, 1000, 4096}

func (p *program) inputs(limit int) []Spec {
	specs := make([]Spec, 2+p.intn(2))
	for i := range specs {
		s := make(Shape, p.intn(4))
		for j := range s {
			s[j] = lengths[p.intn(len(lengths))]
		}
		for s.Size() > limit {
			s = s[1:]
		}
		if s.Size() > limit {
			s = Shape{}
		}
		specs[i] = Spec{p.dtype, s}
	}
	return specs
}

// float picks a float tensor; there always is one.
func (p *program) float() Tensor {
	for {
		if x := p.pool[p.intn(len(p.pool))]; x.DType().IsFloat() {
			return x
		}
		if p.done() {
			return p.pool[0]
		}
	}
}

// step adds a few ops of a form that the compiler fuses, of any length, or nothing where the operands drawn do not fit.
func (p *program) step() {
	x := p.float()
	s := x.Shape()
	axis := 0
	if len(s) > 0 {
		axis = p.intn(len(s))
	}
	var y Tensor
	switch p.intn(14) {
	case 0:
		y = x.Tanh()
	case 1:
		y = x.Sigmoid().AddScalar(-0.5)
	case 2:
		y = x.ReLU().Sub(x.Scale(0.25))
	case 3, 4:
		u := p.float()
		shape, err := broadcastShapes(s, u.Shape())
		if err != nil || shape.Size() > p.limit {
			return
		}
		y = x.Mul(u).Tanh()
		if p.intn(2) == 0 {
			y = Where(x.Lt(u), x, u)
		}
	case 5, 6:
		if len(s) == 0 {
			return
		}
		if y = x.Mean(axis); p.intn(3) == 0 {
			y = x.ReduceMax(axis)
		}
		if p.intn(4) == 0 {
			y = x.LogSumExp().Scale(0.1)
		}
	case 7:
		perm := make([]int, len(s))
		for i := range perm {
			j := p.intn(i + 1)
			perm[i], perm[j] = perm[j], i
		}
		y = x.Transpose(perm...)
	case 8:
		if len(s) < 2 {
			return
		}
		merged := append(Shape{s[0] * s[1]}, s[2:]...)
		y = x.Reshape(merged...)
	case 9:
		if len(s) == 0 || s[axis] < 3 {
			return
		}
		y = x.SliceStep(axis, 1, s[axis], 1+p.intn(2))
	case 10:
		if len(s) == 0 || x.Size()*2 > p.limit {
			return
		}
		y = x.Pad(axis, p.intn(3), p.intn(3))
	case 11:
		if len(s) == 0 || x.Size()*2 > p.limit {
			return
		}
		y = Concat(axis, x, x.Neg())
	case 12:
		if len(s) != 2 {
			return
		}
		k := 1 + p.intn(40)
		w := Iota(0, s[1], k).Convert(p.dtype).Scale(0.37).Add(Iota(1, s[1], k).Convert(p.dtype)).Sin()
		y = x.MatMul(w).Scale(1 / float64(s[1]))
	case 13:
		if len(s) == 0 || s.Size()*3 > p.limit {
			return
		}
		y = x.ExpandDims(-1).Mul(Literal([]float32{0.5, -1, 2}).Convert(p.dtype))
		y = y.Tanh()
	}
	p.add(y)
}

func (p *program) add(y Tensor) {
	if y.Valid() && y.DType().IsFloat() {
		y = y.Convert(p.dtype)
	}
	if n := y.Size(); n > 0 && n <= p.limit {
		p.pool = append(p.pool, y)
	}
}

// casesOf are the sample applications of every op that programs on floats of a type are made of: those of elements.
func casesOf(d DType) []Case {
	if d == Float64 {
		return cases64()
	}
	return cases32()
}

var cases32 = sync.OnceValue(func() []Case {
	var cases []Case
	eachCase(func(c Case) {
		for _, s := range c.In {
			if s.Spec.Shape.Size() == 0 {
				return
			}
		}
		if !c.float64() {
			cases = append(cases, c)
		}
	})
	return cases
})

// cases64 are those in float64, and those of float64 alone.
var cases64 = sync.OnceValue(func() []Case {
	var cases []Case
	for _, c := range cases32() {
		c, _ = c.inFloat64()
		cases = append(cases, c)
	}
	eachCase(func(c Case) {
		if c.float64() && c.In[0].Spec.Shape.Size() > 0 {
			cases = append(cases, c)
		}
	})
	return cases
})

// caseStep applies any op of Ops as one of its cases does, to operands from the pool, in the case's shapes or in others
// that the op accepts.
func (p *program) caseStep() {
	cases := casesOf(p.dtype)
	c := cases[p.intn(len(cases))]
	shapes := make([]Shape, len(c.In))
	for i, s := range c.In {
		shapes[i] = s.Spec.Shape
	}
	if own := p.float().Shape(); len(c.In) > 0 && len(own) == len(shapes[0]) {
		// The shape of a tensor of the pool, for all operands that share one in the case; attributes are for its rank.
		specs := make([]Spec, len(c.In))
		other := slices.Clone(shapes)
		for i, s := range c.In {
			if shapes[i].Equal(shapes[0]) {
				other[i] = own
			}
			specs[i] = Spec{s.Spec.DType, other[i]}
		}
		if accepts(c.Op, specs) {
			shapes = other
		}
	}
	in := make([]Tensor, len(c.In))
	for i, s := range c.In {
		s.Spec.Shape = shapes[i]
		if s.Spec.Shape.Size() > p.limit {
			return
		}
		in[i] = p.operand(s)
	}
	for _, y := range c.apply(in) {
		if y.DType().IsFloat() && c.Op.Class() != View {
			y = y.Tanh() // whatever it is, the next op gets numbers of the order of one
		}
		p.add(y)
	}
}

func accepts(op Op, specs []Spec) bool {
	if m, ok := op.(multiOp); ok {
		_, err := m.InferAll(specs)
		return err == nil
	}
	_, err := op.Infer(specs)
	return err == nil
}

// operand is a tensor of the sample's spec and range: a constant, or made from one of the pool.
func (p *program) operand(s Sample) Tensor {
	lo, hi := s.Lo, s.Hi
	if lo == hi {
		lo, hi = -2, 2
	}
	kind := p.intn(4)
	if kind == 0 || s.Prepare != nil || !s.Spec.DType.IsFloat() && (kind < 3 || hi-lo > 1000) { // words of random bits are exact, or chaos
		values := draw(rand.New(rand.NewPCG(uint64(p.intn(256)), 9)), s)
		return literalOf(s.Spec, values)
	}
	x := p.pool[p.intn(len(p.pool))]
	switch d := x.DType(); {
	case d.IsInt():
		x = x.Rem(x.Like(7)).Convert(p.dtype).Scale(0.3)
	case d == Bool:
		x = x.Convert(p.dtype)
	}
	if !x.Shape().Equal(s.Spec.Shape) {
		want, have := s.Spec.Shape.Size(), x.Size()
		x = x.Reshape(1, have).BroadcastTo((want+have-1)/have, have).Flatten().Slice(0, 0, want).Reshape(s.Spec.Shape...)
	}
	if kind != 1 || s.Lo != s.Hi {
		x = x.Sigmoid().Scale(hi - lo).AddScalar(lo)
	}
	switch s.Spec.DType {
	case p.dtype:
		return x
	case Bool:
		return x.Gt(x.Like((lo + hi) / 2))
	}
	return x.Floor().Convert(s.Spec.DType)
}
