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

	values []T
	valid  Bits
	array  *Array
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
func (o Out[T]) SetValues(values []T) {
	column := o.of()
	column.values, column.valid = values, nil
}

// SetNullable is the whole column, with nulls where valid says so.
func (o Out[T]) SetNullable(values []T, valid []bool) {
	column := o.of()
	column.values, column.valid = values, packBits(valid)
}

// SetArray is the whole column as it is laid out, such as one that was read. It is not copied.
func (o Out[T]) SetArray(array *Array) { o.of().array = array }

func (o Out[T]) of() *outColumn[T] {
	if o.column == nil {
		panic("a column is written that is not part of the step's shape: make it a field of the step, or use callboard.Write in Declare")
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
	// push puts out what is pending, times so many rows.
	push(rows int) error
	// forget leaves out what is pending.
	forget()
	// reset leaves out all that was put out and not taken.
	reset()
	// take makes the column of what was put out, and begins anew.
	take() (*Array, error)
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
	c.array, c.values, c.valid = nil, nil, nil
	c.forget()
}

func (c *outColumn[T]) take() (*Array, error) {
	array, values, valid := c.array, c.values, c.valid
	// The values may be on their way to the host: the next ones get memory of their own.
	c.array, c.values, c.valid = nil, make([]T, 0, len(values)), nil
	c.forget()
	if array == nil {
		encoded, err := c.encode(values, c.field.Type)
		if err != nil {
			return nil, fmt.Errorf("column `%s`: %w", c.field.Name, err)
		}
		array = encoded
		if valid != nil {
			array.Valid = valid
		}
		if array.Valid != nil && !c.field.Type.Nullable {
			return nil, fmt.Errorf("column `%s`: %w", c.field.Name, errNull)
		}
		return array, nil
	}
	if !c.field.Type.holds(array.Type) {
		return nil, fmt.Errorf("column `%s` was declared %v and written %v", c.field.Name, c.field.Type, array.Type)
	}
	return array, nil
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
