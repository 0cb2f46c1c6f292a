// Package emath emits elementary functions of 32-bit floats into SPIR-V kernels.
//
// Graphics drivers' own functions (GLSL.std.450) are made for pictures: near 0
// their tanh is wrong by several percent, near 1 their log by tens of percent,
// and NaN and infinities come out as anything. The functions here are within 2
// ULP over the whole range of floats and give what IEEE 754 and package math
// give for NaN, infinities and zeros, on any device that adds, multiplies and
// divides as IEEE 754 says. They take scalars and vectors of 1 to 4 lanes, are
// free of branches (but for sines and cosines of large arguments) and tables,
// and do not rely on fused multiplication.
//
// Denormal arguments and results may be flushed to zero of the same sign:
// SwiftShader does, lavapipe does not. What each function does there stands
// with it.
//
// Largest errors found, in ULP, over 2^20 arguments each (special values,
// samples of all bit patterns and dense intervals at hard places), for erfc,
// erfinv, digamma and lgamma over 2^24:
//
//	acos     0.59    div      0.50    log1p      0.87    sin       0.86
//	acosh    0.84    erf      1.44    log2       0.66    sinh      0.75
//	asin     0.64    erfc     1.63    logaddexp  1.84    softplus  1.17
//	asinh    1.23    erfinv   1.91    polygamma  2n+2    sqrt      0.50
//	atan     1.10    exp      0.81    pow        0.81    tan       1.16
//	atan2    1.09    exp2     0.85    recip      0.50    tanh      1.30
//	atanh    0.93    expm1    1.24    rsqrt      1.47
//	cos      0.80    lgamma   1.94    sigmoid    1.07
//	cosh     0.88    log      0.80
//	digamma  1.85
//
// lgamma, digamma and polygamma are told for positive arguments here; for
// negative ones see there, as for what is meant where logaddexp cancels.
//
// They are the same on SwiftShader and lavapipe, which divide and take roots
// with correct rounding. Vulkan itself allows a division 2.5 ULP, so that on
// another device functions that divide (div, recip, rsqrt, sigmoid, tanh) may
// be less good; the test of this package tells.
//
// [Functions] is the table of them all, which the test runs.
//
// # Special values
//
// Every function of one argument is NaN at NaN. At infinities and zeros, and
// for the largest floats:
//
//	            +Inf    -Inf     +0     -0      largest   -largest
//	acos, asin  NaN     NaN      *      *       NaN       NaN       * pi/2, ±0
//	acosh       +Inf    NaN      NaN    NaN     89.4      NaN       0 at 1
//	asinh       +Inf    -Inf     0      -0      89.4      -89.4
//	atan        pi/2    -pi/2    0      -0      pi/2      -pi/2
//	atanh       NaN     NaN      0      -0      NaN       NaN       ±Inf at ±1
//	cos         NaN     NaN      1      1       finite    finite
//	cosh        +Inf    +Inf     1      1       +Inf      +Inf
//	digamma     +Inf    NaN      -Inf   +Inf    88.7      NaN
//	erf         1       -1       0      -0      1         -1
//	erfc        0       2        1      1       0         2
//	erfinv      NaN     NaN      0      -0      NaN       NaN       ±Inf at ±1
//	exp         +Inf    0        1      1       +Inf      0
//	exp2        +Inf    0        1      1       +Inf      0
//	expm1       +Inf    -1       0      -0      +Inf      -1
//	lgamma      +Inf    +Inf     +Inf   +Inf    +Inf      +Inf
//	log         +Inf    NaN      -Inf   -Inf    88.7      NaN
//	log1p       +Inf    NaN      0      -0      88.7      NaN       -Inf at -1
//	log2        +Inf    NaN      -Inf   -Inf    128       NaN
//	polygamma1  0       NaN      +Inf   +Inf    denormal  +Inf
//	polygamma2  -0      NaN      -Inf   +Inf    -0        NaN
//	recip       0       -0       +Inf   -Inf    denormal  denormal
//	rsqrt       0       NaN      +Inf   -Inf    5.4e-20   NaN
//	sigmoid     1       0        1/2    1/2     1         0
//	sinh        +Inf    -Inf     0      -0      +Inf      -Inf
//	softplus    +Inf    0        log 2  log 2   largest   0
//	sqrt        +Inf    NaN      0      -0      1.8e19    NaN
//	sin, tan    NaN     NaN      0      -0      finite    finite
//	tanh        1       -1       0      -0      1         -1
//
// Those of two arguments (atan2, logaddexp, pow) state theirs. The tests of
// package graph hold the ops to this table on every driver.
//
// # Sources
//
// S. Moshier's Cephes library for reductions; fdlibm (Sun Microsystems, 1993)
// for pow; W. Cody and W. Waite, Software manual for the elementary functions,
// 1980; M. Payne and R. Hanek, 1983. Polynomials without another source are
// minimax fits by the Remez exchange or Lawson's iteration in 40-digit
// arithmetic, with coefficients rounded to float.
package emath
