//! Rows of files by their numbers: those that reading everything gives, whatever stands before them.

use callboard_io::{BatchPolicy, Chunk, Dataset, OnBadRow, Stretch};

use crate::bench::Bench;
use crate::binary::{numbers, parquet};

/// File, place and values of each row.
fn rows(chunks: impl IntoIterator<Item = Chunk>) -> Vec<String> {
    let of = |chunk: Chunk| {
        let row = |row| {
            let (origin, values) = (chunk.origin.value(row), chunk.rows.slice(row, 1));
            format!("{}:{origin} {values:?}", chunk.file)
        };
        (0..chunk.origin.len()).map(row).collect::<Vec<_>>()
    };
    chunks.into_iter().flat_map(of).collect()
}

#[track_caller]
fn are_found(dataset: &Dataset, stretches: &[Stretch]) {
    let whole = rows(dataset.read(BatchPolicy { rows: 100, bytes: 1 << 20 }).map(Result::unwrap));
    assert_eq!(stretches.iter().map(|stretch| stretch.rows).sum::<u64>(), whole.len() as u64);
    let mut first = 0;
    for stretch in stretches {
        let of = |numbers: &[u64]| rows(dataset.rows_of(stretch, numbers).unwrap());
        let expected =
            |numbers: &[u64]| numbers.iter().map(|at| whole[first + *at as usize].clone()).collect::<Vec<_>>();
        let last = stretch.rows - 1;
        for numbers in [vec![0], vec![last], vec![last / 2], (0..=last).step_by(7).collect(), (0..=last).collect()] {
            assert_eq!(of(&numbers), expected(&numbers), "{stretch:?}, {numbers:?}");
        }
        assert_eq!(of(&[]), [] as [&str; 0]);
        first += stretch.rows as usize;
    }
}

#[test]
fn rows_are_those_of_these_numbers() {
    let line = |at: u64| match at % 50 {
        20 => "\n  \n".to_owned(),
        _ => format!("{{\"n\": {at}, \"text\": \"{}\"}}\n", "x".repeat((at * 37 % 90) as usize)),
    };
    let text: String = (0..5000).map(line).collect();
    let bench = Bench::with("a.jsonl", format!("\u{feff}{text}{{\"n\": 5000, \"text\": \"\"}}"));
    bench.put("b.jsonl", text);
    let batches = [numbers(0..10_000)];
    bench.put("c.parquet", parquet(&batches, 1000));
    bench.put("d.parquet", parquet(&batches, 10_000));
    for files in [&["a.jsonl", "b.jsonl"], &["c.parquet", "d.parquet"]] {
        let dataset = Dataset::open(&bench.spec(files, &[])).unwrap();
        let stretches = dataset.stretches().unwrap().unwrap();
        assert!(stretches.len() > 8, "{stretches:?}");
        are_found(&dataset, &stretches);
    }
    // Where a file is read from its beginning, other rows are passed over.
    let dataset = Dataset::open(&bench.spec(&["a.jsonl"], &[])).unwrap();
    let chunks: Vec<Chunk> = dataset.read(BatchPolicy { rows: 512, bytes: 1 << 20 }).map(Result::unwrap).collect();
    let mut before = 0;
    let stretch = |chunk: &Chunk| {
        let rows = chunk.rows.num_rows() as u64;
        before += rows;
        [
            Stretch { from: chunk.from.unwrap(), skip: 0, rows },
            Stretch { from: chunks[0].from.unwrap(), skip: before - rows, rows },
        ]
    };
    let both: Vec<[Stretch; 2]> = chunks.iter().map(stretch).collect();
    for way in [0, 1] {
        are_found(&dataset, &both.iter().map(|stretches| stretches[way]).collect::<Vec<_>>());
    }
}

/// Quotes over lines, blank lines, a byte-order mark, a first line that says the delimiter, rows that cannot be read: from where each batch
/// began the rest is read alike, and nothing before it but the header.
#[test]
fn a_csv_file_is_read_from_where_a_batch_of_it_began() {
    let row = |at: u64| match at % 10 {
        3 => format!("{at};\"over\nlines; \"\"{at}\"\"\"\r\n\n"),
        7 if at > 40 => format!("{at};too;many\n"),
        _ => format!("{at};{}\n", "x".repeat((at * 37 % 90) as usize)),
    };
    let text: String = (0..1_000).map(row).collect();
    let whole = format!("\u{feff}sep=;\nn;text\n{text}");
    let bench = Bench::with("a.csv", &whole);
    let mut spec = bench.spec(&["a.csv"], &[]);
    spec.on_bad_row = OnBadRow::Reject;
    let dataset = Dataset::open(&spec).unwrap();
    assert_eq!((dataset.are_indexed(), dataset.are_parted()), (vec![true], vec![false]));
    let chunks: Vec<Chunk> = dataset.read(BatchPolicy { rows: 64, bytes: 1 << 20 }).map(Result::unwrap).collect();
    let stretch = |chunk: &Chunk| Stretch { from: chunk.from.unwrap(), skip: 0, rows: chunk.rows.num_rows() as u64 };
    let stretches: Vec<Stretch> = chunks.iter().map(stretch).collect();
    assert!(stretches.len() > 10, "{stretches:?}");
    are_found(&dataset, &stretches);
    for (chunk, stretch) in chunks.iter().zip(&stretches).skip(1) {
        let at = stretch.from.at as usize;
        let header = whole.find("text\n").unwrap() + 5;
        bench.put("a.csv", [&whole.as_bytes()[..header], &b"\"".repeat(at - header), &whole.as_bytes()[at..]].concat());
        let numbers: Vec<u64> = (0..stretch.rows).collect();
        let found = rows(dataset.rows_of(stretch, &numbers).unwrap());
        assert_eq!(found, rows([Chunk { bad: Vec::new(), ..chunk.clone() }]), "{stretch:?}");
    }
    bench.put("b.csv.zst", zstd::encode_all(&b"a\n1\n"[..], 1).unwrap());
    let packed = Dataset::open(&bench.spec(&["b.csv.zst"], &[])).unwrap();
    let policy = BatchPolicy { rows: 64, bytes: 1 << 20 };
    assert_eq!((packed.are_indexed(), packed.read(policy).next().unwrap().unwrap().from), (vec![false], None));
}

#[test]
fn what_is_read_from_its_beginning_alone_has_no_numbers() {
    let bench = Bench::with("a.csv", "n\n1\n2\n");
    bench.put("b.jsonl", "{\"n\": 1}\n{\"n\": 2}\n");
    for (file, some) in [("a.csv", None), ("b.jsonl", Some(1))] {
        let dataset = Dataset::open(&callboard_io::InputSpec { rows: some, ..bench.spec(&[file], &[]) }).unwrap();
        assert_eq!(dataset.stretches().unwrap(), None, "{file}");
    }
}
