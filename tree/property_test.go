package tree_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/lavagrad/lavagrad/tree"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// forAll checks a property of random trees.
func forAll(t *testing.T, property func(t *rapid.T, n node)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) { property(t, drawNode(rapidShape{t}, 3)) })
}

func TestFlattenThenUnflattenIsIdentity(t *testing.T) {
	forAll(t, func(t *rapid.T, n node) {
		leaves, err := tree.Leaves[num](n)
		require.NoError(t, err)
		again, err := tree.Unflatten(n, leaves)
		require.NoError(t, err)
		require.Equal(t, n, again)
		require.NoError(t, tree.SameStructure[num](n, again))
	})
}

func TestUnflattenThenFlattenIsIdentityAndPure(t *testing.T) {
	forAll(t, func(t *rapid.T, n node) {
		before, err := tree.Leaves[num](n)
		require.NoError(t, err)
		want := make([]num, len(before))
		for i := range want {
			want[i] = num{float64(-1 - i)}
		}
		other, err := tree.Unflatten(n, want)
		require.NoError(t, err)
		got, err := tree.Leaves[num](other)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NoError(t, tree.SameStructure[num](n, other), "leaves are no structure")

		after, err := tree.Leaves[num](n)
		require.NoError(t, err)
		require.Equal(t, before, after, "the model tree must not change")
	})
}

func TestMapIdentityAndComposition(t *testing.T) {
	double := func(x num) num { return num{2 * x.V} }
	increment := func(x num) num { return num{x.V + 1} }
	forAll(t, func(t *rapid.T, n node) {
		same, err := tree.Map(func(x num) num { return x }, n)
		require.NoError(t, err)
		require.Equal(t, n, same)

		a, err := tree.Map(double, n)
		require.NoError(t, err)
		a, err = tree.Map(increment, a)
		require.NoError(t, err)
		b, err := tree.Map(func(x num) num { return increment(double(x)) }, n)
		require.NoError(t, err)
		require.Equal(t, a, b)

		c, err := tree.Map3(func(x, y, z num) num { return num{x.V + y.V - z.V} }, n, a, n)
		require.NoError(t, err)
		require.Equal(t, a, c)
	})
}

func TestPathsAreUniqueAndAgreeWithWalk(t *testing.T) {
	forAll(t, func(t *rapid.T, n node) {
		leaves, paths, err := tree.LeavesAndPaths[num](n)
		require.NoError(t, err)
		only, err := tree.Paths[num](n)
		require.NoError(t, err)
		require.Equal(t, only, paths)
		plain, err := tree.AppendLeaves([]num{{7}}, n)
		require.NoError(t, err)
		require.Equal(t, append([]num{{7}}, leaves...), plain)

		seen := map[string]bool{}
		i := 0
		require.NoError(t, tree.Walk(n, func(path string, leaf num) error {
			require.False(t, seen[path], "path %s twice", path)
			seen[path] = true
			require.Equal(t, paths[i], path)
			require.Equal(t, leaves[i], leaf)
			i++
			return nil
		}))
		require.Len(t, leaves, i)
	})
}

// The two ways to compare agree: SameStructure panics on different keys without a difference.
func TestKeysAgreeWithSameStructure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawNode(rapidShape{t}, 2), drawNode(rapidShape{t}, 2)
		sa, err := tree.StructureOf[num](a)
		require.NoError(t, err)
		sb, err := tree.StructureOf[num](b)
		require.NoError(t, err)
		key, err := tree.AppendKey[num]([]byte("k"), a)
		require.NoError(t, err)
		require.Equal(t, "k"+sa.Key(), string(key))

		err = tree.SameStructure[num](a, b)
		require.Equal(t, sa.Equal(sb), err == nil, "%v", err)
		if err != nil {
			require.ErrorIs(t, err, tree.ErrStructure)
			require.Error(t, tree.SameStructure[num](b, a))
			return
		}
		require.Equal(t, sa.NumLeaves(), sb.NumLeaves())
		pa, err := tree.Paths[num](a)
		require.NoError(t, err)
		pb, err := tree.Paths[num](b)
		require.NoError(t, err)
		require.Equal(t, pa, pb)
		require.Len(t, pa, sa.NumLeaves())
	})
}

// cell is a leaf that can be overwritten.
type cell struct{ v float64 }

type cells struct {
	A *cell
	M map[string]*cell
	S []*cell
	I any
}

func drawCells(s shape) cells {
	draw := func() *cell {
		if s.intn(4) == 0 {
			return nil
		}
		return &cell{float64(s.intn(100))}
	}
	c := cells{A: draw(), M: map[string]*cell{"x": draw(), "y": draw()}, I: []*cell{draw()}}
	for range s.intn(4) {
		c.S = append(c.S, draw())
	}
	c.S = append(c.S, c.A) // a leaf that is there twice
	return c
}

func assignCell(dst, value *cell) error { *dst = *value; return nil }

func TestFlexiMapInPlaceEqualsPure(t *testing.T) {
	f := func(c *cell) *cell { return &cell{2*c.v + 1} }
	rapid.Check(t, func(t *rapid.T) {
		c := drawCells(rapidShape{t})
		copied, err := tree.Map(func(c *cell) *cell { return &cell{c.v} }, c)
		require.NoError(t, err)

		pure, err := tree.FlexiMap(f, c, nil)
		require.NoError(t, err)
		require.Equal(t, copied, c, "the pure form must not change its argument")

		in, err := tree.FlexiMap(f, c, assignCell)
		require.NoError(t, err)
		require.Equal(t, pure, in)
		require.Same(t, c.A, in.A)
		require.Equal(t, pure, c, "the tree itself was overwritten")
	})
}

