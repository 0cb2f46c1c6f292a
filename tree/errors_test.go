package tree_test

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lavagrad/lavagrad/tree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func twoLayers() net {
	return net{
		Layers: []linear{{num{1}, num{2}}, {num{3}, num{4}}},
		Head:   map[string]linear{"b": {num{7}, num{8}}, "a": {num{5}, num{6}}},
		Slope:  0.1,
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// What differs is said with the path, for every way to differ.
func TestStructureErrors(t *testing.T) {
	type holder struct {
		Leaves []num
		Nodes  []linear
		Any    any
		Ptr    *linear
		Leaf   *num
		Cfg    struct {
			Sizes []int
			Name  string
		}
		Act  func(float64) float64
		Rate any
		M    map[int]num
		Log  *slog.Logger
	}
	scale := func(by float64) func(float64) float64 { return func(x float64) float64 { return by * x } }
	cases := []struct {
		name string
		edit func(a, b *holder)
		want string
	}{
		{"leaf count", func(a, b *holder) { a.Leaves, b.Leaves = make([]num, 3), make([]num, 2) }, ".Leaves: slice of 3 leaves against slice of 2"},
		{"slice", func(a, b *holder) { a.Nodes, b.Nodes = make([]linear, 1), make([]linear, 2) }, ".Nodes: slice of 1 elements against slice of 2"},
		{"nil slice", func(a, b *holder) { b.Leaves = []num{} }, ".Leaves: nil slice against slice of 0"},
		{"nil pointer", func(a, b *holder) { a.Ptr = &linear{} }, ".Ptr: non-nil pointer against nil pointer"},
		{"nil leaf", func(a, b *holder) { b.Leaf = &num{} }, ".Leaf: nil pointer against non-nil pointer"},
		{"types", func(a, b *holder) { a.Any, b.Any = linear{}, net{} }, ".Any: type tree_test.linear against type tree_test.net"},
		{"leaf or not", func(a, b *holder) { a.Any, b.Any = num{}, net{} }, ".Any: leaf against tree_test.net"},
		{"not or leaf", func(a, b *holder) { a.Any, b.Any = 3, num{} }, ".Any: int against leaf"},
		{"nil any", func(a, b *holder) { b.Any = num{} }, ".Any: nil interface against tree_test.num"},
		{"within any", func(a, b *holder) { a.Any, b.Any = []any{1, 2}, []any{1, 3} }, ".Any[1]: static value 2 against 3"},
		{"first key", func(a, b *holder) { a.M, b.M = map[int]num{1: {}}, map[int]num{-2: {}, 1: {}} }, ".M[-2]: the first map lacks this key"},
		{"second key", func(a, b *holder) { a.M, b.M = map[int]num{1: {}, 2: {}}, map[int]num{1: {}} }, ".M[2]: the second map lacks this key"},
		{"nil map", func(a, b *holder) { a.M = map[int]num{} }, ".M: map of 0 against nil map"},
		{"static slice", func(a, b *holder) { a.Cfg.Sizes, b.Cfg.Sizes = []int{1, 2}, []int{1} }, ".Cfg.Sizes: static slice of 2 against slice of 1"},
		{"static item", func(a, b *holder) { a.Cfg.Sizes, b.Cfg.Sizes = []int{1, 2}, []int{1, 4} }, ".Cfg.Sizes[1]: static value 2 against 4"},
		{"static text", func(a, b *holder) { b.Cfg.Name = "b" }, `.Cfg.Name: static value "" against "b"`},
		{"nil func", func(a, b *holder) { b.Act = relu }, ".Act: static value nil against func(float64) float64"},
		{"closures", func(a, b *holder) { a.Act, b.Act = scale(1), scale(2) }, ".Act: two different static values func(float64) float64"},
		{"signed zero", func(a, b *holder) { a.Rate, b.Rate = 0.0, math.Copysign(0, -1) }, ".Rate: static value 0 against -0"},
		{"loggers", func(a, b *holder) { a.Log, b.Log = slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler) }, ".Log: two different static values *Logger"},
		{"contexts", func(a, b *holder) { a.Any, b.Any = cancelled(), cancelled() }, ".Any: two different static values *cancelCtx"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var a, b holder
			c.edit(&a, &b)
			require.NoError(t, tree.SameStructure[num](a, a))
			require.NoError(t, tree.SameStructure[num](b, b))
			_, err := tree.Map2(func(x, _ num) num { return x }, a, b)
			require.EqualError(t, err, "tree: map: structures differ at "+c.want)
			var e *tree.Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, e, tree.ErrStructure)
			require.Equal(t, "map", e.Op)
		})
	}
	require.EqualError(t, tree.SameStructure[num](linear{}, net{}),
		"tree: compare: structures differ at (root): type tree_test.linear against type tree_test.net")
	a, b := linear{}, linear{}
	require.NoError(t, tree.SameStructure[num](&a, &b), "pointers to trees are looked through")
}

