package main

import (
	"bytes"
	"maps"
	"os"
	"slices"

	"callboard"
)

// Mirror reads every column and writes it anew, by rows or by columns: what comes out equals what went in.
type Mirror struct {
	_ callboard.About `version:"0.1.0" doc:"Writes every column anew, as it was."`

	By    string `json:"by" enum:"rows,columns" doc:"How columns are read and written."`
	Words string `json:"words" doc:"A granted file, whose words are counted with each batch."`

	in  []callboard.In[any]
	out []callboard.Out[any]
}

func main() {
	callboard.TransformBatches(&Mirror{By: "rows"})
}

// Declare reads and writes every column of the input.
func (m *Mirror) Declare(shape *callboard.Shape) error {
	for _, field := range shape.Input() {
		in, err := callboard.Read[any](shape, field.Name)
		if err != nil {
			return err
		}
		m.in = append(m.in, in)
		m.out = append(m.out, callboard.WriteField[any](shape, field))
	}
	return nil
}

// Batch copies a batch.
func (m *Mirror) Batch(batch *callboard.Batch) error {
	if m.Words != "" {
		text, err := os.ReadFile(m.Words)
		if err != nil {
			return callboard.ConfigError("/words", "%v", err)
		}
		callboard.Count("words", int64(len(bytes.Fields(text))))
	}
	for row := range batch.Rows() {
		if m.By == "columns" {
			break
		}
		for i, column := range m.in {
			if value, ok := column.Get(row); ok {
				m.out[i].Set(copied(value))
			} else {
				m.out[i].SetNull()
			}
		}
		row.Emit()
	}
	for i, column := range m.in {
		if m.By == "columns" {
			m.out[i].SetArray(copiedArray(column.Array(batch)))
		}
	}
	return nil
}

// copied makes lists, structs and bytes anew.
func copied(value any) any {
	switch value := value.(type) {
	case []byte:
		return slices.Clone(value)
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = copied(item)
		}
		return items
	case map[string]any:
		members := maps.Clone(value)
		for name, member := range members {
			members[name] = copied(member)
		}
		return members
	default:
		return value
	}
}

// copiedArray makes an array anew, and those below it.
func copiedArray(array *callboard.Array) *callboard.Array {
	made := &callboard.Array{Type: array.Type, Len: array.Len, Valid: slices.Clone(array.Valid)}
	switch values := array.Values.(type) {
	case nil:
	case callboard.Bits:
		made.Values = slices.Clone(values)
	case []int8:
		made.Values = slices.Clone(values)
	case []int16:
		made.Values = slices.Clone(values)
	case []int32:
		made.Values = slices.Clone(values)
	case []int64:
		made.Values = slices.Clone(values)
	case []uint8: // uint8 or fixed
		made.Values = slices.Clone(values)
	case []uint16:
		made.Values = slices.Clone(values)
	case []uint32:
		made.Values = slices.Clone(values)
	case []uint64:
		made.Values = slices.Clone(values)
	case []float32:
		made.Values = slices.Clone(values)
	case []float64:
		made.Values = slices.Clone(values)
	case callboard.Strings: // utf8 or binary
		made.Values = callboard.Strings{Offsets: slices.Clone(values.Offsets), Data: slices.Clone(values.Data)}
	case callboard.Lists:
		made.Values = callboard.Lists{Offsets: slices.Clone(values.Offsets), Items: copiedArray(values.Items)}
	case *callboard.Array: // a vector's items
		made.Values = copiedArray(values)
	case []*callboard.Array: // a struct's members
		members := make([]*callboard.Array, len(values))
		for i, member := range values {
			members[i] = copiedArray(member)
		}
		made.Values = members
	}
	return made
}
