//! Parquet's logical types that Arrow has no type for: noted on a field as an extension type, and written again from that note.
//!
//! UUID, JSON, GEOMETRY, GEOGRAPHY and VARIANT have the extension types that Arrow's libraries agreed on; ENUM, BSON and a TIME that
//! is adjusted to UTC have names of our own. A new column that a step makes has none of them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use parquet::basic::{ConvertedType, EdgeInterpolationAlgorithm, LogicalType, TimeUnit as ParquetUnit};
use parquet::errors::ParquetError;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};
use serde_json::{Map, Value};

const NAME: &str = "ARROW:extension:name";
const METADATA: &str = "ARROW:extension:metadata";

const UUID: &str = "arrow.uuid";
const JSON: &str = "arrow.json";
const VARIANT: &str = "arrow.parquet.variant";
const WKB: &str = "geoarrow.wkb";
const ENUM: &str = "parquet.enum";
const BSON: &str = "parquet.bson";
const TIME_UTC: &str = "parquet.time_utc";

/// A schema as its library gives it, with the notes that the file's own schema asks for. ENUM, which is text, becomes text.
pub(super) fn noted(schema: &Schema, file: &SchemaDescriptor) -> Schema {
    let mut leaf = 0;
    let groups = file.root_schema().get_fields();
    let fields = schema.fields().iter().enumerate().map(|(nth, field)| {
        let field = leaves(field, &mut leaf, &mut |leaf, field| match file.columns().get(leaf) {
            Some(column) => note_leaf(field, column.self_type()),
            None => field.clone(),
        });
        Arc::new(note_groups(field, groups.get(nth)))
    });
    Schema::new_with_metadata(fields.collect::<Fields>(), schema.metadata().clone())
}

/// A field with each of its leaves, which are numbered as Parquet's columns are, put through `change`.
pub(super) fn leaves(field: &Field, leaf: &mut usize, change: &mut impl FnMut(usize, &Field) -> Field) -> Field {
    use DataType::*;
    let mut inner = |field: &FieldRef| Arc::new(leaves(field, leaf, change));
    let data_type = match field.data_type() {
        List(item) => List(inner(item)),
        LargeList(item) => LargeList(inner(item)),
        ListView(item) => ListView(inner(item)),
        LargeListView(item) => LargeListView(inner(item)),
        FixedSizeList(item, width) => FixedSizeList(inner(item), *width),
        Map(entries, sorted) => Map(inner(entries), *sorted),
        Struct(fields) => Struct(fields.iter().map(inner).collect()),
        _ => {
            *leaf += 1;
            return change(*leaf - 1, field);
        }
    };
    field.clone().with_data_type(data_type)
}

fn with_note(field: &Field, name: &str, metadata: String) -> Field {
    let mut noted = field.clone();
    noted.metadata_mut().insert(NAME.to_owned(), name.to_owned());
    noted.metadata_mut().insert(METADATA.to_owned(), metadata);
    noted
}

fn note_leaf(field: &Field, column: &Type) -> Field {
    let info = column.get_basic_info();
    let note = |name: &str| with_note(field, name, String::new());
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::Uuid), _) if field.data_type() == &DataType::FixedSizeBinary(16) => note(UUID),
        (Some(LogicalType::Json), _) | (None, ConvertedType::JSON) if field.data_type().is_string() => note(JSON),
        (Some(LogicalType::Enum), _) | (None, ConvertedType::ENUM) if is_text(field.data_type()) => {
            note(ENUM).with_data_type(DataType::Utf8)
        }
        (Some(LogicalType::Bson), _) | (None, ConvertedType::BSON) if field.data_type().is_binary() => note(BSON),
        (Some(LogicalType::Geometry(of)), _) if field.data_type().is_binary() => {
            with_note(field, WKB, crs(of.crs.as_deref(), None))
        }
        (Some(LogicalType::Geography(of)), _) if field.data_type().is_binary() => {
            with_note(field, WKB, crs(of.crs.as_deref(), Some(edges(of.algorithm))))
        }
        (Some(LogicalType::Time(of)), _) if of.is_adjusted_to_u_t_c => note(TIME_UTC),
        (None, ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS) => note(TIME_UTC),
        _ => field.clone(),
    }
}

