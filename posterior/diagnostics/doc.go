// Package diagnostics tells from the states of a run how far it has come, and from predictions how far they can be believed. Sequences have time on
// the leading axis. All are functions of graph: they can be compiled, mapped and fused with what they look at.
package diagnostics
