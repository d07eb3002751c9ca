//! Which rows are wanted, and those that were found.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use callboard_cel::{Expression, Truth};
use callboard_io::compact;
use callboard_plan::nearest;
use callboard_sandbox::{in_a_line, native, native_schema, record_batch, some_columns_of};

use crate::error::{Class, RunError};

/// The column that says why a row left by a side door.
pub(super) const REASON: &str = "_reason";

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct RowsWanted {
    /// At most this many.
    pub rows: usize,
    /// Those that this condition holds for, in the language of `filter`.
    pub condition: Option<String>,
    /// Rows drawn from all of them, the same for the same number; the first ones if there is none.
    pub seed: Option<u64>,
    /// These columns, in this order; all if there are none.
    pub columns: Vec<String>,
}

/// Rows that were found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shown {
    /// The rows.
    pub rows: RecordBatch,
    /// Where each is from: `docs.jsonl:12`; empty for a row that a step made.
    pub places: Vec<String>,
    /// What whoever looks should know: sentences.
    pub notes: Vec<String>,
}

impl Shown {
    /// Each row as an object of JSON; numbers that JSON has no form for are texts.
    ///
    /// # Errors
    ///
    /// Values that cannot be written.
    pub fn json(&self) -> Result<Vec<String>, RunError> {
        Ok(callboard_io::marked_rows(&self.rows)?)
    }

    /// The names of the columns.
    pub fn columns(&self) -> Vec<String> {
        self.rows.schema_ref().fields().iter().map(|field| field.name().clone()).collect()
    }
}

/// Picks the rows that are wanted, out of batches in order.
pub(super) struct Looker {
    condition: Option<Expression>,
    /// The columns that are shown.
    shown: Vec<usize>,
    schema: SchemaRef,
    picked: super::pick::Picked<(RecordBatch, String)>,
}

impl Looker {
    /// For rows of these columns.
    pub(super) fn new(look: &RowsWanted, schema: &SchemaRef) -> Result<Looker, RunError> {
        let condition = look.condition.as_deref().map(|condition| Expression::new(condition, &native_schema(schema)));
        let condition = condition.transpose().map_err(|error| RunError::new(Class::Pipeline, error.message))?;
        let shown = shown(schema, &look.columns)?;
        let picked = super::pick::Picked::new(look.rows, look.seed);
        let schema = schema.project(&shown).map_err(bug)?.into();
        Ok(Looker { condition, shown, schema, picked })
    }

    /// Looks at rows; `place` says where each is from.
    pub(super) fn look(&mut self, rows: &RecordBatch, place: impl Fn(usize) -> String) -> Result<(), RunError> {
        let wanted = match &self.condition {
            None => None,
            Some(condition) => Some(decide(condition, rows, &place)?),
        };
        let seen = rows.project(&self.shown).map_err(bug)?;
        for at in (0..rows.num_rows()).filter(|at| wanted.as_ref().is_none_or(|wanted| wanted[*at])) {
            self.picked.offer(|| Ok::<_, RunError>((compact(&seen.slice(at, 1))?, place(at))))?;
            if self.picked.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// Whether no other row can be among those that are shown.
    pub(super) fn is_done(&self) -> bool {
        self.picked.is_full()
    }

    pub(super) fn found(self) -> Result<Shown, RunError> {
        let (rows, places): (Vec<_>, Vec<_>) = self.picked.rows().into_iter().unzip();
        let rows = concat_batches(&self.schema, &rows)
            .map_err(|error| RunError::new(Class::Limit, format!("the rows are too long to be shown: {error}")))?;
        Ok(Shown { rows, places, notes: Vec::new() })
    }
}

/// Rows with the reason why each left in front, unless they have a column of that name.
pub(super) fn with_reasons(rows: &RecordBatch, reasons: &[Option<&str>]) -> Result<RecordBatch, RunError> {
    let schema = with_reason(rows.schema_ref());
    if schema.fields().len() == rows.num_columns() {
        return Ok(rows.clone());
    }
    let reason: ArrayRef = Arc::new(StringArray::from_iter(reasons));
    let columns = [reason].into_iter().chain(rows.columns().iter().cloned()).collect();
    record_batch(schema, columns, rows.num_rows()).map_err(bug)
}

/// The columns of rows that leave by a door of a step whose input has these.
pub(super) fn with_reason(schema: &SchemaRef) -> SchemaRef {
    if schema.index_of(REASON).is_ok() {
        return schema.clone();
    }
    let reason = Arc::new(Field::new(REASON, DataType::Utf8, true));
    Arc::new(Schema::new([reason].into_iter().chain(schema.fields().iter().cloned()).collect::<Vec<_>>()))
}

/// The columns that are to be shown, by their places.
fn shown(schema: &SchemaRef, columns: &[String]) -> Result<Vec<usize>, RunError> {
    if columns.is_empty() {
        return Ok((0..schema.fields().len()).collect());
    }
    let place = |name: &String| {
        schema.index_of(name).map_err(|_| {
            let message = format!("there is no column `{}`; there are {}", in_a_line(name), some_columns_of(schema));
            let near = nearest(name, schema.fields().iter().map(|field| field.name().as_str()));
            let error = RunError::new(Class::Pipeline, message);
            match near {
                Some(near) => error.help(format!("did you mean `{}`?", in_a_line(near))),
                None => error,
            }
        })
    };
    columns.iter().map(place).collect()
}

/// Which rows a condition holds for.
fn decide(condition: &Expression, rows: &RecordBatch, place: &impl Fn(usize) -> String) -> Result<Vec<bool>, RunError> {
    let decided = condition.decide(&native(rows)).map_err(|error| RunError::new(Class::Data, error.message))?;
    match decided.failed.first() {
        Some((row, why)) => Err(RunError::new(Class::Data, format!("{}: the condition fails: {why}", place(*row)))),
        None => Ok(decided.truths.iter().map(|truth| *truth == Truth::TRUE).collect()),
    }
}

pub(super) fn bug(error: arrow::error::ArrowError) -> RunError {
    RunError::new(Class::Bug, format!("unexpected: {error}"))
}
