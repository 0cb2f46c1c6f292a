package shaders

import (
	"fmt"
	"slices"
	"strings"
)

// Axis is one loop of a kernel: over output positions, or over what a reduction folds.
type Axis struct {
	id     int // place in the kernel's list of axes
	Extent int
	reduce bool
	// A split reduction runs over chunks of Extent elements of total; chunks is the output axis that
	// numbers them. The last chunk may be shorter.
	chunks *Axis
	total  int
}

// Index is an integer expression that is affine in axes and in opaque values (quotients, remainders,
// clamped or loaded positions). The zero Index is 0. Indices are values; operations return new ones
// and simplify by the known ranges of their parts.
type Index struct {
	c     int
	terms []term // sorted by key, no zero coefficients
}

type term struct {
	coef int
	atom *atom
}

type atomKind uint8

const (
	axisAtom atomKind = iota
	divAtom
	modAtom
	clampAtom
	valueAtom
)

// atom is an indivisible part of an index with the inclusive range of its values.
type atom struct {
	kind   atomKind
	key    string
	lo, hi int
	axis   *Axis // axisAtom
	base   Index // divAtom, modAtom, clampAtom
	by     int   // divAtom, modAtom
	expr   *Expr // valueAtom
}

// Const is a constant index.
func Const(c int) Index { return Index{c: c} }

// Index gives the axis' running position.
func (a *Axis) Index() Index {
	return of(&atom{kind: axisAtom, key: fmt.Sprintf("a%d", a.id), hi: max(a.Extent-1, 0), axis: a})
}

// ValueIndex is a position that the kernel computes or loads, known to lie in [lo, hi].
func ValueIndex(e *Expr, lo, hi int) Index {
	return of(&atom{kind: valueAtom, key: fmt.Sprintf("e%d", e.id), lo: lo, hi: hi, expr: e})
}

func of(a *atom) Index { return Index{terms: []term{{1, a}}} }

// Add is the sum.
func (x Index) Add(y Index) Index {
	out := Index{c: x.c + y.c}
	i, j := 0, 0
	for i < len(x.terms) || j < len(y.terms) {
		switch {
		case j == len(y.terms) || i < len(x.terms) && x.terms[i].atom.key < y.terms[j].atom.key:
			out.terms = append(out.terms, x.terms[i])
			i++
		case i == len(x.terms) || y.terms[j].atom.key < x.terms[i].atom.key:
			out.terms = append(out.terms, y.terms[j])
			j++
		default:
			if c := x.terms[i].coef + y.terms[j].coef; c != 0 {
				out.terms = append(out.terms, term{c, x.terms[i].atom})
			}
			i++
			j++
		}
	}
	return out.recombined()
}

// recombined puts quotients and remainders of one number together again: c (b / c) + b mod c is b.
func (x Index) recombined() Index {
	for _, t := range x.terms {
		a := t.atom
		if a.kind != modAtom {
			continue
		}
		q := a.base.Div(a.by)
		if q.c != 0 || len(q.terms) != 1 || q.terms[0].coef != 1 {
			continue
		}
		for _, u := range x.terms {
			if u.atom.key != q.terms[0].atom.key || u.coef != t.coef*a.by {
				continue
			}
			rest := Index{c: x.c}
			for _, v := range x.terms {
				if v.atom.key != a.key && v.atom.key != u.atom.key {
					rest.terms = append(rest.terms, v)
				}
			}
			return rest.Add(a.base.Scale(t.coef))
		}
	}
	return x
}

// Scale is the product with a constant.
func (x Index) Scale(c int) Index {
	if c == 0 {
		return Index{}
	}
	out := Index{c: x.c * c, terms: slices.Clone(x.terms)}
	for i := range out.terms {
		out.terms[i].coef *= c
	}
	return out
}

// bounds is the inclusive range of values.
func (x Index) bounds() (lo, hi int) {
	lo, hi = x.c, x.c
	for _, t := range x.terms {
		a, b := t.coef*t.atom.lo, t.coef*t.atom.hi
		lo += min(a, b)
		hi += max(a, b)
	}
	return lo, hi
}

