//! Steps of each kind: what binds, what is refused and with which words, what comes out.

use std::cell::Cell;

use callboard_sdk::prelude::*;
use callboard_sdk::testing::{self, dropped, rejected};
use callboard_sdk::{ErrorKind, config};
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// The column of text.
    #[serde(default = "text")]
    column: String,
    /// The fewest bytes.
    #[serde(default)]
    min: usize,
    #[serde(default)]
    #[allow(dead_code, reason = "only read in")]
    rules: Vec<Rule>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only read in")]
struct Rule {
    max: u32,
}

fn text() -> String {
    "text".into()
}

/// Drops short texts, and rejects those that are null.
struct Long;

impl Transform for Long {
    type Config = Limits;
    fn bind(config: Limits, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8(&config.column).at("/column")?;
        Ok(Shape::new().reads(&text).writes(Field::uint32("bytes").not_null()).process(move |batch| {
            let (mut output, mut lengths) = (Output::new(), NumberBuilder::<u32>::new());
            for (i, text) in batch.get(&text)?.iter().enumerate() {
                match text {
                    None => output.reject(i, "no text"),
                    Some(text) if text.len() < config.min => output.drop(i, "short"),
                    Some(text) => lengths.push(text.len() as u32),
                }
            }
            Ok(output.column(lengths.finish()))
        }))
    }
}

fn refusal<T>(result: Result<T>) -> StepError {
    result.err().expect("it has to be refused")
}

#[test]
fn rows_go_on_are_dropped_or_rejected() {
    let rows = json!([{"id": 1, "text": "long enough"}, {"id": 2, "text": null}, {"id": 3, "text": "no"}, {"id": 4, "text": "also long"}]);
    let outcome = testing::transform::<Long>(json!({"min": 5}), rows).unwrap();
    assert_eq!(
        outcome.rows,
        [json!({"id": 1, "text": "long enough", "bytes": 11}), json!({"id": 4, "text": "also long", "bytes": 9})]
    );
    assert_eq!(outcome.removed, [rejected(1, "no text"), dropped(2, "short")]);
}

