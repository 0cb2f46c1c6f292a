// Command dpsgd trains a classifier on MNIST with differential privacy: nobody who sees the model, nor anybody who sees it
// after every single step, can tell with any certainty whether a given digit was among the training digits.
//
//	go run ./examples/dpsgd [-epsilon 2.9] [-delta 1e-5] [-epochs 20] [-lot 2048] [-device NAME] [-out FILE] [-json]
//
// Before training it computes the noise that the budget needs; after every epoch it prints the epsilon spent so far and the test
// accuracy, and at last it draws one against the other. README.md shows a run.
package main
