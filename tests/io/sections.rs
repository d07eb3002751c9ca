//! Files that are read in parts: the rows, their lines and the batches are those of the whole, wherever it is cut.

use std::fmt::Write;

use callboard_io::{BatchPolicy, Chunk, Dataset, Mark, OnBadRow};

use crate::bench::Bench;
use crate::binary::{numbers, parquet};

/// What a chunk is: where its rows stand, they themselves, and those that cannot be read.
fn seen(chunks: impl Iterator<Item = Chunk>) -> Vec<String> {
    chunks.map(|chunk| format!("{} {:?} {:?} {:?}", chunk.file, chunk.origin, chunk.rows, chunk.bad)).collect()
}

/// Reads all files of a dataset in parts, which begin at or behind each of these bytes of each; the parts that have rows.
#[track_caller]
fn in_parts(dataset: &Dataset, policy: BatchPolicy, bytes: &[u64]) -> usize {
    let read = |dataset: &Dataset| seen(dataset.read(policy).map(Result::unwrap));
    let mut marks = vec![Mark::beginning(0)];
    for file in 0..dataset.files().len() {
        marks.extend(dataset.marks(policy, file, bytes).unwrap());
    }
    marks.push(Mark::beginning(dataset.files().len()));
    assert!(marks.is_sorted(), "{marks:?}");
    let parts = marks.windows(2).map(|pair| read(&dataset.clone().between(pair[0]..pair[1])));
    let parts: Vec<Vec<String>> = parts.collect();
    assert_eq!(parts.concat(), read(dataset), "{marks:?}");
    parts.iter().filter(|part| !part.is_empty()).count()
}

/// Lines of many lengths, some of them blank and some no rows, behind a byte-order mark; the last one has no end.
fn text() -> String {
    let mut text = "\u{feff}".to_owned();
    for line in 0..400 {
        match line % 23 {
            5 => text += "\n \t\r\n",
            9 => text += "no row\n",
            _ => writeln!(text, "{{\"line\": {line}, \"text\": \"{}\"}}\r", "x".repeat(line * 31 % 190)).unwrap(),
        }
    }
    text + "{\"line\": 400}"
}

#[test]
fn parts_of_lines_have_the_batches_and_the_numbers_of_the_whole() {
    let text = text();
    let bench = Bench::with("a.jsonl", &text);
    bench.put("b.jsonl", text.trim_end_matches('}').to_owned() + ", \"text\": \"z\"}\n\n\n");
    let mut spec = bench.spec(&["a.jsonl", "b.jsonl"], &[]);
    spec.on_bad_row = OnBadRow::Reject;
    let dataset = Dataset::open(&spec).unwrap();
    assert_eq!(dataset.are_parted(), [true, true]);
    let length = text.len() as u64;
    for policy in [BatchPolicy { rows: 7, bytes: 1 << 20 }, BatchPolicy { rows: 8192, bytes: 900 }] {
        let all: Vec<u64> = (1..length + 9).collect();
        assert!(in_parts(&dataset, policy, &all) > 80, "each batch is a part");
        for some in [&[length / 2][..], &[1, length / 3, length / 3 * 2], &[length - 1], &[length / 2; 3]] {
            assert!(in_parts(&dataset, policy, some) >= 2);
        }
        assert_eq!(in_parts(&dataset, policy, &[length]), 2, "a file each");
    }
}

#[test]
fn parts_of_parquet_are_row_groups_and_begin_where_batches_do() {
    let rows = numbers(0..10_000);
    let bench = Bench::with("a.parquet", parquet(std::slice::from_ref(&rows), 100));
    bench.put("b.parquet", parquet(&[rows], 10_000));
    let dataset = Dataset::open(&bench.spec(&["a.parquet", "b.parquet"], &[])).unwrap();
    let length = bench.bytes("a.parquet").len() as u64;
    let all: Vec<u64> = (1..length).step_by(97).collect();
    let policy = BatchPolicy { rows: 7, bytes: 1 << 20 };
    assert_eq!(
        in_parts(&dataset, policy, &all),
        10_000_usize.div_ceil(300) + 1,
        "three groups are 32 batches and more"
    );
    assert!(in_parts(&dataset.only(&[0]).unwrap(), policy, &all) > 30);
    assert!(in_parts(&dataset, policy, &[length / 2]) == 2);
    assert_eq!(in_parts(&dataset, BatchPolicy { rows: 8192, bytes: 1 << 20 }, &all), 2, "all of it is few batches");
}

#[test]
fn what_is_compressed_or_read_to_a_number_of_rows_is_no_such_file() {
    let bench = Bench::with("a.jsonl", "{\"a\": 1}\n");
    bench.put("b.jsonl.zst", zstd::encode_all(&b"{\"a\": 1}\n"[..], 1).unwrap());
    bench.put("c.csv", "a\n1\n");
    let mut spec = bench.spec(&["a.jsonl", "b.jsonl.zst"], &[]);
    assert_eq!(Dataset::open(&spec).unwrap().are_parted(), [true, false]);
    spec.rows_per_file = Some(1);
    assert_eq!(Dataset::open(&spec).unwrap().are_parted(), [false, false]);
    let csv = Dataset::open(&bench.spec(&["c.csv"], &[])).unwrap();
    let policy = BatchPolicy { rows: 7, bytes: 100 };
    assert_eq!(csv.are_parted(), [false]);
    assert!(csv.marks(policy, 0, &[1]).unwrap_err().to_string().contains("from its beginning to its end"));
}
