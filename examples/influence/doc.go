// Command influence asks which training digits a prediction rests on, by the gradients of single digits:
//
//	go run ./examples/influence [-train 20000] [-errors 0.03] [-epochs 5] [-seed 1] [-device NAME] [-out FILE] [-json]
//
// It gives some training digits wrong labels, trains a classifier, and then
//
//   - finds the wrong labels: digits with such a label pull the model hardest, by the norm of their own gradients;
//   - shows for some test digits which training digits helped and which harmed, by TracIn: products of gradients;
//   - predicts what leaving out a training digit does to the loss of a test digit, by a gradient and an inverse Hessian, and
//     compares with training without that digit.
//
// It prints how well each works, and writes a picture of test digits with their most helpful and most harmful training digits.
// README.md shows a run.
package main
