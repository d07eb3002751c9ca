//! How many columns the rows of a run may have: what a component declares costs the host memory for every step behind it.

use arrow::datatypes::{DataType, Fields};
use callboard_sandbox::bytes;
use callboard_words::sizes::written;
use callboard_words::{Help, Setting};

use crate::error::{Class, RunError};

/// What a column takes in the host for each step that it goes through, bytes, about.
const FIELD: u64 = 256;
/// The most columns that the rows behind all steps may have together, nested ones too.
const MOST_FIELDS: u64 = 1_000_000;
/// The part of a budget that may be taken by columns alone.
const OF_A_BUDGET: u64 = 4;

/// Columns, and those in them.
pub(super) fn columns(of: &Fields) -> u64 {
    of.iter().map(|field| 1 + inner(field.data_type())).sum()
}

fn inner(of: &DataType) -> u64 {
    match of {
        DataType::Struct(members) => columns(members),
        DataType::List(items) | DataType::FixedSizeList(items, _) | DataType::Map(items, _) => {
            1 + inner(items.data_type())
        }
        _ => 0,
    }
}

/// Refuses more columns than the host has room for: they take memory whether or not there are rows.
pub(super) fn fits(budget: Option<u64>, columns: u64) -> Result<(), RunError> {
    let most = budget.map_or(MOST_FIELDS, |budget| (budget / OF_A_BUDGET / FIELD).min(MOST_FIELDS));
    if columns <= most {
        return Ok(());
    }
    let help = match budget.filter(|_| columns <= MOST_FIELDS) {
        Some(_) => {
            let budget = written(columns * FIELD * OF_A_BUDGET);
            Help::from("drop columns before this step, or allow more: ").set(Setting::Budget(Some(budget)))
        }
        None => Help::from("drop columns before this step"),
    };
    let so = budget.map_or(String::new(), |budget| format!(" with a budget of {}", bytes(budget)));
    let message = format!(
        "the rows behind the steps up to here have {columns} columns together, counting nested ones, and {most} are allowed{so}"
    );
    Err(RunError::new(Class::Limit, message).help(help))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn columns_behind_all_steps_have_a_most() {
        let leaf = |name: &str| Field::new(name, DataType::Int8, true);
        let object = Field::new_struct("object", vec![leaf("a"), leaf("b")], true);
        let list = Field::new_list("list", Arc::new(object.clone()), true);
        assert_eq!(columns(&Fields::from(vec![leaf("plain"), object, list])), 1 + 3 + 4);
        assert!(fits(None, 1_000_000).is_ok() && fits(Some(128 << 20), 131_072).is_ok());
        let error = fits(None, 1_000_001).unwrap_err();
        assert_eq!(error.class, Class::Limit);
        assert!(error.message.ends_with("1000001 columns together, counting nested ones, and 1000000 are allowed"));
        let error = fits(Some(128 << 20), 131_073).unwrap_err();
        assert!(error.message.ends_with("131072 are allowed with a budget of 128 MiB"), "{error}");
        let help = error.help.unwrap();
        assert!(help.ends_with("a `budget` of 129MiB") && fits(Some(129 << 20), 131_073).is_ok(), "{help}");
    }
}
