// Package internal holds what the examples share: cli (device, interrupts, progress bars), digits (MNIST and data sets in its
// format), sheet (contact sheets of digits) and chart (plots side by side).
package internal
