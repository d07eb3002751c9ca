//! A sample: rows of all files, the same for the same seed, and few of them read.

use std::fs;

use callboard_io::{BatchPolicy, Dataset, InputSpec};

/// The file and the line of each row that is chosen among these files, which have this many rows.
fn chosen(files: &[usize], rows: u64, seed: u64) -> Vec<(u32, u64)> {
    let folder = tempfile::tempdir().unwrap();
    for (at, rows) in files.iter().enumerate() {
        let text: String = (0..*rows).map(|row| format!("{{\"n\": {row}}}\n")).collect();
        fs::write(folder.path().join(format!("{at:03}.jsonl")), text).unwrap();
    }
    let spec = InputSpec { base: folder.path().into(), paths: vec!["*.jsonl".into()], ..InputSpec::default() };
    let dataset = Dataset::open(&spec).unwrap();
    let mut chosen = Vec::new();
    for chunk in dataset.sample(rows, seed, BatchPolicy { rows: 100, bytes: 1 << 20 }) {
        let chunk = chunk.unwrap();
        assert_eq!(chunk.rows.num_rows(), chunk.origin.len());
        let numbers = callboard_io::json_rows(&chunk.rows).unwrap();
        for (line, row) in chunk.origin.values().iter().zip(numbers) {
            assert_eq!(row.trim(), format!("{{\"n\":{}}}", line - 1), "the row of its line");
            chosen.push((chunk.file, *line));
        }
    }
    assert!(chosen.is_sorted_by(|a, b| a < b), "{chosen:?}");
    chosen
}

#[test]
fn every_file_gives_its_share_and_the_seed_chooses() {
    let files = [1_000, 5, 10_000];
    let of = |rows: u64, seed: u64| chosen(&files, rows, seed);
    let sample = of(31, 7);
    let count = |file: u32| sample.iter().filter(|(of, _)| *of == file).count();
    // The second has no more; its share is not made up for.
    assert!((10..=11).contains(&count(0)) && count(1) == 5 && (10..=11).contains(&count(2)), "{sample:?}");
    assert!(sample.iter().any(|(file, line)| *file == 2 && *line > 50), "not the first rows: {sample:?}");
    assert!(sample.iter().all(|(_, line)| *line <= 300), "little of a file is read: {sample:?}");
    assert_eq!(sample, of(31, 7));
    assert_ne!(sample, of(31, 8));
}

#[test]
fn of_more_files_than_rows_some_are_chosen() {
    let sample = chosen(&[3; 20], 6, 1);
    assert_eq!(sample.len(), 6);
    let files: Vec<u32> = sample.iter().map(|(file, _)| *file).collect();
    assert!(files.windows(2).all(|two| two[0] < two[1]), "one row of each: {files:?}");
    assert_ne!(files, chosen(&[3; 20], 6, 2).iter().map(|(file, _)| *file).collect::<Vec<_>>());
    assert_eq!(chosen(&[3; 2], 0, 1), []);
}