#[test]
fn a_column_that_is_not_there_is_blamed_on_the_configuration() {
    let rows = json!([{"id": 1, "body": "x"}]);
    let error = refusal(testing::transform::<Long>(json!({}), rows.clone()));
    assert_eq!(error.kind, ErrorKind::Config);
    assert_eq!(error.at.as_deref(), Some("/column"));
    assert_eq!(error.message, "there is no column `text`; the columns are `id` int64, `body` utf8");

    let error = refusal(testing::transform::<Long>(json!({"column": "id"}), rows));
    assert_eq!(error.message, "column `id` is int64, and utf8 is expected; the columns are `id` int64, `body` utf8");
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    let wrong = |json: &str| refusal(config::parse::<Limits>(json));
    let error = wrong(r#"{"rules": [{"max": 1}, {"max": "two"}]}"#);
    assert_eq!(error.at.as_deref(), Some("/rules/1/max"));
    assert_eq!(error.message, "invalid type: string \"two\", expected u32");
    let error = wrong(r#"{"colum": "text"}"#);
    assert_eq!(error.at.as_deref(), Some("/colum"));
    assert_eq!(error.message, "unknown field `colum`, expected one of `column`, `min`, `rules`");
    let error = wrong(r#"{"rules": [{}]}"#);
    assert_eq!(error.at.as_deref(), Some("/rules/0"));
    assert_eq!(error.message, "missing field `max`");
    assert_eq!(wrong("[1").kind, ErrorKind::Config);
    for defaults in ["", "{}"] {
        assert_eq!(config::parse::<Limits>(defaults).unwrap().column, "text");
    }
}

#[test]
fn the_schema_of_a_configuration_is_derived() {
    let schema: serde_json::Value = serde_json::from_str(&config::schema::<Limits>()).unwrap();
    assert_eq!(schema["properties"]["column"]["default"], "text");
    assert_eq!(schema["properties"]["column"]["description"], "The column of text.");
    assert_eq!(schema["additionalProperties"], false);
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

macro_rules! transform {
    ($name:ident, |$input:ident| $bind:expr) => {
        struct $name;
        impl Transform for $name {
            type Config = Nothing;
            fn bind(_: Nothing, $input: &Schema) -> Result<BoundTransform> {
                $bind
            }
        }
    };
}

#[test]
fn what_is_written_is_held_against_what_was_declared() {
    transform!(TooFew, |_input| Ok(Shape::new()
        .writes(Field::int64("n"))
        .process(|_| Ok(Output::new().column(vec![1_i64])))));
    transform!(OtherType, |_input| Ok(Shape::new()
        .writes(Field::utf8("n"))
        .process(|batch| Ok(Output::new().column(vec![1_i64; batch.rows()])))));
    transform!(Nulls, |_input| Ok(Shape::new()
        .writes(Field::int64("n").not_null())
        .process(|batch| Ok(Output::new().column(vec![None::<i64>; batch.rows()].into_iter().collect::<ArrayBuf>())))));
    transform!(Missing, |_input| Ok(Shape::new().writes(Field::int64("n")).process(|_| Ok(Output::new()))));
    transform!(Unread, |input| {
        let id = input.int64("id")?;
        Ok(Shape::new().process(move |batch| batch.get(&id).map(|_| Output::new())))
    });
    let rows = json!([{"id": 1}, {"id": 2}]);
    let error = refusal(testing::transform::<TooFew>(json!({}), rows.clone()));
    assert_eq!(error.message, "column `n` was written with 1 values for 2 rows");
    assert_eq!(error.kind, ErrorKind::Failed);
    let error = refusal(testing::transform::<OtherType>(json!({}), rows.clone()));
    assert_eq!(error.message, "column `n` was declared utf8 and written int64");
    let error = refusal(testing::transform::<Nulls>(json!({}), rows.clone()));
    assert_eq!(error.message, "column `n` was declared int64 without nulls and written int64");
    let error = refusal(testing::transform::<Missing>(json!({}), rows.clone()));
    assert_eq!(error.message, "the step declared 1 columns and wrote 0");
    let error = refusal(testing::transform::<Unread>(json!({}), rows));
    assert_eq!(
        error.message,
        "there is no column `id`; there are no columns, only those named in `Shape::reads` being left when a step is opened"
    );
}

#[test]
fn loading_waits_until_the_step_is_opened() {
    thread_local!(static LOADED: Cell<u32> = const { Cell::new(0) });
    transform!(Heavy, |_input| Ok(Shape::new()
        .load(|| {
            LOADED.set(LOADED.get() + 1);
            Ok(7_i64)
        })
        .process(|_, _| Ok(Output::new()))));
    Heavy::bind(Nothing {}, &testing::schema(json!([{"id": 1}]))).unwrap();
    assert_eq!(LOADED.get(), 0);
    testing::transform::<Heavy>(json!({}), json!([{"id": 1}, {"id": 2}])).unwrap();
    assert_eq!(LOADED.get(), 2, "once for the rows in one batch, once for the rows one by one");
}

#[test]
#[should_panic(expected = "must not depend on how rows are cut into batches")]
fn a_transform_that_remembers_is_found_out() {
    transform!(Counting, |_input| Ok(Shape::new().writes(Field::int64("n")).load(|| Ok(0_i64)).process(
        |calls, batch| {
            *calls += 1;
            Ok(Output::new().column(vec![*calls; batch.rows()]))
        }
    )));
    let _ = testing::transform::<Counting>(json!({}), json!([{"id": 1}, {"id": 2}]));
}

#[test]
fn any_error_becomes_one_of_the_step_with_its_place() {
    transform!(Unlucky, |_input| {
        let n: i64 = "twelve".parse()?;
        Ok(Shape::new().process(move |_| Err(StepError::input(n.to_string()))))
    });
    let line = line!();
    let error = refusal(testing::transform::<Unlucky>(json!({}), json!([])));
    assert_eq!(error.kind, ErrorKind::Failed);
    let place = format!("invalid digit found in string, at {}:{}:", file!(), line - 3);
    assert!(error.message.starts_with(&place), "{}", error.message);
}

/// Keeps rows of the first input whose `key` is in the second, with the second's `name`; the best first.
struct Join;

impl Global for Join {
    type Config = Nothing;
    fn bind(_: Nothing, inputs: &[Schema]) -> Result<BoundGlobal> {
        let [left, right] = inputs else {
            return Err(StepError::config(format!("this step takes 2 inputs, and is given {}", inputs.len())));
        };
        let (key, id, name) = (left.int64("key")?, right.int64("id")?, right.utf8("name")?);
        let shape = Shape::new().reads(&key).reads(&id).reads(&name).writes(&name).drops("key");
        Ok(shape.run(move |inputs, output| {
            let mut names = std::collections::HashMap::new();
            for batch in inputs[1].batches() {
                let (ids, batch_names) = (batch.get(&id)?, batch.get(&name)?);
                for i in 0..batch.rows() {
                    names.insert(ids.value(i), batch_names.value(i).to_owned());
                }
            }
            for batch in inputs[0].batches() {
                let (mut rows, mut found) = (vec![], vec![]);
                for (row, key) in (batch.first_row()..).zip(batch.get(&key)?.iter()) {
                    match key.and_then(|key| names.get(&key)) {
                        Some(name) => {
                            rows.push(row);
                            found.push(name.as_str());
                        }
                        None => output.drop(row, "no match"),
                    }
                }
                output.keep_with(&rows, vec![found.into_iter().collect()])?;
            }
            Ok(())
        }))
    }
}

#[test]
fn a_global_step_reads_one_input_to_look_up_in_another() {
    let left = json!([{"key": 2, "v": "a"}, {"key": 9, "v": "b"}, {"key": 1, "v": "c"}]);
    let right = json!([{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]);
    let outcome = testing::global::<Join>(json!({}), [left.clone(), right]).unwrap();
    assert_eq!(outcome.rows, [json!({"v": "a", "name": "two"}), json!({"v": "c", "name": "one"})]);
    assert_eq!(outcome.removed, [dropped(1, "no match")]);
    let error = refusal(testing::global::<Join>(json!({}), [left]));
    assert_eq!(error.message, "this step takes 2 inputs, and is given 1");
}

/// Reads all rows twice: the rows above the mean.
struct AboveMean;

impl Global for AboveMean {
    type Config = Nothing;
    fn bind(_: Nothing, inputs: &[Schema]) -> Result<BoundGlobal> {
        let n = Schema::only(inputs)?.int64("n")?;
        Ok(Shape::new().reads(&n).run(move |inputs, output| {
            let (mut sum, rows) = (0, inputs[0].rows());
            for batch in inputs[0].batches() {
                sum += batch.get(&n)?.values().iter().sum::<i64>();
            }
            inputs[0].seek(0);
            for batch in inputs[0].batches() {
                let numbers = batch.get(&n)?;
                let above = (0..batch.rows()).filter(|&i| numbers.value(i) * rows as i64 > sum);
                output.keep(&above.map(|i| batch.first_row() + i as u64).collect::<Vec<_>>())?;
            }
            Ok(())
        }))
    }
}

#[test]
fn a_global_step_reads_again_from_the_start() {
    let rows = json!([{"n": 1}, {"n": 9}, {"n": 2}, {"n": 8}, {"n": 5}]);
    let outcome = testing::global::<AboveMean>(json!({}), [rows]).unwrap();
    assert_eq!(outcome.rows, [json!({"n": 9}), json!({"n": 8})]);
}

/// A source that forgets its place: it goes on from nowhere.
struct Forgetful;

impl Source for Forgetful {
    type Config = Nothing;
    type Cursor = u32;
    fn bind(_: Nothing) -> Result<BoundSource<u32>> {
        let mut page = 0_u32;
        Ok(Shape::new().writes(Field::uint32("page")).pages(move |_| {
            page += 1;
            Ok((page <= 3).then(|| Page::new(page).column(vec![page])))
        }))
    }
}

#[test]
#[should_panic(expected = "other rows are made")]
fn a_source_that_forgets_its_place_is_found_out() {
    let _ = testing::source::<Forgetful>(json!({}));
}
