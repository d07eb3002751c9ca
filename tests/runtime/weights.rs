//! What rows weigh, and what wide rows cost: a row counts its own items alone, and names of columns are looked up, not searched for.

use serde_json::{Value, json};

use crate::bench::{Bench, lines, straight, use_step};

/// Rows each of which becomes five. If a row counted the items of its neighbours, the batch's would weigh a thousand times what they do.
fn exploded(list: impl Fn(usize) -> Value) -> Vec<Value> {
    let bench = Bench::new();
    bench.put("docs.jsonl", lines((0..3_000).map(|id| json!({ "id": id, "kept": list(id), "list": list(id) }))));
    let limits = "limits = { carried = \"2MiB\" }\n";
    let each = use_step("each", "explode", &format!("config = {{ column = \"list\", as = \"item\" }}\n{limits}"));
    bench.pipeline(straight(&each)).report();
    let rows = bench.rows("out.jsonl");
    assert_eq!(rows.len(), 15_000);
    for (at, row) in rows.iter().enumerate() {
        let (id, item) = (at / 5, at % 5);
        assert_eq!(row, &json!({ "id": id, "kept": list(id), "item": list(id)[item] }));
    }
    rows
}

#[test]
fn a_row_with_a_list_of_integers_weighs_its_own_items() {
    exploded(|id| json!([id, id + 1, id + 2, id + 3, id + 4]));
}

#[test]
fn a_row_with_a_list_of_texts_weighs_its_own_items() {
    exploded(|id| json!((0..5).map(|at| format!("{id}-{at}")).collect::<Vec<_>>()));
}

#[test]
fn a_row_with_a_list_of_objects_weighs_its_own_items() {
    exploded(|id| json!((0..5).map(|at| json!({ "n": id, "t": ["a", format!("{at}")] })).collect::<Vec<_>>()));
}

#[test]
fn a_row_with_lists_of_lists_weighs_its_own_items() {
    exploded(|id| json!((0..5).map(|at| (0..at).map(|n| id + n).collect::<Vec<_>>()).collect::<Vec<_>>()));
}

/// A list that is not put out beside its items is not copied for each of them, and does not count as if it were.
#[test]
fn a_long_list_is_not_carried_beside_its_items() {
    let bench = Bench::new();
    let long: Vec<u64> = (0..20_000).collect();
    bench.put("docs.jsonl", lines([json!({ "id": 1, "list": long })]));
    // With the list beside each item it would be 20,000 × 160 kB.
    let limits = "limits = { carried = \"1MiB\", rows = 20_000 }\n";
    let each = use_step("each", "explode", &format!("config = {{ column = \"list\" }}\n{limits}"));
    bench.pipeline(straight(&each)).report();
    assert_eq!(bench.column("out.jsonl", "list"), long.into_iter().map(Value::from).collect::<Vec<_>>());
    assert_eq!(bench.column("out.jsonl", "id"), vec![json!(1); 20_000]);
}

/// 20,000 columns that a step renames one by one: searched for among as many, each several times, they would take minutes.
#[test]
fn many_columns_are_looked_up() {
    let bench = Bench::new();
    let name = |column: usize| format!("c{column:05}");
    let row: serde_json::Map<String, Value> = (0..20_000).map(|column| (name(column), json!(column))).collect();
    bench.put("docs.jsonl", lines([Value::Object(row.clone())]));
    let names: Vec<String> = (0..20_000).rev().map(name).collect();
    let keep = use_step("keep", "select", &format!("config = {{ keep = {} }}\n", json!(names)));
    let pipeline = straight(&keep).replace("[inputs.docs]\n", "[inputs.docs]\nlimits = { columns = 20_000 }\n");
    bench.pipeline(pipeline).report();
    assert_eq!(bench.rows("out.jsonl"), [Value::Object(row)]);
}
