package tests

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"callboard"
	"callboard/callboardtest"
)

// everyType has a column of every type of the contract, with nulls where they are allowed.
func everyType(nullable bool) callboardtest.Table {
	t := func(kind callboard.Kind) callboard.Type { return callboard.Type{Kind: kind, Nullable: nullable} }
	of := func(kind callboard.Kind, width int, items callboard.Type) callboard.Type {
		return callboard.Type{Kind: kind, Width: width, Items: &items, Nullable: nullable}
	}
	date := t(callboard.Int32)
	date.Logical = "tdD"
	fixed := t(callboard.Fixed)
	fixed.Width = 2
	point := t(callboard.Struct)
	point.Members = []callboard.Field{{Name: "x", Type: t(callboard.Float32)}, {Name: "tags", Type: of(callboard.List, 0, t(callboard.Utf8))}}
	columns := []struct {
		name   string
		t      callboard.Type
		values []any
	}{
		{"bool", t(callboard.Bool), []any{true, false}},
		{"int8", t(callboard.Int8), []any{int8(math.MinInt8), int8(math.MaxInt8)}},
		{"int16", t(callboard.Int16), []any{int16(math.MinInt16), int16(math.MaxInt16)}},
		{"int32", t(callboard.Int32), []any{int32(math.MinInt32), int32(math.MaxInt32)}},
		{"int64", t(callboard.Int64), []any{int64(math.MinInt64), int64(math.MaxInt64)}},
		{"uint8", t(callboard.Uint8), []any{uint8(0), uint8(math.MaxUint8)}},
		{"uint16", t(callboard.Uint16), []any{uint16(0), uint16(math.MaxUint16)}},
		{"uint32", t(callboard.Uint32), []any{uint32(0), uint32(math.MaxUint32)}},
		{"uint64", t(callboard.Uint64), []any{uint64(0), uint64(math.MaxUint64)}},
		{"float32", t(callboard.Float32), []any{float32(math.Copysign(0, -1)), float32(math.Inf(-1))}},
		{"float64", t(callboard.Float64), []any{math.Copysign(0, -1), math.Inf(1)}},
		{"utf8", t(callboard.Utf8), []any{"", "Wörter 日本語 🎉"}},
		{"binary", t(callboard.Binary), []any{[]byte{}, []byte{0, 255}}},
		{"fixed", fixed, []any{[]byte{1, 2}, []byte{0, 255}}},
		{"list", of(callboard.List, 0, t(callboard.Int64)), []any{[]any{}, []any{int64(1), int64(2)}}},
		{"vector", of(callboard.Vector, 2, t(callboard.Float32)), []any{[]any{float32(1), float32(-0.5)}, []any{float32(0), float32(7)}}},
		{"struct", point, []any{
			map[string]any{"x": float32(1), "tags": []any{"a", "ä"}},
			map[string]any{"x": float32(2), "tags": []any{}},
		}},
		{"nested", of(callboard.List, 0, of(callboard.Vector, 2, point)), []any{[]any{}, []any{[]any{
			map[string]any{"x": float32(3), "tags": []any{"b"}}, map[string]any{"x": float32(4), "tags": []any{}},
		}}}},
		{"date", date, []any{int32(0), int32(-1)}},
	}
	var table callboardtest.Table
	for _, column := range columns {
		if nullable {
			column.values = append(column.values, nil)
		}
		table.Schema = append(table.Schema, callboard.Field{Name: column.name, Type: column.t})
		table.Columns = append(table.Columns, column.values)
	}
	if nullable {
		table.Schema = append(table.Schema, callboard.Field{Name: "null", Type: callboard.Type{Kind: callboard.Null, Nullable: true}})
		table.Columns = append(table.Columns, []any{nil, nil, nil})
	}
	return table
}

// Copying writes a copy of every column: as values, or as it is laid out.
type Copying struct {
	Laid bool `json:"laid"`
	in   []callboard.In[any]
	out  []callboard.Out[any]
}

func (c *Copying) Declare(shape *callboard.Shape) error {
	for _, field := range shape.Input() {
		in, err := callboard.Read[any](shape, field.Name)
		if err != nil {
			return err
		}
		c.in = append(c.in, in)
		c.out = append(c.out, callboard.WriteField[any](shape, field))
	}
	return nil
}

func (c *Copying) Batch(batch *callboard.Batch) error {
	for i, in := range c.in {
		if c.Laid {
			c.out[i].SetArray(in.Array(batch))
		} else {
			c.out[i].SetValues(in.Values(batch))
		}
	}
	return nil
}

