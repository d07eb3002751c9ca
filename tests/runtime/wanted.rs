//! Columns that nothing reads and no output has: not read, not carried, and of no effect on anything that is.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::bench::{Bench, step, use_step, wired};
use crate::s3::S3;

/// Files of `id`, `text` and forty more columns.
fn wide(rows: usize) -> Vec<u8> {
    let texts = |name: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{name} {row} {}", row * 7919 % 1_000))))
    };
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let mut columns = vec![("id".to_owned(), id), ("text".to_owned(), texts("text"))];
    columns.extend((0..40).map(|at| (format!("more{at}"), texts(&format!("{at}")))));
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.into_inner().unwrap()
}

/// Outputs with `columns` of what is written with all columns.
fn only(rows: &[Value], columns: &[&str]) -> Vec<Value> {
    let row = |row: &Value| columns.iter().map(|name| ((*name).to_owned(), row[*name].clone())).collect();
    rows.iter().map(|whole| Value::Object(row(whole))).collect()
}

/// A name, the steps, and the outputs: name and `from`.
type Case<'a> = (&'a str, String, &'a [(&'a str, &'a str)]);

/// Transforms, global steps that reorder, doors, routes, appended rows and zips: each with all columns, and with some at its outputs.
#[test]
fn what_is_written_does_not_depend_on_what_is_left_out() {
    let bench = Bench::new();
    bench.put("docs.parquet", wide(3_000));
    let filter = |name: &str, expr: &str, rest: &str| {
        use_step(name, "filter", &format!("config = {{ where = \"{expr}\" }}\n{rest}"))
    };
    let stats = use_step("stats", "text-stats", "");
    let cases: [Case<'_>; 6] = [
        ("a filter", filter("some", "id % 3 == 0", ""), &[("out", "")]),
        ("written columns", stats.clone(), &[("out", "")]),
        (
            "a sort and a transform behind it",
            use_step("sort", "sort", "config = { by = [\"more7\", \"id\"] }")
                + &filter("some", "id % 3 == 0", "")
                + &stats,
            &[("out", "")],
        ),
        (
            "doors, appended to what is kept",
            filter("some", "id % 3 == 0", "") + &use_step("again", "echo", "from = [\"some\", \"docs\"]"),
            &[("out", "from = \"again\""), ("dropped", "from = \"some.dropped\"")],
        ),
        (
            "routes",
            use_step("even", "echo", "from = { step = \"docs\", where = \"more3 != 'x' && id % 2 == 0\" }")
                + &use_step("odd", "text-stats", "from = { step = \"docs\", else = true }"),
            &[("out", "from = \"even\""), ("odd", "from = \"odd\"")],
        ),
        (
            "a zip",
            use_step("a", "text-stats", "from = \"docs\"")
                + &use_step("b", "hash", "from = \"docs\"")
                + &use_step("c", "echo", "from = { zip = [\"a\", \"b\", \"docs\"] }"),
            &[("out", "from = \"c\"")],
        ),
    ];
    for (what, steps, outputs) in cases {
        let pipeline = |columns: &str| {
            let rest: Vec<String> = outputs.iter().map(|(_, rest)| format!("{rest}\n{columns}")).collect();
            let outputs: Vec<_> = outputs.iter().zip(&rest).map(|((name, _), rest)| (*name, rest.as_str())).collect();
            wired(&["docs"], &outputs, &steps).replace("docs.jsonl", "docs.parquet")
        };
        bench.pipeline(pipeline("")).overwrite().report();
        let whole: Vec<_> = outputs.iter().map(|(name, _)| bench.rows(&format!("{name}.jsonl"))).collect();
        assert!(whole.iter().all(|rows| !rows.is_empty()), "{what}");
        for columns in [&["id"][..], &["more39", "text"], &["more7"]] {
            bench.pipeline(pipeline(&format!("columns = {}", json!(columns)))).overwrite().report();
            for ((name, _), whole) in outputs.iter().zip(&whole) {
                assert_eq!(bench.rows(&format!("{name}.jsonl")), only(whole, columns), "{what}: {name}, {columns:?}");
            }
        }
    }
}

