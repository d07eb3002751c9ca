//! Batches of several nodes made one: what a step wrote beside what is carried past it, and rows appended to others.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use callboard_plan::Feed;
use callboard_sandbox::{Bound, Origin, display, is_hidden, record_batch, some_columns_of};

use super::{Batch, Known, Location, places};
use crate::error::{Class, RunError};

/// The columns that rows of a side door have behind those of the step's first input.
pub(crate) const DOOR_COLUMNS: [(&str, DataType); 5] = [
    ("_reason", DataType::Utf8),
    ("_step", DataType::Utf8),
    ("_input", DataType::Utf8),
    ("_file", DataType::Utf8),
    ("_line", DataType::UInt64),
];

/// What is put out: columns of `carried`, rows of the first input, beside what was written for them.
pub(crate) fn join(bound: &Bound, carried: &Batch, written: &RecordBatch) -> Result<Batch, ArrowError> {
    Ok(carried.with_rows(bound.join(&carried.rows, written)?))
}

/// What is put out where nothing of the input is carried.
pub(crate) fn created(bound: &Bound, written: &RecordBatch) -> Result<Batch, ArrowError> {
    let nothing = record_batch(Arc::new(Schema::empty()), Vec::new(), written.num_rows())?;
    join(bound, &Batch::created(nothing), written)
}

/// The rows of the first input with nothing in the columns that are not put out, as [`Bound::only_carried`].
pub(crate) fn only_carried(bound: &Bound, batch: &Batch) -> Result<Batch, ArrowError> {
    let known = batch.known.clone();
    Ok(Batch { known, ..batch.with_rows(bound.only_carried(&batch.rows)?) })
}

/// What is known of each column of what [`join`] gives; `logged` says where each column that was written lies.
pub(crate) fn known(bound: &Bound, carried: &Batch, logged: Option<&dyn Fn(usize) -> Location>) -> Vec<Known> {
    let known = bound.columns.iter().map(|origin| match origin {
        Origin::Input(at) => carried.known[*at].clone(),
        Origin::Written(at) => Known::at(logged.map(|logged| logged(*at))),
    });
    known.collect()
}

