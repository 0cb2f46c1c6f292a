// Package diagnostics tells from the states of a run how far it has come. Sequences have time on the leading axis.
package diagnostics