func TestEveryTypeGoesInAndOut(t *testing.T) {
	for _, nullable := range []bool{false, true} {
		for _, config := range []string{`{"laid": false}`, `{"laid": true}`} {
			table := everyType(nullable)
			outcome, err := callboardtest.RunTables(batches(&Copying{}), config, table)
			if err != nil {
				t.Fatal(err)
			}
			for c, field := range table.Schema {
				for i, want := range table.Columns[c] {
					if got := outcome.Rows[i].Get(field.Name); !reflect.DeepEqual(got, want) || fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%s: row %d of `%s` is %v, want %v", config, i, field.Name, got, want)
					}
				}
			}
		}
	}
}

// Typed reads and writes columns of Go's own types.
type Typed struct {
	Ints    callboard.In[[]int64]   `column:"list"`
	Floats  callboard.In[[]float32] `column:"vector"`
	Bytes   callboard.In[[]byte]    `column:"fixed"`
	Flag    callboard.In[bool]      `column:"bool"`
	Texts   callboard.In[string]    `column:"utf8"`
	Out     callboard.Out[[]int64]  `column:"doubled"`
	Words   callboard.Out[[]string] `column:"words,nullable"`
	Raw     callboard.Out[[]byte]   `column:"raw"`
	Opposed callboard.Out[bool]     `column:"opposed"`
	Day     callboard.Out[int32]    `column:"day" logical:"tdD"`
}

func (s *Typed) Row(row callboard.Row) error {
	doubled := []int64{}
	for _, n := range s.Ints.Or(row, nil) {
		doubled = append(doubled, 2*n)
	}
	s.Out.Set(doubled)
	if text, ok := s.Texts.Get(row); ok && text != "" {
		s.Words.Set([]string{text, fmt.Sprint(s.Floats.Or(row, nil))})
	}
	s.Raw.Set(s.Bytes.Or(row, []byte("none")))
	s.Opposed.Set(!s.Flag.Or(row, true))
	s.Day.Set(1)
	return nil
}

func TestTypedColumns(t *testing.T) {
	outcome, err := callboardtest.RunTables(transform(&Typed{}), ``, everyType(true))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[string]any{
		{"doubled": []any{}, "words": nil, "raw": []byte{1, 2}, "opposed": false, "day": int32(1)},
		{"doubled": []any{int64(2), int64(4)}, "words": []any{"Wörter 日本語 🎉", "[0 7]"}, "raw": []byte{0, 255}, "opposed": true, "day": int32(1)},
		{"doubled": []any{}, "words": nil, "raw": []byte("none"), "opposed": false, "day": int32(1)},
	} {
		for column, value := range want {
			if got := outcome.Rows[i].Get(column); !reflect.DeepEqual(got, value) {
				t.Errorf("row %d: `%s` is %#v, want %#v", i, column, got, value)
			}
		}
	}
}

// Wrong writes a value that its column cannot have.
type Wrong struct {
	Which string `json:"which"`
	out   callboard.Out[any]
}

func (w *Wrong) Declare(shape *callboard.Shape) error {
	w.out = callboard.WriteField[any](shape, everyType(false).Schema[map[string]int{"text": 0, "short": 13, "null": 4, "array": 4}[w.Which]])
	return nil
}

func (w *Wrong) Batch(batch *callboard.Batch) error {
	switch w.Which {
	case "text":
		w.out.SetValues([]any{"text"})
	case "short":
		w.out.SetValues([]any{[]byte{1}})
	case "null":
		w.out.SetValues([]any{nil})
	case "array":
		array, _ := callboard.NewArray(callboard.Type{Kind: callboard.Int32}, []any{int32(1)})
		w.out.SetArray(array)
	}
	return nil
}

func TestAWrongValueIsAnErrorThatNamesTheColumn(t *testing.T) {
	for which, says := range map[string]string{
		"text":  "column `bool`: a Go string where `bool` is wanted",
		"short": "column `fixed`: 1 bytes where fixed<2> is wanted",
		"null":  "column `int64`: a null where none may be",
		"array": "column `int64` was declared int64 and written int32",
	} {
		expectError(t, batches(&Wrong{}), `{"which": "`+which+`"}`, one(`{"a": 1}`), callboard.Failed, "", says, "columns_test.go:")
	}
}

// Unbound uses a column that is not part of the shape.
type Unbound struct{ column callboard.In[string] }

func (u *Unbound) Row(row callboard.Row) error {
	u.column.Get(row)
	return nil
}

func TestAColumnOutsideOfTheShapeIsAnError(t *testing.T) {
	expectError(t, transform(&Unbound{}), ``, one(`{"a": 1}`), callboard.Failed, "", "make it a field of the step", "columns_test.go:")
}
