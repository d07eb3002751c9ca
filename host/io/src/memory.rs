//! Rows that lie in memory already, from a library of another language: brought into canonical types as those of a file are.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use crate::canonical::{self, Conform};
use crate::spec::{BatchPolicy, InputSpec};
use crate::{IoError, cut};

/// Rows of one schema, as other libraries lay them out, into batches as a pipeline has them.
pub struct Foreign {
    schema: SchemaRef,
    conform: Conform,
    policy: BatchPolicy,
}

impl Foreign {
    /// For rows of the schema `found`; batches are cut as `policy` says.
    ///
    /// # Errors
    ///
    /// A type that no step can be given, names that are empty or not unique.
    pub fn new(found: &Schema, policy: BatchPolicy) -> Result<Foreign, IoError> {
        let schema = Arc::new(canonical::checked(found)?);
        let conform = Conform::new(found, &schema, &InputSpec::default(), policy.bytes)?;
        Ok(Foreign { schema, conform, policy })
    }

    /// The columns of every batch, in canonical types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows, which are no more than a batch may have, in canonical types; `first` is the number of the first, for messages.
    ///
    /// # Errors
    ///
    /// A value that does not fit its type, or a null in a column that has none.
    pub fn batches(&self, rows: &RecordBatch, first: u64) -> Result<Vec<RecordBatch>, IoError> {
        let mut batches = Vec::new();
        let mut parts = self.conform.rows(rows, first)?;
        while let Some(part) = parts.next(&self.conform)? {
            self.cut(&part, &mut batches);
        }
        Ok(batches)
    }

    fn cut(&self, rows: &RecordBatch, batches: &mut Vec<RecordBatch>) {
        let all = rows.num_rows();
        // About as many bytes as the policy has.
        let bytes = (cut::rows_bits(rows, 0, all) / 8) as usize;
        let parts = bytes.div_ceil(self.policy.bytes.max(1)).max(1);
        let step = all.div_ceil(parts).clamp(1, self.policy.rows.max(1));
        batches.extend((0..all).step_by(step).map(|start| rows.slice(start, step.min(all - start))));
    }
}
