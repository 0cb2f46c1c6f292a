// Package constraint describes sets that values and parameters lie in: what a check on the device compares with, what an error names,
// and what a bijection is chosen by.
package constraint
