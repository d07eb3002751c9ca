//! Zones of timestamps in seconds: Parquet has no seconds, so writers store milliseconds, and the schema of Arrow that they add, which
//! alone names the zone, is of another unit. The library then leaves it out.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::root_as_message;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::file::metadata::FileMetaData;

/// The schema with the zones that the file's own schema of Arrow has for timestamps in seconds.
pub(super) fn zoned(schema: &Schema, file: &FileMetaData) -> Schema {
    let Some(said) = said(file) else { return schema.clone() };
    // The library takes both to have the same columns in the same order.
    let fields = schema.fields().iter().zip(said.fields()).map(|(field, said)| zone(field, said));
    let fields: Vec<FieldRef> = fields.collect();
    match fields.len() == schema.fields().len() {
        true => Schema::new_with_metadata(fields, schema.metadata().clone()),
        false => schema.clone(),
    }
}

fn said(file: &FileMetaData) -> Option<Schema> {
    let entry = file.key_value_metadata()?.iter().find(|entry| entry.key == ARROW_SCHEMA_META_KEY)?;
    let bytes = BASE64_STANDARD.decode(entry.value.as_ref()?).ok()?;
    let message = if bytes.starts_with(&[0xff; 4]) { bytes.get(8..)? } else { &bytes };
    try_fb_to_schema(root_as_message(message).ok()?.header_as_schema()?).ok()
}

fn zone(field: &FieldRef, said: &Field) -> FieldRef {
    use DataType::*;
    let data_type = match (field.data_type(), said.data_type()) {
        (Timestamp(unit, Some(_)), Timestamp(TimeUnit::Second, Some(zone))) => Timestamp(*unit, Some(zone.clone())),
        (List(item), List(said) | LargeList(said) | FixedSizeList(said, _)) => List(zone(item, said)),
        (LargeList(item), List(said) | LargeList(said) | FixedSizeList(said, _)) => LargeList(zone(item, said)),
        (FixedSizeList(item, width), FixedSizeList(said, _)) => FixedSizeList(zone(item, said), *width),
        (Map(entries, sorted), Map(said, _)) => Map(zone(entries, said), *sorted),
        (Struct(members), Struct(said)) if members.len() == said.len() => {
            Struct(members.iter().zip(said).map(|(member, said)| zone(member, said)).collect())
        }
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}
