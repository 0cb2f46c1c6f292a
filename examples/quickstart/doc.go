// Command quickstart learns MNIST's handwritten digits by Bayesian inference, and shows what that is good for: it knows how sure it may be.
//
//	go run ./examples/quickstart [-algorithm vi-diag] [-epochs 8] [-batch 128] [-draws 32] [-seed 1] [-device NAME] [-out FILE]
//
// It prints the test accuracy, the expected calibration error, and how well the entropy of its predictions tells pictures of clothes
// (Fashion-MNIST, brought by tools/fashion-mnist.sh) from digits, and writes a picture of both. README.md shows a run.
package main
