//! Small files that hold much: what they take is measured where they are read, and where they are only looked at.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::Int32Type as Integers;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A file's name, and what makes it.
type File = (&'static str, fn() -> Vec<u8>);

/// All of them.
pub(crate) const FILES: &[File] = &[
    // 2 GiB: of a dictionary, as differences, and as what each text adds to the one before it.
    ("dictionary.parquet", || parquet_of(many(texts(256 << 10, 64), 128), usual())),
    ("delta.parquet", || {
        let delta = usual().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY);
        parquet_of(many(texts(128 << 10, 64), 128), delta)
    }),
    // Short ones first, so that the average lies.
    ("skewed.parquet", || parquet_of(many(texts(1, 8192), 20).chain(many(texts(256 << 10, 64), 64)), usual())),
    ("lists.parquet", || parquet_of(many(lists(texts(64 << 10, 320), 10), 64), usual())),
    ("dictionary.arrow", || {
        let keys = Int32Array::from(vec![0; 4096]);
        arrow_of(Arc::new(DictionaryArray::new(keys, texts(512 << 10, 1))))
    }),
    ("runs.arrow", || {
        let ends = Int32Array::from(vec![4096]);
        arrow_of(Arc::new(RunArray::<Int32Type>::try_new(&ends, &texts(512 << 10, 1)).unwrap()))
    }),
    ("views.arrow", || {
        let views = arrow::compute::cast(&texts(512 << 10, 1), &DataType::Utf8View).unwrap();
        arrow_of(arrow::compute::take(&views, &UInt64Array::from(vec![0; 4096]), None).unwrap())
    }),
    ("overlaps.arrow", || {
        let items: ArrayRef = Arc::new(Int64Array::from(vec![7; 64 << 10]));
        let field = Arc::new(Field::new("item", DataType::Int64, true));
        let (offsets, sizes) = (ScalarBuffer::from(vec![0; 4096]), ScalarBuffer::from(vec![64 << 10; 4096]));
        arrow_of(Arc::new(ListViewArray::new(field, offsets, sizes, items, None)))
    }),
    ("list.parquet", || long_list(4 << 20)),
    ("long.parquet", || long_list(40 << 20)),
    ("wide.parquet", || {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 8192]));
        let columns = (0..1000).map(|n| (format!("c{n}"), numbers.clone()));
        let wide = RecordBatch::try_from_iter(columns).unwrap();
        parquet_of(std::iter::repeat_n(wide, 4), usual())
    }),
    ("page.parquet", || {
        let zeros = one(Arc::new(Int64Array::from(vec![0; 1 << 20])));
        // The library holds the page while it writes it, so this one is no larger than it must be.
        let properties = usual()
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(1 << 30)
            .set_data_page_row_count_limit(usize::MAX)
            .set_max_row_group_row_count(None);
        parquet_of(std::iter::repeat_n(zeros, 5), properties)
    }),
    ("line.jsonl.zst", || packed("{\"a\":[0", ",0", 100 << 20)),
    ("header.csv.zst", || packed("a", ",", 200 << 20)),
    ("keys.jsonl", || {
        let row = |row: usize| {
            let keys: Vec<String> = (0..100).map(|key| format!("\"k{row}_{key}\":1")).collect();
            format!("{{\"scores\":{{{}}}}}\n", keys.join(","))
        };
        (0..1000).map(row).collect::<String>().into_bytes()
    }),
    ("objects.jsonl", || {
        let members: Vec<String> = (0..400).map(|n| format!("\"m{n}\":1")).collect();
        let empty = "{},".repeat(100_000);
        format!("{{\"a\":[{{{}}}]}}\n{{\"a\":[{empty}{{}}]}}\n", members.join(",")).into_bytes()
    }),
    ("deep.jsonl", || {
        let depth = 1 << 20;
        format!("{{\"a\":{}{}}}\n", "[".repeat(depth), "]".repeat(depth)).into_bytes()
    }),
    ("blank.jsonl.zst", || packed("", "\n", 16 << 20)),
    ("numbers.jsonl.zst", || [packed("{\"a\":[0", ",0", 30 << 20), packed("]}\n", "", 0)].concat()),
    ("text.jsonl.zst", || [packed("{\"a\":\"", "x", 60 << 20), packed("\"}\n", "", 0)].concat()),
    ("field.csv.zst", || [packed("a,b\n1,\"", "x", 60 << 20), packed("\"\n", "", 0)].concat()),
];

/// The file of this name.
#[allow(dead_code, reason = "not every suite asks for one")]
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    FILES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("there is no {name}")).1()
}

fn usual() -> WriterPropertiesBuilder {
    WriterProperties::builder()
}

fn parquet_of(batches: impl Iterator<Item = RecordBatch>, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let mut batches = batches.peekable();
    let schema = batches.peek().unwrap().schema();
    let properties = properties.set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    batches.for_each(|batch| writer.write(&batch).unwrap());
    writer.into_inner().unwrap()
}

fn arrow_of(column: ArrayRef) -> Vec<u8> {
    let batch = one(column);
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn one(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("c", column)]).unwrap()
}

fn many(column: ArrayRef, times: usize) -> impl Iterator<Item = RecordBatch> {
    std::iter::repeat_n(one(column), times)
}

/// A text of that many bytes, that many times.
fn texts(bytes: usize, times: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n("x".repeat(bytes), times)))
}

/// The items in lists of that many.
fn lists(items: ArrayRef, of: usize) -> ArrayRef {
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(of, items.len() / of));
    Arc::new(ListArray::new(field, offsets, items, None))
}

/// One list of that many zeros, which takes a few bytes, between shorter ones.
fn long_list(items: usize) -> Vec<u8> {
    let schema = "message m { optional group c (LIST) { repeated group list { optional int32 element; } } }";
    let properties = usual().set_data_page_row_count_limit(usize::MAX).build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    for length in [3, items, 3] {
        let repetition: Vec<i16> = (0..length).map(|n| i16::from(n > 0)).collect();
        column.typed::<Integers>().write_batch(&vec![0; length], Some(&vec![2; length]), Some(&repetition)).unwrap();
    }
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

/// A beginning, and then the same that many times, packed as it is made.
fn packed(begin: &str, again: &str, times: usize) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(begin.as_bytes()).unwrap();
    let part = again.repeat(1 << 16);
    (0..times >> 16).for_each(|_| encoder.write_all(part.as_bytes()).unwrap());
    encoder.finish().unwrap()
}
