//! Steps by rows: a function from a record to a record, to several, or to a reason why there is none.
//!
//! ```
//! use callboard_sdk::prelude::*;
//!
//! /// Counts the words of a text.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! pub struct WordCount {
//!     /// The fewest words that a text may have.
//!     #[serde(default)]
//!     min: usize,
//! }
//!
//! #[derive(Deserialize)]
//! pub struct Input<'a> {
//!     text: Option<&'a str>,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! pub struct Output {
//!     n_words: i64,
//! }
//!
//! impl RowTransform for WordCount {
//!     type Input<'a> = Input<'a>;
//!     type Output = Output;
//!
//!     fn row(&mut self, row: Input<'_>) -> Result<Fate<Output>> {
//!         let Some(text) = row.text else { return Fate::reject("no text") };
//!         match text.split_whitespace().count() {
//!             few if few < self.min => Fate::drop(format!("{few} words, fewer than {}", self.min)),
//!             words => Fate::keep(Output { n_words: words as i64 }),
//!         }
//!     }
//! }
//!
//! callboard_sdk::transform!(WordCount);
//! ```
//!
//! The step is its own configuration: [`RowTransform`], [`RowGlobal`] and [`RowSource`] are implemented by a type that derives
//! `Deserialize` and `JsonSchema`. The fields of its input record are the columns that it reads, those of its output
//! record the columns that it writes. Everything is done by the column API underneath ([`Transform`](crate::Transform) and
//! so on, which each of these steps is, too), and text is borrowed from the batch.

mod build;
mod column;
mod global;
mod read;
mod source;
mod transform;
mod types;
mod value;
mod write;

use crate::array_buf::ArrayBuf;
use crate::batch::{Batch, assemble};
use crate::error::{ErrorKind, Result, StepError};
use crate::types::{Field, Schema};

pub use column::ColumnBuilder;
pub use global::{Inputs, RowGlobal, RowWriter};
pub use read::{Cell, FromRow, Row};
pub use source::RowSource;
pub use transform::RowTransform;
pub use types::fields_of;
pub use value::{RowBuf, Value};
pub use write::{Bytes, ToRow};

use build::AnyBuilder;
use read::{Nested, ReadColumn, Unfit, Wanted};

/// The fate of a row. The functions that make one return it in `Ok`, so that they can end [`RowTransform::row`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<O> {
    /// It goes on, with these columns written.
    Keep(O),
    /// It goes on as many times as there are records; not at all, and without a reason, if there are none.
    Many(Vec<O>),
    /// It is left out, as the step is meant to do.
    Drop(String),
    /// The step cannot handle it.
    Reject(String),
    /// The step cannot handle it now, for a reason that passes, such as a server that is down: it counts as rejected, and the next run
    /// gives it to the step again.
    Postpone(String),
}

impl<O> Fate<O> {
    /// Lets the row go on, with these columns written.
    pub fn keep(output: O) -> Result<Self> {
        Ok(Fate::Keep(output))
    }

    /// Lets the row go on once for each record.
    pub fn many(outputs: impl IntoIterator<Item = O>) -> Result<Self> {
        Ok(Fate::Many(outputs.into_iter().collect()))
    }

    /// Leaves the row out, without a reason.
    pub fn none() -> Result<Self> {
        Ok(Fate::Many(vec![]))
    }

    /// Leaves the row out, as the step is meant to do.
    pub fn drop(reason: impl Into<String>) -> Result<Self> {
        Ok(Fate::Drop(reason.into()))
    }

    /// Says that the step cannot handle the row.
    pub fn reject(reason: impl Into<String>) -> Result<Self> {
        Ok(Fate::Reject(reason.into()))
    }

    /// Says that the step cannot handle the row now, for a reason that passes.
    pub fn postpone(reason: impl Into<String>) -> Result<Self> {
        Ok(Fate::Postpone(reason.into()))
    }
}

/// Which columns a record's fields are, where they are not those of the same names.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    reads: Vec<ReadAs>,
    optional: Vec<String>,
    writes: Vec<(String, String)>,
    drops: Vec<String>,
}

#[derive(Clone, Debug)]
struct ReadAs {
    field: String,
    column: String,
    pointer: String,
}

