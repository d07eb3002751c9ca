//! Small files that hold much: what they take is measured from outside, in a process of their own.

use std::process::Command;

use callboard_io::{BatchPolicy, Dataset, InputLimits, InputSpec};

use crate::bench::Bench;
use crate::hostile::bytes;

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

fn read(name: &str, limit: u64) -> Outcome {
    let bytes = bytes(name);
    assert!(bytes.len() < 4 << 20, "{name} has {} bytes", bytes.len());
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

fn takes_little(name: &str, rows: usize) {
    let outcome = read(name, InputLimits::default().batch);
    assert_eq!((outcome.rows, outcome.error.as_str()), (rows, ""), "{name}");
    assert!(outcome.peak < ALLOWED, "{name} takes {} MiB", outcome.peak >> 20);
    assert!(outcome.largest < 32 << 20, "{name} has a batch of {} MiB", outcome.largest >> 20);
}

fn is_refused(name: &str, limit: u64, why: &str) {
    let outcome = read(name, limit);
    assert!(outcome.error.contains(why), "{name}: {} {}", outcome.error, outcome.rows);
    assert!(outcome.peak < ALLOWED, "{name} takes {} MiB", outcome.peak >> 20);
}

#[test]
fn text_that_repeats_is_in_memory_once() {
    takes_little("dictionary.parquet", 8192);
    takes_little("delta.parquet", 8192);
    takes_little("skewed.parquet", 8192 * 20 + 64 * 64);
    takes_little("lists.parquet", 2048);
}

#[test]
fn arrow_that_refers_to_one_value_often_is_unfolded_part_by_part() {
    for name in ["dictionary.arrow", "runs.arrow", "views.arrow", "overlaps.arrow"] {
        takes_little(name, 4096);
    }
}

#[test]
fn a_row_has_a_limit() {
    takes_little("list.parquet", 3);
    let why = "row 1, or one soon after it, takes more than the 256 MiB allowed";
    is_refused("long.parquet", InputLimits::default().batch, why);
}

#[test]
fn columns_of_one_value_are_read_in_few_rows() {
    takes_little("wide.parquet", 4 * 8192);
}

#[test]
fn a_page_that_unpacks_to_much_is_refused() {
    is_refused("page.parquet", 32 << 20, "unpack to 40 MiB (column `c`); allowed are 32 MiB");
}

#[test]
fn text_that_unpacks_to_much_is_refused_or_read_part_by_part() {
    is_refused("line.jsonl.zst", InputLimits::default().batch, "the line is longer than 64 MiB");
    is_refused("header.csv.zst", InputLimits::default().batch, "the header is longer than 4 MiB");
    is_refused("keys.jsonl", InputLimits::default().batch, "the sample has more than 10000 columns");
    is_refused("objects.jsonl", 32 << 20, "take more than 32 MiB (`limits.batch`)");
    is_refused("deep.jsonl", InputLimits::default().batch, "nested more than 64 levels deep");
    takes_little("blank.jsonl.zst", 0);
}

/// A row is in memory as its line, and as values, which grow.
#[test]
fn a_long_row_takes_at_most_four_times_its_bytes() {
    for name in ["text.jsonl.zst", "field.csv.zst"] {
        let outcome = read(name, InputLimits::default().batch);
        assert_eq!((outcome.rows, outcome.error.as_str()), (1, ""), "{name}");
        let row = outcome.largest as u64;
        assert!(row > 60 << 20, "{name} has {row} bytes");
        assert!(outcome.peak < 4 * row + (16 << 20), "{name} of {row} bytes takes {} MiB", outcome.peak >> 20);
    }
}
