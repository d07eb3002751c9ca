//! Small files that hold much: what they take is measured from outside, in a process of their own.

use std::process::Command;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use arrow::ipc::writer::FileWriter;
use callboard_io::{BatchPolicy, Dataset, InputLimits, InputSpec};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::Int32Type as Integers;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::bench::Bench;

const FILE: &str = "CALLBOARD_TEST_BOMB";
/// `limits.batch` of the input, bytes.
const LIMIT: &str = "CALLBOARD_TEST_LIMIT";
/// Beside what the process has without a file.
const ALLOWED: u64 = 192 << 20;

/// Not a test of its own: reads the file that the variable names, and says how many rows it has and what that took.
#[test]
#[allow(clippy::print_stdout, reason = "the process that started this one reads it")]
fn reads_in_a_process_of_its_own() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let file = std::path::PathBuf::from(file);
    let bench = Bench::new();
    let name = file.to_str().unwrap();
    let policy = BatchPolicy { rows: 8192, bytes: 4 << 20 };
    let mut rows = 0;
    let mut largest = 0;
    let batch = std::env::var(LIMIT).unwrap().parse().unwrap();
    let spec = InputSpec { limits: InputLimits { batch, ..Default::default() }, ..bench.spec(&[name], &[]) };
    let outcome = Dataset::open(&spec).and_then(|dataset| {
        for chunk in dataset.read(policy) {
            let chunk = chunk?;
            rows += chunk.rows.num_rows();
            largest = largest.max(chunk.rows.get_array_memory_size());
        }
        Ok(())
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    let error = outcome.err().map_or(String::new(), |error| error.message().to_owned());
    println!("\nBOMB|{rows}|{}|{largest}|{error}", peak << 10);
}

struct Outcome {
    rows: usize,
    peak: u64,
    largest: usize,
    error: String,
}

fn read(name: &str, bytes: &[u8]) -> Outcome {
    read_within(name, bytes, InputLimits::default().batch)
}

fn read_within(name: &str, bytes: &[u8], limit: u64) -> Outcome {
    let bench = Bench::with(name, bytes);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bombs::reads_in_a_process_of_its_own", "--nocapture"])
        .env(FILE, bench.path(name))
        .env(LIMIT, limit.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("BOMB|"));
    let line = line
        .unwrap_or_else(|| panic!("{name}: {}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    let parts: Vec<_> = line.splitn(4, '|').collect();
    let number = |n: usize| parts[n].parse::<u64>().unwrap();
    Outcome { rows: number(0) as usize, peak: number(1), largest: number(2) as usize, error: parts[3].to_owned() }
}

fn takes_little(name: &str, bytes: &[u8], rows: usize) {
    assert!(bytes.len() < 4 << 20, "{name} has {} bytes", bytes.len());
    let outcome = read(name, bytes);
    assert_eq!((outcome.rows, outcome.error.as_str()), (rows, ""), "{name}");
    assert!(outcome.peak < ALLOWED, "{name} takes {} MiB", outcome.peak >> 20);
    assert!(outcome.largest < 32 << 20, "{name} has a batch of {} MiB", outcome.largest >> 20);
}

fn parquet_of(batches: impl Iterator<Item = RecordBatch>, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let mut batches = batches.peekable();
    let schema = batches.peek().unwrap().schema();
    let properties = properties.set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).unwrap();
    batches.for_each(|batch| writer.write(&batch).unwrap());
    writer.into_inner().unwrap()
}

fn arrow_of(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn one(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("c", column)]).unwrap()
}

/// A text of that many bytes, that many times.
fn texts(bytes: usize, times: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n("x".repeat(bytes), times)))
}

