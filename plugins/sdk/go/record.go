package callboard

import (
	"reflect"
	"unsafe"
)

// record puts the fields of a struct into the columns of a shape.
type record[R any] struct {
	fields []recordField
}

type recordField struct {
	offset  uintptr
	pointer bool
	column  setter
}

// setter is a column that takes its value from where it lies.
type setter interface {
	setAt(address unsafe.Pointer, pointer bool)
}

// columnMakers make a written column for each Go type that a field may have.
var columnMakers = map[reflect.Type]func(*Shape, Field) setter{}

func madeOf[T any]() {
	columnMakers[reflect.TypeFor[T]()] = func(shape *Shape, field Field) setter { return WriteField[T](shape, field).column }
}

func init() {
	madeOf[bool]()
	madeOf[int]()
	madeOf[int8]()
	madeOf[int16]()
	madeOf[int32]()
	madeOf[int64]()
	madeOf[uint8]()
	madeOf[uint16]()
	madeOf[uint32]()
	madeOf[uint64]()
	madeOf[float32]()
	madeOf[float64]()
	madeOf[string]()
	madeOf[[]byte]()
	madeOf[[]bool]()
	madeOf[[]int]()
	madeOf[[]int32]()
	madeOf[[]int64]()
	madeOf[[]float32]()
	madeOf[[]float64]()
	madeOf[[]string]()
}

// recordOf adds the fields of the struct R to what is written.
func recordOf[R any](shape *Shape) record[R] {
	var made record[R]
	row := reflect.TypeFor[R]()
	if row.Kind() != reflect.Struct {
		panic(misuse("a row is a struct, and not a %v", row))
	}
	for field := range row.Fields() {
		if !field.IsExported() {
			continue
		}
		t, name := field.Type, tagOf(field).name
		if name == "" {
			name = spelled(field.Name, '_')
		}
		pointer := t.Kind() == reflect.Pointer
		if pointer {
			t = t.Elem()
		}
		make, known := columnMakers[t]
		if !known {
			panic(misuse("field %s: a column cannot be a Go %v: use a number, bool, string, []byte, or a slice of these", field.Name, t))
		}
		column, _ := typeOf(t)
		column.Nullable, column.Logical = pointer, field.Tag.Get("logical")
		made.fields = append(made.fields, recordField{field.Offset, pointer, make(shape, Field{name, column})})
	}
	return made
}

// set makes the row's fields pending.
func (r record[R]) set(row *R) {
	for _, field := range r.fields {
		// The offset is that of a field within the row, of the type that the column was made for.
		field.column.setAt(unsafe.Add(unsafe.Pointer(row), field.offset), field.pointer)
	}
}
