// Package digits loads MNIST, and data sets in its format, and brings batches of it to a device.
package digits
