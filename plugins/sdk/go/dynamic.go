package callboard

import (
	"errors"
	"fmt"
	"slices"
)

// nothing stands for the members and items of a null: something has to lie there, and it is no null of its own.
type nothing struct{}

// decodeAny makes values of whatever type: nil for a null, and bool, int8 … float64, string, []byte, []any (lists and vectors) and
// map[string]any (structs).
func decodeAny(a *Array) []any {
	values := make([]any, a.Len)
	switch a.Type.Kind {
	case Bool:
		box(values, decodeBools(a))
	case Int8:
		box(values, a.Values.([]int8))
	case Int16:
		box(values, a.Values.([]int16))
	case Int32:
		box(values, a.Values.([]int32))
	case Int64:
		box(values, a.Values.([]int64))
	case Uint8:
		box(values, a.Values.([]uint8))
	case Uint16:
		box(values, a.Values.([]uint16))
	case Uint32:
		box(values, a.Values.([]uint32))
	case Uint64:
		box(values, a.Values.([]uint64))
	case Float32:
		box(values, a.Values.([]float32))
	case Float64:
		box(values, a.Values.([]float64))
	case Utf8:
		box(values, decodeTexts(a))
	case Binary, Fixed:
		box(values, decodeBytes(a))
	case List, Vector:
		box(values, decodeLists(a, decodeAny))
	case Struct:
		for i := range values {
			values[i] = map[string]any{}
		}
		for m, member := range a.Values.([]*Array) {
			for i, value := range decodeAny(member) {
				values[i].(map[string]any)[a.Type.Members[m].Name] = value
			}
		}
	}
	for i := range values {
		if a.Null(i) {
			values[i] = nil
		}
	}
	return values
}

func box[T any](boxed []any, values []T) {
	for i, value := range values[:len(boxed)] {
		boxed[i] = value
	}
}

// encodeAny makes an array of this type of such values; an int does for an int64.
func encodeAny(values []any, t Type) (*Array, error) {
	var array *Array
	var err error
	switch t.Kind {
	case Null:
		array = &Array{Type: t, Len: len(values)}
	case Bool:
		array, err = unboxed(values, t, encodeBools)
	case Int8:
		array, err = unboxed(values, t, codecOf[int8]().encode)
	case Int16:
		array, err = unboxed(values, t, codecOf[int16]().encode)
	case Int32:
		array, err = unboxed(values, t, codecOf[int32]().encode)
	case Int64:
		array, err = unboxed(values, t, codecOf[int64]().encode)
	case Uint8:
		array, err = unboxed(values, t, codecOf[uint8]().encode)
	case Uint16:
		array, err = unboxed(values, t, codecOf[uint16]().encode)
	case Uint32:
		array, err = unboxed(values, t, codecOf[uint32]().encode)
	case Uint64:
		array, err = unboxed(values, t, codecOf[uint64]().encode)
	case Float32:
		array, err = unboxed(values, t, codecOf[float32]().encode)
	case Float64:
		array, err = unboxed(values, t, codecOf[float64]().encode)
	case Utf8:
		array, err = unboxed(values, t, encodeTexts)
	case Binary, Fixed:
		array, err = unboxed(values, t, encodeBytes)
	case List, Vector:
		array, err = encodeAnyLists(values, t)
	case Struct:
		array, err = encodeAnyStructs(values, t)
	}
	if err != nil {
		return nil, err
	}
	return array, markNulls(array, values)
}

// unboxed encodes values that should be of one Go type.
func unboxed[T any](values []any, t Type, encode func([]T, Type) (*Array, error)) (*Array, error) {
	typed := make([]T, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case nil, nothing:
		case T:
			typed[i] = value
		case int:
			number, ok := any(int64(value)).(T)
			if !ok {
				return nil, wrongValue(value, t)
			}
			typed[i] = number
		default:
			return nil, wrongValue(value, t)
		}
	}
	return encode(typed, t)
}

func encodeAnyLists(values []any, t Type) (*Array, error) {
	lists := make([][]any, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case nil, nothing:
			if t.Kind == Vector {
				lists[i] = make([]any, t.Width)
				for j := range lists[i] {
					lists[i][j] = nothing{}
				}
			}
		case []any:
			lists[i] = value
		default:
			return nil, wrongValue(value, t)
		}
	}
	return encodeLists(lists, t, encodeAny)
}

func encodeAnyStructs(values []any, t Type) (*Array, error) {
	members := make([]*Array, len(t.Members))
	for m, member := range t.Members {
		column := make([]any, len(values))
		for i, value := range values {
			switch value := value.(type) {
			case nil, nothing:
				column[i] = nothing{}
			case map[string]any:
				column[i] = value[member.Name]
			default:
				return nil, wrongValue(value, t)
			}
		}
		array, err := encodeAny(column, member.Type)
		if err != nil {
			return nil, fmt.Errorf("member `%s`: %w", member.Name, err)
		}
		members[m] = array
	}
	return &Array{Type: t, Len: len(values), Values: members}, nil
}

func wrongValue(value any, t Type) error {
	return fmt.Errorf("a Go %T where `%v` is wanted", value, t)
}

var errNull = errors.New("a null where none may be: say that the column is nullable")

// markNulls marks the values that are nil.
func markNulls(array *Array, values []any) error {
	if array.Type.Kind == Null {
		return nil
	}
	if !slices.Contains(values, nil) {
		return nil
	}
	if !array.Type.Nullable {
		return errNull
	}
	for i, value := range values {
		array.Valid.setBit(i, value != nil)
	}
	return nil
}

// emptyArray is a column of no values: what a schema is made of. It has valid bits, none, where there may be nulls.
func emptyArray(t Type) *Array {
	array, err := encodeAny(nil, t)
	if err != nil {
		panic(err)
	}
	markNullable(array)
	return array
}

func markNullable(array *Array) {
	if array.Type.Nullable && array.Type.Kind != Null {
		array.Valid = Bits{}
	}
	switch values := array.Values.(type) {
	case Lists:
		markNullable(values.Items)
	case *Array:
		markNullable(values)
	case []*Array:
		for _, member := range values {
			markNullable(member)
		}
	}
}

// NewArray makes an array of values: nil for a null, and bool, int8 … float64, string, []byte, []any (lists and vectors) and
// map[string]any (structs). An int does for an int64.
func NewArray(t Type, values []any) (*Array, error) { return encodeAny(values, t) }

// Any returns the values as [NewArray] takes them.
func (a *Array) Any() []any { return decodeAny(a) }
