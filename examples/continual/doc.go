// Command continual fits one network to four stretches of a crash test, one after the other, without ever looking back at the data of a
// stretch that is done:
//
//	go run ./examples/continual [-steps 400] [-width 200] [-seed 1] [-device NAME] [-out FILE]
//
// Plain training forgets. With a Laplace approximation the posterior of what was seen is the prior of what comes next, and the network keeps
// it. The program prints the errors on held-out measurements of every stretch after all of them, and draws the fits. README.md shows a run.
package main
