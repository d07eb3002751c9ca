//! Rows between Arrow and the contract: the layouts of `wit/columns.wit`, spelled in Arrow's types.
//!
//! [`Flat`] lays a record batch out as the contract wants it, borrowing its buffers; [`lift_within`] takes what a guest
//! returned, checks all of it, and makes a record batch; [`schema_of`] does the same for a declared schema.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

mod decimals;
mod flat;
#[cfg(feature = "fuzzing")]
mod fuzz;
mod layout;
mod lift;
mod native;
mod schema;

pub use flat::{Flat, whole_offsets};
#[cfg(feature = "fuzzing")]
pub use fuzz::fuzz_columns;
#[cfg(feature = "fuzzing")]
pub(crate) use lift::lift;
pub use lift::lift_within;
pub use native::{native, native_schema};
pub use schema::display;
pub(crate) use schema::schema_of;

/// Nesting that the contract allows, a column of numbers being 1 deep.
const MAX_DEPTH: usize = 32;

/// What the host keeps for each row beside its values, the origin of the row, bytes.
pub const ORIGIN: u64 = 12;

/// A record batch of any number of columns, none included.
///
/// # Errors
///
/// Columns that do not fit the schema or have another number of rows.
pub fn record_batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
}
