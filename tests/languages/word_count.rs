//! `word-count`, the transform, in every language.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Field, Int64Type};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::built::{Built, in_every_language};
use crate::types;

/// At 7 rows a batch, more than 300 batches.
const ROWS: usize = 2_107;

/// Texts of all sorts: white space that counts and that does not, characters of one to four bytes, a null, nothing, a long one.
fn text(row: usize) -> Option<String> {
    match row % 11 {
        0 => None,
        1 => Some(String::new()),
        2 => Some(" \t\r\n\u{b}\u{c} ".into()),
        3 => Some(format!("row {row} of many")),
        4 => Some("naïve café, 猫は 好き です 🎭 fin".into()),
        5 => Some("one\u{a0}word and\u{3000}another\u{2028}one".into()),
        6 => Some("tab\tline\nreturn\rvertical\u{b}form\u{c}end".into()),
        7 => Some("nul\0inside two".into()),
        8 => Some("word ".repeat(1 + row % 700)),
        9 => Some(format!("\u{1c}{row}\u{85}x y")),
        _ => Some("  leading and trailing  ".into()),
    }
}

fn rows(rows: usize) -> RecordBatch {
    let texts: StringArray = (0..rows).map(text).collect();
    types::with_every_type(rows, vec![(Field::new("text", texts.data_type().clone(), true), Arc::new(texts))])
}

/// Numbers of rows, with how many words they have.
type Kept = Vec<(i64, i64)>;
/// Numbers of rows, with the reason.
type Removed = Vec<(i64, String)>;

/// What the step is to do.
fn expected(rows: usize, min: usize) -> (Kept, Removed) {
    let (mut kept, mut dropped, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let id = row as i64;
        let Some(text) = text(row) else {
            rejected.push((id, "no text".to_owned()));
            continue;
        };
        let words = text.split([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']).filter(|word| !word.is_empty()).count();
        match words < min {
            true => dropped.push((id, format!("{words} words, fewer than {min}"))),
            false => kept.push((id, words as i64)),
        }
    }
    (kept, dropped.into_iter().chain(rejected).collect())
}

fn pipeline(built: &Built, config: &str, batch_rows: usize) -> String {
    let component = built.step("transform");
    format!(
        "callboard = 1\nrun = {{ batch_rows = {batch_rows} }}\ninputs.rows.path = \"rows.arrow\"\n\
         [[steps]]\nname = \"step\"\non_error = \"reject\"\nconfig = {{ {config} }}\nuse = \"{component}\"\n\
         [outputs.kept]\npath = \"kept.arrow\"\n\
         [outputs.removed]\nfrom = [\"step.dropped\", \"step.rejected\"]\npath = \"removed.jsonl\"\n"
    )
}

/// The bytes of what is put out and of what is removed.
fn run(built: &Built, rows: &RecordBatch, config: &str, batch_rows: usize, min: usize) -> [Vec<u8>; 2] {
    let bench = Bench::new();
    bench.put("rows", rows);
    let report = bench.run(&pipeline(built, config, batch_rows));
    let (expected_kept, expected_removed) = expected(rows.num_rows(), min);
    let step = &report["stages"][0]["steps"][0];
    assert_eq!(step["adds_up"], true, "{step}");
    assert_eq!(step["rows_in"], rows.num_rows());
    // Cut by size as well.
    assert!(step["batches"].as_u64().unwrap() as usize >= rows.num_rows().div_ceil(batch_rows), "{step}");

    let kept = bench.rows("kept.arrow");
    let column = |name: &str| kept.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    let found: Kept = column("id").into_iter().zip(column("n_words")).collect();
    assert_eq!(found, expected_kept);
    assert!(!kept.schema().field_with_name("n_words").unwrap().is_nullable(), "`n_words` has no nulls");
    let removed: Removed = bench.lines("removed.jsonl").iter().map(reason).collect();
    assert_eq!(removed, expected_removed);
    [bench.bytes("kept.arrow"), bench.bytes("removed.jsonl")]
}

fn reason(row: &Value) -> (i64, String) {
    (row["id"].as_i64().unwrap(), row["_reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn all_put_out_the_same_however_rows_are_cut() {
    let (all, first) = (rows(ROWS), OnceLock::new());
    in_every_language(|built| {
        let small = run(built, &all, "min = 3", 7, 3);
        assert!(small == run(built, &all, "min = 3", 8192, 3), "batches cut elsewhere give other bytes");
        assert!(*first.get_or_init(|| small.clone()) == small, "another language puts out other bytes");
    });
}

#[test]
fn no_rows_and_one_row_are_rows() {
    let first = OnceLock::new();
    in_every_language(|built| {
        let ends =
            [run(built, &rows(0), "", 8192, 1), run(built, &rows(1), "", 8192, 1), run(built, &rows(15), "", 1, 1)];
        assert!(*first.get_or_init(|| ends.clone()) == ends, "another language puts out other bytes");
    });
}

/// The place in the pipeline, and the words where they are agreed upon.
#[test]
fn what_is_wrong_with_a_configuration_has_its_place() {
    let (rows, first) = (rows(3), OnceLock::new());
    in_every_language(|built| {
        let bench = Bench::new();
        bench.put("rows", &rows);
        let mut places = Vec::new();
        for (config, at, words) in [
            ("min = -1", "min", ""),
            ("min = \"x\"", "min", ""),
            ("min = 1.5", "min", ""),
            ("column = 7", "column", ""),
            ("min = 1, typo = true", "typo", "typo"),
            ("min = 1, column = \"bodies\"", "column", "there is no column `bodies`"),
            ("min = 1, column = \"id\"", "column", "column `id` is no text"),
        ] {
            let said = bench.refused(&pipeline(built, config, 8192));
            assert!(said.contains(&format!("step `step`, config `{at}`")), "{config}\n{said}");
            assert!(said.contains(words), "{config}\n{said}");
            let place = said.lines().find(|line| line.contains("╭─[")).unwrap_or_else(|| panic!("{config}\n{said}"));
            places.push(place.trim().to_owned());
        }
        assert_eq!(*first.get_or_init(|| places.clone()), places, "another language names other places");
    });
}

/// The text is wherever the configuration says.
#[test]
fn a_configuration_chooses_the_column() {
    let texts: StringArray = ["a b", "c"].into_iter().map(Some).collect();
    let rows =
        types::with_every_type(2, vec![(Field::new("Ünïcode col", texts.data_type().clone(), false), Arc::new(texts))]);
    in_every_language(|built| {
        let bench = Bench::new();
        bench.put("rows", &rows);
        bench.run(&pipeline(built, "column = \"Ünïcode col\", min = 2", 8192));
        let kept = bench.rows("kept.arrow");
        assert_eq!(kept.column_by_name("n_words").unwrap().as_primitive::<Int64Type>().values(), &[2]);
        let removed: Vec<Value> = bench.lines("removed.jsonl").iter().map(|row| row["_reason"].clone()).collect();
        assert_eq!(removed, [json!("1 words, fewer than 2")]);
    });
}
