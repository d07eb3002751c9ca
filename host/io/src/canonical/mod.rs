//! Canonical types: one layout for each meaning, so that nobody behind the edge has to know the others.

mod conform;
mod declared;
mod merge;
mod shape;
mod weigh;

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Metadata, Schema, SchemaRef};

use crate::error::IoError;
use crate::places::{First, Source, in_order_for};
use crate::spec::InputSpec;

pub(crate) use conform::{Conform, Conformed};
pub(crate) use declared::{convertible, wider};
use merge::Merged;

/// The schema that rows of `schema` have inside: dictionaries, runs, views and 64-bit offsets unfolded, at every depth.
/// Only the metadata of extension types is kept: field numbers and notes of other libraries do not describe what a step makes.
fn schema(schema: &Schema) -> Result<Schema, IoError> {
    let fields: Result<Vec<_>, _> = schema.fields().iter().map(|f| field(f, f.name())).collect();
    Ok(Schema::new(fields?))
}

pub(crate) fn field(field: &Field, path: &str) -> Result<Field, IoError> {
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
        // Instants are the same in every zone; one that nobody knows has no other text.
        Timestamp(unit, Some(zone)) if zone.parse::<Tz>().is_err() => Timestamp(*unit, Some("UTC".into())),
        Float32 | Float64 | Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) | Duration(_) => data_type.clone(),
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) | FixedSizeBinary(_) => data_type.clone(),
        Float16 => Float32,
        Utf8 | LargeUtf8 | Utf8View => Utf8,
        Binary | LargeBinary | BinaryView => Binary,
        List(f) | LargeList(f) | ListView(f) | LargeListView(f) => List(inner(f)?),
        FixedSizeList(f, width) => FixedSizeList(inner(f)?, *width),
        Struct(fields) => Struct(fields.iter().map(inner).collect::<Result<Fields, _>>()?),
        Map(entries, sorted) => Map(Arc::new(self::entries(entries, path)?), *sorted),
        Dictionary(_, values) => self::data_type(values, path)?,
        RunEndEncoded(_, values) => self::data_type(values.data_type(), path)?,
        Interval(_) | Union(..) => {
            let message = format!(
                "the column `{path}` has the type {}, which no step can be given",
                crate::types::words(data_type)
            );
            let help = "write the file again without this column, or with its values as text or numbers";
            return Err(IoError::data(message).with_help(help));
        }
    })
}

/// The entries of a map: neither they nor their keys are null, whatever a file says.
fn entries(entries: &Field, path: &str) -> Result<Field, IoError> {
    let entries = field(entries, &format!("{path}.{}", entries.name()))?;
    let members = match entries.data_type() {
        DataType::Struct(members) => members.iter().enumerate(),
        _ => return Ok(entries),
    };
    let members: Fields = members.map(|(i, m)| m.as_ref().clone().with_nullable(i > 0 && m.is_nullable())).collect();
    Ok(entries.with_data_type(DataType::Struct(members)).with_nullable(false))
}

/// The canonical schema that all files share, each having its own: the same columns, by name, in the order of the first
/// file's. A column has the smallest type that holds the values of all files ([`merge`]), and is nullable if one of them is; or the type
/// that `types` names, unless all files have one that it `keeps`. `first` is what `read` looks at.
pub(crate) fn one_schema(
    files: &[Source],
    first: First,
    spec: &InputSpec,
    read: impl Fn(&Source) -> Result<SchemaRef, IoError>,
    keeps: impl Fn(&str, &DataType) -> bool,
) -> Result<Schema, IoError> {
    let declared = crate::types::declared(spec)?;
    let mut merged: Option<Merged> = None;
    for file in in_order_for(first, files) {
        spec.stop.check()?;
        let found = read(file).and_then(|found| checked(&found)).map_err(|error| error.in_file(file))?;
        match &mut merged {
            None => merged = Some(Merged::new(found, spec, &declared, &keeps).map_err(|error| error.in_file(file))?),
            Some(first) => first.add(&found, files[0].path()).map_err(|error| error.in_file(file))?,
        }
    }
    Ok(merged.map_or_else(Schema::empty, Merged::schema))
}

/// Refuses `types` of columns that no file has.
pub(crate) fn only_known(schema: &Schema, files: &[Source], spec: &InputSpec) -> Result<(), IoError> {
    const SHOWN: usize = 20;
    let Some(unknown) = spec.types.keys().find(|name| schema.column_with_name(name).is_none()) else { return Ok(()) };
    let shown: Vec<_> = schema.fields().iter().take(SHOWN).map(|field| crate::misfit::excerpt(field.name())).collect();
    let more = match schema.fields().len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!("`types` names the column `{unknown}`, but the columns are {}{more}", shown.join(", "));
    Err(IoError::spec(message).in_file(&files[0]))
}

/// The canonical schema of one file, whatever schema the file declares.
pub(crate) fn checked(found: &Schema) -> Result<Schema, IoError> {
    shape::check(found)?;
    let found = schema(found)?;
    check_names(&found)?;
    Ok(found)
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
