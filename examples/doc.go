// Package examples holds programs that use lavagrad on real data, one folder a program.
//
// They are a module of their own, so that data sets, plots and progress bars never become
// dependencies of programs that import the library. A go.work file in the root ties the
// modules together: everything runs from the root, for example
//
//	go run ./examples/NAME
//
// Each program's package comment says what it does, which flags it takes and what it prints.
package examples
