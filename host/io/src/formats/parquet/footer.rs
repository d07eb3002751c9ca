//! A file's footer, with what writers of old got wrong put right.

use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

use super::super::{Format, joined};
use super::{thrift, words};
use crate::error::IoError;
use crate::magic;
use crate::misfit::excerpt;
use crate::places::{First, Opened, Source};
use crate::spec::InputSpec;

/// Opens a file and reads its footer.
pub(super) fn open(path: &Source, spec: &InputSpec) -> Result<(Opened, ArrowReaderMetadata), IoError> {
    let file =
        path.open_for(First::Tail, &spec.stop).map_err(|error| IoError::system("cannot open", &error).in_file(path))?;
    let witness = file.witness();
    let metadata = read(&file, path, spec).map_err(|error| witness.instead_of(error).in_file(path))?;
    Ok((file, metadata))
}

fn read(file: &Opened, path: &Source, spec: &InputSpec) -> Result<ArrowReaderMetadata, IoError> {
    let metadata = match place(file) {
        Some((begin, length, PLAIN)) => known(file, begin, length),
        Some((_, _, ENCRYPTED)) => Err(encrypted("is encrypted, and cannot be read")),
        // What has no footer, the library says.
        _ => ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).map_err(|error| {
            let broken = || IoError::data(format!("is not Parquet, or was cut short: {}", words(error)));
            magic::instead(path, Format::Parquet, &spec.stop).unwrap_or_else(broken)
        }),
    };
    let metadata = metadata.map_err(|error| error.in_file(path))?;
    rows(metadata.metadata()).map_err(|error| error.in_file(path))?;
    if is_second(file, metadata.metadata()).map_err(|error| IoError::system("cannot read", &error).in_file(path))? {
        return Err(joined::error("Parquet").in_file(path));
    }
    Ok(metadata)
}

fn encrypted(what: &str) -> IoError {
    IoError::data(what).with_help("write it again without encryption")
}

/// Reads a footer without what the library may not understand, and nobody needs.
fn known(file: &Opened, begin: u64, length: u32) -> Result<ArrowReaderMetadata, IoError> {
    let mut footer = vec![0; length as usize];
    file.read_exact_at(&mut footer, begin).map_err(|error| IoError::system("cannot read", &error))?;
    let found = thrift::look(&footer)
        .ok_or_else(|| IoError::data("is not Parquet, or was cut short: its footer cannot be read"))?;
    drop(footer);
    if found.encrypted {
        return Err(encrypted("has encrypted columns, which cannot be read"));
    }
    if let Some(name) = found.misnamed {
        let error = IoError::data(format!("the name of the column `{}` is not UTF-8", excerpt(&name)));
        return Err(error.with_help("write the file again with names in UTF-8"));
    }
    ParquetMetaDataReader::decode_metadata(&found.footer)
        .and_then(|metadata| ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new()))
        .map_err(|error| IoError::data(format!("has a footer that is not understood: {}", words(error))))
}

/// What a file ends with, and one whose footer is encrypted.
const PLAIN: [u8; 4] = *b"PAR1";
const ENCRYPTED: [u8; 4] = *b"PARE";

/// Where the footer begins, its length, and what the file ends with.
fn place(file: &Opened) -> Option<(u64, u32, [u8; 4])> {
    let size = file.size().ok()?;
    let mut end = [0; 8];
    file.read_exact_at(&mut end, size.checked_sub(8)?).ok()?;
    let length = u32::from_le_bytes(end[..4].try_into().ok()?);
    let begin = size.checked_sub(8 + u64::from(length))?;
    Some((begin, length, end[4..].try_into().ok()?))
}