func TestExtractThenInsertIsIdentity(t *testing.T) {
	forAll(t, func(t *rapid.T, n node) {
		odd := func(path string, x num) bool { return (len(path)+int(x.V))%2 == 1 }
		sub, err := tree.Extract(n, odd)
		require.NoError(t, err)
		same, err := tree.Insert(n, odd, sub)
		require.NoError(t, err)
		require.Equal(t, n, same)

		split, rebuild, err := tree.Subset(n, odd)
		require.NoError(t, err)
		require.Equal(t, sub, split)
		for i := range split {
			split[i].V += 2 // stays odd where it was
		}
		moved, err := rebuild(split)
		require.NoError(t, err)
		inserted, err := tree.Insert(n, odd, split)
		require.NoError(t, err)
		require.Equal(t, inserted, moved)
		back, err := tree.Extract(moved, odd)
		require.NoError(t, err)
		require.Equal(t, split, back)
	})
}

// vec is a leaf with elements, for stacking and ravelling. Its nil value is a leaf too.
type vec []float64

func toVec(n node) (any, error) {
	var m []vec
	leaves, err := tree.Leaves[num](n)
	for i, x := range leaves {
		m = append(m, make(vec, i%3))
		for k := range m[i] {
			m[i][k] = x.V + float64(k)
		}
	}
	return map[string]any{"m": m, "n": n.N, "first": [1]vec{{1}}}, err
}

func TestRavelThenUnravelIsIdentity(t *testing.T) {
	numel := func(v vec) int { return len(v) }
	elems := func(v vec) ([]float64, error) { return v, nil }
	from := func(_ vec, e []float64) (vec, error) { return append(vec{}, e...), nil }
	forAll(t, func(t *rapid.T, n node) {
		v, err := toVec(n)
		require.NoError(t, err)
		flat, err := tree.Ravel(v, elems)
		require.NoError(t, err)
		size, err := tree.Size(v, numel)
		require.NoError(t, err)
		require.Len(t, flat, size)
		again, err := tree.Unravel(v, flat, numel, from)
		require.NoError(t, err)
		require.Equal(t, v, again)
		_, err = tree.Unravel(v, append(flat, 1), numel, from)
		require.ErrorIs(t, err, tree.ErrCount)
	})
}

func TestUnstackIsTheInverseOfStack(t *testing.T) {
	type rows struct {
		A, B vec
		Deep map[int]*vec
	}
	stack := func(v []vec) (vec, error) {
		var all vec
		for _, x := range v {
			all = append(all, x...)
		}
		return all, nil
	}
	unstack := func(v vec) ([]vec, error) {
		var parts []vec
		for _, x := range v {
			parts = append(parts, vec{x})
		}
		return parts, nil
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func() vec { return vec{rapid.Float64().Draw(t, "x")} }
		trees := make([]rows, rapid.IntRange(1, 5).Draw(t, "trees"))
		for i := range trees {
			deep := draw()
			trees[i] = rows{A: draw(), B: draw(), Deep: map[int]*vec{3: &deep, 4: nil}}
		}
		all, err := tree.Stack(trees, stack)
		require.NoError(t, err)
		require.Len(t, all.B, len(trees))
		again, err := tree.Unstack(all, unstack)
		require.NoError(t, err)
		require.Equal(t, trees, again)
	})
	none, err := tree.Unstack(rows{}, unstack)
	require.NoError(t, err, "nil vectors are leaves, of no rows")
	require.Empty(t, none)
}

// FuzzNothingPanics builds any tree, cyclic ones among them, and calls everything on it.
func FuzzNothingPanics(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte("some bytes that make a bigger tree than none"), uint8(1))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 250, 251, 252, 7, 6, 5, 4, 7, 7, 7, 2, 1, 5, 6}, uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, knot uint8) {
		s := &byteShape{data}
		a, b := drawNode(s, 4), drawNode(s, 3)
		cyclic := false
		switch knot % 5 {
		case 1:
			a.Next, cyclic = &a, true
		case 2:
			loop := []any{nil}
			loop[0], a.Any, cyclic = loop, loop, true
		case 3:
			loop := map[string]any{}
			loop["self"], a.Any, cyclic = loop, loop, true
		case 4:
			a.Act = relu
		}
		leaves, err := tree.Leaves[num](a)
		require.Equal(t, cyclic, errors.Is(err, tree.ErrCycle), "%v", err)
		_, err = tree.Paths[num](a)
		require.Equal(t, cyclic, err != nil)
		_, err = tree.StructureOf[num](a)
		require.Equal(t, cyclic, err != nil)
		_, err = tree.Unflatten(a, leaves)
		require.Equal(t, cyclic, err != nil)
		_, err = tree.Unflatten(a, append(leaves, num{}))
		require.Error(t, err)
		_, err = tree.Map2(func(x, y num) num { return y }, a, b)
		require.Equal(t, cyclic || tree.SameStructure[num](a, b) != nil, err != nil)
		all := func(string, num) bool { return true }
		_, err = tree.Insert(a, all, leaves)
		require.Equal(t, cyclic, err != nil)
		_, err = tree.MapTo(func(x num) (num, error) { return x, nil }, b, any(b))
		require.NoError(t, err)

		// Another leaf type sees the same values as another tree.
		_, err = tree.Leaves[int](b)
		require.NoError(t, err)
		_, err = tree.Leaves[interface{ shape() string }](b)
		require.NoError(t, err)
		require.NotPanics(t, func() { _ = tree.SameStructure[float64](reflect.ValueOf(b).Field(1).Interface(), a) })
	})
}
