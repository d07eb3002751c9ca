//! What writers hold beside the rows that they are given, measured from outside, in processes of their own.

use std::process::Command;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::*;

use crate::bench::Bench;
use crate::peak;

const ROWS: &str = "CALLBOARD_TEST_ROWS";
const FILE: &str = "CALLBOARD_TEST_FILE";
const MIB: u64 = 1 << 20;

/// Not a test of its own: writes the rows that the variable names, and says what that took.
#[test]
#[allow(clippy::print_stdout, reason = "the process that started this one reads it")]
fn writes_in_a_process_of_its_own() {
    let (Some(rows), Some(file)) = (std::env::var_os(ROWS), std::env::var_os(FILE)) else { return };
    let bench = Bench::new();
    let output = bench.output(file.to_str().unwrap());
    let batch = rows_of(rows.to_str().unwrap());
    let mut writer = bench.writer(&output, batch.schema()).unwrap();
    let foreseen = writer.takes(&batch);
    peak::restart();
    let before = peak::now();
    let mut held = 0;
    for _ in 0..2 {
        for start in (0..batch.num_rows()).step_by(1024) {
            writer.write(&batch.slice(start, 1024.min(batch.num_rows() - start))).unwrap();
            held = held.max(writer.held());
        }
    }
    writer.finish().unwrap();
    println!("\nHELD|{foreseen}|{held}|{}", peak::of_this_process().saturating_sub(before));
}

/// A batch of rows by the name of what is hard about it.
fn rows_of(name: &str) -> RecordBatch {
    let list = |items: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        Arc::new(ListArray::new(field, OffsetBuffer::from_lengths([items.len()]), items, None))
    };
    let numbers = |many: usize| Int64Array::from_iter_values((0..many as i64).map(|n| n * 7_919));
    let column = |array: ArrayRef| RecordBatch::try_from_iter([("c", array)]).unwrap();
    match name {
        "list" => column(list(Arc::new(numbers(3 << 20)))),
        "small items" => column(list(Arc::new(Int8Array::from_iter_values((0..8 << 20).map(|n| n as i8))))),
        "texts in a list" => {
            column(list(Arc::new(StringArray::from_iter_values((0..1 << 20).map(|n| format!("text {n}"))))))
        }
        "text" => column(Arc::new(StringArray::from_iter_values([noise(24 << 20)]))),
        "columns" => {
            let one: ArrayRef = Arc::new(numbers(256));
            RecordBatch::try_from_iter((0..9000).map(|n| (format!("c{n}"), one.clone()))).unwrap()
        }
        "members" => {
            let one: ArrayRef = Arc::new(numbers(256));
            let field = |n| Arc::new(Field::new(format!("c{n}"), DataType::Int64, true));
            let fields: Fields = (0..9000).map(field).collect();
            column(Arc::new(StructArray::new(fields, vec![one; 9000], None)))
        }
        "texts" => column(Arc::new(StringArray::from_iter_values((0..24 << 10).map(|_| noise(1 << 10))))),
        "lists" => {
            let field = Arc::new(Field::new("item", DataType::Boolean, true));
            let items = BooleanArray::from_iter((0..256 * 10_000).map(|n| Some(n % 3 == 0)));
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(10_000, 256));
            column(Arc::new(ListArray::new(field, offsets, Arc::new(items), None)))
        }
        other => panic!("there are no rows called {other}"),
    }
}

/// Letters that do not compress well.
fn noise(bytes: usize) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STATE: AtomicU64 = AtomicU64::new(88_172_645_463_325_252);
    let mut state = STATE.load(Ordering::Relaxed);
    let text = (0..bytes).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + (state >> 32) as u8 % 90)
    });
    let text = text.collect();
    STATE.store(state, Ordering::Relaxed);
    text
}

struct Taken {
    foreseen: u64,
    held: u64,
    peak: u64,
}

fn write(rows: &str, file: &str) -> Taken {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "held::writes_in_a_process_of_its_own", "--nocapture"])
        .envs([(ROWS, rows), (FILE, file)])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("HELD|"));
    let line = line.unwrap_or_else(|| panic!("{rows} {file}: {}", String::from_utf8_lossy(&output.stderr)));
    let numbers: Vec<u64> = line.split('|').map(|number| number.parse().unwrap()).collect();
    Taken { foreseen: numbers[0], held: numbers[1], peak: numbers[2] }
}

/// What no writer says: a batch that it cuts, a page, a compressor, and the footer of a file that is wide.
const UNSAID: u64 = 40 * MIB;

#[track_caller]
fn says_what_it_holds(rows: &str, files: &[&str], unsaid: u64) {
    for file in files {
        let Taken { foreseen, held, peak } = write(rows, file);
        let allowed = foreseen.max(held) + unsaid;
        assert!(peak <= allowed, "{rows} {file}: {} MiB; said {}, {}", peak / MIB, foreseen / MIB, held / MIB);
    }
}

/// A row that is long takes several times its bytes while it is written, and the writer says so before.
#[test]
fn a_long_row_takes_what_its_writer_foresees() {
    for rows in ["list", "small items", "texts in a list", "text"] {
        says_what_it_holds(rows, &["out.parquet", "out.arrow", "out.jsonl", "out.jsonl.zst"], UNSAID);
    }
    says_what_it_holds("text", &["out.csv"], UNSAID);
}

#[test]
fn rows_that_are_not_long_take_little_however_many_columns_they_have() {
    for rows in ["texts", "lists"] {
        says_what_it_holds(rows, &["out.parquet", "out.arrow", "out.jsonl"], UNSAID);
    }
    for rows in ["columns", "members"] {
        says_what_it_holds(rows, &["out.parquet"], 3 * UNSAID);
    }
}
