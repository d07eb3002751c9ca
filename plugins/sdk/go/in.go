package callboard

import (
	"encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// In is a column that the step reads, as Go's type T: a number, bool, string, []byte, a slice of these for lists and vectors, or any.
//
// As a field of the step it is found by itself. With a json tag the configuration names the column, and the name in the column tag is
// the default; without one the name is fixed:
//
//	Text callboard.In[string] `json:"column" column:"text" doc:"The column of text."`
//	Lang callboard.In[string] `column:"lang,optional"`
//
// After the name may stand `optional` (the column may be missing: then there are only nulls), `drop` (the column goes no further)
// and `all` (a global step reads it from each of its inputs, and not from the first alone).
type In[T any] struct {
	name  string
	bound *boundIn[T]
}

// boundIn is what is known of a column once the input is.
type boundIn[T any] struct {
	name string
	slot int
	// at is where the column is in the batches of each input, or -1.
	at     []int
	decode func(*Array) []T
}

// view is a column of a batch, decoded.
type view[T any] struct {
	values []T
	array  *Array
}

// Name is the column's name.
func (c In[T]) Name() string { return c.name }

// Found says whether the (first) input has the column; it need not where it is optional.
func (c In[T]) Found() bool { return c.bound != nil && c.bound.at[0] >= 0 }

// Get returns the row's value, and whether there is one: not for a null.
func (c In[T]) Get(row Row) (T, bool) {
	view := c.view(row.batch)
	if view == nil || view.array.Null(row.index) {
		var none T
		return none, false
	}
	return view.values[row.index], true
}

// Or returns the row's value, or this one for a null.
func (c In[T]) Or(row Row, fallback T) T {
	if value, ok := c.Get(row); ok {
		return value
	}
	return fallback
}

// Maybe returns the row's value or null as one thing, which a map's key can be.
func (c In[T]) Maybe(row Row) Maybe[T] {
	value, ok := c.Get(row)
	return Maybe[T]{value, ok}
}

// Maybe is a value, or a null where it is not Valid.
type Maybe[T any] struct {
	Value T
	Valid bool
}

// Values returns the column of a batch, a value for each row; under nulls lies anything. Numbers are the host's memory without a copy,
// and so are the bytes of texts. Nothing in it may be changed. It is nil for an optional column that is missing.
func (c In[T]) Values(batch *Batch) []T {
	view := c.view(batch)
	if view == nil {
		return nil
	}
	return view.values
}

// Array returns the column of a batch as it is laid out; nil for an optional column that is missing.
func (c In[T]) Array(batch *Batch) *Array {
	if at := c.at(batch); at >= 0 {
		return batch.columns[at]
	}
	return nil
}

// Null says whether the value of row i of the batch is a null.
func (c In[T]) Null(batch *Batch, i int) bool {
	array := c.Array(batch)
	return array == nil || array.Null(i)
}

func (c In[T]) at(batch *Batch) int {
	if c.bound == nil {
		panic(misuse("a column is read that is not part of the step's shape: make it a field of the step, or use callboard.Read in Declare"))
	}
	return c.bound.at[batch.input]
}

func (c In[T]) view(batch *Batch) *view[T] {
	at := c.at(batch)
	if at < 0 {
		return nil
	}
	if known, ok := batch.views[c.bound.slot].(*view[T]); ok {
		return known
	}
	array := batch.columns[at]
	made := &view[T]{c.bound.decode(array), array}
	batch.views[c.bound.slot] = made
	return made
}

// UnmarshalJSON takes the column's name from a configuration.
func (c *In[T]) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &c.name) }

// MarshalJSON is the column's name.
func (c In[T]) MarshalJSON() ([]byte, error) { return json.Marshal(c.name) }

// tag is what a column tag says.
type tag struct {
	name    string
	options []string
}

func tagOf(field reflect.StructField) tag {
	name, options, _ := strings.Cut(field.Tag.Get("column"), ",")
	return tag{name, strings.Split(options, ",")}
}

func (t tag) has(option string) bool {
	for _, o := range t.options {
		if strings.TrimSpace(o) == option {
			return true
		}
	}
	return false
}

// input is a field of a step that names a column to read.
type input interface {
	setDefault(name string)
	bind(shape *Shape, tag tag, at string) error
}

func (c *In[T]) setDefault(name string) {
	if c.name == "" {
		c.name = name
	}
}

func (c *In[T]) bind(shape *Shape, tag tag, at string) error {
	if c.name == "" && !tag.has("optional") {
		if at == "" {
			return errors.New("what is the name of the column that is read? Say it in the field's tag: `column:\"name\"`")
		}
		return ConfigError(at, "the name of a column must be given")
	}
	inputs := 1
	if tag.has("all") {
		inputs = len(shape.Inputs)
	}
	c.bound = &boundIn[T]{name: c.name, slot: shape.slots, at: make([]int, len(shape.Inputs)), decode: codecOf[T]().decode}
	shape.slots++
	for i := range c.bound.at {
		c.bound.at[i] = -1
	}
	for i := range inputs {
		if err := c.bindTo(shape, i, tag, at); err != nil {
			return err
		}
	}
	return nil
}

func (c *In[T]) bindTo(shape *Shape, input int, tag tag, at string) error {
	index := shape.Inputs[input].index(c.name)
	if index < 0 {
		if tag.has("optional") {
			return nil
		}
		return columnError(at, "there is no column `%s`", c.name)
	}
	have := shape.Inputs[input][index].Type
	if want, typed := typeOf(reflect.TypeFor[T]()); typed && !readable(want, have) {
		if want.Kind == Utf8 {
			return columnError(at, "column `%s` is no text", c.name)
		}
		return columnError(at, "column `%s` is %v, and is to be %v", c.name, have, want)
	}
	c.bound.at[input] = index
	shape.read(input, c.name)
	if tag.has("drop") && input == 0 {
		shape.Drops(c.name)
	}
	return nil
}

// columnError blames the configuration where that names the column, or else the input.
func columnError(at, format string, args ...any) error {
	if at != "" {
		return ConfigError(at, format, args...)
	}
	return &Error{Kind: BadInput, Err: fmt.Errorf(format, args...)}
}
