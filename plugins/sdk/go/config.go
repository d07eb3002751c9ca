package callboard

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// stepFields are the fields of a step: those that the configuration sets, and columns.
type stepFields struct {
	step reflect.Value
	// config are the fields with a json tag.
	config []reflect.StructField
	// columns are the fields that are an In or an Out, or a slice of Ins.
	columns []reflect.StructField
}

func fieldsOf(step any) stepFields {
	fields := stepFields{step: structOf(step)}
	for _, field := range reflect.VisibleFields(fields.step.Type()) {
		if !field.IsExported() || field.Anonymous {
			continue
		}
		if key := field.Tag.Get("json"); key != "" && key != "-" {
			fields.config = append(fields.config, field)
		}
		value := fields.step.FieldByIndex(field.Index)
		switch column := value.Addr().Interface().(type) {
		case input:
			column.setDefault(tagOf(field).name)
			fields.columns = append(fields.columns, field)
		case output:
			fields.columns = append(fields.columns, field)
		default:
			if field.Type.Kind() == reflect.Slice {
				if _, ok := reflect.New(field.Type.Elem()).Interface().(input); ok {
					fields.columns = append(fields.columns, field)
				}
			}
		}
	}
	return fields
}

// key is the name of a field in the configuration.
func key(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "" {
		return field.Name
	}
	return name
}

// place is where the configuration has a field: a JSON pointer, or empty where it has not.
func place(field reflect.StructField) string {
	if tag := field.Tag.Get("json"); tag == "" || tag == "-" {
		return ""
	}
	return pointer("", key(field))
}