fn is_text(data_type: &DataType) -> bool {
    data_type.is_binary() || data_type.is_string()
}

/// Notes groups that are VARIANT, as far as the two schemas run side by side: through groups, and lists and maps of the usual form.
fn note_groups(field: Field, group: Option<&TypePtr>) -> Field {
    let Some(group) = group.filter(|group| group.is_group()) else { return field };
    let below = |group: &TypePtr| group.get_fields().first().filter(|group| group.is_group()).cloned();
    let item_of = |list: &TypePtr| match below(list)?.get_fields() {
        [item] => Some(item.clone()),
        _ => None,
    };
    let data_type = match field.data_type() {
        DataType::Struct(members) if members.len() == group.get_fields().len() => {
            let members = members.iter().zip(group.get_fields());
            DataType::Struct(members.map(|(f, group)| Arc::new(note_groups((**f).clone(), Some(group)))).collect())
        }
        DataType::List(item) => DataType::List(Arc::new(note_groups((**item).clone(), item_of(group).as_ref()))),
        DataType::FixedSizeList(item, width) => {
            DataType::FixedSizeList(Arc::new(note_groups((**item).clone(), item_of(group).as_ref())), *width)
        }
        DataType::Map(entries, sorted) => {
            DataType::Map(Arc::new(note_groups((**entries).clone(), below(group).as_ref())), *sorted)
        }
        other => other.clone(),
    };
    let field = field.with_data_type(data_type);
    match group.get_basic_info().logical_type_ref() {
        Some(LogicalType::Variant(of)) if matches!(field.data_type(), DataType::Struct(_)) => {
            let version = of.specification_version.map(|version| version.to_string());
            with_note(&field, VARIANT, version.unwrap_or_default())
        }
        _ => field,
    }
}

/// The extension's metadata; a CRS that Parquet leaves out is OGC:CRS84, and one that GeoArrow leaves out is unknown.
fn crs(crs: Option<&str>, edges: Option<&str>) -> String {
    let mut metadata = Map::new();
    match crs {
        Some("srid:0") => {}
        crs => drop(metadata.insert("crs".to_owned(), crs.unwrap_or("OGC:CRS84").into())),
    }
    if let Some(edges) = edges {
        metadata.insert("edges".to_owned(), edges.into());
    }
    Value::from(metadata).to_string()
}

const EDGES: &[(EdgeInterpolationAlgorithm, &str)] = &[
    (EdgeInterpolationAlgorithm::SPHERICAL, "spherical"),
    (EdgeInterpolationAlgorithm::VINCENTY, "vincenty"),
    (EdgeInterpolationAlgorithm::THOMAS, "thomas"),
    (EdgeInterpolationAlgorithm::ANDOYER, "andoyer"),
    (EdgeInterpolationAlgorithm::KARNEY, "karney"),
];

fn edges(algorithm: Option<EdgeInterpolationAlgorithm>) -> &'static str {
    EDGES.iter().find(|(known, _)| Some(*known) == algorithm).map_or("spherical", |(_, name)| name)
}

/// GeoArrow's metadata of a column: a CRS that is not text is JSON of its own (PROJJSON).
fn wkb(metadata: &str) -> LogicalType {
    let metadata: Map<String, Value> = serde_json::from_str(metadata).unwrap_or_default();
    let crs = match metadata.get("crs") {
        None | Some(Value::Null) => Some("srid:0".to_owned()),
        Some(Value::String(crs)) if crs == "OGC:CRS84" => None,
        Some(Value::String(crs)) => Some(crs.clone()),
        Some(other) => Some(other.to_string()),
    };
    let edges = metadata.get("edges").and_then(Value::as_str).filter(|edges| *edges != "planar");
    match edges.and_then(|edges| EDGES.iter().find(|(_, name)| *name == edges)) {
        None => LogicalType::geometry(crs),
        Some((EdgeInterpolationAlgorithm::SPHERICAL, _)) => LogicalType::geography(crs, None),
        Some((algorithm, _)) => LogicalType::geography(crs, Some(*algorithm)),
    }
}

