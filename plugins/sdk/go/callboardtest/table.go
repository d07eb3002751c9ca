package callboardtest

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"slices"
	"strings"

	"callboard"
	"callboard/internal/bridge"
	"callboard/internal/entry"
)

// Table is rows with the types of their columns.
type Table struct {
	Schema callboard.Schema
	// Columns are the values of each column of the schema, as callboard.NewArray takes them.
	Columns [][]any
}

// object is a JSON object with its keys in order.
type object struct {
	keys   []string
	values map[string]any
}

// JSONL reads rows, an object on each line. The types are those that the values suggest: int64, float64, utf8, bool, lists, structs; and
// there may be nulls everywhere. Make a [Table] where other types matter.
func JSONL(lines string) (Table, error) {
	var rows []object
	for number, line := range strings.Split(lines, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		row, err := parseObject(line)
		if err != nil {
			return Table{}, fmt.Errorf("line %d: %w", number+1, err)
		}
		rows = append(rows, row)
	}
	var table Table
	for _, row := range rows {
		for _, key := range row.keys {
			if _, known := table.Schema.Find(key); known {
				continue
			}
			column := make([]any, len(rows))
			for i := range rows {
				column[i] = rows[i].values[key]
			}
			table.Schema = append(table.Schema, callboard.Field{Name: key, Type: inferred(column)})
			table.Columns = append(table.Columns, fitted(column, table.Schema[len(table.Schema)-1].Type))
		}
	}
	return table, nil
}

func parseObject(line string) (object, error) {
	row := object{values: map[string]any{}}
	// An int64 is not a float64, which all numbers would be.
	exact := json.WithUnmarshalers(json.UnmarshalFromFunc(func(decoder *jsontext.Decoder, value *any) error {
		if decoder.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		var number jsontext.Value
		if err := json.UnmarshalDecode(decoder, &number); err != nil {
			return err
		}
		var whole int64
		if json.Unmarshal(number, &whole) == nil {
			*value = whole
			return nil
		}
		var float float64
		err := json.Unmarshal(number, &float)
		*value = float
		return err
	}))
	if err := json.Unmarshal([]byte(line), &row.values, exact); err != nil {
		return row, err
	}
	decoder := jsontext.NewDecoder(strings.NewReader(line))
	if _, err := decoder.ReadToken(); err != nil {
		return row, err
	}
	for decoder.PeekKind() == '"' {
		key, err := decoder.ReadToken()
		if err != nil {
			return row, err
		}
		row.keys = append(row.keys, key.String())
		if err := decoder.SkipValue(); err != nil {
			return row, err
		}
	}
	return row, nil
}

// inferred is the type that these values suggest.
func inferred(values []any) callboard.Type {
	t := callboard.Type{Kind: callboard.Null, Nullable: true}
	var items []any
	members := map[string][]any{}
	for _, value := range values {
		switch value := value.(type) {
		case bool:
			t.Kind = callboard.Bool
		case string:
			t.Kind = callboard.Utf8
		case int64:
			if t.Kind != callboard.Float64 {
				t.Kind = callboard.Int64
			}
		case float64:
			t.Kind = callboard.Float64
		case []any:
			t.Kind = callboard.List
			items = append(items, value...)
		case map[string]any:
			t.Kind = callboard.Struct
			for name, member := range value {
				members[name] = append(members[name], member)
			}
		}
	}
	switch t.Kind {
	case callboard.List:
		item := inferred(items)
		t.Items = &item
	case callboard.Struct:
		for name, values := range members {
			t.Members = append(t.Members, callboard.Field{Name: name, Type: inferred(values)})
		}
		slices.SortFunc(t.Members, func(a, b callboard.Field) int { return strings.Compare(a.Name, b.Name) })
	}
	return t
}

// fitted makes whole numbers floats where the column has floats.
func fitted(values []any, t callboard.Type) []any {
	if t.Kind == callboard.Float64 {
		for i, value := range values {
			if whole, ok := value.(int64); ok {
				values[i] = float64(whole)
			}
		}
	}
	return values
}

func (t Table) rows() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return len(t.Columns[0])
}

// selected are the columns of these names.
func (t Table) selected(names []string) Table {
	var selected Table
	for _, name := range names {
		for i, field := range t.Schema {
			if field.Name == name {
				selected.Schema = append(selected.Schema, field)
				selected.Columns = append(selected.Columns, t.Columns[i])
			}
		}
	}
	return selected
}

// batch are some of the rows as the host gives them.
func (t Table) batch(from, to int) entry.Batch {
	names, arrays := make([]string, len(t.Schema)), make([]*callboard.Array, len(t.Schema))
	for i, field := range t.Schema {
		array, err := callboard.NewArray(field.Type, t.Columns[i][from:to])
		if err != nil {
			panic(fmt.Sprintf("column `%s` of the test's rows: %v", field.Name, err))
		}
		names[i], arrays[i] = field.Name, array
	}
	return bridge.Sent(to-from, names, arrays)
}

// tableOf is what a step has written.
func tableOf(batch entry.Batch) Table {
	schema, arrays := bridge.Received(batch)
	table := Table{Schema: schema.(callboard.Schema)}
	for _, array := range arrays.([]*callboard.Array) {
		table.Columns = append(table.Columns, array.Any())
	}
	return table
}

// Row is a row that was put out: the values of its columns by name.
type Row struct {
	names  []string
	values map[string]any
}

// Get is the value in a column: nil for a null.
func (r Row) Get(column string) any { return r.values[column] }

// JSON is the row as an object, the columns in their order.
func (r Row) JSON() string {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, name := range r.names {
		if i > 0 {
			text.WriteByte(',')
		}
		key, _ := json.Marshal(name)
		value, err := json.Marshal(r.values[name], json.Deterministic(true))
		if err != nil {
			value = fmt.Appendf(nil, "%q", fmt.Sprint(r.values[name]))
		}
		fmt.Fprintf(&text, "%s:%s", key, value)
	}
	text.WriteByte('}')
	return text.String()
}

// carried is row i with what was written beside it (row j of written), as the host puts it out. Row -1 carries nothing.
func (t Table) carried(i int, drops []string, written Table, j int) Row {
	row := Row{values: map[string]any{}}
	if i >= 0 {
		for c, field := range t.Schema {
			if !slices.Contains(drops, field.Name) {
				row.names = append(row.names, field.Name)
				row.values[field.Name] = t.Columns[c][i]
			}
		}
	}
	for c, field := range written.Schema {
		if !slices.Contains(row.names, field.Name) {
			row.names = append(row.names, field.Name)
		}
		row.values[field.Name] = written.Columns[c][j]
	}
	return row
}
