package callboardtest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"callboard/internal/entry"
	exchange "callboard/internal/wit/callboard_step_exchange"
	global "callboard/internal/wit/callboard_step_global"
	wit "callboard/internal/wit/types"
)

// member is a row that a call is given: its group, and its number in the input.
type member struct {
	group uint32
	row   int
}

func isGrouped(shape global.Shape) bool { return shape.Gathering.Tag() != global.Gathering_All }

// gathered are the rows of each input by calls, as the host would bring them together: all groups in one, or each in one of its own.
func gathered(shape global.Shape, inputs []Table, each bool) [][][]member {
	numbers := map[string]uint32{}
	whole := make([][]member, len(inputs))
	for i, input := range inputs {
		for row := range input.rows() {
			for _, key := range keysOf(shape, i, input, row) {
				if _, known := numbers[key]; !known {
					numbers[key] = uint32(len(numbers))
				}
				whole[i] = append(whole[i], member{numbers[key], row})
			}
		}
		slices.SortStableFunc(whole[i], func(a, b member) int {
			return cmp.Or(cmp.Compare(a.group, b.group), compareRows(shape.Sorted[i], input, a.row, b.row), cmp.Compare(a.row, b.row))
		})
	}
	if !each || !isGrouped(shape) {
		return [][][]member{whole}
	}
	calls := make([][][]member, len(numbers))
	for number := range calls {
		calls[number] = make([][]member, len(inputs))
		for i, given := range whole {
			for _, one := range given {
				if int(one.group) == number {
					calls[number][i] = append(calls[number][i], member{0, one.row})
				}
			}
		}
	}
	return calls
}

// keysOf are the groups that a row is in.
func keysOf(shape global.Shape, input int, table Table, row int) []string {
	switch shape.Gathering.Tag() {
	case global.Gathering_ByKey:
		var key strings.Builder
		for _, name := range shape.Gathering.ByKey()[input] {
			fmt.Fprintf(&key, "%s,", canonical(table.value(name, row)))
		}
		return []string{key.String()}
	case global.Gathering_ByEach:
		var keys []string
		items, _ := table.value(shape.Gathering.ByEach()[input], row).([]any)
		for _, item := range items {
			if key := canonical(item); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		return keys
	}
	return []string{""}
}

// canonical is a value as text: NaNs agree, and so do both zeros.
func canonical(value any) string {
	switch value := value.(type) {
	case string:
		return fmt.Sprintf("%q", value)
	case float64:
		return fmt.Sprint(value + 0)
	case float32:
		return fmt.Sprint(value + 0)
	case []any:
		texts := make([]string, len(value))
		for i, item := range value {
			texts[i] = canonical(item)
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	return fmt.Sprintf("%#v", value)
}

func (t Table) value(name string, row int) any {
	for i, field := range t.Schema {
		if field.Name == name {
			return t.Columns[i][row]
		}
	}
	return nil
}

func compareRows(orders []global.Order, table Table, a, b int) int {
	for _, order := range orders {
		ours, theirs := table.value(order.Column, a), table.value(order.Column, b)
		found := 0
		switch {
		case ours == nil && theirs == nil:
		case ours == nil, theirs == nil:
			found = 1
			if (ours == nil) == order.NullsFirst {
				found = -1
			}
		default:
			found = compareValues(ours, theirs)
			if order.Descending {
				found = -found
			}
		}
		if found != 0 {
			return found
		}
	}
	return 0
}

// compareValues compares two values of a column. NaN is larger than any number.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case bool:
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		b := b.(float64)
		if math.IsNaN(a) || math.IsNaN(b) {
			return cmp.Compare(fmt.Sprint(math.IsNaN(a)), fmt.Sprint(math.IsNaN(b)))
		}
		return cmp.Compare(a, b)
	}
	panic(fmt.Sprintf("callboardtest does not sort values such as %v (%T)", a, a))
}

// picked are some of the rows.
func (t Table) picked(given []member) Table {
	picked := Table{Schema: t.Schema}
	for _, column := range t.Columns {
		values := make([]any, len(given))
		for i, one := range given {
			values[i] = column[one.row]
		}
		picked.Columns = append(picked.Columns, values)
	}
	return picked
}

// reader gives the rows of a call, a few at a time.
type reader struct {
	table   Table
	given   []member
	grouped bool
	size    int
	at      int
}

func (r *reader) Rows() uint64    { return uint64(len(r.given)) }
func (r *reader) Seek(row uint64) { r.at = int(row) }

func (r *reader) Positions(first uint64, count uint32) []uint64 {
	positions := make([]uint64, count)
	for i := range positions {
		positions[i] = uint64(r.given[int(first)+i].row)
	}
	return positions
}

func (r *reader) Next() (entry.Page, bool) {
	if r.at >= len(r.given) {
		return entry.Page{}, false
	}
	from, to := r.at, min(r.at+r.size, len(r.given))
	r.at = to
	page := entry.Page{Rows: withRows(r.table.batchOf(from, to), to-from)}
	for _, one := range r.given[from:to] {
		last := len(page.Groups) - 1
		switch {
		case !r.grouped:
		case last >= 0 && page.Groups[last].Group == one.group:
			page.Groups[last].Rows++
		default:
			page.Groups = append(page.Groups, exchange.Run{Group: one.group, Rows: 1})
		}
	}
	return page, true
}

// placed is a row that is put out, and the row of the first input in whose place it is.
type placed struct {
	place int
	row   Row
}

// writer gathers what a call of a global step puts out.
type writer struct {
	input   Table
	shape   global.Shape
	given   []member
	outcome *Outcome
	out     []placed
}

// place is where a row stands: where it stood, or, as it is written, where the first row of its group did.
func (w *writer) place(row uint64) int {
	one := w.given[row]
	if w.shape.Arrangement == global.Arrangement_Input {
		return one.row
	}
	if !isGrouped(w.shape) {
		return 0
	}
	place := one.row
	for _, other := range w.given {
		if other.group == one.group {
			place = min(place, other.row)
		}
	}
	return place
}

func (w *writer) Keep(rows []uint64, columns wit.Option[entry.Batch]) {
	batch, _ := columns.Get()
	written := tableOf(batch)
	for j, row := range rows {
		w.out = append(w.out, placed{w.place(row), w.input.carried(w.given[row].row, w.shape.Drops, written, j)})
	}
}

func (w *writer) Write(rows entry.Batch, at []uint64) {
	written := tableOf(rows)
	for j := range int(rows.Rows) {
		place := 0
		if isGrouped(w.shape) {
			place = w.place(at[j])
		}
		w.out = append(w.out, placed{place, w.input.carried(-1, w.shape.Drops, written, j)})
	}
}

func (w *writer) Remove(removed []entry.Removal) {
	w.outcome.remove(removed, func(row uint64) uint64 { return uint64(w.given[row].row) })
}