// Within reports whether x always lies in [lo, hi].
func (x Index) Within(lo, hi int) bool {
	a, b := x.bounds()
	return a >= lo && b <= hi
}

// split separates the part that c divides from the rest.
func (x Index) split(c int) (quotient, rest Index) {
	for _, t := range x.terms {
		if t.coef%c == 0 {
			quotient.terms = append(quotient.terms, term{t.coef / c, t.atom})
		} else {
			rest.terms = append(rest.terms, t)
		}
	}
	quotient.c, rest.c = x.c/c, x.c%c
	if rest.c < 0 {
		rest.c += c
		quotient.c--
	}
	return quotient, rest
}

// Div is x / c rounded down, for x that is never negative.
func (x Index) Div(c int) Index {
	if c == 1 {
		return x
	}
	q, r := x.split(c)
	lo, hi := r.bounds()
	if lo >= 0 && hi < c {
		return q
	}
	if lo < 0 {
		q, r = Index{}, x // the rest alone may be negative: divide the whole
	}
	if g := r.gcd(c); g > 1 {
		r, _ = r.split(g)
		return q.Add(r.Div(c / g))
	}
	if len(r.terms) == 1 && r.c == 0 && r.terms[0].coef == 1 && r.terms[0].atom.kind == divAtom {
		a := r.terms[0].atom
		return q.Add(a.base.Div(a.by * c)) // (b / d) / c
	}
	_, hi = r.bounds()
	return q.Add(of(&atom{kind: divAtom, key: fmt.Sprintf("(%s)/%d", r, c), hi: max(hi, 0) / c, base: r, by: c}))
}

// gcd is the greatest common divisor of c, the constant and all coefficients.
func (x Index) gcd(c int) int {
	g := c
	step := func(v int) {
		for v != 0 {
			g, v = v, g%v
		}
		g = max(g, -g)
	}
	step(x.c)
	for _, t := range x.terms {
		step(t.coef)
	}
	return g
}

// Mod is the remainder of x / c, for x that is never negative.
func (x Index) Mod(c int) Index {
	if c == 1 {
		return Index{}
	}
	if lo, hi := x.bounds(); lo >= 0 && hi < c {
		return x
	}
	_, r := x.split(c)
	lo, hi := r.bounds()
	if lo >= 0 && hi < c {
		return r
	}
	if lo < 0 {
		r = x
	}
	return of(&atom{kind: modAtom, key: fmt.Sprintf("(%s)%%%d", r, c), hi: c - 1, base: r, by: c})
}

// Clamp is x brought into [lo, hi].
func (x Index) Clamp(lo, hi int) Index {
	if a, b := x.bounds(); a >= lo && b <= hi {
		return x
	}
	if lo == hi {
		return Const(lo)
	}
	return of(&atom{kind: clampAtom, key: fmt.Sprintf("(%s)<%d:%d>", x, lo, hi), lo: lo, hi: hi, base: x})
}

// String is a canonical text: equal strings, equal indices.
func (x Index) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", x.c)
	for _, t := range x.terms {
		fmt.Fprintf(&b, "+%d*%s", t.coef, t.atom.key)
	}
	return b.String()
}

// axes is the set of axes that x depends on.
func (x Index) axes() axisSet {
	var s axisSet
	for _, t := range x.terms {
		s |= t.atom.axes()
	}
	return s
}

func (a *atom) axes() axisSet {
	switch a.kind {
	case axisAtom:
		return 1 << a.axis.id
	case valueAtom:
		return a.expr.axes
	default:
		return a.base.axes()
	}
}

// coef is the coefficient of an axis that occurs as itself.
func (x Index) coef(a *Axis) int {
	for _, t := range x.terms {
		if t.atom.kind == axisAtom && t.atom.axis == a {
			return t.coef
		}
	}
	return 0
}

// opaque is the set of axes that x depends on through quotients, remainders, clamps or loaded values.
func (x Index) opaque() axisSet {
	var s axisSet
	for _, t := range x.terms {
		if t.atom.kind != axisAtom {
			s |= t.atom.axes()
		}
	}
	return s
}

// axisSet is a set of a kernel's axes, by id.
type axisSet uint64

func (s axisSet) has(a *Axis) bool { return a != nil && s&(1<<a.id) != 0 }