func TestStaticValuesCompareByContents(t *testing.T) {
	type config struct {
		Sizes []int
		ByKey map[[2]int]string
	}
	type holder struct {
		W     num
		Cfg   *config
		Rate  float64
		Mu    *sync.Mutex
		C     complex64
		Bytes []byte
		Raw   [2]byte
		notes any
	}
	make := func() holder {
		return holder{Cfg: &config{[]int{1}, map[[2]int]string{{1, 2}: "x", {0, 5}: "y"}}, Rate: math.NaN(), Bytes: []byte("ab"), notes: []any{"n"}}
	}
	a, b := make(), make()
	require.NoError(t, tree.SameStructure[num](a, b))
	b.Cfg.ByKey[[2]int{1, 2}] = "z"
	require.EqualError(t, tree.SameStructure[num](a, b), "tree: compare: structures differ at .Cfg: two different static values *config")
	b = make()
	b.notes = []any{"m"}
	require.ErrorContains(t, tree.SameStructure[num](a, b), "at .notes")
	a.Mu = &sync.Mutex{}
	b = a
	a.Mu.Lock()
	require.NoError(t, tree.SameStructure[num](a, b), "the same mutex")
	b.Raw[1] = 1
	require.EqualError(t, tree.SameStructure[num](a, b), "tree: compare: structures differ at .Raw[1]: static value 0 against 1")
}

func TestLocksAreNoStructure(t *testing.T) {
	type guarded struct {
		W  num
		mu sync.Mutex
		n  atomic.Int64
	}
	a, b := &guarded{}, &guarded{}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n.Store(3)
	require.NoError(t, tree.SameStructure[num](a, b))
}

func TestLeavesOutOfReach(t *testing.T) {
	type inner struct{ w num }
	type secret struct {
		W     num
		extra any
	}
	type outer struct{ Parts []secret }
	type badKeys struct{ M map[float64]any }
	type embedded struct{ num }
	type badTag struct {
		W num `tree:"static"`
	}
	type tagged struct {
		W num
		w num `tree:"-"`
	}
	cases := []struct {
		name string
		t    any
		want string
	}{
		{"typed", inner{w: num{1}}, "leaf out of reach at .w: unexported field; export it, or tag it `tree:\"-\"` to make it static"},
		{"embedded", embedded{}, "leaf out of reach at .num: unexported field"},
		{"any", outer{[]secret{{}, {extra: num{}}}}, "leaf out of reach at .Parts[1].extra: unexported field"},
		{"any slice", secret{extra: []any{1, map[string]any{"k": num{}}}}, "at .extra"},
		{"pointer", secret{extra: &inner{w: num{1}}}, "at .extra"},
		{"keys", badKeys{map[float64]any{0.5: num{}}}, "leaf out of reach at .M: map with keys of type float64; use string or integer keys"},
		{"tag", badTag{}, "unknown struct tag at .W: tree:\"static\"; the only value is `tree:\"-\"`"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := tree.Leaves[num](c.t)
			require.ErrorContains(t, err, c.want)
			_, err = tree.Unflatten(c.t, []num{{}, {}, {}, {}})
			require.ErrorContains(t, err, c.want)
			_, err = tree.AppendKey[num](nil, c.t)
			require.ErrorContains(t, err, c.want)
		})
	}
	for _, ok := range []any{
		secret{extra: 1}, secret{extra: []any{1, "x"}}, secret{extra: (*inner)(nil)}, badKeys{map[float64]any{1: 2}},
	} {
		_, err := tree.Leaves[num](ok)
		require.NoError(t, err, "%T", ok)
	}
	frozen, err := tree.Map(func(num) num { return num{5} }, tagged{w: num{1}})
	require.NoError(t, err)
	require.Equal(t, num{5}, frozen.W)
	require.Equal(t, num{1}, frozen.w, "tagged fields are carried over")
}

