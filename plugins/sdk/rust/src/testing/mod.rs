//! Runs a step natively, over rows in JSON, as the host would.
//!
//! ```
//! # use callboard_sdk::{prelude::*, testing};
//! # use serde_json::json;
//! # #[derive(Deserialize, JsonSchema)]
//! # pub struct Config {}
//! # pub struct Short;
//! # impl Transform for Short {
//! #     type Config = Config;
//! #     fn bind(_: Config, input: &Schema) -> Result<BoundTransform> {
//! #         let text = input.utf8("text")?;
//! #         Ok(Shape::new().reads(&text).process(move |batch| {
//! #             let mut output = Output::new();
//! #             for (i, text) in batch.get(&text)?.iter().enumerate() {
//! #                 if text.is_none_or(|text| text.len() < 2) {
//! #                     output.drop(i, "short");
//! #                 }
//! #             }
//! #             Ok(output)
//! #         }))
//! #     }
//! # }
//! let outcome = testing::transform::<Short>(json!({}), json!([{"text": "ab"}, {"text": "c"}])).unwrap();
//! assert_eq!(outcome.rows, [json!({"text": "ab"})]);
//! assert_eq!(outcome.removed, [testing::dropped(1, "short")]);
//! ```

mod gathered;
mod json;
mod native;
pub mod replies;
mod table;

use serde_json::Value;

use crate::array::Array;
use crate::array_buf::ArrayBuf;
use crate::batch::{Batch, assemble};
use crate::error::{ErrorKind, Result, StepError};
use crate::exchange::{Call, Given, Reader, Sink};
use crate::raw::columns::Batch as RawBatch;
use crate::raw::global::exports::callboard::step::global::{Arrangement, Gathering};
use crate::raw::types::{Error as RawError, ErrorKind as RawErrorKind, Fate, Removal};
use crate::step::{self, Global, Opened, Source, Transform};
use crate::types::Schema;

pub use native::NativeTransform;
pub use table::Table;

/// What came of the rows.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// The rows put out, with all their columns: those written, and those carried.
    pub rows: Vec<Value>,
    /// The rows of the (first) input that were removed with a reason.
    pub removed: Vec<Removed>,
}

/// A row of the (first) input that went no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Which row, from 0.
    pub row: u64,
    /// Whether the step could not handle it, and did not only leave it out.
    pub rejected: bool,
    /// Why.
    pub reason: String,
}

/// The entry of [`Outcome::removed`] for a row that was dropped.
pub fn dropped(row: u64, reason: &str) -> Removed {
    Removed { row, rejected: false, reason: reason.into() }
}

/// The entry of [`Outcome::removed`] for a row that was rejected.
pub fn rejected(row: u64, reason: &str) -> Removed {
    Removed { row, rejected: true, reason: reason.into() }
}

/// Runs a transform over these rows: an array of objects in JSON, or a [`Table`] where the types matter.
///
/// # Errors
/// What the step returns.
///
/// # Panics
/// If the step breaks the contract: if it puts out something else when the same rows come in batches of one, say.
pub fn transform<T: Transform>(config: Value, rows: impl Into<Table>) -> Result<Outcome> {
    let rows = rows.into();
    let whole = transform_in_batches::<T>(&config, &rows, usize::MAX)?;
    let single = transform_in_batches::<T>(&config, &rows, 1)?;
    assert_eq!(whole, single, "what is put out must not depend on how rows are cut into batches (left: in one batch)");
    Ok(whole)
}

