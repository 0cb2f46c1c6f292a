package shaders

// What the tests of package shaders_test look into.
var (
	Split  = split
	Bits16 = bits16
)
