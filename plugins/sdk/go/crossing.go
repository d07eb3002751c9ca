package callboard

import (
	columns "callboard/internal/wit/callboard_step_columns"
	wit "callboard/internal/wit/types"
)

// received makes the columns of a batch ours. Nothing is copied.
func received(batch columns.Batch) (Schema, []*Array) {
	arrays := make([]*Array, len(batch.Arrays))
	for i, raw := range batch.Arrays {
		arrays[i] = receivedArray(raw, arrays)
	}
	schema, values := make(Schema, len(batch.Columns)), make([]*Array, len(batch.Columns))
	for i, column := range batch.Columns {
		values[i] = arrays[column.Values]
		schema[i] = Field{column.Name, values[i].Type}
	}
	return schema, values
}

func receivedArray(raw columns.Array, before []*Array) *Array {
	array := &Array{Type: Type{Kind: Kind(raw.Values.Tag())}, Len: int(raw.Length)}
	if valid, some := raw.Validity.Get(); some {
		array.Valid, array.Type.Nullable = valid, true
		if valid == nil {
			array.Valid = Bits{}
		}
	}
	if logical, some := raw.Logical.Get(); some {
		array.Type.Logical = logical
	}
	switch array.Type.Kind {
	case Null:
		array.Type.Nullable = true
	case Bool:
		array.Values = Bits(raw.Values.Booleans())
	case Int8:
		array.Values = raw.Values.Int8()
	case Int16:
		array.Values = raw.Values.Int16()
	case Int32:
		array.Values = raw.Values.Int32()
	case Int64:
		array.Values = raw.Values.Int64()
	case Uint8:
		array.Values = raw.Values.Uint8()
	case Uint16:
		array.Values = raw.Values.Uint16()
	case Uint32:
		array.Values = raw.Values.Uint32()
	case Uint64:
		array.Values = raw.Values.Uint64()
	case Float32:
		array.Values = raw.Values.Float32()
	case Float64:
		array.Values = raw.Values.Float64()
	case Utf8:
		array.Values = Strings(raw.Values.Utf8())
	case Binary:
		array.Values = Strings(raw.Values.Binary())
	case Fixed:
		fixed := raw.Values.Fixed()
		array.Type.Width, array.Values = int(fixed.Width), fixed.Data
	case List:
		lists := raw.Values.Lists()
		items := before[lists.Items]
		array.Type.Items, array.Values = &items.Type, Lists{lists.Offsets, items}
	case Vector:
		vectors := raw.Values.Vectors()
		items := before[vectors.Items]
		array.Type.Width, array.Type.Items, array.Values = int(vectors.Width), &items.Type, items
	case Struct:
		members := []*Array{}
		for _, member := range raw.Values.Structs() {
			values := before[member.Values]
			members = append(members, values)
			array.Type.Members = append(array.Type.Members, Field{member.Name, values.Type})
		}
		array.Values = members
	}
	return array
}

// sent makes a batch of columns. Nothing is copied.
func sent(rows int, names []string, values []*Array) columns.Batch {
	batch := columns.Batch{Rows: uint32(rows)}
	for i, array := range values {
		batch.Columns = append(batch.Columns, columns.Column{Name: names[i], Values: sentArray(&batch, array)})
	}
	return batch
}

// sentSchema makes a batch of no rows.
func sentSchema(fields []Field) columns.Batch {
	names, values := make([]string, len(fields)), make([]*Array, len(fields))
	for i, field := range fields {
		names[i], values[i] = field.Name, emptyArray(field.Type)
	}
	return sent(0, names, values)
}

func sentArray(batch *columns.Batch, array *Array) uint32 {
	raw := columns.Array{Length: uint32(array.Len)}
	if array.Valid != nil {
		raw.Validity = wit.Some([]byte(array.Valid))
	}
	if array.Type.Logical != "" {
		raw.Logical = wit.Some(array.Type.Logical)
	}
	switch values := array.Values.(type) {
	case nil:
		raw.Values = columns.MakeValuesNulls()
	case Bits:
		raw.Values = columns.MakeValuesBooleans(values)
	case []int8:
		raw.Values = columns.MakeValuesInt8(values)
	case []int16:
		raw.Values = columns.MakeValuesInt16(values)
	case []int32:
		raw.Values = columns.MakeValuesInt32(values)
	case []int64:
		raw.Values = columns.MakeValuesInt64(values)
	case []uint8:
		if array.Type.Kind == Fixed {
			raw.Values = columns.MakeValuesFixed(columns.FixedBytes{Width: uint32(array.Type.Width), Data: values})
		} else {
			raw.Values = columns.MakeValuesUint8(values)
		}
	case []uint16:
		raw.Values = columns.MakeValuesUint16(values)
	case []uint32:
		raw.Values = columns.MakeValuesUint32(values)
	case []uint64:
		raw.Values = columns.MakeValuesUint64(values)
	case []float32:
		raw.Values = columns.MakeValuesFloat32(values)
	case []float64:
		raw.Values = columns.MakeValuesFloat64(values)
	case Strings:
		if array.Type.Kind == Binary {
			raw.Values = columns.MakeValuesBinary(columns.Bytes(values))
		} else {
			raw.Values = columns.MakeValuesUtf8(columns.Bytes(values))
		}
	case Lists:
		raw.Values = columns.MakeValuesLists(columns.Lists{Offsets: values.Offsets, Items: sentArray(batch, values.Items)})
	case *Array:
		items := sentArray(batch, values)
		raw.Values = columns.MakeValuesVectors(columns.Vectors{Width: uint32(array.Type.Width), Items: items})
	case []*Array:
		members := make([]columns.Column, len(values))
		for i, member := range values {
			members[i] = columns.Column{Name: array.Type.Members[i].Name, Values: sentArray(batch, member)}
		}
		raw.Values = columns.MakeValuesStructs(members)
	}
	batch.Arrays = append(batch.Arrays, raw)
	return uint32(len(batch.Arrays) - 1)
}