/// The one schema of appended rows: the columns of the first, which the others must have as well, in any order. Rows of side doors alone
/// have all columns that one of them has: they left the pipeline at different places.
pub(crate) fn appended(feeds: &[(&Feed, SchemaRef)]) -> Result<SchemaRef, RunError> {
    let ((first_name, first), rest) = feeds.split_first().expect("a port has a feed");
    if rest.is_empty() {
        return Ok(first.clone());
    }
    if feeds.iter().all(|(feed, _)| feed.door.is_some()) {
        return of_doors(feeds);
    }
    // From which rows of a fork they come says nothing of rows that are appended.
    let seen = |field: &&FieldRef| !is_hidden(field.name());
    let mut fields: Vec<FieldRef> = first.fields().iter().filter(seen).cloned().collect();
    for (name, schema) in rest {
        let differ = |what: String| {
            let message = format!("`{name}` cannot be appended to `{first_name}`: {what}");
            RunError::new(Class::Pipeline, message).help(format!(
                "`{first_name}` has {}; `{name}` has {}; `use = \"select\"` drops and renames columns",
                some_columns_of(first),
                some_columns_of(schema)
            ))
        };
        let mut theirs: HashMap<&str, &FieldRef> =
            schema.fields().iter().filter(seen).map(|field| (field.name().as_str(), field)).collect();
        for field in &mut fields {
            let Some(other) = theirs.remove(field.name().as_str()) else {
                return Err(differ(format!("column `{}` is in `{first_name}` only", field.name())));
            };
            if !other.data_type().equals_datatype(field.data_type()) {
                let (ours, theirs) = (display(field.data_type()), display(other.data_type()));
                return Err(differ(format!("column `{}` is {ours} there and {theirs} here", field.name())));
            }
            if other.is_nullable() && !field.is_nullable() {
                *field = Arc::new(field.as_ref().clone().with_nullable(true));
            }
        }
        if let Some(extra) = schema.fields().iter().find(|field| theirs.contains_key(field.name().as_str())) {
            return Err(differ(format!("column `{}` is in `{name}` only", extra.name())));
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// All columns of the rows behind several doors, those that every door adds behind the others. One that a door lacks is null in its rows.
fn of_doors(feeds: &[(&Feed, SchemaRef)]) -> Result<SchemaRef, RunError> {
    let mut fields: Vec<(FieldRef, &Feed, usize)> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for (feed, schema) in feeds {
        for field in schema.fields().iter().filter(|field| !is_hidden(field.name())) {
            let Some(known) = at.get(field.name()) else {
                at.insert(field.name().clone(), fields.len());
                fields.push((field.clone(), feed, 1));
                continue;
            };
            let (known, of, count) = &mut fields[*known];
            *count += 1;
            if !known.data_type().equals_datatype(field.data_type()) {
                let (ours, theirs) = (display(known.data_type()), display(field.data_type()));
                let message = format!("column `{}` is {ours} in `{of}` and {theirs} in `{feed}`", field.name());
                let help = format!("write these rows to two outputs: one without `{of}`, one without `{feed}`");
                return Err(RunError::new(Class::Pipeline, message).help(help));
            }
            if field.is_nullable() && !known.is_nullable() {
                *known = Arc::new(known.as_ref().clone().with_nullable(true));
            }
        }
    }
    let whole = |(field, _, count): (FieldRef, &Feed, usize)| match count == feeds.len() {
        true => field,
        false => Arc::new(field.as_ref().clone().with_nullable(true)),
    };
    let (own, columns): (Vec<FieldRef>, Vec<FieldRef>) =
        fields.into_iter().map(whole).partition(|field| DOOR_COLUMNS.iter().any(|(name, _)| name == field.name()));
    Ok(Arc::new(Schema::new(columns.into_iter().chain(own).collect::<Vec<_>>())))
}

/// A batch of a feed under the schema of the port that it is appended to.
pub(crate) fn conform(batch: Batch, schema: &SchemaRef) -> Result<Batch, ArrowError> {
    if batch.rows.schema_ref() == schema {
        return Ok(batch);
    }
    let theirs = batch.rows.schema();
    let at = places(&theirs);
    let columns = schema.fields().iter().map(|field| {
        let Some(place) = at.get(field.name().as_str()) else {
            return Ok(new_null_array(field.data_type(), batch.len()));
        };
        let column = batch.rows.column(*place);
        match column.data_type() == field.data_type() {
            true => Ok(column.clone()),
            // Types that differ in nothing but the names or nullability of what is nested.
            false => arrow::compute::cast(column, field.data_type()),
        }
    });
    batch.with_columns(schema, columns.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use arrow::datatypes::Field;

    use super::*;
    use crate::rows::digest;

    fn rows(columns: &[(&str, i64)]) -> RecordBatch {
        let fields: Vec<_> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Int64, true)).collect();
        let values = columns.iter().map(|(_, value)| Arc::new(Int64Array::from(vec![*value])) as ArrayRef);
        record_batch(Arc::new(Schema::new(fields)), values.collect(), 1).unwrap()
    }

    fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
        let fields = columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), false));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    #[test]
    fn rows_of_doors_have_all_columns_and_their_own_behind_them() {
        use callboard_plan::Door::Dropped;

        let text = || DataType::Utf8;
        let (a, b) = (Feed::door("a", Dropped), Feed::door("b", Dropped));
        let first = schema(&[("id", DataType::Int64), ("_reason", text())]);
        let second = schema(&[("lang", text()), ("id", DataType::Int64), ("_reason", text())]);
        let both = appended(&[(&a, first.clone()), (&b, second.clone())]).unwrap();
        let found: Vec<_> = both.fields().iter().map(|field| (field.name().as_str(), field.is_nullable())).collect();
        assert_eq!(found, [("id", false), ("lang", true), ("_reason", false)]);
        let batch = Batch::created(rows(&[("id", 7)]));
        let batch = conform(batch, &schema(&[("id", DataType::Int64)])).unwrap();
        let conformed = conform(batch, &Arc::new(both.project(&[0, 1]).unwrap())).unwrap();
        assert!(conformed.rows.column(0).is_valid(0) && conformed.rows.column(1).is_null(0));

        // Rows that a step puts out have the columns of the first, as ever; and a column has one type.
        assert!(appended(&[(&Feed::node("a"), first.clone()), (&b, second)]).is_err());
        let other = schema(&[("id", text())]);
        let error = appended(&[(&a, first), (&b, other)]).unwrap_err();
        assert_eq!(error.message, "column `id` is int64 in `a.dropped` and utf8 in `b.dropped`");
    }

    #[test]
    fn a_digest_goes_with_its_own_column_past_those_that_are_dropped_and_replaced() {
        let carried = Batch::created(rows(&[("a", 1), ("dropped", 2), ("b", 3), ("replaced", 4)]));
        let asked: Vec<u128> = (0..4).map(|column| carried.column_digest(column, 7)).collect();
        let written = rows(&[("new", 5), ("replaced", 6)]);
        let columns = vec![Origin::Input(0), Origin::Input(2), Origin::Written(1), Origin::Written(0)];
        let output = rows(&[("a", 0), ("b", 0), ("replaced", 0), ("new", 0)]).schema();
        let (reads, given) = (vec![Vec::new()], vec![Arc::new(Schema::empty())]);
        let gathered = callboard_sandbox::Gathered::default();
        let bound = Bound { reads, given, writes: written.schema(), output, columns, gathered };
        let mut joined = join(&bound, &carried, &written).unwrap();
        joined.known = known(&bound, &carried, None);
        assert_eq!([joined.column_digest(0, 7), joined.column_digest(1, 7)], [asked[0], asked[2]]);
        for column in 0..4 {
            assert_eq!(joined.column_digest(column, 7), digest::of_values(joined.rows.column(column), 7));
        }
    }
}