/// Whether another file stands before this one.
fn is_second(file: &Opened, metadata: &ParquetMetaData) -> std::io::Result<bool> {
    let Some((footer, ..)) = place(file) else { return Ok(false) };
    let ends = metadata.row_groups().iter().flat_map(|group| group.columns()).flat_map(|column| {
        let start = column.dictionary_page_offset().filter(|at| *at > 0).unwrap_or(column.data_page_offset());
        let start = start.min(column.data_page_offset());
        [
            Some((start, column.compressed_size())),
            column.column_index_offset().zip(column.column_index_length().map(i64::from)),
            column.offset_index_offset().zip(column.offset_index_length().map(i64::from)),
            column.bloom_filter_offset().zip(column.bloom_filter_length().map(i64::from)),
        ]
    });
    let ends = ends.flatten().filter_map(|(start, length)| u64::try_from(start.checked_add(length)?).ok());
    let end = ends.fold(MAGIC, u64::max).min(footer);
    joined::is_second(file, end, footer, 0, b"PAR1PAR1", MAGIC)
}

/// The length of the mark that a file begins and ends with.
const MAGIC: u64 = 4;

/// Checks that the file's row count is that of its row groups; writers that leave it at 0 have not counted.
fn rows(metadata: &ParquetMetaData) -> Result<(), IoError> {
    let said = metadata.file_metadata().num_rows();
    let groups = metadata.row_groups().iter().map(|group| group.num_rows());
    let sum = groups.clone().fold(0, i64::saturating_add);
    if groups.clone().any(|rows| rows < 0) || (said != 0 && said != sum) {
        let message = format!("is corrupt: its footer announces {said} rows, and its row groups {sum}");
        return Err(IoError::data(message).with_help("write it again with the program that made it"));
    }
    Ok(())
}

/// The most that parquet-mr until 1.2.8 left out of a column chunk's size: the header of its dictionary (PARQUET-816).
const LEFT_OUT: u64 = 100;

/// Where a column's pages are.
pub(super) struct Chunk {
    pub(super) metadata: ColumnChunkMetaData,
    pub(super) start: u64,
    pub(super) length: u64,
    /// Whether the last page ends with the chunk; otherwise it is the one with the last value.
    pub(super) exact: bool,
}

/// The chunk as its pages lie in the file.
pub(super) fn chunk(
    metadata: &ParquetMetaData,
    column: &ColumnChunkMetaData,
    size: u64,
) -> Result<Chunk, ParquetError> {
    let outside = || {
        let (at, bytes) = (column.data_page_offset(), column.compressed_size());
        ParquetError::General(format!(
            "the column `{}` has {bytes} bytes at {at} of a file of {size}",
            column.column_path().string()
        ))
    };
    // Some writers say 0 where there is no dictionary: there the file begins.
    let dictionary = column.dictionary_page_offset().filter(|at| *at > 0 && *at < column.data_page_offset());
    let start = u64::try_from(dictionary.unwrap_or(column.data_page_offset())).map_err(|_| outside())?;
    let length = u64::try_from(column.compressed_size()).map_err(|_| outside())?;
    let rest = start.checked_add(length).and_then(|end| size.checked_sub(end)).ok_or_else(outside)?;
    let exact = !metadata.file_metadata().created_by().is_some_and(is_old_parquet_mr);
    let length = if exact { length } else { length + rest.min(LEFT_OUT) };
    let metadata = column.clone().into_builder().set_dictionary_page_offset(dictionary);
    let metadata = metadata.set_total_compressed_size(length as i64).build()?;
    Ok(Chunk { metadata, start, length, exact })
}

fn is_old_parquet_mr(created_by: &str) -> bool {
    let Some(version) = created_by.strip_prefix("parquet-mr") else { return false };
    // Before 1.0 it named no version at all.
    let Some(version) = version.trim_start().strip_prefix("version ") else { return version.trim().is_empty() };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u64>().unwrap_or(0));
    let mut number = || numbers.next().unwrap_or(0);
    (number(), number(), number()) < (1, 2, 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_parquet_mr_are_compared_as_numbers() {
        for old in ["parquet-mr", "parquet-mr version 1.2.8 (build abc)", "parquet-mr version 1.0.0-SNAPSHOT"] {
            assert!(is_old_parquet_mr(old), "{old}");
        }
        for new in ["parquet-mr version 1.2.9", "parquet-mr version 1.12.3", "parquet-cpp-arrow version 1.0.0", ""] {
            assert!(!is_old_parquet_mr(new), "{new}");
        }
    }
}
