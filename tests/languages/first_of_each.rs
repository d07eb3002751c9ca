//! `first-of-each`, the global step, in every language.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Field, Int64Type};

use crate::bench::Bench;
use crate::built::{Built, in_every_language};
use crate::types;

const ROWS: usize = 2_107;

/// A null, nothing, and texts that differ in nothing but their form.
fn source(row: usize) -> Option<String> {
    match row % 13 {
        0 => None,
        1 => Some(String::new()),
        2 => Some("bücher".into()),
        3 => Some("bu\u{308}cher".into()),
        4 => Some("null".into()),
        5 => Some("🎭".into()),
        _ => Some(format!("source {}", row % 401)),
    }
}

fn rows(sources: impl Iterator<Item = Option<String>>) -> RecordBatch {
    let sources: StringArray = sources.collect();
    let rows = sources.len();
    types::with_every_type(rows, vec![(Field::new("source", sources.data_type().clone(), true), Arc::new(sources))])
}

/// Numbers of the rows that are kept; of those that are dropped, with the reason.
fn expected(rows: usize, known: &[Option<String>]) -> (Vec<i64>, Vec<(i64, String)>) {
    let (mut kept, mut dropped, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    let known: HashSet<&Option<String>> = known.iter().collect();
    for row in 0..rows {
        let (id, source) = (row as i64, source(row));
        if known.contains(&source) {
            dropped.push((id, "known".to_owned()));
            continue;
        }
        match seen.insert(source) {
            true => kept.push(id),
            false => dropped.push((id, "duplicate".to_owned())),
        }
    }
    (kept, dropped)
}

fn pipeline(built: &Built, config: &str, batch_rows: usize, known: bool) -> String {
    let (input, from) = match known {
        true => ("inputs.known.path = \"known.arrow\"\n", "from = { rows = \"rows\", known = \"known\" }\n"),
        false => ("", ""),
    };
    let component = built.step("global");
    format!(
        "callboard = 1\nrun = {{ batch_rows = {batch_rows} }}\ninputs.rows.path = \"rows.arrow\"\n{input}\
         [[steps]]\nname = \"step\"\n{from}config = {{ {config} }}\nuse = \"{component}\"\n\
         [outputs.kept]\npath = \"kept.arrow\"\n\
         [outputs.dropped]\nfrom = \"step.dropped\"\npath = \"dropped.jsonl\"\n"
    )
}

fn run(built: &Built, count: usize, known: Option<&[Option<String>]>, batch_rows: usize) -> [Vec<u8>; 2] {
    let bench = Bench::new();
    bench.put("rows", &rows((0..count).map(source)));
    if let Some(known) = known {
        bench.put("known", &rows(known.iter().cloned()));
    }
    let report = bench.run(&pipeline(built, "", batch_rows, known.is_some()));
    let step = &report["stages"][0]["steps"][0];
    assert_eq!(step["adds_up"], true, "{step}");
    let (expected_kept, expected_dropped) = expected(count, known.unwrap_or_default());
    let kept = bench.rows("kept.arrow");
    assert_eq!(kept.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec(), expected_kept);
    let reason =
        |row: &serde_json::Value| (row["id"].as_i64().unwrap(), row["_reason"].as_str().unwrap_or_default().to_owned());
    assert_eq!(bench.lines("dropped.jsonl").iter().map(reason).collect::<Vec<_>>(), expected_dropped);
    [bench.bytes("kept.arrow"), bench.bytes("dropped.jsonl")]
}

#[test]
fn all_keep_the_same_however_rows_are_cut() {
    let first = OnceLock::new();
    in_every_language(|built| {
        let small = run(built, ROWS, None, 7);
        assert!(small == run(built, ROWS, None, 8192), "batches cut elsewhere give other bytes");
        let ends = [run(built, 0, None, 8192), run(built, 1, None, 8192)];
        let all = (small, ends);
        assert!(*first.get_or_init(|| all.clone()) == all, "another language puts out other bytes");
    });
}

#[test]
fn rows_that_a_second_input_has_are_left_out() {
    let known = [None, Some("bücher".to_owned()), Some("source 7".to_owned()), Some("elsewhere".to_owned())];
    let first = OnceLock::new();
    in_every_language(|built| {
        let all =
            [run(built, ROWS, Some(&known), 7), run(built, 40, Some(&[]), 8192), run(built, 0, Some(&known), 8192)];
        assert!(*first.get_or_init(|| all.clone()) == all, "another language puts out other bytes");
    });
}

#[test]
fn what_is_wrong_with_a_configuration_has_its_place() {
    let first = OnceLock::new();
    in_every_language(|built| {
        let bench = Bench::new();
        bench.put("rows", &rows((0..3).map(source)));
        let mut places = Vec::new();
        for (config, at, words) in [
            ("column = 7", "column", ""),
            ("typo = true", "typo", "typo"),
            ("column = \"sauce\"", "column", "there is no column `sauce`"),
            ("column = \"id\"", "column", "column `id` is no text"),
        ] {
            let said = bench.refused(&pipeline(built, config, 8192, false));
            assert!(said.contains(&format!("step `step`, config `{at}`")), "{config}\n{said}");
            assert!(said.contains(words), "{config}\n{said}");
            places.push(said.lines().find(|line| line.contains("╭─[")).map(|line| line.trim().to_owned()));
        }
        assert_eq!(*first.get_or_init(|| places.clone()), places, "another language names other places");
    });
}