/// The logical type that a field's note asks for, if the field has a type for it.
fn noted_type(field: &Field) -> Option<LogicalType> {
    let metadata = field.extension_type_metadata().unwrap_or_default();
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second | TimeUnit::Millisecond => ParquetUnit::MILLIS,
        TimeUnit::Microsecond => ParquetUnit::MICROS,
        TimeUnit::Nanosecond => ParquetUnit::NANOS,
    };
    Some(match (field.extension_type_name()?, field.data_type()) {
        (UUID, DataType::FixedSizeBinary(16)) => LogicalType::Uuid,
        (JSON, DataType::Utf8) => LogicalType::Json,
        (ENUM, DataType::Utf8) => LogicalType::Enum,
        (BSON, DataType::Binary) => LogicalType::Bson,
        (WKB, DataType::Binary) => wkb(metadata),
        (TIME_UTC, DataType::Time32(of) | DataType::Time64(of)) => LogicalType::time(true, unit(of)),
        (VARIANT, DataType::Struct(_)) => LogicalType::variant(metadata.parse().ok()),
        _ => return None,
    })
}

/// The schema of a file to be written: as the library makes it of Arrow's, and the logical types that notes ask for.
pub(super) fn file_schema(schema: &Schema, made: &SchemaDescriptor) -> Result<SchemaDescriptor, ParquetError> {
    let root = made.root_schema();
    let fields = schema.fields().iter().zip(root.get_fields()).map(|(field, made)| typed(field, made));
    let root = Type::group_type_builder(root.name()).with_fields(fields.collect::<Result<_, _>>()?).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

fn typed(field: &Field, made: &TypePtr) -> Result<TypePtr, ParquetError> {
    let info = made.get_basic_info();
    let logical = noted_type(field);
    let id = info.has_id().then(|| info.id());
    let group = match &**made {
        Type::PrimitiveType { physical_type, type_length, scale, precision, .. } => {
            let Some(logical) = logical else { return Ok(made.clone()) };
            let typed = Type::primitive_type_builder(made.name(), *physical_type)
                .with_repetition(info.repetition())
                .with_logical_type(Some(logical))
                .with_length(*type_length)
                .with_scale(*scale)
                .with_precision(*precision)
                .with_id(id);
            return typed.build().map(Arc::new);
        }
        Type::GroupType { fields, .. } => fields,
    };
    // A list is a group of a group of its items, a map one of its pairs.
    let fields: Vec<TypePtr> = match field.data_type() {
        DataType::Struct(members) => {
            members.iter().zip(group).map(|(field, made)| typed(field, made)).collect::<Result<_, _>>()?
        }
        DataType::List(item) | DataType::FixedSizeList(item, _) => {
            vec![repeated(&group[0], |made| Ok(vec![typed(item, &made[0])?]))?]
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => vec![repeated(&group[0], |made| {
                pair.iter().zip(made).map(|(field, made)| typed(field, made)).collect()
            })?],
            _ => group.clone(),
        },
        _ => group.clone(),
    };
    rebuilt(made, fields, logical.or_else(|| info.logical_type_ref().cloned())).map(Arc::new)
}

fn repeated(
    made: &TypePtr,
    fields: impl FnOnce(&[TypePtr]) -> Result<Vec<TypePtr>, ParquetError>,
) -> Result<TypePtr, ParquetError> {
    let logical = made.get_basic_info().logical_type_ref().cloned();
    rebuilt(made, fields(made.get_fields())?, logical).map(Arc::new)
}

fn rebuilt(made: &Type, fields: Vec<TypePtr>, logical: Option<LogicalType>) -> Result<Type, ParquetError> {
    let info = made.get_basic_info();
    let group = Type::group_type_builder(made.name())
        .with_repetition(info.repetition())
        .with_logical_type(logical)
        .with_id(info.has_id().then(|| info.id()))
        .with_fields(fields);
    // What has no logical type may have one of the older kind.
    match info.logical_type_ref() {
        None => group.with_converted_type(info.converted_type()).build(),
        Some(_) => group.build(),
    }
}
