//! A step called natively on batches that are there already: what its component is measured against.
//!
//! Batches are those of [`crate::raw::columns`], as they cross; nothing here copies or checks them.

use serde_json::Value;

use super::from_raw;
use crate::error::Result;
use crate::raw::columns::Batch as RawBatch;
use crate::raw::transform::exports::callboard::step::transform::Output as RawOutput;
use crate::step::{self, Opened, OpenedTransform, Transform};

/// A transform that is open.
pub struct NativeTransform(OpenedTransform);

impl NativeTransform {
    /// Opens a transform for batches of this schema (a batch of no rows): the columns that it reads, in its order.
    ///
    /// # Errors
    /// What the step returns.
    pub fn open<T: Transform>(config: &Value, schema: &RawBatch) -> Result<Self> {
        let opened = Opened::new();
        step::open_transform::<T>(&opened, &config.to_string(), schema).map_err(from_raw)?;
        Ok(NativeTransform(opened))
    }

    /// Calls it for a batch.
    ///
    /// # Errors
    /// What the step returns.
    pub fn process(&self, batch: RawBatch) -> Result<RawOutput> {
        step::process(&self.0, batch).map_err(from_raw)
    }
}
