// Command mnist trains a small classifier on MNIST's 60,000 handwritten digits and then asks every one of the
// 10,000 test digits, by its own gradient, how hard the model finds it:
//
//	go run ./examples/mnist [-epochs 5] [-batch 128] [-seed 1] [-device NAME] [-out FILE] [-json]
//
// Then it infers a distribution over the weights, and asks models drawn from it how sure they are of the same digits. It prints the device, the test
// accuracy, per-sample gradients per second, the posterior's calibration and the peak of the device's memory, and writes a picture of the digits
// with the largest gradients. README.md shows a run.
package main
