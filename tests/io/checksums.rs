//! Pages of Parquet that carry a checksum: a bit that is flipped in one is noticed, and its file, row group and column are named.

use std::sync::Arc;

use arrow::array::*;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use crate::bench::{Bench, column, join};

/// A page in a file that was made: where it is read from, and its bytes behind the header.
struct Page {
    group: usize,
    column: &'static str,
    bytes: std::ops::Range<usize>,
}

/// Two columns in two row groups, each a dictionary, if there is to be one, and a page; no writer here knows checksums.
fn written(compression: Compression, version: WriterVersion, dictionary: bool) -> (Vec<u8>, ParquetMetaData) {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..200).map(|n| n * 7919 % 50)));
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..200).map(|n| format!("text {}", n % 50))));
    let rows = RecordBatch::try_from_iter([("a", numbers), ("b", text)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(100))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    let bytes = writer.into_inner().unwrap();
    let length = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
    let metadata = ParquetMetaDataReader::decode_metadata(&bytes[bytes.len() - 8 - length..bytes.len() - 8]).unwrap();
    (bytes, metadata)
}

/// The page's header with the checksum of what stands behind it, and where that begins. A header begins with three integers: type,
/// size unpacked and size in the file; the checksum is the fourth field, and a struct follows.
fn header_with_checksum(page: &[u8]) -> (Vec<u8>, usize) {
    let (mut at, mut integers) = (0, Vec::new());
    for _ in 0..3 {
        assert_eq!(page[at], 0x15, "an integer, whose number is one more");
        at += 1;
        let (mut value, mut shift) = (0u64, 0);
        loop {
            value |= u64::from(page[at] & 0x7f) << shift;
            (shift, at) = (shift + 7, at + 1);
            if page[at - 1] < 0x80 {
                break;
            }
        }
        integers.push((value >> 1) as usize);
    }
    let begin = page.len() - integers[2];
    let mut crc = flate2::Crc::new();
    crc.update(&page[begin..]);
    let crc = crc.sum() as i32;
    let mut zigzag = ((crc << 1) ^ (crc >> 31)) as u32;
    let mut header = page[..at].to_vec();
    header.push(0x15);
    while zigzag >= 0x80 {
        header.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    header.push(zigzag as u8);
    assert_eq!(page[at] & 0xf, 0xc, "a struct");
    header.push(page[at] - 0x10);
    header.extend(&page[at + 1..begin]);
    (header, begin)
}

/// The file with a checksum in each page.
fn checksummed((bytes, metadata): &(Vec<u8>, ParquetMetaData)) -> (Vec<u8>, Vec<Page>) {
    let (mut file, mut pages, mut groups) = (b"PAR1".to_vec(), Vec::new(), Vec::new());
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let mut columns = Vec::new();
        for (column, name) in group.columns().iter().zip(["a", "b"]) {
            let (start, length) = column.byte_range();
            let end = (start + length) as usize;
            let data = column.data_page_offset() as usize;
            let begin = file.len();
            let mut offset = begin;
            let dictionary = column.dictionary_page_offset().map(|dictionary| dictionary as usize..data);
            for part in dictionary.into_iter().chain(std::iter::once(data..end)) {
                let page = &bytes[part];
                let (header, behind) = header_with_checksum(page);
                offset = file.len();
                file.extend(header);
                pages.push(Page { group: number, column: name, bytes: file.len()..file.len() + page.len() - behind });
                file.extend(&page[behind..]);
            }
            let grown = (file.len() - begin) as i64 - length as i64;
            let dictionary = column.dictionary_page_offset().map(|_| begin as i64);
            let column = column.clone().into_builder().set_data_page_offset(offset as i64);
            let column = column.set_dictionary_page_offset(dictionary);
            columns.push(column.set_total_compressed_size(length as i64 + grown).build().unwrap());
        }
        groups.push(group.clone().into_builder().set_column_metadata(columns).build().unwrap());
    }
    let metadata = ParquetMetaData::new(metadata.file_metadata().clone(), groups);
    let mut end = Vec::new();
    ParquetMetaDataWriter::new(&mut end, &metadata).finish().unwrap();
    file.extend(end);
    (file, pages)
}

#[test]
fn a_bit_that_is_flipped_in_a_page_with_a_checksum_is_noticed() {
    let codecs = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())];
    for compression in codecs {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [false, true] {
                let plain = written(compression, version, dictionary);
                let (file, pages) = checksummed(&plain);
                assert_eq!(pages.len(), if dictionary { 8 } else { 4 });
                let rows = |bytes: &[u8]| join(&Bench::with("in.parquet", bytes).read(&["in.parquet"]).unwrap());
                let (read, expected) = (rows(&file), rows(&plain.0));
                assert_eq!(["a", "b"].map(|name| column(&read, name)), ["a", "b"].map(|name| column(&expected, name)));
                for Page { group, column, bytes } in &pages {
                    for at in [bytes.start, bytes.start + bytes.len() / 2, bytes.end - 1] {
                        let mut flipped = file.clone();
                        flipped[at] ^= 1 << (at % 8);
                        let (message, _) = Bench::with("in.parquet", flipped).error(&["in.parquet"], &[]);
                        let said = format!("`in.parquet`, row group {}: cannot be read: ", group + 1);
                        let why = format!("a page of the column `{column}`: Page CRC checksum mismatch");
                        assert_eq!(message, said + &why, "{compression} {version:?} {dictionary}");
                    }
                }
            }
        }
    }
}
