//! Columns of binary files that `types` of the input names: which types may become which, and which type to name.

use arrow::datatypes::{DataType, Field};

use crate::types;

/// Whether values of the one type may become values of the other. Each value is checked when it is read.
pub(crate) fn convertible(from: &Field, to: &Field) -> bool {
    use DataType::*;
    if types::is_json(to) {
        return has_json(from.data_type());
    }
    match (from.data_type(), to.data_type()) {
        (Null, _) => true,
        (a, b) if a == b => true,
        (List(a) | FixedSizeList(a, _), List(b)) => convertible(a, b),
        (Utf8, other) | (other, Utf8) => !other.is_nested(),
        (Date32 | Date64 | Timestamp(..), Date32 | Timestamp(..)) => true,
        (a, b) => a.is_numeric() && b.is_numeric(),
    }
}

/// Whether JSON has a form for the type: a map whose keys are not text has none.
fn has_json(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Struct(fields) => fields.iter().all(|field| has_json(field.data_type())),
        List(item) | FixedSizeList(item, _) => has_json(item.data_type()),
        Map(entries, _) => match entries.data_type() {
            Struct(pair) if pair.len() == 2 => pair[0].data_type() == &Utf8 && has_json(pair[1].data_type()),
            _ => false,
        },
        _ => true,
    }
}

/// The type that `types` can name for a column that is both, null if there is none.
pub(super) fn both(a: &Field, b: &Field) -> Option<String> {
    use DataType::*;
    let name = match (a.data_type(), b.data_type()) {
        (List(x) | FixedSizeList(x, _), List(y) | FixedSizeList(y, _)) => match both(x, y) {
            Some(item) => format!("list<{item}>"),
            None => "json".to_owned(),
        },
        (x, y) if x.is_nested() || y.is_nested() => "json".to_owned(),
        (Date32 | Date64 | Timestamp(..), Date32 | Date64 | Timestamp(..)) => {
            let is_fine = |of: &DataType| types::time_name(of) == "timestamp_ns";
            (if is_fine(a.data_type()) || is_fine(b.data_type()) { "timestamp_ns" } else { "timestamp" }).to_owned()
        }
        _ => "string".to_owned(),
    };
    let to = types::field(a.name(), &name)?;
    (convertible(a, &to) && convertible(b, &to)).then_some(name)
}

/// The type that `types` can name for a column as it is.
pub(super) fn own(field: &Field) -> Option<String> {
    let name = types::name(field);
    let same = types::field(field.name(), &name).filter(|named| types::field_words(named) == types::field_words(field));
    match same {
        Some(_) => Some(name),
        None => both(field, field),
    }
}

/// The type that holds a value which the common type of several files does not hold.
pub(crate) fn wider(to: &DataType) -> &'static str {
    match to {
        // As in JSON Lines, where numbers stay numbers.
        other if other.is_nested() || other.is_numeric() => "json",
        _ => "string",
    }
}