// Loggers and the like are carried along unread; with the race detector this also shows that
// nobody looks into what is in use.
func TestForeignObjectsAreNotRead(t *testing.T) {
	type state struct {
		W    num
		Log  *slog.Logger
		ctx  any
		Any  any
		Once *sync.Once
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	std := log.New(io.Discard, "", 0)
	s := &state{W: num{1}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), ctx: ctx, Any: []any{ctx, std}, Once: new(sync.Once)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				s.Log.Info("x")
				_, stop := context.WithCancel(ctx)
				stop()
				std.SetOutput(io.Discard)
				s.Once.Do(func() {})
			}
		})
		wg.Go(func() {
			for range 100 {
				again, err := tree.Map(func(x num) num { return num{x.V + 1} }, s)
				assert.NoError(t, err)
				assert.Same(t, s.Log, again.Log)
				assert.Equal(t, num{2}, again.W)
				_, err = tree.AppendKey[num](nil, s)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
}

func TestCycles(t *testing.T) {
	type list struct {
		W    num
		Next *list
	}
	ring := &list{Next: &list{}}
	ring.Next.Next = ring
	_, err := tree.Leaves[num](ring)
	require.EqualError(t, err, "tree: leaves: cycle at .Next.Next: the ptr of type *tree_test.list contains itself")
	require.ErrorIs(t, err, tree.ErrCycle)
	_, err = tree.Unflatten(ring, []num{{}})
	require.ErrorIs(t, err, tree.ErrCycle)
	require.ErrorIs(t, tree.SameStructure[num](ring, ring), tree.ErrCycle)

	static := []any{nil}
	static[0] = static
	_, err = tree.AppendKey[num](nil, struct{ hidden any }{static})
	require.ErrorIs(t, err, tree.ErrCycle)

	// Long is no cycle, and the way back from the depth is followed by another branch.
	const depth = 5000
	var long *list
	for i := range depth {
		long = &list{W: num{float64(i)}, Next: long}
	}
	leaves, err := tree.Leaves[num]([]*list{long, long})
	require.NoError(t, err, "the same pointer twice side by side")
	require.Len(t, leaves, 2*depth)
	for n := long; ; n = n.Next {
		if n.Next == nil {
			n.Next = long
			break
		}
	}
	_, err = tree.Leaves[num](long)
	require.ErrorIs(t, err, tree.ErrCycle, "also where the search uses its map")
}

func TestCountErrors(t *testing.T) {
	n := twoLayers()
	all := func(string, num) bool { return true }
	for given, want := range map[int]string{
		0:  "tree: unflatten: wrong count at (root): 0 leaves given for a tree of 8",
		7:  "tree: unflatten: wrong count at (root): 7 leaves given for a tree of 8",
		11: "tree: unflatten: wrong count at (root): 11 leaves given for a tree of 8",
	} {
		_, err := tree.Unflatten(n, make([]num, given))
		require.EqualError(t, err, want)
		_, err = tree.Insert(n, all, make([]num, given))
		require.ErrorIs(t, err, tree.ErrCount)
		calls := 0
		err = tree.InsertInPlace(n, all, make([]num, given), func(_, _ num) error { calls++; return nil })
		require.ErrorIs(t, err, tree.ErrCount)
		require.Zero(t, calls, "nothing is assigned when the counts differ")
	}
	_, err := tree.Stack([]net{}, func(x []num) (num, error) { return x[0], nil })
	require.EqualError(t, err, "tree: stack: wrong count at (root): no trees given; at least one is needed")
	_, err = tree.Unstack(3, func(num) ([]num, error) { return nil, nil })
	require.ErrorContains(t, err, "the tree has no leaf, so the number of trees is unknown")
	_, err = tree.Unstack(linear{num{2}, num{3}}, func(x num) ([]num, error) { return make([]num, int(x.V)), nil })
	require.EqualError(t, err, "tree: unstack: wrong count at .B: 3 parts against 2 at .W")
	_, err = tree.Unravel(linear{num{2}, num{-3}}, []float64{1}, func(x num) int { return int(x.V) },
		func(x num, _ []float64) (num, error) { return x, nil })
	require.EqualError(t, err, "tree: unravel: wrong count at .B: leaf of -3 elements")
	_, err = tree.MapN(func(x []num) (num, error) { return x[0], nil }, n, n, net{})
	require.EqualError(t, err, "tree: map: structures differ at .Layers: slice of 2 against nil slice (trees 0 and 2)")
	_, err = tree.MapTo(func(x num) (int, error) { return 0, nil }, n, []int{1, 2})
	require.EqualError(t, err, "tree: map to: structures differ at .Layers[0].W: leaf 0 of 8 of the given tree; the tree to build, of 2 leaves, has no such leaf there")
	_, err = tree.MapTo(func(x num) (int, error) { return 0, nil }, []num{{}}, []int{1, 2})
	require.EqualError(t, err, "tree: map to: structures differ at [1]: leaf 1 of 2 of the tree to build; the given tree has no such leaf")
}

// Every function that takes a function of the caller hands its error on, with the path.
func TestCallbackErrors(t *testing.T) {
	broken := errors.New("device lost")
	n := twoLayers()
	fail := func(x num) (num, error) {
		if x.V == 6 {
			return num{}, broken
		}
		return x, nil
	}
	failTo := func(dst, _ num) error { _, err := fail(dst); return err }
	elems := func(x num) ([]float64, error) { _, err := fail(x); return nil, err }
	all := func(string, num) bool { return true }
	one := func(num) int { return 1 }
	ops := map[string]func() error{
		"walk": func() error { return tree.Walk(n, func(_ string, x num) error { _, err := fail(x); return err }) },
		"map":  func() error { _, err := tree.MapE(fail, n); return err },
		"map2": func() error { _, err := tree.Map2E(func(x, _ num) (num, error) { return fail(x) }, n, n); return err },
		"map3": func() error {
			_, err := tree.Map3E(func(x, _, _ num) (num, error) { return fail(x) }, n, n, n)
			return err
		},
		"mapPath": func() error {
			_, err := tree.MapPath(func(_ string, x num) (num, error) { return fail(x) }, n)
			return err
		},
		"mapTo": func() error { _, err := tree.MapTo(fail, n, n); return err },
		"pure":  func() error { _, err := tree.FlexiMapE(fail, n, nil); return err },
		"inPlace": func() error {
			_, err := tree.FlexiMapE(fail, n, func(_, _ num) error { t.Error("assigned"); return nil })
			return err
		},
		"assign": func() error { _, err := tree.FlexiMap(func(x num) num { return x }, n, failTo); return err },
		"insert": func() error { return tree.InsertInPlace(n, all, make([]num, 8), failTo) },
		"stack": func() error {
			_, err := tree.Stack([]net{n, n}, func(x []num) (num, error) { return fail(x[1]) })
			return err
		},
		"unstack": func() error {
			_, err := tree.Unstack(n, func(x num) ([]num, error) { _, err := fail(x); return nil, err })
			return err
		},
		"ravel": func() error { _, err := tree.Ravel(n, elems); return err },
		"unravel": func() error {
			_, err := tree.Unravel(n, make([]int, 8), one, func(x num, _ []int) (num, error) { return fail(x) })
			return err
		},
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			err := op()
			require.ErrorIs(t, err, tree.ErrCallback)
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, `: function failed at .Head["a"].B: device lost`)
		})
	}
}
