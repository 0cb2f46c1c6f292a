package tree_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/lavagrad/lavagrad/tree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCanonicalOrder(t *testing.T) {
	paths, err := tree.Paths[num](twoLayers())
	require.NoError(t, err)
	require.Equal(t, []string{
		".Layers[0].W", ".Layers[0].B", ".Layers[1].W", ".Layers[1].B",
		`.Head["a"].W`, `.Head["a"].B`, `.Head["b"].W`, `.Head["b"].B`,
	}, paths)
	leaves, err := tree.Leaves[num](twoLayers())
	require.NoError(t, err)
	require.Equal(t, []num{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}}, leaves)

	type id int16
	keys := map[id]*num{-3: {}, 10: {}, 9: {}, -20: {}}
	paths, err = tree.Paths[num](keys)
	require.NoError(t, err)
	require.Equal(t, []string{"[-20]", "[-3]", "[9]", "[10]"}, paths)
	paths, err = tree.Paths[num](map[uint64]any{1 << 63: num{}, 2: [1]num{}})
	require.NoError(t, err)
	require.Equal(t, []string{"[2][0]", "[9223372036854775808]"}, paths)
	paths, err = tree.Paths[num](node{Named: map[string]node{"a b\"": {}}})
	require.NoError(t, err)
	require.Equal(t, []string{".base.Shared", ".W", ".Pair[0]", ".Pair[1]",
		`.Named["a b\""].base.Shared`, `.Named["a b\""].W`, `.Named["a b\""].Pair[0]`, `.Named["a b\""].Pair[1]`}, paths)
}

func TestSingleLeafAndNoLeaf(t *testing.T) {
	paths, err := tree.Paths[num](num{3})
	require.NoError(t, err)
	require.Equal(t, []string{""}, paths)
	doubled, err := tree.Map(func(x num) num { return num{2 * x.V} }, num{3})
	require.NoError(t, err)
	require.Equal(t, num{6}, doubled)
	_, err = tree.MapE(func(num) (num, error) { return num{}, assert.AnError }, num{3})
	require.ErrorContains(t, err, "tree: map: function failed at (root): ")

	for _, empty := range []any{nil, 3, "x", struct{}{}, (*net)(nil), net{}, []num(nil), map[string]num{}, relu} {
		leaves, err := tree.Leaves[num](empty)
		require.NoError(t, err)
		require.Empty(t, leaves)
		again, err := tree.Unflatten(empty, []num{})
		require.NoError(t, err)
		require.NoError(t, tree.SameStructure[num](empty, again))
		_, err = tree.Unflatten(empty, []num{{}})
		require.ErrorIs(t, err, tree.ErrCount)
	}
}

type shaped interface{ shape() string }

type matrix [2]float64

func (m *matrix) shape() string { return "matrix" }

func TestInterfaceLeaves(t *testing.T) {
	type mixed struct {
		A    shaped
		N    num
		P    *matrix
		None shaped
		Any  any
		M    matrix // does not implement shaped, its pointer does
	}
	in := mixed{A: num{1}, N: num{2}, P: &matrix{3}, Any: []any{num{4}, 5}}
	paths, err := tree.Paths[shaped](in)
	require.NoError(t, err)
	require.Equal(t, []string{".A", ".N", ".P", ".Any[0]"}, paths)

	out, err := tree.Unflatten[shaped](in, []shaped{&matrix{7}, num{8}, &matrix{9}, &matrix{10}})
	require.NoError(t, err)
	require.Equal(t, mixed{A: &matrix{7}, N: num{8}, P: &matrix{9}, Any: []any{&matrix{10}, 5}}, out)
	require.NoError(t, tree.SameStructure[shaped](in, out), "the types of leaves are no structure")

	_, err = tree.Unflatten[shaped](in, []shaped{num{1}, &matrix{}, &matrix{}, num{}})
	require.EqualError(t, err, "tree: unflatten: leaf does not fit at .N: leaf 1 has type *tree_test.matrix, its place tree_test.num")
	for _, none := range []shaped{nil, (*matrix)(nil)} {
		_, err = tree.Unflatten[shaped](in, []shaped{num{1}, num{1}, none, num{}})
		require.EqualError(t, err, "tree: unflatten: leaf does not fit at .P: leaf 2 is nil, which would change the structure")
	}

	// A leaf whose type is the root's.
	leaves, err := tree.Leaves[shaped](shaped(num{5}))
	require.NoError(t, err)
	require.Equal(t, []shaped{num{5}}, leaves)
	swapped, err := tree.Map(func(shaped) shaped { return &matrix{} }, shaped(num{5}))
	require.NoError(t, err)
	require.IsType(t, &matrix{}, swapped)
}

func TestRebuiltTreesShareNoLeafMemory(t *testing.T) {
	type ref *linear // named types stay
	type layers []ref
	type model struct {
		L     layers
		Plain []int
		Same  map[string]*int
		cache *int
	}
	one := 1
	in := model{L: layers{{num{1}, num{2}}}, Plain: []int{1}, Same: map[string]*int{"x": &one}, cache: &one}
	out, err := tree.Map(func(x num) num { return num{-x.V} }, in)
	require.NoError(t, err)
	out.L[0].W.V = 99
	require.Equal(t, num{1}, in.L[0].W)
	require.Equal(t, num{-2}, out.L[0].B)
	require.Same(t, in.cache, out.cache, "unexported fields are carried over")
	require.Same(t, &in.Plain[0], &out.Plain[0], "what has no leaf is shared")
	require.Same(t, in.Same["x"], out.Same["x"])

	tied := &linear{num{1}, num{2}}
	twice, err := tree.Map(func(x num) num { return num{x.V + 1} }, []*linear{tied, tied})
	require.NoError(t, err)
	require.NotSame(t, twice[0], twice[1])
	require.Equal(t, linear{num{2}, num{3}}, *twice[1])
}