#[test]
fn text_that_repeats_is_in_memory_once() {
    let usual = WriterProperties::builder;
    let many = |column: ArrayRef, times| std::iter::repeat_n(one(column), times);
    // 2 GiB: of a dictionary, as differences, and as what each text adds to the one before it.
    takes_little("dictionary.parquet", &parquet_of(many(texts(256 << 10, 64), 128), usual()), 8192);
    let delta = usual().set_dictionary_enabled(false).set_encoding(Encoding::DELTA_BYTE_ARRAY);
    takes_little("delta.parquet", &parquet_of(many(texts(128 << 10, 64), 128), delta), 8192);
    // Short ones first, so that the average lies.
    let skewed = many(texts(1, 8192), 20).chain(many(texts(256 << 10, 64), 64));
    takes_little("skewed.parquet", &parquet_of(skewed, usual()), 8192 * 20 + 64 * 64);
    let lists = |items: ArrayRef, of: usize| {
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(of, items.len() / of));
        Arc::new(ListArray::new(field, offsets, items, None)) as ArrayRef
    };
    takes_little("lists.parquet", &parquet_of(many(lists(texts(64 << 10, 320), 10), 64), usual()), 2048);
}

#[test]
fn arrow_that_refers_to_one_value_often_is_unfolded_part_by_part() {
    let text: ArrayRef = texts(512 << 10, 1);
    let keys = Int32Array::from(vec![0; 4096]);
    takes_little("dictionary.arrow", &arrow_of(&one(Arc::new(DictionaryArray::new(keys, text.clone())))), 4096);
    let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![4096]), &text).unwrap();
    takes_little("runs.arrow", &arrow_of(&one(Arc::new(runs))), 4096);
    let views = arrow::compute::cast(&text, &DataType::Utf8View).unwrap();
    let views = arrow::compute::take(&views, &UInt64Array::from(vec![0; 4096]), None).unwrap();
    takes_little("views.arrow", &arrow_of(&one(views)), 4096);
    let items: ArrayRef = Arc::new(Int64Array::from(vec![7; 64 << 10]));
    let field = Arc::new(Field::new("item", DataType::Int64, true));
    let (offsets, sizes) = (ScalarBuffer::from(vec![0; 4096]), ScalarBuffer::from(vec![64 << 10; 4096]));
    takes_little(
        "overlaps.arrow",
        &arrow_of(&one(Arc::new(ListViewArray::new(field, offsets, sizes, items, None)))),
        4096,
    );
}

/// One list of that many zeros, which takes a few bytes, between shorter ones.
fn long_list(items: usize) -> Vec<u8> {
    let schema = "message m { optional group c (LIST) { repeated group list { optional int32 element; } } }";
    let properties = WriterProperties::builder().set_data_page_row_count_limit(usize::MAX).build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(parse_message_type(schema).unwrap()), Arc::new(properties))
            .unwrap();
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

#[test]
fn a_row_has_a_limit() {
    takes_little("list.parquet", &long_list(4 << 20), 3);
    let outcome = read("long.parquet", &long_list(40 << 20));
    assert!(
        outcome.error.contains("row 1, or one soon after it, takes more than the 256 MiB allowed"),
        "{} {}",
        outcome.error,
        outcome.rows
    );
    assert!(outcome.peak < ALLOWED, "{} MiB", outcome.peak >> 20);
}

#[test]
fn columns_of_one_value_are_read_in_few_rows() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 8192]));
    let names: Vec<String> = (0..1000).map(|n| format!("c{n}")).collect();
    let wide = RecordBatch::try_from_iter(names.iter().map(|name| (name, numbers.clone()))).unwrap();
    takes_little("wide.parquet", &parquet_of(std::iter::repeat_n(wide, 4), WriterProperties::builder()), 4 * 8192);
}

#[test]
fn a_page_that_unpacks_to_much_is_refused() {
    let zeros = one(Arc::new(Int64Array::from(vec![0; 1 << 20])));
    // The library holds the page while it writes it, so this one is no larger than it must be.
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(1 << 30)
        .set_data_page_row_count_limit(usize::MAX)
        .set_max_row_group_row_count(None);
    let bytes = parquet_of(std::iter::repeat_n(zeros, 5), properties);
    let outcome = read_within("page.parquet", &bytes, 32 << 20);
    assert!(outcome.error.contains("unpack to 40 MiB (column `c`); allowed are 32 MiB"), "{}", outcome.error);
    assert!(outcome.peak < ALLOWED, "{} MiB", outcome.peak >> 20);
}
