package callboard

import (
	"fmt"
	"reflect"
	"unsafe"
)

// codec makes Go's values of an array, and an array of Go's values.
type codec[T any] struct {
	// decode makes one value of each of the array's. Numbers, texts and bytes lie where the array's do.
	decode func(*Array) []T
	// encode makes an array of this type; its nulls are the caller's to mark, but those of `any`.
	encode func([]T, Type) (*Array, error)
}

// codecs has a codec for each type that a column may be read and written as.
var codecs = map[reflect.Type]any{}

func init() {
	number[int8]()
	number[int16]()
	number[int32]()
	number[int64]()
	number[uint8]()
	number[uint16]()
	number[uint32]()
	number[uint64]()
	number[float32]()
	number[float64]()
	scalar(codec[int]{decodeInts, encodeInts})
	scalar(codec[bool]{decodeBools, encodeBools})
	scalar(codec[string]{decodeTexts, encodeTexts})
	scalar(codec[[]byte]{decodeBytes, encodeBytes})
	codecs[reflect.TypeFor[any]()] = codec[any]{decodeAny, encodeAny}
}

func number[T any]() {
	decode := func(a *Array) []T { return a.Values.([]T) }
	encode := func(values []T, t Type) (*Array, error) {
		return &Array{Type: t, Len: len(values), Values: values}, nil
	}
	scalar(codec[T]{decode, encode})
}

// scalar makes a codec known, and the one for lists of the same.
func scalar[T any](c codec[T]) {
	codecs[reflect.TypeFor[T]()] = c
	if _, known := codecs[reflect.TypeFor[[]T]()]; !known && reflect.TypeFor[T]() != reflect.TypeFor[uint8]() {
		codecs[reflect.TypeFor[[]T]()] = codec[[]T]{
			decode: func(a *Array) [][]T { return decodeLists(a, c.decode) },
			encode: func(values [][]T, t Type) (*Array, error) { return encodeLists(values, t, c.encode) },
		}
	}
}

func codecOf[T any]() codec[T] {
	c, known := codecs[reflect.TypeFor[T]()]
	if !known {
		panic(misuse("a column cannot be a Go %v: use a number, bool, string, []byte, a slice of these, or any", reflect.TypeFor[T]()))
	}
	return c.(codec[T])
}

// typeOf is the column type that is written for a Go type; of `any` there is none.
func typeOf(t reflect.Type) (Type, bool) {
	kinds := map[reflect.Kind]Kind{
		reflect.Bool: Bool, reflect.Int: Int64, reflect.Int8: Int8, reflect.Int16: Int16, reflect.Int32: Int32,
		reflect.Int64: Int64, reflect.Uint8: Uint8, reflect.Uint16: Uint16, reflect.Uint32: Uint32,
		reflect.Uint64: Uint64, reflect.Float32: Float32, reflect.Float64: Float64, reflect.String: Utf8,
	}
	if kind, known := kinds[t.Kind()]; known {
		return Type{Kind: kind}, true
	}
	if t.Kind() != reflect.Slice {
		return Type{}, false
	}
	if t.Elem().Kind() == reflect.Uint8 {
		return Type{Kind: Binary}, true
	}
	items, known := typeOf(t.Elem())
	return Type{Kind: List, Items: &items}, known
}

// readable says whether a column can be read as a Go type that is written as `want`.
func readable(want, have Type) bool {
	switch {
	case want.Kind == Binary:
		return have.Kind == Binary || have.Kind == Fixed
	case want.Kind == List:
		return (have.Kind == List || have.Kind == Vector) && readable(*want.Items, *have.Items)
	default:
		return want.Kind == have.Kind
	}
}

func decodeInts(a *Array) []int {
	values := a.Values.([]int64)
	return unsafe.Slice((*int)(unsafe.Pointer(unsafe.SliceData(values))), len(values))
}

func encodeInts(values []int, t Type) (*Array, error) {
	// An int has 64 bits wherever this is compiled for; see the constant below.
	numbers := unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(values))), len(values))
	return &Array{Type: t, Len: len(values), Values: numbers}, nil
}

const _ = uint(unsafe.Sizeof(int(0)) - 8)

func decodeBools(a *Array) []bool { return unpackBits(a.Values.(Bits), a.Len) }

func encodeBools(values []bool, t Type) (*Array, error) {
	return &Array{Type: t, Len: len(values), Values: packBits(values)}, nil
}

func decodeTexts(a *Array) []string {
	strings := a.Values.(Strings)
	values := make([]string, a.Len)
	if len(strings.Data) == 0 {
		return values
	}
	base := unsafe.SliceData(strings.Data)
	// The host has checked the offsets.
	for i := range values {
		start, end := strings.Offsets[i], strings.Offsets[i+1]
		values[i] = unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(base), start)), end-start)
	}
	return values
}

func encodeTexts(values []string, t Type) (*Array, error) { return encodeStrings(values, t) }

func encodeStrings[S string | []byte](values []S, t Type) (*Array, error) {
	offsets, size := make([]uint32, len(values)+1), 0
	for i, value := range values {
		size += len(value)
		offsets[i+1] = uint32(size)
	}
	data := make([]byte, 0, size)
	for _, value := range values {
		data = append(data, value...)
	}
	return &Array{Type: t, Len: len(values), Values: Strings{offsets, data}}, nil
}

func decodeBytes(a *Array) [][]byte {
	values := make([][]byte, a.Len)
	switch data := a.Values.(type) {
	case Strings:
		for i := range values {
			values[i] = data.Data[data.Offsets[i]:data.Offsets[i+1]:data.Offsets[i+1]]
		}
	case []byte:
		width := a.Type.Width
		for i := range values {
			values[i] = data[i*width : (i+1)*width : (i+1)*width]
		}
	}
	return values
}

func encodeBytes(values [][]byte, t Type) (*Array, error) {
	if t.Kind != Fixed {
		return encodeStrings(values, t)
	}
	data := make([]byte, 0, len(values)*t.Width)
	for _, value := range values {
		if value == nil {
			value = make([]byte, t.Width)
		}
		if len(value) != t.Width {
			return nil, fmt.Errorf("%d bytes where %v is wanted", len(value), t)
		}
		data = append(data, value...)
	}
	return &Array{Type: t, Len: len(values), Values: data}, nil
}

func decodeLists[T any](a *Array, decode func(*Array) []T) [][]T {
	values := make([][]T, a.Len)
	switch data := a.Values.(type) {
	case Lists:
		items := decode(data.Items)
		for i := range values {
			values[i] = items[data.Offsets[i]:data.Offsets[i+1]:data.Offsets[i+1]]
		}
	case *Array:
		items, width := decode(data), a.Type.Width
		for i := range values {
			values[i] = items[i*width : (i+1)*width : (i+1)*width]
		}
	}
	return values
}

func encodeLists[T any](values [][]T, t Type, encode func([]T, Type) (*Array, error)) (*Array, error) {
	offsets, all := make([]uint32, len(values)+1), []T{}
	for i, value := range values {
		if t.Kind == Vector && value == nil {
			value = make([]T, t.Width)
		}
		if t.Kind == Vector && len(value) != t.Width {
			return nil, fmt.Errorf("%d items where %v is wanted", len(value), t)
		}
		all = append(all, value...)
		offsets[i+1] = uint32(len(all))
	}
	items, err := encode(all, *t.Items)
	if err != nil {
		return nil, err
	}
	if t.Kind == Vector {
		return &Array{Type: t, Len: len(values), Values: items}, nil
	}
	return &Array{Type: t, Len: len(values), Values: Lists{offsets, items}}, nil
}
