package callboard

import (
	"fmt"
	"strings"
)

// Kind is how values are laid out: one of the contract's layouts.
type Kind uint8

// The layouts, in the contract's order.
const (
	Null Kind = iota
	Bool
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Float32
	Float64
	Utf8
	Binary
	Fixed
	List
	Vector
	Struct
)

var kindNames = [...]string{
	"null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
	"utf8", "binary", "fixed", "list", "vector", "struct",
}

// String is the name of the layout: `int64`.
func (k Kind) String() string { return kindNames[k] }

// Type is what the values of a column are.
type Type struct {
	Kind Kind
	// Nullable says that there may be nulls.
	Nullable bool
	// Width is the bytes of a Fixed value, or the items of a Vector.
	Width int
	// Items are the items of a List or a Vector.
	Items *Type
	// Members are the members of a Struct.
	Members []Field
	// Logical is what the values stand for where the layout does not say it, as Arrow's C data interface writes it: "tdD" is a
	// date in int32.
	Logical string
}

// Field is a named column, or a named member of a struct.
type Field struct {
	Name string
	Type Type
}

// Schema is the columns of an input, in their order.
type Schema []Field

// Find returns the column of this name.
func (s Schema) Find(name string) (Field, bool) {
	i := s.index(name)
	if i < 0 {
		return Field{}, false
	}
	return s[i], true
}

func (s Schema) index(name string) int {
	for i, field := range s {
		if field.Name == name {
			return i
		}
	}
	return -1
}

// String writes the type as a reader of an error wants it: `list<utf8>`.
func (t Type) String() string {
	var text string
	switch t.Kind {
	case Fixed:
		text = fmt.Sprintf("fixed<%d>", t.Width)
	case List:
		text = fmt.Sprintf("list<%v>", *t.Items)
	case Vector:
		text = fmt.Sprintf("vector<%v, %d>", *t.Items, t.Width)
	case Struct:
		members := make([]string, len(t.Members))
		for i, member := range t.Members {
			members[i] = fmt.Sprintf("%s: %v", member.Name, member.Type)
		}
		text = "struct<" + strings.Join(members, ", ") + ">"
	default:
		text = t.Kind.String()
	}
	if t.Logical != "" {
		text += " (" + t.Logical + ")"
	}
	return text
}

// holds says whether values of the type written may stand in a column declared as t.
func (t Type) holds(written Type) bool {
	if t.Kind != written.Kind || t.Width != written.Width || t.Logical != written.Logical || len(t.Members) != len(written.Members) {
		return false
	}
	if written.Nullable && !t.Nullable && t.Kind != Null {
		return false
	}
	if t.Items != nil && !t.Items.holds(*written.Items) {
		return false
	}
	for i, member := range t.Members {
		if member.Name != written.Members[i].Name || !member.Type.holds(written.Members[i].Type) {
			return false
		}
	}
	return true
}
