//! Placeholder while the API settles.
use super::{FileFormat, RowWriter, Rows};
use crate::dataset::{BatchPolicy, InputSpec};
use crate::error::IoError;
use crate::text::Sink;
use arrow::datatypes::{Schema, SchemaRef};
use std::path::{Path, PathBuf};
pub(super) struct Jsonl;
impl FileFormat for Jsonl {
    fn schema(&self, _: &[PathBuf], _: &InputSpec) -> Result<Schema, IoError> {
        Err(IoError::spec("not yet"))
    }
    fn read(
        &self,
        _: &Path,
        _: &SchemaRef,
        _: &InputSpec,
        _: BatchPolicy,
    ) -> Result<Rows, IoError> {
        Err(IoError::spec("not yet"))
    }
    fn write(&self, _: Sink, _: &SchemaRef, _: &Path) -> Result<Box<dyn RowWriter>, IoError> {
        Err(IoError::spec("not yet"))
    }
}
