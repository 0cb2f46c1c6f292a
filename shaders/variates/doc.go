// Package variates has random draws as SPIR-V, each beside its definition in float64 on the host: the
// counter-based generator Threefry-2x32-20, and what turns its words into numbers of a distribution.
//
// Every function here maps words to draws without any state. Functions whose names begin with Emit write
// kernel code for scalars or vectors; those without are the definitions that the code is tested against.
package variates
