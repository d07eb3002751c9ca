//! The columns that a record is written to: its JSON Schema, read as types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::error::{Result, StepError};
use crate::types::{Field, Layout, Type};

/// The columns that the fields of `R` are written to: `i64` to `int64`, `Option` with nulls, a `Vec` to lists, a struct to a
/// struct, an enum to the names of its cases.
///
/// # Errors
/// `failed`, if `R` is no struct, or a field of it is of a type that no column has.
pub fn fields_of<R: JsonSchema>() -> Result<Vec<Field>> {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<R>().to_value();
    if schema["type"] == "null" {
        return Ok(vec![]);
    }
    let name = R::schema_name();
    members(&schema).map_err(|message| StepError::failed(format!("`{name}` cannot be written to columns: {message}")))
}

fn members(schema: &Value) -> Result<Vec<Field>, String> {
    let Some(properties) = schema["properties"].as_object() else {
        return Err(format!("{schema} is no struct; override `writes`"));
    };
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let field = |(name, schema): (&String, &Value)| {
        let mut ty = type_of(schema).map_err(|message| format!("`{name}`: {message}"))?;
        ty.nullable |= !required(name);
        Ok(Field::new(name, ty))
    };
    properties.iter().map(field).collect()
}

fn type_of(schema: &Value) -> Result<Type, String> {
    let unknown = || format!("no column is of the type {schema}; override `writes`");
    if let Some(cases) = schema["anyOf"].as_array() {
        let (nulls, cases): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case["type"] == "null");
        let [case] = cases[..] else { return Err(unknown()) };
        let ty = type_of(case)?;
        return Ok(Type { nullable: ty.nullable || !nulls.is_empty(), ..ty });
    }
    // The cases of an enum, each with its own documentation.
    if let Some(cases) = schema["oneOf"].as_array() {
        let named = cases.iter().all(|case| case["type"] == "string");
        return if named { Ok(Type::new(Layout::Utf8).not_null()) } else { Err(unknown()) };
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let (nulls, names): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| *name == "null");
    let layout = match (&names[..], schema["format"].as_str()) {
        ([], _) if !nulls.is_empty() => Layout::Null,
        (["boolean"], _) => Layout::Boolean,
        (["integer"], Some("int8")) => Layout::Int8,
        (["integer"], Some("int16")) => Layout::Int16,
        (["integer"], Some("int32")) => Layout::Int32,
        (["integer"], Some("int64" | "int")) => Layout::Int64,
        (["integer"], Some("uint8")) => Layout::UInt8,
        (["integer"], Some("uint16")) => Layout::UInt16,
        (["integer"], Some("uint32")) => Layout::UInt32,
        (["integer"], Some("uint64" | "uint")) => Layout::UInt64,
        (["number"], Some("float")) => Layout::Float32,
        (["number"], Some("double")) => Layout::Float64,
        (["string"], Some("binary")) => Layout::Binary,
        (["string"], _) => Layout::Utf8,
        (["array"], _) if schema["items"].is_object() => {
            let items = Box::new(type_of(&schema["items"])?);
            match (schema["minItems"].as_u64(), schema["maxItems"].as_u64()) {
                (Some(min), Some(max)) if min == max => Layout::Vector(items, max as u32),
                _ => Layout::List(items),
            }
        }
        (["object"], _) => Layout::Struct(members(schema)?),
        _ => return Err(unknown()),
    };
    Ok(Type { nullable: !nulls.is_empty(), layout, logical: None })
}
