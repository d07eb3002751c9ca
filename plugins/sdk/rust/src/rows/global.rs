//! A global step by rows.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::build::AnyBuilder;
use super::read::{FromRow, Row, Unfit};
use super::write::ToRow;
use super::{Columns, Reads, fields_of};
use crate::error::{Result, StepError};
use crate::exchange::{Reader, Writer};
use crate::gather::Gather;
use crate::shape::{BoundGlobal, Shape};
use crate::step::Global;
use crate::types::{Field, Schema};

/// Rows put out at once, if they are not large.
const CHUNK: usize = 8192;

/// A step that sees every row before it puts out the first. Exported with [`global!`](crate::global), as every [`Global`].
///
/// The type that implements it is the step's configuration; what it has to keep besides is a field with `#[serde(skip)]`.
pub trait RowGlobal: DeserializeOwned + JsonSchema + 'static {
    /// What is read of a row of the first input, whose rows are put out.
    type Input<'a>: FromRow<'a>;
    /// What is read of a row of any other input; `()` if there is none.
    type Other<'a>: FromRow<'a>;
    /// What is written: beside the other columns of a row that is kept, or as a row of its own. `()` for nothing.
    type Output: ToRow + JsonSchema;

    /// How many inputs the step takes, the first included.
    const INPUTS: std::ops::RangeInclusive<usize> = 1..=1;

    /// Which columns the records' fields are, and which of the first input go no further.
    fn columns(&self) -> Columns {
        Columns::new()
    }

    /// How rows are brought together: all in one call, unless it says so.
    fn gather(&self) -> Gather {
        Gather::all()
    }

    /// The columns that are written: as many, and as named, as the fields of `Output`.
    ///
    /// # Errors
    /// `failed`, if `Output` has no such fields.
    fn writes(&self, inputs: &[Schema]) -> Result<Vec<Field>> {
        let _ = inputs;
        fields_of::<Self::Output>()
    }

    /// Reads the inputs, as often as it likes, and puts rows out. Called once, or, where rows are grouped, any number of times,
    /// each time with other groups: the result for a group depends on the configuration and its rows alone.
    ///
    /// # Errors
    /// What it likes; nothing is put out then.
    fn run(&mut self, inputs: &mut Inputs<'_, Self>, output: &mut RowWriter<'_, Self>) -> Result<()>;
}

/// All rows of the step's inputs.
pub struct Inputs<'r, T> {
    readers: &'r mut [Reader],
    reads: &'r [Reads],
    step: PhantomData<T>,
}

