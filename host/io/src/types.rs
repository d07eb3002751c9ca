//! The types that `types` of an input may name, and the line of the pipeline that fixes a misfit.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::error::IoError;
use crate::spec::InputSpec;
use crate::values::time;

const EXTENSION: &str = "ARROW:extension:name";
const JSON: &str = "arrow.json";
const UUID: &str = "arrow.uuid";

/// Whether a column holds JSON as text: Utf8 with Arrow's canonical extension type `arrow.json`.
pub fn is_json(field: &Field) -> bool {
    field.data_type() == &DataType::Utf8 && field.extension_type_name() == Some(JSON)
}

/// Whether a column holds UUIDs: 16 bytes with Arrow's canonical extension type `arrow.uuid`.
pub(crate) fn is_uuid(field: &Field) -> bool {
    field.data_type() == &DataType::FixedSizeBinary(16) && field.extension_type_name() == Some(UUID)
}

/// A nullable column that holds JSON as text.
pub fn json_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true).with_metadata([(EXTENSION, JSON), ("ARROW:extension:metadata", "")])
}

#[rustfmt::skip]
const SCALARS: &[(&str, DataType)] = &[
    ("string", DataType::Utf8), ("bool", DataType::Boolean),
    ("int8", DataType::Int8), ("int16", DataType::Int16), ("int32", DataType::Int32), ("int64", DataType::Int64),
    ("uint8", DataType::UInt8), ("uint16", DataType::UInt16), ("uint32", DataType::UInt32), ("uint64", DataType::UInt64),
    ("float32", DataType::Float32), ("float64", DataType::Float64), ("date", DataType::Date32),
];

/// `timestamp` is in microseconds, as Parquet and most others keep them.
fn timestamp(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

/// The column of a type as the pipeline writes it.
pub(crate) fn field(column: &str, name: &str) -> Option<Field> {
    let data_type = match name {
        // As messages and Arrow call it.
        "utf8" => DataType::Utf8,
        "json" => return Some(json_field(column)),
        "timestamp" => timestamp(TimeUnit::Microsecond),
        "timestamp_ns" => timestamp(TimeUnit::Nanosecond),
        _ => match name.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
            Some(items) => DataType::List(field(Field::LIST_FIELD_DEFAULT_NAME, items.trim())?.into()),
            None => SCALARS.iter().find(|(scalar, _)| *scalar == name)?.1.clone(),
        },
    };
    Some(Field::new(column, data_type, true))
}

/// The columns that `types` of the input declares, by name.
pub(crate) fn declared(spec: &InputSpec) -> Result<BTreeMap<String, Field>, IoError> {
    let parse = |(column, name): (&String, &String)| {
        field(column, name).map(|field| (column.clone(), field)).ok_or_else(|| {
            let scalars: Vec<_> = SCALARS.iter().map(|(name, _)| *name).collect();
            let names =
                format!("types: json, {}, timestamp, timestamp_ns, list<…> of one of these", scalars.join(", "));
            let key = format!("/types/{}", column.replace('~', "~0").replace('/', "~1"));
            let message = format!("there is no type `{name}` (of `types` for the column `{column}`)");
            IoError::spec(message).with_help(names).of_key(key)
        })
    };
    spec.types.iter().map(parse).collect()
}

/// A type in words, at every depth: those of `types` as far as they go, and otherwise those of docs/pipeline.md.
pub(crate) fn words(data_type: &DataType) -> String {
    use DataType::*;
    match data_type {
        Null => "null".into(),
        Binary | LargeBinary | BinaryView => "binary".into(),
        FixedSizeBinary(width) => format!("binary[{width}]"),
        LargeUtf8 | Utf8View => "string".into(),
        Float16 => "float16".into(),
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => format!("decimal({precision}, {scale})"),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => format!("list<{}>", field_words(item)),
        FixedSizeList(item, width) => format!("list<{}>[{width}]", field_words(item)),
        Map(entries, _) => match entries.data_type() {
            Struct(pair) if pair.len() == 2 => format!("map<{}, {}>", field_words(&pair[0]), field_words(&pair[1])),
            _ => "a map".into(),
        },
        Struct(fields) => {
            const SHOWN: usize = 8;
            let member = |field: &std::sync::Arc<Field>| {
                format!("{}: {}", crate::misfit::excerpt(field.name()), field_words(field))
            };
            let members: Vec<_> = fields.iter().take(SHOWN).map(member).collect();
            format!("{{{}{}}}", members.join(", "), if fields.len() > SHOWN { ", …" } else { "" })
        }
        Dictionary(_, values) => words(values),
        RunEndEncoded(_, values) => field_words(values),
        Union(..) => "a union".into(),
        Interval(_) => "interval".into(),
        other => match SCALARS.iter().find(|(_, data_type)| data_type == other) {
            Some((name, _)) => (*name).into(),
            None => time::name(other),
        },
    }
}

/// The type of a field in words; text that is JSON is `json`.
pub(crate) fn field_words(field: &Field) -> String {
    if is_json(field) { "json".into() } else { words(field.data_type()) }
}

/// A type in the words of `types`, as far as they go.
pub(crate) fn name(field: &Field) -> String {
    match field.data_type() {
        DataType::Utf8 if is_json(field) => "json".into(),
        DataType::Null => "null".into(),
        DataType::Struct(_) => "an object".into(),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "timestamp_ns".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::List(items) => format!("list<{}>", name(items)),
        other => match SCALARS.iter().find(|(_, data_type)| data_type == other) {
            Some((name, _)) => (*name).into(),
            None => words(other),
        },
    }
}

/// The name in `types` for a date or a timestamp.
pub(crate) fn time_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => "timestamp_ns",
        DataType::Timestamp(..) => "timestamp",
        _ => "date",
    }
}

/// The line of the pipeline that gives `column` the type: the input's `types`, with this one.
pub(crate) fn fix(spec: &InputSpec, column: &str, type_name: &str) -> String {
    let mut types = spec.types.clone();
    types.insert(column.into(), type_name.into());
    let bare = |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let entry = |(key, name): (&String, &String)| match bare(key) {
        true => format!("{key} = \"{name}\""),
        // A string of JSON is one of TOML too.
        false => format!("{} = \"{name}\"", serde_json::Value::from(key.as_str())),
    };
    let entries: Vec<_> = types.iter().map(entry).collect();
    format!("under `[inputs.{}]`: types = {{ {} }}", spec.name, entries.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(types: &[(&str, &str)]) -> InputSpec {
        let types = types.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        InputSpec { name: "docs".into(), types, ..Default::default() }
    }

    #[test]
    fn every_name_reads_back_as_itself() {
        let all = SCALARS.iter().map(|(name, _)| *name).chain([
            "json",
            "timestamp",
            "timestamp_ns",
            "list<json>",
            "list<list<int8>>",
        ]);
        for type_name in all {
            assert_eq!(name(&field("c", type_name).unwrap()), type_name);
        }
    }

    #[test]
    fn an_unknown_type_lists_the_known() {
        let error = declared(&spec(&[("a", "strnig")])).unwrap_err();
        assert_eq!(error.to_string(), "there is no type `strnig` (of `types` for the column `a`)");
        assert!(error.help().unwrap().contains("int64") && error.help().unwrap().contains("list<…>"));
        assert!(declared(&spec(&[("a", "list<what>")])).is_err());
    }

    #[test]
    fn the_fix_keeps_what_is_declared_and_quotes_keys() {
        let line = fix(&spec(&[("meta", "json")]), "my score", "float64");
        assert_eq!(line, "under `[inputs.docs]`: types = { meta = \"json\", \"my score\" = \"float64\" }");
    }
}
