package graph

import "slices"

// Ops lists an instance of every op that users can build, for tests and documentation.
func Ops() []Op {
	rules := []*rule{
		addRule, subRule, mulRule, divRule, remRule, powRule, maxRule, minRule,
		negRule, absRule, signRule, floorRule, ceilRule, roundRule, recipRule, sqrtRule, rsqrtRule,
		expRule, expm1Rule, logRule, log1pRule, tanhRule, sigmoidRule, softplusRule, sinRule, cosRule, reluRule,
		eqRule, neRule, ltRule, leRule, isNaNRule, andRule, orRule, notRule,
	}
	rules = slices.Concat(rules, specialRules(), bitRules(), randomRules())
	var ops []Op
	for _, r := range rules {
		ops = append(ops, elementwise{r})
	}
	return append(ops,
		whereOp{}, convertOp{}, reshapeOp{}, transposeOp{}, broadcastOp{}, sliceOp{}, padOp{}, concatOp{},
		iotaOp{}, reduceOp{}, contractOp{}, stopGradientOp{}, checkOp{}, windowsOp{}, foldOp{},
		choleskyOp{}, triangularOp{}, barrierOp{}, collectiveOp{},
		gatherOp{}, scatterOp{}, dynamicSliceOp{}, dynamicPlaceOp{},
		flipOp{}, cumulativeOp{}, linearScanOp{}, argsortOp{},
	)
}
