// Package emath64 emits elementary functions of 64-bit floats into SPIR-V kernels, for devices with shaderFloat64.
// Vulkan itself has none: GLSL.std.450 stops at 32 bits but for roots and rounding.
//
// The functions take scalars and vectors of 1 to 4 lanes, have no branches and no tables (but for sines and cosines of
// large arguments), and give what IEEE 754 gives for NaN, infinities, zeros and denormals, on any device that adds,
// multiplies, divides and takes roots as IEEE 754 says. [Functions] is the table of them all with the error of each, most
// within 2 ULP and none beyond 5 but derivatives of digamma, which the test checks against package math, and against big floats where
// package math is worse.
//
// # Sources
//
// S. Moshier's Cephes library for arctangents; M. Wichura's AS 241 for the normal quantile and with it erfinv; Abramowitz and
// Stegun, chapter 6, for digamma and its derivatives.
//
// fdlibm (Sun Microsystems, 1993): e_exp.c, s_expm1.c, e_log.c, s_log1p.c, s_tanh.c, e_pow.c, k_sin.c, k_cos.c, e_rem_pio2.c, e_sinh.c,
// e_cosh.c, s_asinh.c, e_acosh.c, e_atanh.c, s_erf.c, s_atan.c, e_lgamma_r.c, freely
// usable with its copyright notice: "Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunPro, a Sun
// Microsystems, Inc. business. Permission to use, copy, modify, and distribute this software is freely granted, provided
// that this notice is preserved." Its branches are selections here.
package emath64
