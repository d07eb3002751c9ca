package callboard

import (
	"encoding/json/v2"
	"reflect"
	"strings"
	"unicode"

	"callboard/internal/entry"
)

// About is for a blank field of a step, whose tags say what the step is:
//
//	_ callboard.About `version:"1.2.0" doc:"Counts words."`
//
// The name is the type's, in lower case with hyphens, unless there is a tag name.
type About struct{}

// manifestOf is a step's description of itself.
func manifestOf(defaults any) entry.Manifest {
	step := structOf(defaults).Type()
	manifest := entry.Manifest{Name: spelled(step.Name(), '-'), Version: "0.0.0"}
	for field := range step.Fields() {
		if field.Type != reflect.TypeFor[About]() {
			continue
		}
		manifest.Summary = field.Tag.Get("doc")
		if name := field.Tag.Get("name"); name != "" {
			manifest.Name = name
		}
		if version := field.Tag.Get("version"); version != "" {
			manifest.Version = version
		}
	}
	manifest.ConfigSchema = schemaOf(fieldsOf(copied(defaults)))
	return manifest
}

// spelled is a Go name in lower case: WordCount is word-count.
func spelled(name string, between rune) string {
	var text strings.Builder
	letters := []rune(name)
	for i, letter := range letters {
		wordBegins := i > 0 && unicode.IsUpper(letter) && (unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if wordBegins {
			text.WriteRune(between)
		}
		text.WriteRune(unicode.ToLower(letter))
	}
	return text.String()
}

// jsonSchema is what is used here of JSON Schema, draft 2020-12.
type jsonSchema struct {
	Schema               string      `json:"$schema,omitempty"`
	Type                 string      `json:"type,omitempty"`
	Description          string      `json:"description,omitempty"`
	Enum                 []string    `json:"enum,omitempty"`
	Minimum              *float64    `json:"minimum,omitzero"`
	Maximum              *float64    `json:"maximum,omitzero"`
	Default              any         `json:"default,omitzero"`
	Items                *jsonSchema `json:"items,omitzero"`
	Properties           properties  `json:"properties,omitzero"`
	Required             []string    `json:"required,omitempty"`
	AdditionalProperties any         `json:"additionalProperties,omitzero"`
}

type properties map[string]*jsonSchema

// schemaOf is the JSON Schema of a step's configuration.
func schemaOf(fields stepFields) string {
	config := fields.asStruct()
	schema := schemaOfValue(config)
	schema.Schema = "https://json-schema.org/draft/2020-12/schema"
	text, err := json.Marshal(schema, json.Deterministic(true))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// schemaOfValue is the schema of a value's type; a struct's fields have their values as defaults.
func schemaOfValue(value reflect.Value) *jsonSchema {
	t := value.Type()
	if _, ok := reflect.New(t).Interface().(input); ok {
		return &jsonSchema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &jsonSchema{Type: "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &jsonSchema{Type: "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &jsonSchema{Type: "integer", Minimum: new(float64)}
	case reflect.Float32, reflect.Float64:
		return &jsonSchema{Type: "number"}
	case reflect.String:
		return &jsonSchema{Type: "string"}
	case reflect.Slice, reflect.Array:
		return &jsonSchema{Type: "array", Items: schemaOfValue(reflect.New(t.Elem()).Elem())}
	case reflect.Map:
		return &jsonSchema{Type: "object", AdditionalProperties: schemaOfValue(reflect.New(t.Elem()).Elem())}
	case reflect.Pointer:
		return schemaOfValue(reflect.New(t.Elem()).Elem())
	case reflect.Struct:
		return schemaOfStruct(value)
	}
	return &jsonSchema{}
}

func schemaOfStruct(value reflect.Value) *jsonSchema {
	schema := &jsonSchema{Type: "object", Properties: properties{}, AdditionalProperties: false}
	for field := range value.Type().Fields() {
		if !field.IsExported() || field.Tag.Get("json") == "-" {
			continue
		}
		member := value.FieldByIndex(field.Index)
		property := schemaOfValue(member)
		property.Description = field.Tag.Get("doc")
		if limit := field.Tag.Get("minimum"); limit != "" {
			property.Minimum = new(number64(limit))
		}
		if limit := field.Tag.Get("maximum"); limit != "" {
			property.Maximum = new(number64(limit))
		}
		if enum := field.Tag.Get("enum"); enum != "" {
			property.Enum = strings.Split(enum, ",")
		}
		if field.Tag.Get("required") == "true" {
			schema.Required = append(schema.Required, key(field))
		} else if field.Type.Kind() != reflect.Struct || property.Type == "string" {
			if absent := member.Kind() == reflect.Pointer && member.IsNil(); !absent {
				property.Default = member.Interface()
			}
		}
		schema.Properties[key(field)] = property
	}
	return schema
}
