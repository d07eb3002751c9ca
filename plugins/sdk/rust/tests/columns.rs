//! Columns of every type, read, moved, taken and built.

use callboard_sdk::builders::StringBuilder;
use callboard_sdk::prelude::*;
use callboard_sdk::testing::{self, Table};
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// Moves `value` out of its batch and back.
struct Echo;

impl Transform for Echo {
    type Config = Nothing;
    fn bind(_: Nothing, input: &Schema) -> Result<BoundTransform> {
        let value = input.any("value")?;
        let shape = Shape::new().reads(&value).writes(&value);
        Ok(shape.process(move |mut batch| Ok(Output::new().column(batch.move_out(&value)?))))
    }
}

/// Columns of every layout, with nulls at the start, in the middle and past the first eight values.
fn every_type() -> Vec<(Type, Value)> {
    let point = || Layout::Struct(vec![Field::int32("x"), Field::list("tags", Layout::Utf8)]);
    let ints = json!([null, 1, 2, 3, null, 5, 6, 7, 8, 9, null]);
    let date = Type { logical: Some("tdD".into()), ..Type::new(Layout::Int32) };
    vec![
        (Layout::Null.into(), json!([null, null])),
        (Layout::Boolean.into(), json!([true, null, false, true, true, true, false, false, true, null])),
        (Layout::Int8.into(), json!([-128, null, 127])),
        (Layout::Int16.into(), json!([-32768, null, 32767])),
        (Layout::Int32.into(), json!([-1, null, 2147483647])),
        (Layout::Int64.into(), ints),
        (Layout::UInt8.into(), json!([255, null, 0])),
        (Layout::UInt16.into(), json!([65535, null, 0])),
        (Layout::UInt32.into(), json!([4294967295_u32, null, 0])),
        (Layout::UInt64.into(), json!([u64::MAX, null, 0])),
        (Layout::Float32.into(), json!([0.5, null, -1.0])),
        (Layout::Float64.into(), json!([0.1, null, -1e300])),
        (Layout::Utf8.into(), json!(["", null, "é", "long enough to be copied with care"])),
        (Layout::Binary.into(), json!(["a", null, "", "bcd"])),
        (date, json!([19000, null])),
        (Type::list(Layout::Utf8.into()), json!([["a", null], null, [], ["b", "c"]])),
        (Type::list(Type::list(Layout::Int64.into())), json!([[[1, 2], [], null], null, [[3]]])),
        (Type::list(point().into()), json!([[{"x": 1, "tags": ["t"]}, null], [], null])),
        (Type::new(Layout::Vector(Box::new(Layout::Float32.into()), 2)), json!([[0.5, 1.0], null, [2.0, null]])),
        (point().into(), json!([{"x": 1, "tags": ["a"]}, null, {"x": null, "tags": null}, {"x": 2, "tags": []}])),
    ]
}

fn table(ty: &Type, values: &Value) -> Table {
    let values = values.as_array().expect("an array");
    let rows = values.iter().enumerate().map(|(i, value)| json!({"id": i, "value": value}));
    Table::new(vec![Field::int64("id"), Field::new("value", ty.clone())], rows.collect())
}

#[test]
fn any_rows_of_every_type_are_taken() {
    for (ty, values) in every_type() {
        let batch = testing::batch(table(&ty, &values));
        let values = values.as_array().expect("an array");
        let turned: Vec<u32> = (0..values.len() as u32).rev().chain([0, 0]).collect();
        let taken = batch.array("value").unwrap().take(&turned);
        let expected: Vec<_> = turned.iter().map(|&row| values[row as usize].clone()).collect();
        assert_eq!(testing::values(&taken), expected, "{ty}");
        assert_eq!(taken.ty().to_string(), ty.to_string());
    }
}

#[test]
fn a_missing_row_is_taken_as_null() {
    for (ty, values) in every_type() {
        let (batch, last) = (testing::batch(table(&ty, &values)), values.as_array().expect("an array").len() - 1);
        let taken = batch.array("value").unwrap().take_or_null(&[Some(last as u32), None, Some(last as u32)]);
        assert_eq!(testing::values(&taken), [values[last].clone(), Value::Null, values[last].clone()], "{ty}");
    }
}

#[test]
fn every_type_goes_there_and_back() {
    for (ty, values) in every_type() {
        let outcome = testing::transform::<Echo>(json!({}), table(&ty, &values)).unwrap();
        let back: Value = outcome.rows.iter().map(|row| row["value"].clone()).collect();
        assert_eq!(back, values, "{ty}");
    }
}

#[test]
fn no_rows_keep_their_types() {
    for (ty, _) in every_type() {
        assert_eq!(ArrayBuf::empty(&ty).ty(), ty);
        let outcome = testing::transform::<Echo>(json!({}), table(&ty, &json!([]))).unwrap();
        assert!(outcome.rows.is_empty());
    }
}

