//! Whether a schema from a file is one at all: its libraries take much for granted that a file can say otherwise, and end the process
//! where it is not so.

use arrow::datatypes::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType,
    Field, Schema, TimeUnit,
};

use crate::error::IoError;
use crate::types::words;

/// How deep columns may nest: what walks through types calls itself once for each level.
const DEEPEST: usize = 64;

/// Looks at every column, at every depth.
pub(super) fn check(schema: &Schema) -> Result<(), IoError> {
    schema.fields().iter().try_for_each(|field| {
        shape(field.data_type(), 1).map_err(|fault| {
            let Fault { path, message } = fault;
            IoError::data(format!("the column `{}{path}` {message}", field.name()))
        })
    })
}

struct Fault {
    path: String,
    message: String,
}

fn shape(data_type: &DataType, depth: usize) -> Result<(), Fault> {
    use DataType::*;
    let wrong = |message: String| Err(Fault { path: String::new(), message });
    let inner = |field: &Field| {
        shape(field.data_type(), depth + 1)
            .map_err(|fault| Fault { path: format!(".{}{}", field.name(), fault.path), ..fault })
    };
    if depth > DEEPEST {
        return wrong(format!("nests deeper than {DEEPEST} levels"));
    }
    match data_type {
        FixedSizeBinary(width) if *width < 0 => wrong(format!("is of {width} bytes")),
        FixedSizeList(_, size) if *size < 0 => wrong(format!("is of lists of {size} items")),
        Decimal32(precision, scale) => decimal(*precision, *scale, DECIMAL32_MAX_PRECISION),
        Decimal64(precision, scale) => decimal(*precision, *scale, DECIMAL64_MAX_PRECISION),
        Decimal128(precision, scale) => decimal(*precision, *scale, DECIMAL128_MAX_PRECISION),
        Decimal256(precision, scale) => decimal(*precision, *scale, DECIMAL256_MAX_PRECISION),
        Time32(unit) if !matches!(unit, TimeUnit::Second | TimeUnit::Millisecond) => {
            wrong(format!("is {}, which is not a type", words(data_type)))
        }
        Time64(unit) if !matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond) => {
            wrong(format!("is {}, which is not a type", words(data_type)))
        }
        Dictionary(keys, values) => {
            if !keys.is_dictionary_key_type() {
                return wrong(format!("is a dictionary with keys of {}", words(keys)));
            }
            shape(values, depth + 1)
        }
        RunEndEncoded(ends, values) => {
            if !ends.data_type().is_run_ends_type() {
                return wrong(format!("has ends of runs of {}", words(ends.data_type())));
            }
            inner(values)
        }
        Map(entries, _) => match entries.data_type() {
            Struct(members) if members.len() == 2 => members.iter().try_for_each(|member| inner(member)),
            other => wrong(format!("is a map whose entries are {}, not a key and a value", words(other))),
        },
        List(f) | LargeList(f) | ListView(f) | LargeListView(f) | FixedSizeList(f, _) => inner(f),
        Struct(members) => members.iter().try_for_each(|member| inner(member)),
        Union(members, _) => members.iter().try_for_each(|(_, member)| inner(member)),
        _ => Ok(()),
    }
}

fn decimal(precision: u8, scale: i8, most: u8) -> Result<(), Fault> {
    match precision >= 1
        && precision <= most
        && i16::from(scale) <= i16::from(precision)
        && scale.unsigned_abs() <= most
    {
        true => Ok(()),
        false => Err(Fault {
            path: String::new(),
            message: format!(
                "is a decimal of {precision} digits, {scale} of them after the point; up to {most} are possible"
            ),
        }),
    }
}
