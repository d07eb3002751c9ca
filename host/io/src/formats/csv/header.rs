//! The header of a CSV file: a name for every column.

use std::collections::HashSet;

use crate::error::IoError;
use crate::limits::{self, Limit};
use crate::misfit::excerpt;
use crate::spec::InputSpec;

/// The names of the columns. One without a name, such as the index that pandas writes, the row names of R or what stands behind a trailing
/// delimiter, is called `unnamed`; a second one `unnamed_2`, and so on; with as many `_` behind it as keep it apart from the names that are there.
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
    let mut nameless = 0;
    let name = |field: &&str| {
        if !field.is_empty() {
            return (*field).to_owned();
        }
        nameless += 1;
        let mut name = if nameless == 1 { "unnamed".to_owned() } else { format!("unnamed_{nameless}") };
        while seen.contains(name.as_str()) {
            name.push('_');
        }
        name
    };
    Ok(fields.iter().map(name).collect())
}

/// Refuses more columns of all files together than a limit allows.
pub(super) fn few_enough(columns: usize, spec: &InputSpec) -> Result<(), IoError> {
    let (columns, most) = (columns as u64, spec.limits.columns);
    if columns > most {
        let message = format!("the files so far have {columns} columns, and {most} are allowed");
        return Err(limits::exceeded(spec, Limit::Columns, message, columns));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_made_up_name_is_nobody_elses() {
        let header = ["", "unnamed", "", "unnamed_2_", "a", "", "unnamed_2"];
        let made = ["unnamed_", "unnamed", "unnamed_2__", "unnamed_2_", "a", "unnamed_3", "unnamed_2"];
        assert_eq!(names(header.into_iter()).unwrap(), made);
        assert!(names(["a", "b", "a"].into_iter()).is_err());
    }
}
