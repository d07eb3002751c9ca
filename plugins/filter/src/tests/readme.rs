//! What the page of expressions says, on the row that it describes.

use std::collections::BTreeSet;

use callboard_sdk::builders::{Builder, ListBuilder, Push, StringBuilder};
use callboard_sdk::{ArrayBuf, Batch, Field, Layout, Type, testing};
use serde_json::json;

use callboard_cel::Verdict;

const PAGE: &str = include_str!("../../../../docs/expressions.md");

fn row() -> Batch {
    let list = |items: &[Option<&str>]| {
        let mut list = ListBuilder::<StringBuilder>::new();
        for item in items {
            list.items.push_option(*item);
        }
        list.close();
        list.finish()
    };
    let number =
        |value: i64, logical: &str| [value].into_iter().collect::<ArrayBuf>().with_logical(Some(logical.into()));
    let null: ArrayBuf = [None::<i64>].into_iter().collect();
    let attrs = {
        let entry = Layout::Struct(vec![Field::utf8("key").not_null(), Field::int64("value")]);
        let map = Type { logical: Some("+m".into()), ..Type::list(Type::new(entry).not_null()) };
        let rows = json!([{ "attrs": [{ "key": "x", "value": 1 }] }]);
        let batch = testing::batch(testing::Table::new(vec![Field::new("attrs", map)], rows));
        batch.array("attrs").unwrap().to_buf()
    };
    let meta = ArrayBuf::structs(vec![
        ("year".into(), [1990_i64].into_iter().collect()),
        ("author".into(), [None::<&str>].into_iter().collect()),
    ]);
    testing::columns([
        ("n", null),
        ("id", [9_007_199_254_740_993_u64].into_iter().collect()),
        ("score", [f64::NAN].into_iter().collect()),
        ("f", [0.1_f32].into_iter().collect()),
        ("price", ArrayBuf::fixed(16, [Some(&1230_i128.to_le_bytes()[..])]).with_logical(Some("d:9,2".into()))),
        ("lang", ["en"].into_iter().collect()),
        ("tags", list(&[Some("a"), None])),
        ("none", list(&[])),
        ("meta", meta),
        ("attrs", attrs),
        ("at", number(1_706_704_259_250, "tsm:Europe/Berlin")),
        ("day", [19_753_i32].into_iter().collect::<ArrayBuf>().with_logical(Some("tdD".into()))),
        ("start", number(45_000_000_000_000, "ttn")),
        ("took", number(5_400, "tDs")),
        ("size", ["large"].into_iter().collect()),
        ("n words", [7_i64].into_iter().collect()),
    ])
}

/// The cells of all tables whose head begins so.
fn tables(head: &str) -> Vec<Vec<String>> {
    let mut rows = vec![];
    let mut within = false;
    for line in PAGE.lines() {
        match line.strip_prefix('|') {
            Some(_) if line.starts_with(head) => within = true,
            Some(cells) if within && !line.starts_with("|---") => {
                let cells = cells.replace("\\|", "\0");
                rows.push(cells.trim_end_matches('|').split('|').map(|cell| cell.trim().replace('\0', "|")).collect());
            }
            Some(_) => {}
            None => within = false,
        }
    }
    rows
}

/// What is between the marks of code.
fn code(cell: &str) -> &str {
    match cell.strip_prefix("`` ").and_then(|cell| cell.strip_suffix(" ``")) {
        Some(code) => code,
        None => cell.trim_matches('`'),
    }
}

#[test]
fn every_expression_gives_what_it_says() {
    let (row, tables) = (row(), tables("| expression |"));
    assert!(tables.len() > 60, "{}", tables.len());
    for cells in tables {
        let expected = match cells[1].as_str() {
            "true" => Verdict::True,
            "false" => Verdict::False,
            "unknown" => Verdict::Unknown,
            _ => Verdict::Failed(String::new()),
        };
        let verdict = match super::verdicts(code(&cells[0]), &row).remove(0) {
            Verdict::Failed(_) => Verdict::Failed(String::new()),
            other => other,
        };
        assert_eq!(verdict, expected, "{}", cells[0]);
    }
}

#[test]
fn every_function_has_an_example_that_is_true_and_names_it() {
    let (row, mut documented) = (row(), BTreeSet::new());
    for cells in tables("| function |") {
        let example = code(&cells[2]);
        assert_eq!(super::verdicts(example, &row), [Verdict::True], "{example}");
        for call in cells[0].split("`, `") {
            let name = code(call).split('(').next().unwrap_or_default();
            let name = name.rsplit('.').next().unwrap_or_default();
            let aliased = if name == "existsOne" { "exists_one" } else { name };
            assert!(example.contains(&format!("{aliased}(")), "{example} does not call `{name}`");
            documented.insert(name.to_owned());
        }
    }
    let there_are = callboard_cel::functions().map(str::to_owned);
    assert_eq!(documented, there_are.collect::<BTreeSet<_>>());
}

/// The row of the examples is the one that the page describes: its columns, in order.
#[test]
fn the_row_is_the_one_described() {
    let named: Vec<String> = tables("| column |").iter().map(|cells| code(&cells[0]).to_owned()).collect();
    let row = row();
    assert_eq!(named, row.columns().map(|(name, _)| name.to_owned()).collect::<Vec<_>>());
}
