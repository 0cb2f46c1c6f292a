package variates

import (
	"math/bits"

	"github.com/lavagrad/lavagrad/shaders/spirv"
)

// Threefry-2x32 with 20 rounds: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as
// 1, 2, 3, SC11 (2011), section 4.1.2; rotations and parity from the authors' Random123 library.
var rotations = [8]int{13, 15, 26, 6, 17, 29, 16, 24}

const (
	parity = 0x1bd11bda
	rounds = 20
)

// Threefry encrypts a counter of two words under a key of two words. Results for different counters are
// as good as independent, and so are those for different keys.
func Threefry(k0, k1, c0, c1 uint32) (x0, x1 uint32) {
	k := [3]uint32{k0, k1, k0 ^ k1 ^ parity}
	x0, x1 = c0+k0, c1+k1
	for r := range rounds {
		x0 += x1
		x1 = bits.RotateLeft32(x1, rotations[r%8]) ^ x0
		if r%4 == 3 {
			i := r/4 + 1
			x0 += k[i%3]
			x1 += k[(i+1)%3] + uint32(i)
		}
	}
	return x0, x1
}

// EmitThreefry is Threefry on u32 scalars or vectors of one length.
func EmitThreefry(b *spirv.Builder, k0, k1, c0, c1 spirv.Value) (x0, x1 spirv.Value) {
	k := [3]spirv.Value{k0, k1, b.Xor(b.Xor(k0, k1), b.ConstU32(parity))}
	x0, x1 = b.Add(c0, k0), b.Add(c1, k1)
	for r := range rounds {
		x0, x1 = b.Mix(x0, x1, rotations[r%8])
		if r%4 == 3 {
			i := r/4 + 1
			x0 = b.Add(x0, k[i%3])
			x1 = b.Add(x1, b.Add(k[(i+1)%3], b.ConstU32(uint32(i))))
		}
	}
	return x0, x1
}
