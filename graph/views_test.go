package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestViews(t *testing.T) {
	x := Iota(0, 6).AsFloat().Reshape(2, 3) // 0 1 2 / 3 4 5
	for _, c := range []struct {
		name  string
		got   Tensor
		shape Shape
		want  []float64
	}{
		{"flip", x.Flip(1), Shape{2, 3}, []float64{2, 1, 0, 5, 4, 3}},
		{"flip all", x.Flip(), Shape{2, 3}, []float64{5, 4, 3, 2, 1, 0}},
		{"tile", x.Tile(1, 2), Shape{2, 6}, []float64{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}},
		{"tile none", x.Tile(0, 2), Shape{0, 6}, []float64{}},
		{"repeat", x.Repeat(0, 2), Shape{4, 3}, []float64{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}},
		{"repeat last", x.Repeat(-1, 2), Shape{2, 6}, []float64{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}},
		{"roll", x.Roll(1, 1), Shape{2, 3}, []float64{2, 0, 1, 5, 3, 4}},
		{"roll back", x.Roll(1, -4), Shape{2, 3}, []float64{1, 2, 0, 4, 5, 3}},
		{"tril", x.Tril(0), Shape{2, 3}, []float64{0, 0, 0, 3, 4, 0}},
		{"tril above", x.Tril(1), Shape{2, 3}, []float64{0, 1, 0, 3, 4, 5}},
		{"triu", x.Triu(0), Shape{2, 3}, []float64{0, 1, 2, 0, 4, 5}},
		{"triu below", x.Triu(-1), Shape{2, 3}, []float64{0, 1, 2, 3, 4, 5}},
		{"diagonal", x.Diagonal(0), Shape{2}, []float64{0, 4}},
		{"diagonal above", x.Diagonal(1), Shape{2}, []float64{1, 5}},
		{"diagonal at the corner", x.Diagonal(2), Shape{1}, []float64{2}},
		{"diagonal below", x.Diagonal(-1), Shape{1}, []float64{3}},
		{"no diagonal", x.Diagonal(3), Shape{0}, []float64{}},
		{"no diagonal below", x.Diagonal(-2), Shape{0}, []float64{}},
		{"diag", Literal([]float32{7, 8}).Diag(0), Shape{2, 2}, []float64{7, 0, 0, 8}},
		{"diag above", Literal([]float32{7, 8}).Diag(1), Shape{3, 3}, []float64{0, 7, 0, 0, 0, 8, 0, 0, 0}},
		{"diag below", Literal([]float32{7, 8}).Diag(-1), Shape{3, 3}, []float64{0, 0, 0, 7, 0, 0, 0, 8, 0}},
		{"diag of rows", x.Diag(0).Index(0, 1), Shape{3, 3}, []float64{3, 0, 0, 0, 4, 0, 0, 0, 5}},
		{"eye", Eye(2), Shape{2, 2}, []float64{1, 0, 0, 1}},
		{"unstack", x.Unstack(1)[2], Shape{2}, []float64{2, 5}},
		{"split", x.Split(1, 1, 0, 2)[2], Shape{2, 2}, []float64{1, 2, 4, 5}},
		{"masked fill", x.MaskedFill(x.Gt(Scalar(2)), -1), Shape{2, 3}, []float64{0, 1, 2, -1, -1, -1}},
		{"masked mean", x.Log().MaskedMean(x.Gt(Scalar(0)), 0), Shape{3}, []float64{math.Log(3), math.Log(4) / 2, (math.Log(2) + math.Log(5)) / 2}},
		{"outer of constants", Full(Float32, 2, 2).Outer(Full(Float32, 3, 2)), Shape{2, 2}, []float64{6, 6, 6, 6}},
	} {
		assert.Equal(t, c.shape, c.got.Shape(), c.name)
		assert.InDeltaSlice(t, c.want, append([]float64{}, reference(t, c.got)...), 1e-12, c.name)
	}
}

func TestDiagIsTheTransposeOfDiagonal(t *testing.T) {
	for _, offset := range []int{-2, -1, 0, 1, 3} {
		v := Literal([]float32{3, 5, 7})
		assert.Equal(t, reference(t, v), reference(t, v.Diag(offset).Diagonal(offset)))
		g := Grad(func(v Tensor) Tensor { return v.Diag(offset).Square().Sum() })(v)
		assert.Equal(t, []float64{6, 10, 14}, reference(t, g))
	}
}

