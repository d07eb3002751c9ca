package callboard

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Out is a column that the step writes, of Go's type T: as with [In], a field of the step is found by itself.
//
//	Words callboard.Out[int64]  `column:"n_words"`
//	Lang  callboard.Out[string] `column:"lang,nullable"`
//	Day   callboard.Out[int32]  `column:"day" logical:"tdD"`
//
// A column of the input of the same name is replaced.
type Out[T any] struct {
	column *outColumn[T]
}

// outColumn gathers the values of a column.
type outColumn[T any] struct {
	field  Field
	encode func([]T, Type) (*Array, error)
	// pending is the value for the next row that is put out, where one is set.
	pending T
	state   state

	// values and valid are of the rows that were put out one by one.
	values []T
	valid  Bits
	// whole is the column that was set as a whole.
	whole *Array
}

// state says what is pending.
type state uint8

const (
	unset state = iota
	null
	set
)

// Set is the value for the row that is put out next.
func (o Out[T]) Set(value T) {
	column := o.of()
	column.pending, column.state = value, set
}

// SetNull is a null for the row that is put out next.
func (o Out[T]) SetNull() { o.of().state = null }

// SetMaybe is a value or a null for the row that is put out next.
func (o Out[T]) SetMaybe(value Maybe[T]) {
	if value.Valid {
		o.Set(value.Value)
	} else {
		o.SetNull()
	}
}

// SetValues is the whole column: a value for each row that is put out. Numbers are not copied.
func (o Out[T]) SetValues(values []T) { o.SetArray(o.of().array(values, nil)) }

// SetNullable is the whole column, with nulls where valid says so.
func (o Out[T]) SetNullable(values []T, valid []bool) {
	o.SetArray(o.of().array(values, packBits(valid)))
}

// SetArray is the whole column as it is laid out, such as one that was read. It is not copied.
func (o Out[T]) SetArray(array *Array) {
	column := o.of()
	if declared := column.field.Type; !declared.holds(array.Type) || array.Valid != nil && !declared.Nullable && declared.Kind != Null {
		panic(misuse("column `%s` was declared %v and written %v", column.field.Name, declared, array.Type))
	}
	column.whole = array
}

func (o Out[T]) of() *outColumn[T] {
	if o.column == nil {
		panic(misuse("a column is written that is not part of the step's shape: make it a field of the step, or use callboard.Write in Declare"))
	}
	return o.column
}

// output is a field of a step that is a column to write.
type output interface {
	bindOut(shape *Shape, field Field)
	fieldType() (Type, bool)
}

func (o *Out[T]) fieldType() (Type, bool) { return typeOf(reflect.TypeFor[T]()) }

func (o *Out[T]) bindOut(shape *Shape, field Field) {
	o.column = &outColumn[T]{field: field, encode: codecOf[T]().encode}
	shape.writes = append(shape.writes, o.column)
}

// written is a column that is being written.
type written interface {
	declared() Field
	// push puts out what is pending, for that many rows.
	push(rows int) error
	// forget leaves out what is pending.
	forget()
	// reset leaves out all that was put out and not taken.
	reset()
	// take makes the column of what was put out, row by row or as a whole, and starts an empty one.
	take(whole bool) *Array
}

func (c *outColumn[T]) declared() Field { return c.field }

func (c *outColumn[T]) push(rows int) error {
	if c.state == unset && !c.field.Type.Nullable {
		return fmt.Errorf("column `%s` was not set for a row that is put out", c.field.Name)
	}
	if c.state == null && !c.field.Type.Nullable {
		return fmt.Errorf("column `%s`: %w", c.field.Name, errNull)
	}
	for range rows {
		if c.state != set {
			var none T
			c.valid = c.allValid()
			c.values = append(c.values, none)
			c.valid.setBit(len(c.values)-1, false)
			continue
		}
		c.values = append(c.values, c.pending)
		if c.valid != nil {
			c.valid.setBit(len(c.values)-1, true)
		}
	}
	c.forget()
	return nil
}

// allValid are the valid bits of what was put out until now.
func (c *outColumn[T]) allValid() Bits {
	if c.valid == nil {
		c.valid = Bits{}
		for i := range c.values {
			c.valid.setBit(i, true)
		}
	}
	return c.valid
}

func (c *outColumn[T]) forget() {
	var none T
	c.pending, c.state = none, unset
}

func (c *outColumn[T]) reset() {
	c.values, c.valid, c.whole = nil, nil, nil
	c.forget()
}

func (c *outColumn[T]) take(whole bool) *Array {
	if whole && c.whole != nil {
		array := c.whole
		c.whole = nil
		return array
	}
	values, valid := c.values, c.valid
	// These values may be on their way to the host: the next ones get memory of their own.
	c.values, c.valid = make([]T, 0, len(values)), nil
	c.forget()
	return c.array(values, valid)
}

// array makes a column of these values. What is wrong with them is the step's fault, and panics.
func (c *outColumn[T]) array(values []T, valid Bits) *Array {
	array, err := c.encode(values, c.field.Type)
	if err == nil && valid != nil {
		array.Valid = valid
	}
	if err == nil && array.Valid != nil && !c.field.Type.Nullable {
		err = errNull
	}
	if err != nil {
		panic(misuse("column `%s`: %w", c.field.Name, err))
	}
	return array
}

// setAt makes pending what lies at this address: a T, or a pointer to one where the column is nullable.
func (c *outColumn[T]) setAt(address unsafe.Pointer, pointer bool) {
	if !pointer {
		c.pending, c.state = *(*T)(address), set
		return
	}
	if value := *(**T)(address); value != nil {
		c.pending, c.state = *value, set
	} else {
		c.state = null
	}
}
