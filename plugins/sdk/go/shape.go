package callboard

import (
	"reflect"
	"slices"
)

// Shape is what a step reads, writes and drops. Fields of the step that are an [In] or an [Out] are in it already when the step's Declare
// is called, which adds what depends on the configuration or the input.
type Shape struct {
	// Inputs are the columns of each input. While rows are worked on there are only those that the step reads.
	Inputs []Schema

	reads  [][]string
	writes []written
	drops  []string
	slots  int
	gather Gather
}

// A Declarer is a step whose shape depends on its configuration or input. Declare is called with the configuration and the fields'
// columns known: when a pipeline is checked, and again before the first row. It is the place to check a configuration, with
// [ConfigError], too.
type Declarer interface {
	Declare(shape *Shape) error
}

// An Opener is a step with something to do once before the first row: loading a model, building a table.
type Opener interface {
	Open() error
}

// Input is the columns of the first input.
func (s *Shape) Input() Schema { return s.Inputs[0] }

// Read adds a column of the first input that is read.
func Read[T any](shape *Shape, name string) (In[T], error) { return ReadFrom[T](shape, 0, name) }

// ReadFrom adds a column of an input that is read.
func ReadFrom[T any](shape *Shape, input int, name string) (In[T], error) {
	column := In[T]{name: name}
	column.bound = &boundIn[T]{name: name, slot: shape.slots, at: slices.Repeat([]int{-1}, len(shape.Inputs)), decode: codecOf[T]().decode}
	shape.slots++
	return column, column.bindTo(shape, input, tag{}, "")
}

// Write adds a column that is written.
func Write[T any](shape *Shape, name string) Out[T] {
	t, typed := typeOf(reflect.TypeFor[T]())
	if !typed {
		panic(misuse("what type is column `%s`? Use callboard.WriteField for a column of any type", name))
	}
	return WriteField[T](shape, Field{name, t})
}

// WriteField adds a column of this type that is written, such as one of the input's.
func WriteField[T any](shape *Shape, field Field) Out[T] {
	var column Out[T]
	column.bindOut(shape, field)
	return column
}

// Gather says how the rows of a global step are brought together: by [ByKey], [ByEach] or [InOrder]. Without it, one call is given all rows.
func (s *Shape) Gather(gather Gather) { s.gather = gather }

// Drops says that columns of the first input go no further.
func (s *Shape) Drops(names ...string) { s.drops = append(s.drops, names...) }

func (s *Shape) read(input int, name string) {
	if !slices.Contains(s.reads[input], name) {
		s.reads[input] = append(s.reads[input], name)
	}
}

func (s *Shape) written() []Field {
	fields := make([]Field, len(s.writes))
	for i, column := range s.writes {
		fields[i] = column.declared()
	}
	return fields
}

func (s *Shape) names() []string {
	names := make([]string, len(s.writes))
	for i, column := range s.writes {
		names[i] = column.declared().Name
	}
	return names
}

// push puts out what is pending in every column.
func (s *Shape) push(rows int) error {
	for _, column := range s.writes {
		if err := column.push(rows); err != nil {
			return err
		}
	}
	return nil
}

func (s *Shape) forget() {
	for _, column := range s.writes {
		column.forget()
	}
}

// reset leaves out all that was put out and not taken: a call before this one failed.
func (s *Shape) reset() {
	for _, column := range s.writes {
		column.reset()
	}
}

// take makes the columns of what was put out, row by row or as a whole: that many rows.
func (s *Shape) take(rows int, whole bool) []*Array {
	arrays := make([]*Array, len(s.writes))
	for i, column := range s.writes {
		arrays[i] = column.take(whole)
		if arrays[i].Len != rows {
			panic(misuse("column `%s` has %d values for %d rows that are put out", column.declared().Name, arrays[i].Len, rows))
		}
	}
	return arrays
}

// bind makes a step of its defaults and a configuration, and its shape over these inputs.
func bind[S any](defaults S, config string, inputs []Schema) (S, *Shape, error) {
	step := copied(defaults)
	fields := fieldsOf(step)
	if err := fields.configure(config); err != nil {
		return step, nil, err
	}
	shape := &Shape{gather: all(), Inputs: inputs, reads: make([][]string, len(inputs))}
	if err := fields.bind(shape); err != nil {
		return step, nil, err
	}
	if declarer, ok := any(step).(Declarer); ok {
		if err := declarer.Declare(shape); err != nil {
			return step, nil, err
		}
	}
	return step, shape, nil
}

// open is [bind], and what the step has to do before the first row.
func open[S any](defaults S, config string, inputs []Schema) (S, *Shape, error) {
	step, shape, err := bind(defaults, config, inputs)
	if err != nil {
		return step, nil, err
	}
	if opener, ok := any(step).(Opener); ok {
		if err := opener.Open(); err != nil {
			return step, nil, err
		}
	}
	return step, shape, nil
}

// copied is a step of its own with the same fields: S is an interface, or a pointer, to a struct.
func copied[S any](defaults S) S {
	fields := structOf(defaults)
	step := reflect.New(fields.Type())
	step.Elem().Set(fields)
	return step.Interface().(S)
}

// structOf is the struct that a step is.
func structOf(step any) reflect.Value {
	pointer := reflect.ValueOf(step)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() || pointer.Elem().Kind() != reflect.Struct {
		panic(misuse("a step is given as a pointer to a struct, such as &Step{}, and not as %T", step))
	}
	return pointer.Elem()
}
