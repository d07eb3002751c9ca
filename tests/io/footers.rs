//! Parquet footers that are not what they should be: read where it is known what they mean, refused where rows would be lost.

use std::sync::Arc;

use arrow::array::*;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use crate::bench::{Bench, column, join};

/// Ten rows of text in two row groups, and their footer.
fn written(version: WriterVersion) -> (Vec<u8>, ParquetMetaData) {
    let text = StringArray::from_iter_values((0..10).map(|n| ["one", "two"][n % 2]));
    let rows = RecordBatch::try_from_iter([("text", Arc::new(text) as ArrayRef)]).unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(5))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    let bytes = writer.into_inner().unwrap();
    let metadata = ParquetMetaDataReader::decode_metadata(footer(&bytes)).unwrap();
    (bytes, metadata)
}

fn footer(bytes: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
    &bytes[bytes.len() - 8 - length..bytes.len() - 8]
}

/// The file with another footer.
fn with_footer(bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let data = &bytes[..bytes.len() - 8 - footer(bytes).len()];
    [data, other, &(other.len() as u32).to_le_bytes(), b"PAR1"].concat()
}

/// The file with a footer that says something else.
fn saying(
    (bytes, metadata): &(Vec<u8>, ParquetMetaData),
    rows: i64,
    created_by: &str,
    group: impl Fn(RowGroupMetaData) -> RowGroupMetaData,
) -> Vec<u8> {
    let file = metadata.file_metadata();
    let said = FileMetaData::new(
        file.version(),
        rows,
        Some(created_by.to_owned()),
        file.key_value_metadata().cloned(),
        file.schema_descr_ptr(),
        None,
    );
    let metadata = ParquetMetaData::new(said, metadata.row_groups().iter().cloned().map(group).collect());
    let mut end = Vec::new();
    ParquetMetaDataWriter::new(&mut end, &metadata).finish().unwrap();
    let end = &end[..end.len() - 8];
    // The writer counts the rows of all groups itself. They stand before the list of these.
    let sum: i64 = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).sum();
    let counted = [&[0x16][..], &varint(sum), &[0x19]].concat();
    let at = end.windows(counted.len()).position(|window| window == counted).unwrap();
    let end = [&end[..at + 1], &varint(rows), &end[at + counted.len() - 1..]].concat();
    with_footer(bytes, &end)
}

fn varint(value: i64) -> Vec<u8> {
    let (mut value, mut bytes) = (value.wrapping_shl(1) as u64 ^ (value >> 63) as u64, Vec::new());
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn column_says(
    group: RowGroupMetaData,
    change: impl Fn(ColumnChunkMetaData) -> ColumnChunkMetaData,
) -> RowGroupMetaData {
    let columns = group.columns().iter().cloned().map(change).collect();
    group.into_builder().set_column_metadata(columns).build().unwrap()
}

fn rows_says(group: RowGroupMetaData, rows: i64) -> RowGroupMetaData {
    group.into_builder().set_num_rows(rows).build().unwrap()
}

#[test]
fn rows_that_do_not_add_up_are_refused() {
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let file = written(version);
        let read = |bytes: Vec<u8>| {
            Bench::with("in.parquet", bytes).read(&["in.parquet"]).map(|chunks| join(&chunks).num_rows())
        };
        let error = |bytes: Vec<u8>| {
            let bench = Bench::with("in.parquet", bytes);
            bench
                .read(&["in.parquet"])
                .map(|chunks| join(&chunks).num_rows())
                .map_err(|error| bench.words(&error).0)
                .unwrap_err()
        };
        assert_eq!(read(saying(&file, 10, "x", |group| group)).unwrap(), 10);
        // Writers that count no rows of the file say 0.
        assert_eq!(read(saying(&file, 0, "x", |group| group)).unwrap(), 10);
        for said in [9, 11, 1 << 40] {
            let expected = format!("`in.parquet`: is corrupt: its footer announces {said} rows, and its row groups 10");
            assert_eq!(error(saying(&file, said, "x", |group| group)), expected);
        }
        for (said, of_values) in [(4, 5), (6, 5), (0, 5), (1 << 40, 5), (6, 6), (4, 4), (0, 0)] {
            let group = |group| {
                rows_says(column_says(group, |c| c.into_builder().set_num_values(of_values).build().unwrap()), said)
            };
            let message = error(saying(&file, 2 * said, "x", group));
            assert!(message.starts_with("`in.parquet`, row group 1: "), "{said} {of_values}: {message}");
            assert!(message.contains(" announces ") && message.contains(" hold"), "{said} {of_values}: {message}");
        }
        assert!(read(saying(&file, -1, "x", |group| group)).is_err());
    }
}

#[test]
fn a_field_of_a_vendor_is_skipped() {
    let file = written(WriterVersion::PARQUET_1_0);
    let plain = saying(&file, 10, "x", |group| group);
    let footer = footer(&plain);
    // Field 9 is bytes: here it is an integer, whose value the library takes for their length. Its number is written out.
    let vendor = [&footer[..footer.len() - 1], &[0x06, 18, 0xfe, 0xff, 0x03, 0]].concat();
    let bench = Bench::with("in.parquet", with_footer(&plain, &vendor));
    assert_eq!(join(&bench.read(&["in.parquet"]).unwrap()).num_rows(), 10);
}

