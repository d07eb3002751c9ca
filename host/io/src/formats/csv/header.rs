//! The header of a CSV file: a name for every column.

use std::collections::HashSet;

use crate::error::IoError;
use crate::misfit::excerpt;
use crate::unnamed;

/// The names of the columns, made up where the header has none.
///
/// # Errors
/// Two columns of one name.
pub(super) fn names<'a>(fields: impl Iterator<Item = &'a str>) -> Result<Vec<String>, IoError> {
    let fields: Vec<&str> = fields.collect();
    let mut seen = HashSet::with_capacity(fields.len());
    if let Some(twice) = fields.iter().find(|name| !name.is_empty() && !seen.insert(**name)) {
        let message = format!("two columns of the header have the name `{}`", excerpt(twice));
        return Err(IoError::data(message).with_help("give each column its own name in the header"));
    }
    Ok(unnamed::names(fields.into_iter()))
}

/// A row with more or fewer fields than the header.
pub(super) fn wrong_width(fields: usize, header: usize) -> IoError {
    let error = IoError::data(format!("the row has {fields} fields, the header {header}"));
    error.with_help(match fields == header + 1 {
        true => {
            "if every row has one more, the header lacks a name (R's `write.table` leaves out that of the row names); \
             else put the field that has a delimiter in quotes"
        }
        false => "every row has as many fields as the header; quote a field that has a delimiter or a line feed",
    })
}