fn transform_in_batches<T: Transform>(config: &Value, rows: &Table, batch_rows: usize) -> Result<Outcome> {
    let config = config.to_string();
    let shape = step::declare_transform::<T>(&config, &rows.schema()).map_err(from_raw)?;
    let read = rows.select(&shape.reads);
    let opened = Opened::new();
    step::open_transform::<T>(&opened, &config, &read.schema()).map_err(from_raw)?;
    let mut outcome = Outcome { rows: vec![], removed: vec![] };
    for (first, batch) in read.batches(batch_rows) {
        let count = batch.rows as usize;
        let output = step::process(&opened, batch).map_err(from_raw)?;
        let gone = |row: u32| output.removed.iter().any(|removal| removal.rows.contains(&u64::from(row)));
        let origins = match output.origins {
            Some(origins) => {
                assert!(!origins.iter().any(|&row| gone(row)), "a row is both kept and removed");
                origins
            }
            None => (0..count as u32).filter(|&row| !gone(row)).collect(),
        };
        let origins: Vec<u64> = origins.iter().map(|&row| first as u64 + u64::from(row)).collect();
        outcome.rows.extend(rows.carry(&origins, &shape.drops, &shape.writes, Some(&output.columns)));
        for removal in output.removed {
            assert!(
                removal.rows.iter().all(|row| *row < count as u64),
                "rows {:?} of {count} are removed",
                removal.rows
            );
            outcome.removed.extend(removed(removal, |row| first as u64 + row));
        }
    }
    outcome.removed.sort_by_key(|removed| removed.row);
    Ok(outcome)
}

/// Runs a global step over these inputs, each an array of objects in JSON, or a [`Table`] where the types matter.
///
/// # Errors
/// What the step returns.
///
/// # Panics
/// If the step breaks the contract: if it puts out something else when the inputs come in batches of two, say, or when each
/// group of rows is given to a call of its own.
pub fn global<T: Global>(config: Value, inputs: impl IntoIterator<Item = impl Into<Table>>) -> Result<Outcome> {
    let inputs: Vec<Table> = inputs.into_iter().map(Into::into).collect();
    let whole = global_in_batches::<T>(&config, &inputs, usize::MAX, false)?;
    let pairs = global_in_batches::<T>(&config, &inputs, 2, true)?;
    assert_eq!(
        whole, pairs,
        "what is put out must not depend on how rows are cut into batches, nor groups given to calls (left: all in one)"
    );
    Ok(whole)
}

fn global_in_batches<T: Global>(config: &Value, inputs: &[Table], batch_rows: usize, each: bool) -> Result<Outcome> {
    let config = config.to_string();
    let schemas: Vec<_> = inputs.iter().map(Table::schema).collect();
    let shape = step::declare_global::<T>(&config, &schemas).map_err(from_raw)?;
    let read: Vec<Table> = inputs.iter().zip(&shape.reads).map(|(input, reads)| input.select(reads)).collect();
    let schemas: Vec<_> = read.iter().map(Table::schema).collect();
    let opened = Opened::new();
    step::open_global::<T>(&opened, &config, &schemas).map_err(from_raw)?;

    let grouped = !matches!(shape.gathering, Gathering::All);
    let as_written = shape.arrangement == Arrangement::Written;
    // Rows put out, by the rows in whose place they stand.
    let mut put_out: Vec<(u64, Value)> = vec![];
    let mut removals = vec![];
    for part in gathered::calls(&shape, inputs, each) {
        let reader = |(table, rows): (&Table, &Vec<(u32, usize)>)| {
            let picked = table.pick(rows.iter().map(|(_, place)| *place));
            Reader::memory(Given {
                batches: picked.batches(batch_rows).map(|(_, batch)| batch).collect(),
                groups: if grouped { rows.iter().map(|(group, _)| *group).collect() } else { vec![] },
                positions: rows.iter().map(|(_, place)| *place as u64).collect(),
            })
        };
        let readers = read.iter().zip(&part).map(reader).collect();
        let sink = step::run_over(&opened, readers, Sink::Memory(vec![])).map_err(from_raw)?;
        let Sink::Memory(calls) = sink else { unreachable!("the sink given was in memory") };
        let place = |row: u64| part[0][row as usize].1 as u64;
        // Where a row stands: where it stood, or, as it was put out, where the first row of its group did.
        let stands = |row: u64| match as_written {
            false => place(row),
            true if !grouped => 0,
            true => {
                let group = part[0][row as usize].0;
                part[0].iter().filter(|(other, _)| *other == group).map(|(_, place)| *place as u64).min().unwrap_or(0)
            }
        };
        for call in calls {
            match call {
                Call::Keep(rows, columns) => {
                    let places: Vec<u64> = rows.iter().map(|row| place(*row)).collect();
                    let carried = inputs[0].carry(&places, &shape.drops, &shape.writes, columns.as_ref());
                    put_out.extend(rows.iter().map(|row| stands(*row)).zip(carried));
                }
                Call::Write(rows, at) => {
                    assert_eq!(
                        at.len(),
                        if grouped { rows.rows as usize } else { 0 },
                        "rows in whose places they are written"
                    );
                    let places = at.iter().map(|row| stands(*row)).chain(std::iter::repeat(0));
                    put_out.extend(places.zip(table::rows_of(&rows)));
                }
                Call::Remove(rows) => removals.extend(rows.into_iter().flat_map(|rows| removed(rows, place))),
            }
        }
    }
    put_out.sort_by_key(|(place, _)| *place);
    removals.sort_by_key(|removed| removed.row);
    Ok(Outcome { rows: put_out.into_iter().map(|(_, row)| row).collect(), removed: removals })
}