/// The bytes with each of these replaced, which must be there.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (mut rest, mut made, mut found) = (bytes, Vec::new(), false);
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(old) {
            Some(behind) => {
                made.extend_from_slice(new);
                (rest, found) = (behind, true);
            }
            None => {
                made.push(*first);
                rest = behind;
            }
        }
    }
    assert!(found, "{old:?} in {bytes:?}");
    made
}

#[test]
fn what_nobody_needs_of_a_footer_may_be_anything() {
    let file = written(WriterVersion::PARQUET_1_0);
    let plain = saying(&file, 10, "created", |group| group);
    let footer = footer(&plain);
    let end = footer.len() - 1;
    let cases: [(&str, Vec<u8>); 7] = [
        ("a vendor's list of booleans", [&footer[..end], &[0x09, 100, 0x31, 1, 0, 2, 0]].concat()),
        ("an empty list of nothing", [&footer[..end], &[0x09, 14, 0x00, 0]].concat()),
        ("text that is not UTF-8", replaced(footer, b"created", b"cr\xe9ated")),
        (
            "an encoding that is none",
            replaced(footer, &[0x15, 0x0c, 0x19, 0x35, 0x00], &[0x15, 0x0c, 0x19, 0x35, 0x02]),
        ),
        ("a logical type of number 40", replaced(footer, &[0x4c, 0x1c, 0, 0], &[0x4c, 0x0c, 80, 0, 0])),
        ("a logical type that is none", replaced(footer, &[0x4c, 0x1c, 0, 0], &[0x4c, 0])),
        (
            "a statistic that is none",
            replaced(footer, &[0x15, 0x0c, 0x19], &[0x09, 24, 0x31, 1, 0, 2, 0x05, 2, 0x0c, 0x19]),
        ),
    ];
    for (what, footer) in cases {
        let bench = Bench::with("in.parquet", with_footer(&plain, &footer));
        let read = bench.read(&["in.parquet"]).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(column(&join(&read), "text")[..2], ["one", "two"], "{what}");
    }
    let name = replaced(footer, b"text", b"t\xe9xt");
    let (message, help) = Bench::with("in.parquet", with_footer(&plain, &name)).error(&["in.parquet"], &[]);
    assert_eq!(message, "`in.parquet`: the name of the column `t\u{fffd}xt` is not UTF-8");
    assert!(help.contains("names in UTF-8"), "{help}");
    let encrypted = [&plain[..plain.len() - 4], b"PARE"].concat();
    let (message, help) = Bench::with("in.parquet", encrypted).error(&["in.parquet"], &[]);
    assert_eq!(
        (&*message, &*help),
        ("`in.parquet`: is encrypted, and cannot be read", "write it again without encryption")
    );
}

/// As fastparquet writes every empty frame.
#[test]
fn a_file_of_no_row_groups_is_read_whatever_they_would_be() {
    let rows = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![0; 0])) as ArrayRef)]).unwrap();
    let bytes = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap().into_inner().unwrap();
    let empty = replaced(footer(&bytes), &[0x16, 0, 0x19, 0x0c], &[0x16, 0, 0x19, 0x00]);
    let bench = Bench::with("in.parquet", with_footer(&bytes, &empty));
    assert_eq!(bench.open(&["in.parquet"]).unwrap().schema().field(0).name(), "n");
    assert!(bench.read(&["in.parquet"]).unwrap().is_empty());
}

#[test]
fn pages_of_unknown_types_are_skipped() {
    let (bytes, metadata) = written(WriterVersion::PARQUET_1_0);
    let length = bytes.len() - 8 - footer(&bytes).len();
    // Of number 9 and 5 bytes, behind the last; with a list of booleans in its header.
    let page = [0x15, 18, 0x15, 10, 0x15, 10, 0x09, 100, 0x21, 1, 0, 0, 1, 2, 3, 4, 5];
    let with = [&bytes[..length], &page, &bytes[length..]].concat();
    let longer = |group: RowGroupMetaData| {
        let is_last = group.ordinal() == Some(1);
        column_says(group, |chunk| {
            let size = chunk.compressed_size() + if is_last { page.len() as i64 } else { 0 };
            chunk.into_builder().set_total_compressed_size(size).build().unwrap()
        })
    };
    let bench = Bench::with("in.parquet", saying(&(with, metadata), 10, "x", longer));
    assert_eq!(column(&join(&bench.read(&["in.parquet"]).unwrap()), "text")[8..], ["one", "two"]);
}

#[test]
fn a_dictionary_of_old_parquet_mr_is_read() {
    let file = written(WriterVersion::PARQUET_1_0);
    // Its header is left out of the chunk's size; the data page behind it is cut short by as much.
    let shorter = |chunk: ColumnChunkMetaData| {
        let size = chunk.compressed_size();
        assert!(chunk.dictionary_page_offset().is_some());
        chunk.into_builder().set_total_compressed_size(size - 14).build().unwrap()
    };
    let by = |created_by: &str| saying(&file, 10, created_by, |group| column_says(group, shorter));
    let bench = Bench::with("in.parquet", by("parquet-mr version 1.2.8 (build 0)"));
    let text = column(&join(&bench.read(&["in.parquet"]).unwrap()), "text");
    assert_eq!(text, ["one", "two", "one", "two", "one", "two", "one", "two", "one", "two"]);
    for newer in ["parquet-mr version 1.2.9 (build 0)", "parquet-cpp-arrow version 1.0.0"] {
        assert!(Bench::with("in.parquet", by(newer)).read(&["in.parquet"]).is_err(), "{newer}");
    }
}
