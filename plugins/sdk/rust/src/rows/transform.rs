//! A transform by rows.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::build::AnyBuilder;
use super::read::{FromRow, Row};
use super::write::ToRow;
use super::{Columns, Fate, fields_of};
use crate::error::{Result, StepError};
use crate::output::Output;
use crate::shape::{BoundTransform, Shape};
use crate::step::Transform;
use crate::types::{Field, Schema};

/// A step that works on one row at a time. Exported with [`transform!`](crate::transform), as every [`Transform`].
///
/// The type that implements it is the step's configuration; what it has to keep besides is a field with `#[serde(skip)]`.
pub trait RowTransform: DeserializeOwned + JsonSchema + 'static {
    /// What is read of a row. A row that does not fit (a null where there is no `Option`) is rejected.
    type Input<'a>: FromRow<'a>;
    /// What is written beside the row's other columns, or in place of those of the same names.
    type Output: ToRow + JsonSchema;

    /// Which columns the records' fields are, and which of the input go no further.
    fn columns(&self) -> Columns {
        Columns::new()
    }

    /// The columns that are written: as many, and as named, as the fields of `Output`.
    ///
    /// # Errors
    /// `failed`, if `Output` has no such fields.
    fn writes(&self, input: &Schema) -> Result<Vec<Field>> {
        let _ = input;
        fields_of::<Self::Output>()
    }

    /// Work to be done once before the first row: loading a model, building a table.
    ///
    /// # Errors
    /// What it likes.
    fn open(&mut self) -> Result<()> {
        Ok(())
    }

    /// The fate of a row. It has to depend on the configuration and the row alone.
    ///
    /// # Errors
    /// What it likes: the run ends, unless the pipeline says otherwise. For a bad row there is [`Fate::reject`].
    fn row(&mut self, row: Self::Input<'_>) -> Result<Fate<Self::Output>>;
}

impl<T: RowTransform> Transform for T {
    type Config = T;

    fn bind(mut step: T, input: &Schema) -> Result<BoundTransform> {
        let columns = step.columns();
        let reads = columns.resolve::<T::Input<'static>>(input)?;
        reads.check(|row| T::Input::from_row(row).err())?;
        let fields = step.writes(input)?;
        let shape =
            Shape::new().reads_all(reads.names()).writes_all(columns.written(&fields)).drops_all(&columns.drops);
        let load = move || {
            step.open()?;
            Ok(step)
        };
        Ok(shape.load(load).process(move |step, batch| {
            let views = reads.views(&batch)?;
            let (mut output, mut rows) = (Output::new(), AnyBuilder::of_rows(&fields, batch.rows()));
            // Which row each row put out comes from, and whether the host can tell that by itself.
            let (mut origins, mut implied) = (Vec::with_capacity(batch.rows()), true);
            for i in 0..batch.rows() {
                let row = match T::Input::from_row(Row { columns: &views, i }) {
                    Ok(row) => row,
                    Err(unfit) => {
                        output.reject(i, unfit.to_string());
                        continue;
                    }
                };
                let mut keep = |record: T::Output| {
                    origins.push(i as u32);
                    record.write(&mut rows).map_err(|error| StepError::failed(error.to_string()))
                };
                match step.row(row)? {
                    Fate::Keep(record) => keep(record)?,
                    Fate::Many(records) => {
                        implied &= records.len() == 1;
                        records.into_iter().try_for_each(keep)?;
                    }
                    Fate::Drop(reason) => output.drop(i, reason),
                    Fate::Reject(reason) => output.reject(i, reason),
                    Fate::Postpone(reason) => output.postpone(i, reason),
                }
            }
            let output = if implied { output } else { output.keep(origins) };
            Ok(rows.finish_rows().into_iter().fold(output, Output::column))
        }))
    }
}