/// Runs a source to its end, and gives the rows that it makes.
///
/// # Errors
/// What the step returns.
///
/// # Panics
/// If the step breaks the contract: if it makes other rows when it goes on from one of its cursors, say.
pub fn source<T: Source>(config: Value) -> Result<Vec<Value>> {
    let config = config.to_string();
    step::declare_source::<T>(&config).map_err(from_raw)?;
    let (mut rows, mut pages) = (vec![], vec![]);
    for (page, cursor) in source_from::<T>(&config, None)? {
        rows.extend(table::rows_of(&page));
        pages.push((rows.len(), cursor));
    }
    for (made, cursor) in pages {
        let after = source_from::<T>(&config, Some(cursor))?;
        let after: Vec<_> = after.iter().flat_map(|(page, _)| table::rows_of(page)).collect();
        assert_eq!(rows[made..], after, "other rows are made after row {made} when the source goes on from there");
    }
    Ok(rows)
}

fn source_from<T: Source>(config: &str, cursor: Option<Vec<u8>>) -> Result<Vec<(RawBatch, Vec<u8>)>> {
    let opened = Opened::new();
    step::open_source::<T>(&opened, config, cursor).map_err(from_raw)?;
    let mut pages = vec![];
    while let Some(page) = step::next_page::<T>(&opened).map_err(from_raw)? {
        pages.push((page.rows, page.cursor));
    }
    Ok(pages)
}

/// A batch of these rows, for code that is tested below [`transform`].
pub fn batch(rows: impl Into<Table>) -> Batch {
    let rows = rows.into();
    let raw = rows.batches(usize::MAX).next().map_or_else(|| rows.schema(), |(_, batch)| batch);
    Batch { raw, first_row: 0, groups: vec![] }
}

/// A batch of these columns, for values that JSON lacks, such as NaN.
///
/// # Panics
/// If the columns are not all of one length.
pub fn columns<N: Into<String>>(columns: impl IntoIterator<Item = (N, ArrayBuf)>) -> Batch {
    Batch::of(columns)
}

/// The values of a column.
pub fn values(column: &ArrayBuf) -> Vec<Value> {
    let batch = assemble(column.len(), [(String::new(), column.clone())]);
    let array = Array::new(&batch.arrays, batch.columns[0].values as usize);
    (0..column.len()).map(|i| json::value(array, i)).collect()
}

/// The schema of these rows.
pub fn schema(rows: impl Into<Table>) -> Schema {
    Schema::new(rows.into().fields)
}

fn removed(removal: Removal, place: impl Fn(u64) -> u64) -> Vec<Removed> {
    let Removal { rows, fate, reason } = removal;
    let of = |row| Removed { row: place(row), rejected: fate == Fate::Rejected, reason: reason.clone() };
    rows.into_iter().map(of).collect()
}

fn from_raw(error: RawError) -> StepError {
    let kind = match error.kind {
        RawErrorKind::Config => ErrorKind::Config,
        RawErrorKind::Input => ErrorKind::Input,
        RawErrorKind::Transient => ErrorKind::Transient,
        RawErrorKind::Failed => ErrorKind::Failed,
    };
    StepError { at: error.at, ..StepError::new(kind, error.message) }
}