impl<T: RowGlobal> Inputs<'_, T> {
    /// How many inputs there are, the first included.
    pub fn count(&self) -> usize {
        self.readers.len()
    }

    /// How many rows an input has; the first is 0.
    ///
    /// # Panics
    /// If there is no such input.
    pub fn rows(&self, input: usize) -> u64 {
        self.readers[input].rows()
    }

    /// Calls `see` with each row of the first input and its number, from 0, in order.
    ///
    /// # Errors
    /// What `see` returns; `input` for a row that does not fit the record.
    pub fn each(&mut self, mut see: impl FnMut(u64, T::Input<'_>) -> Result<()>) -> Result<()> {
        self.scan(0, |number, row| see(number, fitting(number, T::Input::from_row(row))?))
    }

    /// Where rows of the first input are grouped: calls `see` with each row of a group and its number, and `end` behind its last row,
    /// with what `see` made of a `G::default()`. One group comes after another, so memory holds one `G`, however many rows there are.
    ///
    /// # Errors
    /// What `see` and `end` return; `input` for a row that does not fit the record.
    pub fn each_group<G: Default>(
        &mut self,
        mut see: impl FnMut(&mut G, u64, T::Input<'_>) -> Result<()>,
        mut end: impl FnMut(G) -> Result<()>,
    ) -> Result<()> {
        let mut group: Option<(u32, G)> = None;
        self.readers[0].seek(0);
        while let Some(batch) = self.readers[0].next() {
            let views = self.reads[0].views(&batch)?;
            for (number, rows) in batch.groups() {
                if group.as_ref().is_some_and(|(current, _)| *current != number)
                    && let Some((_, ended)) = group.take()
                {
                    end(ended)?;
                }
                let (_, state) = group.get_or_insert_with(|| (number, G::default()));
                for i in rows {
                    let row = batch.first_row() + i as u64;
                    see(state, row, fitting(row, T::Input::from_row(Row { columns: &views, i }))?)?;
                }
            }
        }
        group.map_or(Ok(()), |(_, last)| end(last))
    }

    /// Calls `see` with each row of another input and its number, from 0, in order. The first of the other inputs is 1.
    ///
    /// # Errors
    /// What `see` returns; `input` for a row that does not fit the record.
    ///
    /// # Panics
    /// If there is no such input.
    pub fn each_of(&mut self, input: usize, mut see: impl FnMut(u64, T::Other<'_>) -> Result<()>) -> Result<()> {
        self.scan(input, |number, row| see(number, fitting(number, T::Other::from_row(row))?))
    }

    /// Calls `see` with one row of the first input. It costs what reading a batch costs: to read many rows, use
    /// [`each`](Self::each).
    ///
    /// # Errors
    /// What `see` returns; `input` for a row that does not fit the record; `failed`, if there is no such row.
    pub fn at<R>(&mut self, number: u64, see: impl FnOnce(T::Input<'_>) -> Result<R>) -> Result<R> {
        self.readers[0].seek(number);
        let batch = self.readers[0].next().ok_or_else(|| StepError::failed(format!("there is no row {number}")))?;
        let views = self.reads[0].views(&batch)?;
        see(fitting(number, T::Input::from_row(Row { columns: &views, i: 0 }))?)
    }

    fn scan(&mut self, input: usize, mut see: impl FnMut(u64, Row<'_>) -> Result<()>) -> Result<()> {
        self.readers[input].seek(0);
        while let Some(batch) = self.readers[input].next() {
            let views = self.reads[input].views(&batch)?;
            for i in 0..batch.rows() {
                see(batch.first_row() + i as u64, Row { columns: &views, i })?;
            }
        }
        Ok(())
    }
}

fn fitting<R>(number: u64, row: Result<R, Unfit>) -> Result<R> {
    row.map_err(|unfit| StepError::input(format!("row {number}: {unfit}")))
}

/// The way out of a global step, row by row.
pub struct RowWriter<'w, T> {
    writer: &'w mut Writer,
    fields: &'w [Field],
    /// Rows of the first input that are kept, for those of `rows` beside which they stand.
    kept: Vec<u64>,
    /// Or rows in whose places they stand.
    at: Vec<u64>,
    rows: AnyBuilder,
    step: PhantomData<T>,
}

impl<T: RowGlobal> RowWriter<'_, T> {
    /// Puts out a row of the first input, for a step that writes nothing.
    ///
    /// # Errors
    /// `failed`, if the step writes columns.
    pub fn keep(&mut self, row: u64) -> Result<()> {
        if !self.fields.is_empty() {
            return Err(StepError::failed("the step writes columns, and keeps a row without them: use `keep_with`"));
        }
        self.kept.push(row);
        if self.kept.len() == CHUNK { self.flush() } else { Ok(()) }
    }

    /// Puts out a row of the first input, with what the step writes.
    ///
    /// # Errors
    /// `failed`, if the record is not what the step said it writes.
    pub fn keep_with(&mut self, row: u64, record: T::Output) -> Result<()> {
        if self.kept.len() != self.rows.len() || !self.at.is_empty() {
            self.flush()?;
        }
        self.kept.push(row);
        self.push(&record)
    }

    /// Puts out a row that comes from no one row of the input, for a step that drops or writes every column of the first
    /// input.
    ///
    /// # Errors
    /// `failed`, if the record is not what the step said it writes.
    pub fn write(&mut self, record: T::Output) -> Result<()> {
        if !self.kept.is_empty() {
            self.flush()?;
        }
        self.push(&record)
    }

    /// As [`write`](Self::write), where rows are grouped: in the place of a row of the first input.
    ///
    /// # Errors
    /// As there.
    pub fn write_at(&mut self, row: u64, record: T::Output) -> Result<()> {
        if !self.kept.is_empty() {
            self.flush()?;
        }
        self.at.push(row);
        self.push(&record)
    }

    /// Says that a row of the first input is left out, as this step is meant to. Each row at most once, and none that is kept.
    pub fn drop(&mut self, row: u64, reason: impl AsRef<str>) {
        self.writer.drop(row, reason);
    }

    /// Says that the step cannot handle a row of the first input. Each row at most once, and none that is kept.
    pub fn reject(&mut self, row: u64, reason: impl AsRef<str>) {
        self.writer.reject(row, reason);
    }

    fn push(&mut self, record: &T::Output) -> Result<()> {
        record.write(&mut self.rows).map_err(|error| StepError::failed(error.to_string()))?;
        if self.rows.is_full(CHUNK) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let (kept, at) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.at));
        let rows = std::mem::replace(&mut self.rows, AnyBuilder::of_rows(self.fields, CHUNK));
        match (kept.is_empty(), rows.len() == 0) {
            (true, true) => Ok(()),
            (true, false) => self.writer.write_at(&at, rows.finish_rows()),
            (false, true) => self.writer.keep(&kept),
            (false, false) => self.writer.keep_with(&kept, rows.finish_rows()),
        }
    }
}

impl<T: RowGlobal> Global for T {
    type Config = T;

    fn bind(mut step: T, inputs: &[Schema]) -> Result<BoundGlobal> {
        let (least, most) = (*T::INPUTS.start(), *T::INPUTS.end());
        if !T::INPUTS.contains(&inputs.len()) {
            let takes = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let given = inputs.len();
            return Err(StepError::config(format!("this step takes {takes} inputs, and is given {given}")));
        }
        let columns = step.columns();
        let mut reads = vec![];
        for (number, input) in inputs.iter().enumerate() {
            if number == 0 {
                reads.push(columns.resolve::<T::Input<'static>>(input)?);
                reads[0].check(|row| T::Input::from_row(row).err())?;
            } else {
                reads.push(columns.resolve::<T::Other<'static>>(input)?);
                reads[number].check(|row| T::Other::from_row(row).err())?;
            }
        }
        let fields = step.writes(inputs)?;
        let wanted = reads.iter().enumerate().flat_map(|(input, reads)| reads.names().map(move |name| (input, name)));
        let shape = Shape::new().reads_all(wanted).writes_all(columns.written(&fields)).drops_all(&columns.drops);
        let shape = shape.gather(step.gather());
        Ok(shape.run(move |readers, writer| {
            let mut inputs = Inputs { readers, reads: &reads, step: PhantomData };
            let rows = AnyBuilder::of_rows(&fields, 0);
            let mut output = RowWriter { writer, fields: &fields, kept: vec![], at: vec![], rows, step: PhantomData };
            step.run(&mut inputs, &mut output)?;
            output.flush()
        }))
    }
}
