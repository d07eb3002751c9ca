//! `Longest`, the group-by of each language's page: rows of a domain are brought together, sorted, counted, and three are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};

use crate::bench::Bench;
use crate::built::{Built, in_every_language};
use crate::types;

const ROWS: usize = 2_107;

/// Few domains with many rows, many with few, and none.
fn domain(row: usize) -> Option<String> {
    match row % 7 {
        0 => None,
        1 | 2 => Some("many.example".into()),
        3 => Some(String::new()),
        _ => Some(format!("d{}.example", row % 211)),
    }
}

/// With many that are equal, and nulls.
fn n_chars(row: usize) -> Option<i64> {
    (row % 11 != 5).then_some((row * 7919 % 97) as i64)
}

fn rows(rows: usize) -> RecordBatch {
    let domains: StringArray = (0..rows).map(domain).collect();
    let lengths: Int64Array = (0..rows).map(n_chars).collect();
    let field = |name: &str, ty: DataType| Field::new(name, ty, true);
    types::with_every_type(
        rows,
        vec![
            (field("domain", DataType::Utf8), Arc::new(domains) as ArrayRef),
            (field("n_chars", DataType::Int64), Arc::new(lengths)),
        ],
    )
}

/// The rows that are kept, with how many their domain has.
fn expected(rows: usize, most: usize) -> Vec<(i64, i64)> {
    let mut domains: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for row in 0..rows {
        domains.entry(domain(row)).or_default().push(row);
    }
    let mut kept = Vec::new();
    for mut of_domain in domains.into_values() {
        of_domain.sort_by_key(|row| (n_chars(*row).is_none(), std::cmp::Reverse(n_chars(*row)), *row));
        kept.extend(of_domain.iter().take(most).map(|row| (*row as i64, of_domain.len() as i64)));
    }
    kept.sort_unstable();
    kept
}

fn run(built: &Built, count: usize, config: &str, most: usize, batch_rows: usize) -> Vec<u8> {
    let bench = Bench::new();
    bench.put("rows", &rows(count));
    let report = bench.run(&format!(
        "callboard = 1\nrun = {{ batch_rows = {batch_rows} }}\ninputs.rows.path = \"rows.arrow\"\n\
         [[steps]]\nname = \"step\"\nconfig = {{ {config} }}\nuse = \"{}\"\n[outputs.kept]\npath = \"kept.arrow\"\n",
        built.step("longest")
    ));
    assert_eq!(report["stages"][0]["steps"][0]["adds_up"], true, "{report:#}");
    let kept = bench.rows("kept.arrow");
    let column = |name: &str| kept.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    let found: Vec<(i64, i64)> = column("id").into_iter().zip(column("n_in_domain")).collect();
    assert_eq!(found, expected(count, most));
    bench.bytes("kept.arrow")
}

#[test]
fn all_keep_the_same_of_each_domain() {
    let first = OnceLock::new();
    in_every_language(|built| {
        let small = run(built, ROWS, "", 3, 7);
        assert!(small == run(built, ROWS, "", 3, 8192), "batches cut elsewhere give other bytes");
        let ends = [run(built, 0, "", 3, 8192), run(built, 1, "", 3, 8192), run(built, ROWS, "most = 1", 1, 100)];
        let all = (small, ends);
        assert!(*first.get_or_init(|| all.clone()) == all, "another language puts out other bytes");
    });
}