func TestStatistics(t *testing.T) {
	x := Literal([]float32{1, 4, 2, 8, 5, 7}, 2, 3)
	nan := Literal([]float32{1, float32(math.NaN()), 2})
	for _, c := range []struct {
		name string
		got  Tensor
		want []float64
	}{
		{"var", x.Var(VarianceOptions{Axes: []int{1}}), []float64{14.0 / 9, 14.0 / 9}},
		{"sample variance", x.Var(VarianceOptions{Axes: []int{1}, Correction: 1}), []float64{7.0 / 3, 7.0 / 3}},
		{"std of all", x.Std(VarianceOptions{}), []float64{2.5}},
		{"var of one", Scalar(3).Var(VarianceOptions{}), []float64{0}},
		{"sample variance of one", Ones(1).Var(VarianceOptions{Correction: 1}), []float64{math.NaN()}},
		{"median", x.Median(1), []float64{2, 7}},
		{"median of even", x.Reshape(6).Median(0), []float64{4.5}},
		{"quantile", x.Quantile(1, 0.25), []float64{1.5, 6}},
		{"least", x.Quantile(0, 0), []float64{1, 4, 2}},
		{"largest", x.Quantile(0, 1), []float64{8, 5, 7}},
		{"quantile of one", Ones(1).Quantile(0, 0.3), []float64{1}},
		{"median with NaN", nan.Median(0), []float64{math.NaN()}},
		{"any", x.Gt(Scalar(6)).Any(1), []float64{0, 1}},
		{"argmin", x.ArgMin(0), []float64{0, 0, 0}},
		{"argmin of equals", Ones(3).ArgMin(0), []float64{0}},
		{"argmin with NaN", nan.ArgMin(0), []float64{1}},
		{"all of none", Full(Bool, 0, 0).All(), []float64{1}},
		{"any of none", Full(Bool, 1, 0).Any(), []float64{0}},
		{"all", x.Gt(Scalar(1)).All(1), []float64{0, 1}},
		{"all of numbers", x.All(), []float64{1}},
		{"prod", x.Prod(1), []float64{8, 280}},
		{"prod of none", Ones(0).Prod(), []float64{1}},
	} {
		got := reference(t, c.got)
		require.Len(t, got, len(c.want), c.name)
		for i := range got {
			if math.IsNaN(c.want[i]) {
				assert.True(t, math.IsNaN(got[i]), c.name)
			} else {
				assert.InDelta(t, c.want[i], got[i], 1e-9, c.name)
			}
		}
	}
}

// The derivatives of products with zeros, to second order, against the formulas.
func TestProductsWithZeros(t *testing.T) {
	for name, prod := range map[string]func(Tensor) Tensor{
		"prod":    func(x Tensor) Tensor { return x.Prod() },
		"cumprod": func(x Tensor) Tensor { return x.CumProd(0).Index(0, -1) },
	} {
		for _, c := range []struct {
			x, grad []float64
			hess    []float64 // of the first two elements
		}{
			{[]float64{2, 3, 5}, []float64{15, 10, 6}, []float64{0, 5, 5, 0}},
			{[]float64{0, 3, 5}, []float64{15, 0, 0}, []float64{0, 5, 5, 0}},
			{[]float64{0, 0, 5}, []float64{0, 0, 0}, []float64{0, 5, 5, 0}},
			{[]float64{0, 0, 0}, []float64{0, 0, 0}, []float64{0, 0, 0, 0}},
		} {
			x := literalOf(Spec{Float32, Shape{3}}, c.x)
			assert.Equal(t, c.grad, reference(t, Grad(prod)(x)), "%s of %v", name, c.x)
			for i := range 2 {
				row := Grad(func(x Tensor) Tensor { return Grad(prod)(x).Index(0, i) })(x)
				assert.Equal(t, c.hess[2*i:2*i+2], reference(t, row)[:2], "%s of %v, second derivative", name, c.x)
				e := Eye(3).Index(0, i)
				_, along := JVP(Grad(prod), x, e)
				assert.Equal(t, reference(t, row), reference(t, along), "forward over reverse")
			}
		}
	}
}

func TestViewErrors(t *testing.T) {
	x := Ones(2, 3)
	for name, f := range map[string]func(){
		"split":       func() { x.Split(0, 1, 2) },
		"split below": func() { x.Split(0, -1, 3) },
		"tile":        func() { x.Tile(2) },
		"tile below":  func() { x.Tile(2, -1) },
		"repeat":      func() { x.Repeat(0, -1) },
		"roll":        func() { x.Roll(2, 1) },
		"tril":        func() { Ones(3).Tril(0) },
		"diag":        func() { Scalar(1).Diag(0) },
		"flip":        func() { x.Flip(0, 0) },
		"quantile":    func() { x.Quantile(0, 1.5) },
		"of ints":     func() { x.AsInt().Quantile(0, 0.5) },
		"var of ints": func() { x.AsInt().Var(VarianceOptions{}) },
		"correction":  func() { x.Var(VarianceOptions{Correction: -1}) },
		"masked mean": func() { x.AsInt().MaskedMean(Full(Bool, 1)) },
		"sort":        func() { Scalar(1).ArgSort(0) },
		"cumsum":      func() { Full(Bool, 1, 2).CumSum(0) },
		"recurrence":  func() { LinearRecurrence(Ones(3), Ones(2), 0) },
	} {
		err := Try(f)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), "views_test.go", name)
	}
}
