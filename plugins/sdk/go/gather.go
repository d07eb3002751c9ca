package callboard

import (
	"slices"

	global "callboard/internal/wit/callboard_step_global"
)

// Gather is how a global step has its rows brought together, which the host does: on the disk where memory is not enough. It is made by
// [ByKey], [ByEach] and [InOrder], and said with [Shape.Gather].
type Gather struct {
	tag       uint8
	columns   [][]string
	orders    [][]Order
	asWritten bool
}

// Order is a column that rows are sorted by, made by [Ascending] and [Descending].
type Order struct {
	column     string
	descending bool
	nullsFirst bool
}

// Ascending sorts the smallest value first, and rows without a value last.
func Ascending(column string) Order { return Order{column: column} }

// Descending sorts the largest value first, and rows without a value last. NaN is larger than any number.
func Descending(column string) Order { return Order{column: column, descending: true} }

// NullsFirst puts rows without a value first, in either direction.
func (o Order) NullsFirst() Order {
	o.nullsFirst = true
	return o
}

// ByKey brings rows together that agree in these columns: they are a group, and a group is given to one call, whole. Nulls agree, and so do
// NaNs.
func ByKey(columns ...string) Gather {
	if len(columns) == 0 {
		panic(misuse("ByKey needs a column"))
	}
	return Gather{tag: global.Gathering_ByKey, columns: [][]string{columns}}
}

// ByEach puts a row into a group for each distinct item in the list of this column. Such a step keeps and removes no rows: it writes rows,
// with [Writer.WriteAt].
func ByEach(column string) Gather {
	return Gather{tag: global.Gathering_ByEach, columns: [][]string{{column}}}
}

// InOrder gives all rows to one call, sorted by these columns.
func InOrder(orders ...Order) Gather { return all().SortedBy(orders...) }

func all() Gather { return Gather{tag: global.Gathering_All, asWritten: true} }

// SortedBy sorts all rows of the first input, or those of each group. Rows that are equal stay in the order of the input.
func (g Gather) SortedBy(orders ...Order) Gather { return g.InputSortedBy(0, orders...) }

// InputSortedBy is [Gather.SortedBy], of any input.
func (g Gather) InputSortedBy(input int, orders ...Order) Gather {
	sorted := make([][]Order, max(len(g.orders), input+1))
	copy(sorted, g.orders)
	sorted[input] = slices.Concat(sorted[input], orders)
	g.orders = sorted
	return g
}

// Others says what the columns of [ByKey], or the column of [ByEach], are called in the next input; where it is not said, as in the first.
func (g Gather) Others(columns ...string) Gather {
	g.columns = append(slices.Clone(g.columns), columns)
	return g
}

// AsWritten puts rows out in the order of the calls to the writer, group after group; otherwise they come out as they stand in the input.
func (g Gather) AsWritten() Gather {
	g.asWritten = true
	return g
}

func (g Gather) isGrouped() bool { return g.tag != global.Gathering_All }

// keys are the columns that rows of an input are grouped by.
func (g Gather) keys(input int) []string {
	switch {
	case !g.isGrouped():
		return nil
	case input < len(g.columns):
		return g.columns[input]
	}
	return g.columns[0]
}

// declare says it to the host.
func (g Gather) declare(shape *global.Shape, inputs []Schema) error {
	var keys [][]string
	var each []string
	for i, schema := range inputs {
		keys, each = append(keys, g.keys(i)), append(each, slices.Concat(g.keys(i), []string{""})[0])
		var sorted []global.Order
		for _, order := range slices.Concat(g.orders, make([][]Order, len(inputs)))[i] {
			sorted = append(sorted, global.Order{Column: order.column, Descending: order.descending, NullsFirst: order.nullsFirst})
		}
		shape.Sorted = append(shape.Sorted, sorted)
		for _, name := range slices.Concat(g.keys(i), columnsOf(sorted)) {
			if _, found := schema.Find(name); !found {
				return InputError("there is no column `%s`", name)
			}
		}
	}
	switch g.tag {
	case global.Gathering_ByKey:
		shape.Gathering = global.MakeGatheringByKey(keys)
	case global.Gathering_ByEach:
		shape.Gathering = global.MakeGatheringByEach(each)
	default:
		shape.Gathering = global.MakeGatheringAll()
	}
	shape.Arrangement = global.Arrangement_Input
	if g.asWritten {
		shape.Arrangement = global.Arrangement_Written
	}
	return nil
}

func columnsOf(orders []global.Order) []string {
	var names []string
	for _, order := range orders {
		names = append(names, order.Column)
	}
	return names
}