func TestDescription(t *testing.T) {
	n := node{Opt: &num{}, Kids: []node{}, Any: []any{num{}, 1, "s", nil}, Next: &node{}, Act: relu, ByID: map[int8]*node{3: nil}}
	s, err := tree.StructureOf[num](n)
	require.NoError(t, err)
	require.Equal(t, `node{base: base{Shared: *}, W: *, Opt: &*, Pair: [2]num{*, *}, Kids: []node{}, Named: nil, ByID: map[int8]*node{3: nil}, `+
		`Any: []interface {}{*, 1, "s", nil}, Next: &node{base: base{Shared: *}, W: *, Opt: nil, Pair: [2]num{*, *}, Kids: nil, Named: nil, ByID: nil, `+
		`Any: nil, Next: nil, Frozen: num, N: 0, Name: "", Rate: 0, Sizes: nil, Act: nil, hidden: false}, `+
		`Frozen: num, N: 0, Name: "", Rate: 0, Sizes: nil, Act: func(float64) float64, hidden: false}`, s.String())
	require.Equal(t, 10, s.NumLeaves())
	require.False(t, s.Equal(tree.Structure{}))

	type keyed struct {
		_ struct{}
		W num
	}
	s, err = tree.StructureOf[num](keyed{})
	require.NoError(t, err)
	require.Equal(t, "keyed{W: *}", s.String(), "blank fields are no fields")
}

// A Structure keeps what entered its key by address: after the function has gone nobody else can
// have its address while the Structure lives.
func TestStructurePinsFunctions(t *testing.T) {
	type model struct {
		W   num
		Act func() int
	}
	collected := make(chan struct{})
	s, err := func() (tree.Structure, error) {
		big := new([1 << 16]int)
		runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, collected)
		return tree.StructureOf[num](model{Act: func() int { return big[0] }})
	}()
	require.NoError(t, err)
	isCollected := func() bool {
		runtime.GC()
		select {
		case <-collected:
			return true
		default:
			return false
		}
	}
	require.Never(t, isCollected, 50*time.Millisecond, 10*time.Millisecond)
	require.Equal(t, "model{W: *, Act: func() int}", s.String())
	require.Eventually(t, isCollected, 10*time.Second, 10*time.Millisecond, "s was the last to hold it")
}

func TestOnSubset(t *testing.T) {
	type pair struct{ A, B num }
	product := func(p pair) float64 { return p.A.V * p.B.V }
	onB, sub, err := tree.OnSubset(product, pair{num{3}, num{4}}, func(path string, _ num) bool { return path == ".B" })
	require.NoError(t, err)
	require.Equal(t, []num{{4}}, sub)
	y, err := onB([]num{{5}})
	require.NoError(t, err)
	require.Equal(t, 15.0, y)
	_, err = onB(nil)
	require.EqualError(t, err, "tree: subset: wrong count at (root): 0 leaves given where the predicate chooses 1 of 2")
}

func TestInsertInPlace(t *testing.T) {
	c := cells{A: &cell{1}, S: []*cell{{2}, {3}}}
	inS := func(path string, _ *cell) bool { return path[1] == 'S' }
	require.NoError(t, tree.InsertInPlace(c, inS, []*cell{{7}, {8}}, assignCell))
	require.Equal(t, cells{A: &cell{1}, S: []*cell{{7}, {8}}}, c)
}

func TestMapToAnotherLeafType(t *testing.T) {
	n := twoLayers()
	named := map[string]any{"x": n.Layers}
	count, err := tree.MapTo(func(x num) (int, error) { return int(x.V) * 10, nil }, named, map[string][]struct{ W, B int }{"x": make([]struct{ W, B int }, 2)})
	require.NoError(t, err)
	require.Equal(t, map[string][]struct{ W, B int }{"x": {{10, 20}, {30, 40}}}, count)

	withPath, err := tree.MapPath(func(path string, x num) (num, error) { return num{float64(len(path))}, nil }, n.Layers[0])
	require.NoError(t, err)
	require.Equal(t, linear{num{2}, num{2}}, withPath)
}

// Plans of a recursive type are built by many goroutines at once.
func TestConcurrentFirstUse(t *testing.T) {
	type fresh struct {
		Self *fresh
		Also map[string][]*fresh
		W    num
	}
	f := fresh{Self: &fresh{Also: map[string][]*fresh{"a": {{}, nil}}}}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			paths, err := tree.Paths[num](f)
			assert.NoError(t, err)
			assert.Equal(t, []string{`.Self.Also["a"][0].W`, ".Self.W", ".W"}, paths)
		})
	}
	wg.Wait()
}

type mlp struct{ W1, B1, W2, B2 num }

// The jit asks for leaves and key on every call.
func TestHotPathAllocations(t *testing.T) {
	m := mlp{}
	leaves, key := make([]num, 0, 4), make([]byte, 0, 64)
	// The least of some: under the race detector a sync.Pool forgets things on purpose.
	least := func(f func()) float64 {
		n := testing.AllocsPerRun(5, f)
		for range 20 {
			n = min(n, testing.AllocsPerRun(5, f))
		}
		return n
	}
	require.Zero(t, least(func() { leaves, _ = tree.AppendLeaves(leaves[:0], m) }))
	require.Zero(t, least(func() { key, _ = tree.AppendKey[num](key[:0], m) }))
	require.Len(t, leaves, 4)
	require.Less(t, len(key), 4, "a struct of leaves is described by its type")
}