/// Splits text at commas: lists by a builder, and its pieces' lengths by another.
struct Split;

impl Transform for Split {
    type Config = Nothing;
    fn bind(_: Nothing, input: &Schema) -> Result<BoundTransform> {
        let value = input.utf8("value")?;
        let shape = Shape::new().reads(&value).writes(Field::list("parts", Layout::Utf8));
        Ok(shape.writes(Field::list("runs", Type::list(Layout::Int64.into()))).writes(Field::utf8("loud")).process(
            move |batch| {
                let texts = batch.get(&value)?;
                let mut parts = ListBuilder::<StringBuilder>::with_capacity(batch.rows());
                let mut runs = ListBuilder::<ListBuilder<NumberBuilder<i64>>>::new();
                let mut loud = StringBuilder::with_capacities(batch.rows(), texts.total_bytes());
                for text in texts.iter() {
                    let Some(text) = text else {
                        parts.push_null();
                        runs.push_null();
                        loud.push_null();
                        continue;
                    };
                    for part in text.split(',') {
                        parts.items.push(part);
                        runs.items.items.push(part.len() as i64);
                        runs.items.close();
                    }
                    parts.close();
                    runs.close();
                    loud.push_with(|all| all.extend(text.chars().flat_map(char::to_uppercase)));
                }
                Ok(Output::new().column(parts.finish()).column(runs.finish()).column(loud.finish()))
            },
        ))
    }
}

#[test]
fn lists_are_built_from_their_items() {
    let rows = json!([{"value": "a,bc"}, {"value": null}, {"value": ""}]);
    let rows = testing::transform::<Split>(json!({}), rows).unwrap().rows;
    assert_eq!(rows[0], json!({"value": "a,bc", "parts": ["a", "bc"], "runs": [[1], [2]], "loud": "A,BC"}));
    assert_eq!(rows[1], json!({"value": null, "parts": null, "runs": null, "loud": null}));
    assert_eq!(rows[2], json!({"value": "", "parts": [""], "runs": [[0]], "loud": ""}));
}

#[test]
fn nested_values_are_reached_without_copies() {
    let rows = json!([{"doc": {"tags": ["a", "b"], "n": 1}}, {"doc": null}, {"doc": {"tags": ["c"], "n": 2}}]);
    let doc = testing::schema(rows.clone()).structs("doc").unwrap();
    let batch = testing::batch(rows);
    let docs = batch.get(&doc).unwrap();
    let tags = docs.member("tags").unwrap().view::<List>().unwrap();
    let items = tags.items().view::<str>().unwrap();
    let words: Vec<Vec<&str>> =
        tags.iter().flatten().map(|list| list.map(|item| items.value(item)).collect()).collect();
    assert_eq!(words, [vec!["a", "b"], vec!["c"]]);
    assert!(docs.is_null(1));
    assert_eq!(docs.members().map(|(name, _)| name).collect::<Vec<_>>(), ["tags", "n"]);
    assert_eq!(doc.field().ty.to_string(), "struct<tags: list<utf8>, n: int64>");
}

/// As the host's own messages call them.
#[test]
fn types_have_the_names_that_messages_have() {
    let of = |layout: Layout, logical: &str| Type { logical: Some(logical.into()), ..Type::new(layout) };
    let entries = Layout::Struct(vec![
        Field::new("key", Type::new(Layout::Utf8).not_null()),
        Field::new("value", of(Layout::Int32, "tdD")),
    ]);
    let cases = [
        (of(Layout::Int32, "tdD"), "date"),
        (of(Layout::Int64, "tdm"), "date64"),
        (of(Layout::Int64, "tsu:UTC"), "timestamp[us, UTC]"),
        (of(Layout::Int64, "tsn:"), "timestamp[ns]"),
        (of(Layout::Int32, "ttm"), "time32[ms]"),
        (of(Layout::Int64, "ttn"), "time64[ns]"),
        (of(Layout::Int64, "tDs"), "duration[s]"),
        (of(Layout::Fixed(16), "d:9,2"), "decimal(9, 2)"),
        (of(Layout::Fixed(32), "d:50,-2,256"), "decimal(50, -2)"),
        (of(Layout::List(Box::new(Type::new(entries).not_null())), "+m"), "map<utf8, date>"),
        (Type::list(of(Layout::Int64, "tss:+01:00")), "list<timestamp[s, +01:00]>"),
        (of(Layout::Utf8, "somebody.else"), "utf8 (somebody.else)"),
        (of(Layout::Int64, "tsx:"), "int64 (tsx:)"),
    ];
    for (ty, name) in cases {
        assert_eq!(ty.to_string(), name);
    }
}