/// Rejects are kept whole, so all columns of what a step may reject are read.
#[test]
fn rejects_have_all_columns() {
    let bench = Bench::new();
    bench.put("docs.parquet", wide(10));
    let steps = use_step("picky", "picky", "on_error = \"reject\"\nconfig = { reject = [\"text 3 757\"] }");
    let pipeline = wired(&["docs"], &[("out", "columns = [\"id\"]")], &steps).replace("docs.jsonl", "docs.parquet");
    let folder = bench.path("run");
    bench.pipeline(pipeline).run_folder(&folder).report();
    let rejects = std::fs::read_to_string(folder.join("rejects.jsonl")).unwrap();
    let rejected: Value = serde_json::from_str(rejects.lines().next().unwrap()).unwrap();
    assert_eq!(rejected["row"].as_object().unwrap().len(), 42, "{rejected}");
}

/// The figure of the pages: one of fifty columns of a file in a store takes a tenth of it, whatever the pipeline's place for that is.
#[test]
fn a_filter_on_one_column_fetches_that_column() {
    let (bench, server) = (Bench::new(), S3::start());
    let bytes = wide(60_000);
    server.put("docs.parquet", &bytes);
    let steps = use_step("some", "filter", "config = { where = \"id % 3 == 0\" }");
    let access =
        format!("path = \"s3://b/docs.parquet\"\naccess = {{ anonymous = true, endpoint = \"{}\" }}", server.endpoint);
    let pipeline =
        |columns: &str| wired(&["docs"], &[("out", columns)], &steps).replace("path = \"docs.jsonl\"", &access);
    bench.pipeline(pipeline("columns = [\"id\"]")).report();
    assert_eq!(bench.rows("out.jsonl").len(), 20_000);
    let sent = std::mem::take(&mut server.state().sent);
    assert!(sent <= bytes.len() as u64 / 10, "{sent} bytes of {}", bytes.len());
    bench.pipeline(pipeline("")).overwrite().report();
    assert!(server.state().sent >= bytes.len() as u64 - 1000);
}

/// Work is known by the rows that a step was given: whatever else is read beside them, it is taken over.
#[test]
fn work_is_taken_over_whichever_columns_are_read() {
    let bench = Bench::new();
    bench.put("docs.parquet", wide(20_000));
    let steps = use_step("stats", "text-stats", "");
    let pipeline = |columns: &str| wired(&["docs"], &[("out", columns)], &steps).replace("docs.jsonl", "docs.parquet");
    let folder = bench.path("first");
    let report = bench.pipeline(pipeline("columns = [\"id\"]")).run_folder(&folder).report();
    assert_eq!(step(&report, "stats").rows_reused, 0);
    for columns in ["columns = [\"id\", \"more3\"]", "columns = [\"more3\", \"more4\", \"text\"]"] {
        let report = bench.pipeline(pipeline(columns)).overwrite().after(&folder).report();
        assert_eq!(step(&report, "stats").rows_reused, 20_000, "{columns}");
    }
}

/// A column that is not read may be anything: what is wrong with it is said where it is read.
#[test]
fn what_is_wrong_with_a_column_that_is_not_read_is_no_error() {
    let bench = Bench::new();
    let mut bytes = wide(5_000);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 100].fill(0xff);
    bench.put("docs.parquet", &bytes);
    let steps = use_step("some", "filter", "config = { where = \"id % 3 == 0\" }");
    let pipeline = |columns: &str| wired(&["docs"], &[("out", columns)], &steps).replace("docs.jsonl", "docs.parquet");
    bench.pipeline(pipeline("columns = [\"id\", \"more39\"]")).report();
    assert_eq!(bench.rows("out.jsonl").len(), 1_667);
    let error = bench.pipeline(pipeline("")).overwrite().error();
    assert_eq!(error.place.input.as_deref(), Some("docs"), "{error}");
}
