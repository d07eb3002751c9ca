//! The rows of one call.

use crate::array::{Array, Kind};
use crate::array_buf::ArrayBuf;
use crate::error::{Result, StepError};
use crate::raw::columns::{Batch as RawBatch, Column as RawColumn};
use crate::raw::global::callboard::step::exchange::Run;
use crate::types::{Column, Schema};

/// Rows as columns: those that the step reads, and no others.
pub struct Batch {
    pub(crate) raw: RawBatch,
    pub(crate) first_row: u64,
    pub(crate) groups: Vec<Run>,
}

impl Batch {
    /// A batch of a step's own columns, to take rows of them.
    ///
    /// # Panics
    /// If the columns are not all of one length.
    pub fn of<N: Into<String>>(columns: impl IntoIterator<Item = (N, ArrayBuf)>) -> Self {
        let columns: Vec<(String, ArrayBuf)> =
            columns.into_iter().map(|(name, column)| (name.into(), column)).collect();
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        assert!(columns.iter().all(|(_, column)| column.len() == rows), "the columns of a batch must be of one length");
        Batch { raw: assemble(rows, columns), first_row: 0, groups: vec![] }
    }

    /// A batch as the bindings have it, for a host that calls what steps are made of.
    #[doc(hidden)]
    pub fn of_raw(raw: RawBatch) -> Self {
        Batch { raw, first_row: 0, groups: vec![] }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.raw.rows as usize
    }

    /// The place of this batch's first row in a global step's input; 0 in a transform, which counts rows from its batch.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// The groups of these rows, where the step has its rows grouped ([`Gather`](crate::Gather)): the number of each, from 0,
    /// and its rows in this batch. The last may continue in the next batch, under the same number.
    pub fn groups(&self) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
        self.groups.iter().scan(0, |end, run| {
            let first = *end;
            *end += run.rows as usize;
            Some((run.group, first..*end))
        })
    }

    /// The view on a column.
    ///
    /// # Errors
    /// `failed`, if the step's shape does not read that column; `input`, if its text is no UTF-8.
    pub fn get<K: Kind + ?Sized>(&self, column: &Column<K>) -> Result<K::View<'_>> {
        let array = self.array(column.name())?;
        array
            .view::<K>()
            .map_err(|error| StepError { message: format!("column `{}`: {}", column.name(), error.message), ..error })
    }

    /// A column of any type.
    ///
    /// # Errors
    /// `failed`, if the step's shape does not read that column.
    pub fn array(&self, name: impl AsRef<str>) -> Result<Array<'_>> {
        let id = self.find(name.as_ref())?;
        Ok(Array::new(&self.raw.arrays, id as usize))
    }

    /// Moves a column out of this batch, to be put out as it is; what remains of it there is empty.
    ///
    /// # Errors
    /// `failed`, if the step's shape does not read that column.
    pub fn move_out(&mut self, name: impl AsRef<str>) -> Result<ArrayBuf> {
        let id = self.find(name.as_ref())?;
        Ok(ArrayBuf::unflatten(&mut self.raw.arrays, id))
    }

    /// The columns of this batch, in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, Array<'_>)> {
        let array = |column: &RawColumn| Array::new(&self.raw.arrays, column.values as usize);
        self.raw.columns.iter().map(move |column| (column.name.as_str(), array(column)))
    }

    /// The schema of these columns.
    pub fn schema(&self) -> Schema {
        Schema::of_input(0, &self.raw, true)
    }

    fn find(&self, name: &str) -> Result<u32> {
        match self.raw.columns.iter().find(|column| column.name == name) {
            Some(column) => Ok(column.values),
            None => Err(StepError::failed(format!(
                "column `{name}` is not in the batch: the step has to name it in `Shape::reads`"
            ))),
        }
    }
}

/// A batch of these columns, all of `rows` values.
pub(crate) fn assemble(rows: usize, columns: impl IntoIterator<Item = (String, ArrayBuf)>) -> RawBatch {
    let mut arrays = Vec::new();
    let columns =
        columns.into_iter().map(|(name, array)| RawColumn { name, values: array.flatten(&mut arrays) }).collect();
    RawBatch { rows: rows as u32, columns, arrays }
}
