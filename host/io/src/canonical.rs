//! Canonical types: one layout for each meaning, so that nobody behind the edge has to know the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Metadata, Schema, SchemaRef};

use crate::dataset::InputSpec;
use crate::error::IoError;

/// The schema that rows of `schema` have inside: dictionaries, runs, views and 64-bit offsets unfolded, at every depth.
/// Of metadata only extension types stay: field numbers and notes of other libraries say nothing of what a step makes.
fn schema(schema: &Schema) -> Result<Schema, IoError> {
    let fields: Result<Vec<_>, _> = schema.fields().iter().map(|f| field(f, f.name())).collect();
    Ok(Schema::new(fields?))
}

fn field(field: &Field, path: &str) -> Result<Field, IoError> {
    let data_type = data_type(field.data_type(), path)?;
    let metadata = field.metadata().iter().filter(|(key, _)| key.starts_with("ARROW:extension:"));
    let metadata = metadata.map(|(key, value)| (key.clone(), value.clone()));
    let metadata: Metadata = metadata.collect();
    Ok(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata))
}

fn data_type(data_type: &DataType, path: &str) -> Result<DataType, IoError> {
    use DataType::*;
    let inner = |f: &FieldRef| field(f, &format!("{path}.{}", f.name())).map(Arc::new);
    Ok(match data_type {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => data_type.clone(),
        Float32 | Float64 | Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) | Duration(_) => data_type.clone(),
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) | FixedSizeBinary(_) => data_type.clone(),
        Float16 => Float32,
        Utf8 | LargeUtf8 | Utf8View => Utf8,
        Binary | LargeBinary | BinaryView => Binary,
        List(f) | LargeList(f) | ListView(f) | LargeListView(f) => List(inner(f)?),
        FixedSizeList(f, width) => FixedSizeList(inner(f)?, *width),
        Struct(fields) => Struct(fields.iter().map(inner).collect::<Result<Fields, _>>()?),
        Map(entries, sorted) => Map(inner(entries)?, *sorted),
        Dictionary(_, values) => self::data_type(values, path)?,
        RunEndEncoded(_, values) => self::data_type(values.data_type(), path)?,
        Interval(_) | Union(..) => {
            let message = format!("the column `{path}` has the type {data_type}, which no step can be given");
            return Err(IoError::data(message));
        }
    })
}

/// The rows in another layout of the same meaning; `schema` has the same columns in any order.
pub(crate) fn conform(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, IoError> {
    let fault = |error: arrow::error::ArrowError| IoError::data(error.to_string());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = rows.column_by_name(field.name());
        let column = column.ok_or_else(|| IoError::data(format!("the column `{}` is missing", field.name())))?;
        columns.push(match column.data_type() == field.data_type() {
            true => column.clone(),
            false => {
                let strict = CastOptions { safe: false, ..Default::default() };
                cast_with_options(column, field.data_type(), &strict).map_err(fault)?
            }
        });
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(fault)
}

/// The canonical schema that all files share, each having its own: the same columns, by name, in the order of the first
/// file's, nullable where one of them is.
pub(crate) fn one_schema(
    files: &[PathBuf],
    spec: &InputSpec,
    read: impl Fn(&Path) -> Result<SchemaRef, IoError>,
) -> Result<Schema, IoError> {
    if let Some(column) = spec.types.keys().next() {
        let message = format!("`types` names `{column}`, but only jsonl and csv need types: these files carry theirs");
        return Err(IoError::spec(message).in_file(&files[0]));
    }
    let mut merged: Option<Schema> = None;
    for file in files {
        let found = read(file).and_then(|found| schema(&found)).map_err(|error| error.in_file(file))?;
        check_names(&found).map_err(|error| error.in_file(file))?;
        merged = Some(match merged {
            None => found,
            Some(first) => merge_schemas(&first, &found)
                .map_err(|message| IoError::data(format!("{message} in `{}`", files[0].display())).in_file(file))?,
        });
    }
    Ok(merged.unwrap_or_else(Schema::empty))
}

fn merge_schemas(first: &Schema, other: &Schema) -> Result<Schema, String> {
    if let Some(extra) = other.fields().iter().find(|field| first.index_of(field.name()).is_err()) {
        return Err(format!("the column `{}` is here, but not", extra.name()));
    }
    let merge = |field: &FieldRef| {
        let name = field.name();
        let found = other.field_with_name(name).map_err(|_| format!("the column `{name}` is not here, but is"))?;
        merge(field, found)
            .ok_or_else(|| format!("the column `{name}` is {}, but {}", found.data_type(), field.data_type()))
    };
    let fields: Result<Vec<_>, String> = first.fields().iter().map(merge).collect();
    Ok(Schema::new(fields?))
}

/// What both fields can hold: nullable where one of them is; none where their types differ.
fn merge(a: &Field, b: &Field) -> Option<Field> {
    let data_type = merge_types(a.data_type(), b.data_type())?;
    let same = a.name() == b.name() && a.metadata() == b.metadata();
    same.then(|| a.clone().with_data_type(data_type).with_nullable(a.is_nullable() || b.is_nullable()))
}

fn merge_types(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    // The name of a list's items means nothing: writers differ.
    let inner = |a: &FieldRef, b: &FieldRef| merge(a, &b.as_ref().clone().with_name(a.name())).map(Arc::new);
    match (a, b) {
        (List(a), List(b)) => Some(List(inner(a, b)?)),
        (FixedSizeList(a, n), FixedSizeList(b, m)) if n == m => Some(FixedSizeList(inner(a, b)?, *n)),
        (Map(a, x), Map(b, y)) if x == y => Some(Map(inner(a, b)?, *x)),
        (Struct(a), Struct(b)) if a.len() == b.len() => {
            let fields: Option<Vec<_>> = a.iter().zip(b).map(|(a, b)| merge(a, b)).collect();
            Some(Struct(fields?.into()))
        }
        _ => (a == b).then(|| a.clone()),
    }
}

/// Names are unique and never empty, at every depth: steps tell columns apart by them.
pub(crate) fn check_names(schema: &Schema) -> Result<(), IoError> {
    check_fields(schema.fields(), "")
}

fn check_fields(fields: &Fields, path: &str) -> Result<(), IoError> {
    let mut seen = std::collections::HashSet::new();
    for field in fields {
        let here = format!("{path}{}", field.name());
        if field.name().is_empty() {
            return Err(IoError::data(format!("a column has an empty name: `{here}`")));
        }
        if !seen.insert(field.name()) {
            return Err(IoError::data(format!("two columns have the name `{here}`")));
        }
        check_nested(field.data_type(), &here)?;
    }
    Ok(())
}

fn check_nested(data_type: &DataType, path: &str) -> Result<(), IoError> {
    match data_type {
        DataType::Struct(fields) => check_fields(fields, &format!("{path}.")),
        DataType::List(f) | DataType::FixedSizeList(f, _) | DataType::Map(f, _) => check_nested(f.data_type(), path),
        _ => Ok(()),
    }
}
