//! Files that hold objects, one after the other: lines, elements of an array, samples of an archive. All are read alike.

use arrow::array::UInt64Array;
use arrow::datatypes::SchemaRef;

use super::Taken;
use super::jsonl::{self, trimmed};
use crate::bad_row::{BadRow, Sieve};
use crate::columns::StructColumn;
use crate::error::IoError;
use crate::misfit::Misfit;
use crate::spec::{BatchPolicy, InputSpec};

/// The objects of a file, one after the other.
pub(super) trait Objects {
    /// The next one, with white space around it, perhaps nothing else; none after the last.
    fn next(&mut self) -> Result<Option<&[u8]>, IoError>;

    /// Bytes so far.
    fn passed(&self) -> u64;

    /// What the last one is known by: its line, or its number.
    fn number(&self) -> u64;

    /// The text of the last one.
    fn text(&mut self) -> &[u8];

    /// Gives back what a long one took, which has been used.
    fn let_go(&mut self);

    /// What is wrong with the last one, with its place: why it is no object that fits.
    fn fault(&mut self, error: &serde_json::Error, misfit: Option<Misfit>, spec: &InputSpec) -> IoError;

    /// The last one is not UTF-8.
    fn not_utf8(&mut self) -> IoError;
}

/// Objects in lists that take more bytes than this when they have no member: three bytes of text each.
pub(super) const WIDE: u64 = 256;

/// Rows that are taken one by one.
pub(super) struct ObjectRows<O> {
    objects: O,
    schema: SchemaRef,
    spec: InputSpec,
    policy: BatchPolicy,
    columns: StructColumn,
}

impl<O: Objects> ObjectRows<O> {
    pub(super) fn new(objects: O, schema: &SchemaRef, spec: &InputSpec, policy: BatchPolicy) -> ObjectRows<O> {
        let columns = StructColumn::new(schema.fields());
        ObjectRows { objects, schema: schema.clone(), spec: spec.clone(), policy, columns }
    }

    fn batch(&mut self) -> Result<Option<Taken>, IoError> {
        let (mut origins, mut bytes, mut sieve) = (Vec::new(), 0, Sieve::default());
        // What an object takes is then known only when it has been taken.
        let is_wide = self.columns.widest_in_lists() > WIDE;
        while origins.len() < self.policy.rows && bytes < self.policy.bytes {
            let Some(object) = self.objects.next()? else { break };
            if trimmed(object).is_empty() {
                continue;
            }
            let (length, before) = (object.len(), self.columns.len());
            let taken = match jsonl::object(object, &mut self.columns, &self.spec) {
                Ok(filled) => {
                    sieve.keep();
                    if is_wide { filled } else { self.columns.width }
                }
                Err((error, misfit)) => {
                    let fault = self.objects.fault(&error, misfit, &self.spec);
                    sieve.leave_out(BadRow::of(fault, &self.spec, self.objects.number(), self.objects.text())?);
                    self.columns.abandon_row(before);
                    0
                }
            };
            bytes += length.max(taken as usize);
            origins.push(self.objects.number());
        }
        // Whoever takes the rows has them for a while.
        self.objects.let_go();
        if origins.is_empty() {
            return Ok(None);
        }
        Ok(Some(sieve.sift(UInt64Array::from(origins), self.columns.finish_rows(&self.schema))))
    }
}

impl<O: Objects> Iterator for ObjectRows<O> {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}