// pointer is the JSON pointer to a key below another.
func pointer(at, key string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// bind puts the columns into the shape.
func (f stepFields) bind(shape *Shape) error {
	for _, field := range f.columns {
		value := f.step.FieldByIndex(field.Index)
		switch column := value.Addr().Interface().(type) {
		case input:
			if err := column.bind(shape, tagOf(field), place(field)); err != nil {
				return err
			}
		case output:
			written, err := writtenField(field, column)
			if err != nil {
				return err
			}
			column.bindOut(shape, written)
		default:
			for i := range value.Len() {
				at := place(field)
				if at != "" {
					at += "/" + strconv.Itoa(i)
				}
				if err := value.Index(i).Addr().Interface().(input).bind(shape, tagOf(field), at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func writtenField(field reflect.StructField, column output) (Field, error) {
	tag := tagOf(field)
	t, typed := column.fieldType()
	if !typed {
		return Field{}, fmt.Errorf("field %s: a column of any type is written with callboard.WriteField in Declare", field.Name)
	}
	if tag.name == "" {
		return Field{}, fmt.Errorf("field %s: what is the column's name? Say it in a tag: `column:\"name\"`", field.Name)
	}
	t.Nullable, t.Logical = tag.has("nullable"), field.Tag.Get("logical")
	return Field{tag.name, t}, nil
}

// asStruct is the configuration as a struct of its own: the fields with a json tag, and no others.
func (f stepFields) asStruct() reflect.Value {
	fields := make([]reflect.StructField, len(f.config))
	for i, field := range f.config {
		fields[i] = reflect.StructField{Name: field.Name, Type: field.Type, Tag: field.Tag}
	}
	value := reflect.New(reflect.StructOf(fields)).Elem()
	for i, field := range f.config {
		value.Field(i).Set(cloned(f.step.FieldByIndex(field.Index)))
	}
	return value
}

// cloned is a value whose list or map can be written to without the defaults' being changed.
func cloned(value reflect.Value) reflect.Value {
	switch {
	case value.Kind() == reflect.Slice && !value.IsNil():
		return reflect.AppendSlice(reflect.MakeSlice(value.Type(), 0, value.Len()), value)
	case value.Kind() == reflect.Map && !value.IsNil():
		clone := reflect.MakeMap(value.Type())
		for key, item := range value.Seq2() {
			clone.SetMapIndex(key, item)
		}
		return clone
	}
	return value
}

// configure sets the fields that the configuration names; the others keep their defaults.
func (f stepFields) configure(config string) error {
	if strings.TrimSpace(config) == "" {
		config = "{}"
	}
	value := f.asStruct()
	if err := json.Unmarshal([]byte(config), value.Addr().Interface(), json.RejectUnknownMembers(true)); err != nil {
		return f.explain(err)
	}
	if err := f.given(config); err != nil {
		return err
	}
	for i, field := range f.config {
		if err := check(value.Field(i), field, place(field)); err != nil {
			return err
		}
		f.step.FieldByIndex(field.Index).Set(value.Field(i))
	}
	return nil
}

// given says which required key is missing.
func (f stepFields) given(config string) error {
	var keys map[string]jsontext.Value
	if err := json.Unmarshal([]byte(config), &keys); err != nil {
		return f.explain(err)
	}
	for _, field := range f.config {
		value, given := keys[key(field)]
		if !given && field.Tag.Get("required") == "true" {
			return ConfigError(place(field), "`%s` must be given", key(field))
		}
		if given && value.Kind() == 'n' && field.Type.Kind() != reflect.Pointer {
			return ConfigError(place(field), "null, where %s is wanted", kindOf(field.Type))
		}
	}
	return nil
}

// explain says what the JSON package found wrong, in a user's words.
func (f stepFields) explain(err error) error {
	var wrong *json.SemanticError
	var malformed *jsontext.SyntacticError
	switch {
	case errors.As(err, &wrong) && errors.Is(err, json.ErrUnknownName):
		keys := make([]string, len(f.config))
		for i, field := range f.config {
			keys[i] = "`" + key(field) + "`"
		}
		slices.Sort(keys)
		at := string(wrong.JSONPointer)
		unknown := wrong.JSONPointer.LastToken()
		if strings.Count(at, "/") > 1 {
			return ConfigError(at, "there is no key `%s`", unknown)
		}
		return ConfigError(at, "there is no key `%s`: the keys are %s", unknown, strings.Join(keys, ", "))
	case errors.As(err, &wrong):
		found := map[jsontext.Kind]string{'n': "null", 'f': "false", 't': "true", '"': "a string", '0': "a number", '{': "an object", '[': "a list"}[wrong.JSONKind]
		if wrong.JSONKind == '0' && len(wrong.JSONValue) > 0 {
			found = string(wrong.JSONValue)
		}
		if found == "" || wrong.GoType == nil {
			return ConfigError(string(wrong.JSONPointer), "%v", wrong.Err)
		}
		return ConfigError(string(wrong.JSONPointer), "%s, where %s is wanted", found, kindOf(wrong.GoType))
	case errors.As(err, &malformed):
		return ConfigError(string(malformed.JSONPointer), "the configuration is no JSON: %v", malformed.Err)
	default:
		return ConfigError("", "%v", err)
	}
}

// kindOf is what a configuration has to have for a Go type, in a user's words.
func kindOf(t reflect.Type) string {
	if _, ok := reflect.New(t).Interface().(input); ok {
		return "a string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "an integer of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Pointer:
		return kindOf(t.Elem())
	default:
		return "an object"
	}
}

// check compares a value with the tags minimum, maximum and enum of its field, and the fields below it.
func check(value reflect.Value, field reflect.StructField, at string) error {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return nil
		}
		value = value.Elem()
	}
	if limit := field.Tag.Get("minimum"); limit != "" && value.CanConvert(reflect.TypeFor[float64]()) {
		if number := value.Convert(reflect.TypeFor[float64]()).Float(); number < number64(limit) {
			return ConfigError(at, "%v is less than %s", value, limit)
		}
	}
	if limit := field.Tag.Get("maximum"); limit != "" && value.CanConvert(reflect.TypeFor[float64]()) {
		if number := value.Convert(reflect.TypeFor[float64]()).Float(); number > number64(limit) {
			return ConfigError(at, "%v is more than %s", value, limit)
		}
	}
	if enum := field.Tag.Get("enum"); enum != "" && value.Kind() == reflect.String {
		if !slices.Contains(strings.Split(enum, ","), value.String()) {
			return ConfigError(at, "`%v` is none of `%s`", value, strings.ReplaceAll(enum, ",", "`, `"))
		}
	}
	switch value.Kind() {
	case reflect.Struct:
		for _, member := range reflect.VisibleFields(value.Type()) {
			if !member.IsExported() || member.Anonymous {
				continue
			}
			if err := check(value.FieldByIndex(member.Index), member, pointer(at, key(member))); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range value.Len() {
			if err := check(value.Index(i), reflect.StructField{}, at+"/"+strconv.Itoa(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func number64(text string) float64 {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(fmt.Sprintf("`%s` in a tag is no number", text))
	}
	return number
}