impl Columns {
    /// Every field is the column of its name.
    pub fn new() -> Self {
        Columns::default()
    }

    /// Reads a field from the column that the configuration names at this JSON pointer, which is blamed if there is no such
    /// column, or one of another type.
    pub fn read(mut self, field: &str, column: &str, pointer: &str) -> Self {
        self.reads.push(ReadAs { field: field.into(), column: column.into(), pointer: pointer.into() });
        self
    }

    /// Does without a field's column where the input has none: the field, an `Option` or one with `#[serde(default)]`, is
    /// then missing.
    pub fn optional(mut self, field: &str) -> Self {
        self.optional.push(field.into());
        self
    }

    /// Writes a field to this column.
    pub fn write(mut self, field: &str, column: &str) -> Self {
        self.writes.push((field.into(), column.into()));
        self
    }

    /// Lets a column of the (first) input go no further.
    pub fn drop(mut self, column: &str) -> Self {
        self.drops.push(column.into());
        self
    }

    /// The columns of this input that a record wants, checked.
    fn resolve<'a, R: FromRow<'a>>(&self, input: &Schema) -> Result<Reads> {
        let fields: Vec<&str> = match R::wanted() {
            Wanted::Fields(fields) => fields.to_vec(),
            Wanted::All => input.fields().iter().map(|field| field.name.as_str()).collect(),
        };
        let mut reads = Reads(vec![]);
        for field in fields {
            let named = self.reads.iter().find(|read| read.field == field);
            let (column, pointer) = named.map_or((field, None), |read| (&*read.column, Some(read.pointer.clone())));
            match input.get(column) {
                Some(found) => reads.0.push(Wired { field: field.into(), column: found.clone(), pointer }),
                None if self.optional.iter().any(|optional| optional == field) => {}
                None => input.field(column).map(drop).map_err(|error| blame(pointer, error.message))?,
            }
        }
        Ok(reads)
    }

    /// The columns that these fields of a record are written to.
    fn written(&self, fields: &[Field]) -> Vec<Field> {
        let column = |field: &Field| {
            let named = self.writes.iter().find(|(name, _)| *name == field.name);
            named.map_or(field.clone(), |(_, column)| field.clone().renamed(column))
        };
        fields.iter().map(column).collect()
    }
}

fn blame(pointer: Option<String>, message: String) -> StepError {
    let kind = if pointer.is_some() { ErrorKind::Config } else { ErrorKind::Input };
    StepError { at: pointer, ..StepError::new(kind, message) }
}

/// The columns of one input that become a record's fields.
struct Reads(Vec<Wired>);

struct Wired {
    field: String,
    column: Field,
    pointer: Option<String>,
}

impl Reads {
    /// Reads a row of the columns' types as the record, so that a wrong type is reported when the pipeline is checked.
    fn check(&self, read: impl FnOnce(Row<'_>) -> Option<Unfit>) -> Result<()> {
        let sample = |wired: &Wired| {
            let mut builder = AnyBuilder::of_rows(std::slice::from_ref(&wired.column), 1);
            builder.push_default();
            (wired.column.name.clone(), builder.finish_rows().swap_remove(0))
        };
        let columns: Vec<(String, ArrayBuf)> = self.0.iter().map(sample).collect();
        let batch = Batch { raw: assemble(1, columns), first_row: 0, groups: vec![] };
        let columns = self.views(&batch)?;
        match read(Row { columns: &columns, i: 0 }) {
            Some(unfit) if unfit.is_of_type() => {
                let wired = self.0.iter().find(|wired| unfit.column.as_ref() == Some(&wired.column.name));
                let ty = wired.map(|wired| format!("; the column is {}", wired.column.ty)).unwrap_or_default();
                Err(blame(wired.and_then(|wired| wired.pointer.clone()), format!("{unfit}{ty}")))
            }
            _ => Ok(()),
        }
    }

    /// The views on these columns of a batch.
    fn views<'a>(&'a self, batch: &'a Batch) -> Result<Vec<ReadColumn<'a>>> {
        let view = |wired: &'a Wired| {
            let column = wired.column.name.as_str();
            Ok(ReadColumn { field: &wired.field, column, values: Nested::new(batch.array(column)?)? })
        };
        self.0.iter().map(view).collect()
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|wired| wired.column.name.as_str())
    }
}
