//! How fast one thread reads and writes, by its own processor time, so that a busy machine does not show:
//! `cargo run --release -p callboard-io --example throughput`. All in bytes of the JSON Lines that the rows are.
#![allow(clippy::print_stdout, reason = "an example says what it measured")]

use std::io::Write;

use callboard_io::beneath::Dir;
use callboard_io::{BatchPolicy, Dataset, InputSpec, IoError, OutputSpec, Staged, Writer, check_writable};

const ROWS: usize = 500_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.path().join("in.jsonl"))?);
    for row in 0..ROWS {
        let text = format!("{row} words and on they go, ").repeat(15);
        writeln!(file, "{{\"id\":{row},\"text\":\"\\\"{text}\\\"\\n\"}}")?;
    }
    file.into_inner()?;

    let spec = InputSpec { base: folder.path().into(), paths: vec!["in.jsonl".into()], ..Default::default() };
    let policy = BatchPolicy { rows: 8192, bytes: 1 << 20 };
    let dataset = Dataset::open(&spec)?;
    let report = |what: &str, start: f64| {
        println!("{what}: {:.0} MB/s", dataset.bytes() as f64 / 1e6 / (processor_seconds() - start));
    };

    let start = processor_seconds();
    let chunks = dataset.read(policy).collect::<Result<Vec<_>, IoError>>()?;
    report("read jsonl", start);

    for name in ["out.jsonl", "out.jsonl.zst", "out.jsonl.gz", "out.csv", "out.parquet", "out.arrow"] {
        let path = folder.path().join(name);
        let start = processor_seconds();
        let output = OutputSpec {
            name: "out".into(),
            path,
            access: Default::default(),
            format: None,
            compression: None,
            level: None,
            parts: callboard_io::Parts::default(),
        };
        let place = check_writable(&output)?;
        let staged = Staged::new(&Dir::open(folder.path())?, "staged");
        let mut writer = Writer::create(&output, dataset.schema(), &staged)?;
        for chunk in &chunks {
            writer.write(&chunk.rows)?;
        }
        writer.finish()?.commit(&place, true)?;
        report(&format!("write {name}"), start);
        let start = processor_seconds();
        let back = Dataset::open(&InputSpec { paths: vec![name.into()], ..spec.clone() })?;
        let rows = back.read(policy).map(|chunk| chunk.map(|chunk| chunk.rows.num_rows()));
        assert_eq!(rows.sum::<Result<usize, IoError>>()?, ROWS);
        report(&format!("read {name}"), start);
    }
    Ok(())
}

/// What the kernel counts for this thread.
fn processor_seconds() -> f64 {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    counted.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(f64::NAN) / 1e9
}
