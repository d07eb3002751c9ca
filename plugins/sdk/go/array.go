package callboard

// Array is the values of a column as the contract lays them out: what steps by columns read and write. An array that was read is the
// host's memory made ours, not copied; nothing in it may be changed.
type Array struct {
	Type Type
	// Len is how many values there are, nulls included.
	Len int
	// Valid has a bit for each value, and is empty if there is no null. What lies under a null is anything.
	Valid Bits
	// Values are, according to Type.Kind: nil for Null, Bits for Bool, a slice such as []int64 for a number, Strings for Utf8 and
	// Binary, []byte for Fixed (Type.Width bytes a value), Lists, *Array for Vector (Type.Width items a value), and []*Array
	// for Struct, one for each of Type.Members.
	Values any
}

// Strings are values one behind the other: value i is Data[Offsets[i]:Offsets[i+1]].
type Strings struct {
	Offsets []uint32
	Data    []byte
}

// Lists are the items of lists one behind the other: list i is the items Offsets[i] to Offsets[i+1].
type Lists struct {
	Offsets []uint32
	Items   *Array
}

// Bits are truth values, the least significant bit first.
type Bits []byte

// Get is bit i.
func (b Bits) Get(i int) bool { return b[i/8]>>(i%8)&1 != 0 }

// Null says whether value i of the array is a null.
func (a *Array) Null(i int) bool {
	return a.Type.Kind == Null || a.Valid != nil && !a.Valid.Get(i)
}

// packBits makes bits of truth values.
func packBits(values []bool) Bits {
	bits := make(Bits, (len(values)+7)/8)
	for i, value := range values {
		if value {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return bits
}

// setBit sets bit i, and grows the bits to have it.
func (b *Bits) setBit(i int, value bool) {
	for len(*b) <= i/8 {
		*b = append(*b, 0)
	}
	if value {
		(*b)[i/8] |= 1 << (i % 8)
	}
}

// unpackBits makes truth values of bits.
func unpackBits(bits Bits, length int) []bool {
	values := make([]bool, length)
	for i := range values {
		values[i] = bits.Get(i)
	}
	return values
}
