//! Arrow schemas that are none, and streams that others read differently: an error, never a panic or other values.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, Endianness, MetadataVersion, Type};
use flatbuffers::FlatBufferBuilder;

use crate::bench::{Bench, column, join};

/// A file without rows: what is constructed of its schema alone.
fn of_schema(schema: Schema) -> Vec<u8> {
    FileWriter::try_new(Vec::new(), &schema).unwrap().into_inner().unwrap()
}

fn item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("item", data_type, true))
}

#[test]
fn a_schema_that_is_none_is_refused() {
    use DataType::*;
    let map = |entries: DataType| Map(Arc::new(Field::new("entries", entries, false)), false);
    let members = |n: usize| Struct((0..n).map(|i| Field::new(format!("m{i}"), Int8, i > 0)).collect());
    let deep = |levels: usize| (0..levels).fold(Int8, |inner, _| List(item(inner)));
    let cases = [
        (map(members(0)), "is a map whose entries are {}, not a key and a value"),
        (map(members(1)), "is a map whose entries are {m0: int8}, not a key and a value"),
        (map(members(3)), "is a map whose entries are {m0: int8, m1: int8, m2: int8}"),
        (FixedSizeBinary(-1), "is of -1 bytes"),
        (FixedSizeList(item(Int8), -3), "is of lists of -3 items"),
        (Decimal128(0, 0), "is a decimal of 0 digits"),
        (Decimal128(39, 0), "is a decimal of 39 digits"),
        (Decimal256(10, 11), "is a decimal of 10 digits, 11 of them after the point"),
    ];
    for (data_type, expected) in cases {
        for (nested, path) in [(false, "c"), (true, "s.c")] {
            let field = Field::new("c", data_type.clone(), true);
            let field = if nested { Field::new("s", Struct(vec![field].into()), true) } else { field };
            let bench = Bench::with("in.arrow", of_schema(Schema::new(vec![field])));
            let (message, _) = bench.error(&["in.arrow"], &[]);
            assert!(message.starts_with("`in.arrow`: the column `") && message.contains(path), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }
    let bench = |levels| Bench::with("in.arrow", of_schema(Schema::new(vec![Field::new("c", deep(levels), true)])));
    assert_eq!(bench(40).read(&["in.arrow"]).unwrap().len(), 0);
    assert!(bench(100).read(&["in.arrow"]).is_err());
}

/// Every other reader takes them: what a zone is called changes no instant.
#[test]
fn a_zone_that_nobody_knows_is_read_as_utc() {
    for name in ["Mars/Olympus", "utc", "Z", "UTC+1"] {
        let times =
            TimestampMicrosecondArray::from(vec![Some(0), None, Some(1_700_000_000_000_000)]).with_timezone(name);
        let field = Field::new("t", times.data_type().clone(), true);
        let rows = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(times)]).unwrap();
        let mut writer = FileWriter::try_new(Vec::new(), &rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        let bench = Bench::with("in.arrow", writer.into_inner().unwrap());
        let read = bench.read(&["in.arrow"]).unwrap();
        let utc =
            TimestampMicrosecondArray::from(vec![Some(0), None, Some(1_700_000_000_000_000)]).with_timezone("UTC");
        assert_eq!(read[0].rows.column(0).as_primitive::<TimestampMicrosecondType>(), &utc, "{name}");
    }
}

fn rows() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(258)]))),
        ("text", Arc::new(StringArray::from(vec![Some("a"), Some("bc"), None]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn stream(options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &rows().schema(), options).unwrap();
    writer.write(&rows()).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_stream_of_before_0_15_is_read() {
    let bytes = stream(IpcWriteOptions::try_new(8, true, MetadataVersion::V4).unwrap());
    assert!(bytes.ends_with(&[0; 4]) && !bytes.starts_with(&[0xff; 4]), "it has no continuation marks");
    let bench = Bench::with("in.arrow", &bytes);
    let read = join(&bench.read(&["in.arrow"]).unwrap());
    assert_eq!((column(&read, "n"), column(&read, "text")), (column(&rows(), "n"), column(&rows(), "text")));
    let mut whole = Vec::new();
    for cut in 1..bytes.len() {
        let bench = Bench::with("in.arrow", &bytes[..cut]);
        // Behind a whole message it may be at its end: of the schema, and of the one record batch.
        match bench.open(&["in.arrow"]) {
            Ok(dataset) => whole.push((cut, dataset.doubts().len())),
            Err(_) => assert!(bench.error(&["in.arrow"], &[]).0.contains("cut short"), "{cut} of {}", bytes.len()),
        }
    }
    assert!(matches!(whole[..], [(_, 1), (end, 1)] if end == bytes.len() - 4), "{whole:?}");
}

#[test]
fn what_follows_the_end_of_a_stream_is_not_dropped() {
    let bytes = stream(IpcWriteOptions::default());
    for more in [bytes.clone(), vec![0; 8], b"x".to_vec()] {
        let all = [bytes.clone(), more.clone()].concat();
        let (message, help) = Bench::with("in.arrow", all).error(&["in.arrow"], &[]);
        let expected = format!(
            "`in.arrow`: the stream ends at byte {}, and {} bytes follow its end mark",
            bytes.len(),
            more.len()
        );
        assert_eq!(message, expected);
        assert!(help.starts_with("one file holds one stream"));
    }
}

/// A schema alone, as a stream or as the message and the footer of a file.
fn of_byte_order(order: Endianness, file: bool) -> Vec<u8> {
    let mut fbb = FlatBufferBuilder::new();
    let name = fbb.create_string("n");
    let integer = arrow::ipc::Int::create(&mut fbb, &arrow::ipc::IntArgs { bitWidth: 32, is_signed: true });
    let children = fbb.create_vector::<flatbuffers::ForwardsUOffset<arrow::ipc::Field>>(&[]);
    let field = arrow::ipc::FieldArgs {
        name: Some(name),
        nullable: true,
        type_type: Type::Int,
        type_: Some(integer.as_union_value()),
        children: Some(children),
        ..Default::default()
    };
    let field = arrow::ipc::Field::create(&mut fbb, &field);
    let fields = fbb.create_vector(&[field]);
    let schema = arrow::ipc::SchemaArgs { endianness: order, fields: Some(fields), ..Default::default() };
    let schema = arrow::ipc::Schema::create(&mut fbb, &schema);
    let version = MetadataVersion::V5;
    if file {
        let none = fbb.create_vector::<arrow::ipc::Block>(&[]);
        let footer = arrow::ipc::FooterArgs {
            version,
            schema: Some(schema),
            dictionaries: Some(none),
            recordBatches: Some(none),
            ..Default::default()
        };
        let footer = arrow::ipc::Footer::create(&mut fbb, &footer);
        fbb.finish(footer, None);
        let footer = fbb.finished_data();
        return [b"ARROW1\0\0", footer, &(footer.len() as u32).to_le_bytes(), b"ARROW1"].concat();
    }
    let message = arrow::ipc::MessageArgs {
        version,
        header_type: arrow::ipc::MessageHeader::Schema,
        header: Some(schema.as_union_value()),
        ..Default::default()
    };
    let message = arrow::ipc::Message::create(&mut fbb, &message);
    fbb.finish(message, None);
    let message = fbb.finished_data();
    [&[0xff; 4], &(message.len() as u32).to_le_bytes()[..], message, &[0xff; 4], &[0; 4]].concat()
}

#[test]
fn a_big_endian_file_or_stream_is_refused() {
    for file in [false, true] {
        let little = Bench::with("in.arrow", of_byte_order(Endianness::Little, file));
        assert_eq!(little.open(&["in.arrow"]).unwrap().schema().field(0).data_type(), &DataType::Int32);
        let (message, help) = Bench::with("in.arrow", of_byte_order(Endianness::Big, file)).error(&["in.arrow"], &[]);
        assert_eq!(message, "`in.arrow`: is big-endian, and only little-endian Arrow data can be read");
        assert!(help.contains("as Parquet"));
    }
}

#[test]
fn a_small_file_that_unfolds_to_much_is_refused() {
    let zeros: ArrayRef = Arc::new(UInt8Array::from(vec![0; 300 << 20]));
    for codec in [CompressionType::ZSTD, CompressionType::LZ4_FRAME] {
        let options = IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
        let rows = RecordBatch::try_from_iter([("zeros", zeros.clone())]).unwrap();
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &rows.schema(), options.clone()).unwrap();
        writer.write(&rows).unwrap();
        let file = writer.into_inner().unwrap();
        assert!(file.len() < 2 << 20, "{}", file.len());
        let (message, help) = Bench::with("in.arrow", file).error(&["in.arrow"], &[]);
        assert!(message.contains("unfolds to 300 MiB; allowed are 256 MiB"), "{message}");
        assert!(help.contains("fewer rows in a record batch"));
    }
}
