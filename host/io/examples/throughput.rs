//! How fast one thread reads and writes JSON Lines: `cargo run --release -p callboard-io --example throughput`.
#![allow(clippy::print_stdout, reason = "an example says what it measured")]

use std::io::Write;
use std::time::Instant;

use callboard_io::{BatchPolicy, Dataset, InputSpec, IoError, OutputSpec, Writer};

const ROWS: usize = 500_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.path().join("in.jsonl"))?);
    for row in 0..ROWS {
        let text = format!("word {row} \\\"quoted\\\" and on it goes ").repeat(12);
        writeln!(file, "{{\"id\":{row},\"text\":\"{text:.400}\"}}")?;
    }
    file.into_inner()?;

    let spec = InputSpec { base: folder.path().into(), paths: vec!["in.jsonl".into()], ..Default::default() };
    let policy = BatchPolicy { rows: 8192, bytes: 1 << 20 };
    let dataset = Dataset::open(&spec)?;
    let report = |what: &str, bytes: u64, start: Instant| {
        println!("{what}: {:.0} MB/s", bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
    };

    let start = Instant::now();
    let chunks = dataset.read(policy).collect::<Result<Vec<_>, IoError>>()?;
    report("read jsonl", dataset.bytes(), start);

    for name in ["out.jsonl", "out.jsonl.zst", "out.jsonl.gz", "out.csv", "out.parquet", "out.arrow"] {
        let path = folder.path().join(name);
        let start = Instant::now();
        let mut writer = Writer::create(&OutputSpec { name: "out".into(), path, format: None }, dataset.schema())?;
        for chunk in &chunks {
            writer.write(&chunk.rows)?;
        }
        writer.finish()?.commit()?;
        report(&format!("write {name}"), dataset.bytes(), start);
        let start = Instant::now();
        let back = Dataset::open(&InputSpec { paths: vec![name.into()], ..spec.clone() })?;
        let rows = back.read(policy).map(|chunk| chunk.map(|chunk| chunk.rows.num_rows()));
        assert_eq!(rows.sum::<Result<usize, IoError>>()?, ROWS);
        report(&format!("read {name}"), dataset.bytes(), start);
    }
    Ok(())
}
