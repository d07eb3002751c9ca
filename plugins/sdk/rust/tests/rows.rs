//! Steps by rows: what records read and write, and what is refused with which words.

use callboard_sdk::prelude::*;
use callboard_sdk::rows::{Bytes, RowBuf, Value, fields_of};
use callboard_sdk::testing::{self, Table, dropped, rejected};
use callboard_sdk::{ErrorKind, config};
use serde_json::json;

fn refusal<T>(result: Result<T>) -> StepError {
    result.err().expect("it has to be refused")
}

/// A step without configuration, of one function.
macro_rules! step {
    ($name:ident, $input:ty, $output:ty, |$row:ident| $body:expr) => {
        #[derive(Deserialize, JsonSchema)]
        struct $name {}

        impl RowTransform for $name {
            type Input<'a> = $input;
            type Output = $output;
            fn row(&mut self, $row: Self::Input<'_>) -> Result<Fate<$output>> {
                $body
            }
        }
    };
}

#[derive(Deserialize)]
struct Text<'a> {
    text: Option<&'a str>,
}

#[derive(Serialize, JsonSchema)]
struct Word {
    word: String,
    at: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Words {
    column: String,
    #[serde(default)]
    skip: Option<String>,
    #[serde(skip)]
    seen: u64,
}

impl RowTransform for Words {
    type Input<'a> = Text<'a>;
    type Output = Word;

    fn columns(&self) -> Columns {
        Columns::new().read("text", &self.column, "/column").write("at", "position").drop(&self.column)
    }

    fn open(&mut self) -> Result<()> {
        self.seen = 7;
        Ok(())
    }

    fn row(&mut self, row: Text<'_>) -> Result<Fate<Word>> {
        assert_eq!(self.seen, 7, "it was opened");
        let Some(text) = row.text else { return Fate::reject("no text") };
        if Some(text) == self.skip.as_deref() {
            return Fate::drop("skipped");
        }
        Fate::many(text.split(' ').enumerate().map(|(at, word)| Word { word: word.into(), at: at as u32 }))
    }
}

#[test]
fn a_row_becomes_one_many_or_none() {
    let rows = json!([{"id": 1, "t": "a bé"}, {"id": 2, "t": null}, {"id": 3, "t": "x"}, {"id": 4, "t": "no"}]);
    let outcome = testing::transform::<Words>(json!({"column": "t", "skip": "no"}), rows).unwrap();
    let expected = [
        json!({"id": 1, "word": "a", "position": 0}),
        json!({"id": 1, "word": "bé", "position": 1}),
        json!({"id": 3, "word": "x", "position": 0}),
    ];
    assert_eq!(outcome.rows, expected);
    assert_eq!(outcome.removed, [rejected(1, "no text"), dropped(3, "skipped")]);
}

#[test]
fn a_row_may_go_without_a_reason() {
    step!(Silent, Text<'a>, (), |row| if row.text == Some("b") { Fate::none() } else { Fate::keep(()) });
    let outcome = testing::transform::<Silent>(json!({}), json!([{"text": "a"}, {"text": "b"}])).unwrap();
    assert_eq!((outcome.rows, outcome.removed), (vec![json!({"text": "a"})], vec![]));
}

/// Asked of the host as well, by `tests/runtime/calls.rs`: the next run gives the row to the step again.
#[test]
fn a_row_that_is_postponed_counts_as_rejected() {
    step!(Later, Text<'a>, (), |row| if row.text == Some("b") { Fate::postpone("down") } else { Fate::keep(()) });
    let outcome = testing::transform::<Later>(json!({}), json!([{"text": "a"}, {"text": "b"}])).unwrap();
    assert_eq!((outcome.rows, outcome.removed), (vec![json!({"text": "a"})], vec![rejected(1, "down")]));
}

#[test]
fn a_wrong_column_is_blamed_where_it_was_named() {
    let error = refusal(testing::transform::<Words>(json!({"column": "t"}), json!([{"id": 1}])));
    assert_eq!((error.kind, error.at.as_deref()), (ErrorKind::Config, Some("/column")));
    assert_eq!(error.message, "there is no column `t`; the columns are `id` int64");
    let error = refusal(testing::transform::<Words>(json!({"column": "id"}), json!([{"id": 1}])));
    assert_eq!((error.kind, error.at.as_deref()), (ErrorKind::Config, Some("/column")));
    assert_eq!(error.message, "column `id` is no text; the column is int64");

    step!(Fixed, Text<'a>, (), |_row| Fate::keep(()));
    let error = refusal(testing::transform::<Fixed>(json!({}), json!([{"text": 1}])));
    assert_eq!((error.kind, error.at), (ErrorKind::Input, None));
    assert_eq!(error.message, "column `text` is no text; the column is int64");
}

#[derive(Deserialize, Serialize, JsonSchema, Clone)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

#[derive(Deserialize)]
struct Message<'a> {
    role: Role,
    #[serde(borrow)]
    content: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Chat<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    weight: f64,
}

#[derive(Serialize, JsonSchema)]
struct Turn {
    role: Role,
    words: Vec<String>,
    length: Option<u8>,
    pair: [i16; 2],
    bytes: Bytes<'static>,
}

#[derive(Serialize, JsonSchema)]
struct Turns {
    turns: Vec<Turn>,
    first: Option<Role>,
    double: f64,
}

step!(Talk, Chat<'a>, Turns, |row| {
    let turn = |message: &Message<'_>| Turn {
        role: message.role.clone(),
        words: message.content.split(' ').map(str::to_owned).collect(),
        length: message.content.len().try_into().ok(),
        pair: [1, -1],
        bytes: Bytes(message.content.as_bytes().to_vec().into()),
    };
    let first = row.messages.first().map(|message| message.role.clone());
    Fate::keep(Turns { turns: row.messages.iter().map(turn).collect(), first, double: row.weight * 2.0 })
});

#[test]
fn records_nest_as_columns_do() {
    let long = "x".repeat(300);
    let rows = json!([
        {"messages": [{"role": "user", "content": "a b"}, {"role": "assistant", "content": long}], "weight": 0.5},
        {"messages": [], "weight": -0.25},
    ]);
    let outcome = testing::transform::<Talk>(json!({}), rows).unwrap();
    let turns = json!([
        {"role": "User".to_lowercase(), "words": ["a", "b"], "length": 3, "pair": [1, -1], "bytes": "a b"},
        {"role": "assistant", "words": [long], "length": null, "pair": [1, -1], "bytes": long},
    ]);
    assert_eq!(outcome.rows[0]["turns"], turns);
    assert_eq!((&outcome.rows[0]["first"], &outcome.rows[0]["double"]), (&json!("user"), &json!(1.0)));
    assert_eq!((&outcome.rows[1]["turns"], &outcome.rows[1]["first"]), (&json!([]), &json!(null)));

    let wrong = json!([{"messages": [{"role": 7, "content": "a"}], "weight": 1.5}]);
    let error = refusal(testing::transform::<Talk>(json!({}), wrong));
    assert!(error.message.starts_with("a value within column `messages` is no "), "{}", error.message);
}

#[test]
fn a_row_that_does_not_fit_is_rejected_with_the_reason() {
    let rows = json!([
        {"messages": [{"role": "user", "content": "a"}], "weight": null},
        {"messages": [{"role": "system", "content": "a"}], "weight": 1.5},
        {"messages": [{"role": "user", "content": null}], "weight": 1.5},
    ]);
    let outcome = testing::transform::<Talk>(json!({}), rows).unwrap();
    let removed = [
        rejected(0, "column `weight` is null"),
        rejected(1, "a value within column `messages`: unknown variant `system`, expected `user` or `assistant`"),
        rejected(2, "a value within column `messages` is null"),
    ];
    assert_eq!((outcome.rows, outcome.removed), (vec![], removed.to_vec()));
}

#[test]
fn the_types_of_columns_come_from_the_record() {
    #[derive(Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its type matters")]
    struct All {
        a: bool,
        b: i8,
        c: u64,
        d: f32,
        e: Option<f64>,
        f: Option<Vec<Option<String>>>,
        g: Word,
        h: [f32; 3],
        i: Bytes<'static>,
        #[serde(rename = "J")]
        j: Option<Word>,
    }
    let fields = fields_of::<All>().unwrap();
    let types: Vec<_> =
        fields.iter().map(|field| format!("{} {} {}", field.name, field.ty, field.ty.nullable)).collect();
    let expected = [
        "a boolean false",
        "b int8 false",
        "c uint64 false",
        "d float32 false",
        "e float64 true",
        "f list<utf8> true",
        "g struct<word: utf8, at: uint32> false",
        "h vector<float32, 3> false",
        "i binary false",
        "J struct<word: utf8, at: uint32> true",
    ];
    assert_eq!(types, expected);
    let error = refusal(fields_of::<std::collections::HashMap<String, i64>>());
    assert!(error.message.contains("override `writes`"), "{}", error.message);
}

/// Reads whatever there is, and writes it as it was.
#[derive(Deserialize, JsonSchema)]
struct Mirror {}

impl RowTransform for Mirror {
    type Input<'a> = Row<'a>;
    type Output = RowBuf;
    fn writes(&self, input: &Schema) -> Result<Vec<Field>> {
        Ok(input.fields().to_vec())
    }
    fn row(&mut self, row: Row<'_>) -> Result<Fate<RowBuf>> {
        assert!(row.get("no such").is_none());
        if let Some(list) = row.get("list") {
            assert_eq!(list.is_null(), list.read::<Option<Vec<i64>>>()?.is_none());
        }
        Fate::keep(row.to_buf())
    }
}

#[test]
fn rows_of_unknown_columns_are_read_and_written() {
    let record = Type::new(Layout::Struct(vec![Field::utf8("a"), Field::new("b", Layout::UInt8).not_null()]));
    let fields = vec![
        Field::new("list", Type::list(Type::new(Layout::Int64).not_null())),
        Field::new("records", Type::list(record.clone())),
        Field::new("record", record),
        Field::new("vector", Type::new(Layout::Vector(Box::new(Type::new(Layout::Float32).not_null()), 2))),
        Field::new("day", Type { logical: Some("tdD".into()), ..Type::new(Layout::Int32) }),
        Field::new("nothing", Layout::Null),
        Field::boolean("flag"),
    ];
    let rows = json!([
        {"list": [1, 2], "records": [{"a": "é", "b": 1}, null, {"a": null, "b": 2}], "record": {"a": "x", "b": 3},
            "vector": [0.5, -0.0], "day": 20000, "nothing": null, "flag": true},
        {"list": null, "records": null, "record": null, "vector": null, "day": null, "nothing": null, "flag": null},
        {"list": [], "records": [], "record": {"a": "", "b": 0}, "vector": [1.0, 2.0], "day": -1, "nothing": null,
            "flag": false},
    ]);
    let outcome = testing::transform::<Mirror>(json!({}), Table::new(fields.clone(), rows.clone())).unwrap();
    assert_eq!(json!(outcome.rows), rows);
    assert!(outcome.rows[0]["vector"][1].as_f64().unwrap().is_sign_negative());
    assert!(testing::transform::<Mirror>(json!({}), Table::new(fields, json!([]))).unwrap().rows.is_empty());
}

#[test]
fn what_is_written_has_to_be_what_was_announced() {
    #[derive(Deserialize, JsonSchema)]
    struct Other {}
    impl RowTransform for Other {
        type Input<'a> = ();
        type Output = RowBuf;
        fn writes(&self, _: &Schema) -> Result<Vec<Field>> {
            Ok(vec![Field::utf8("a")])
        }
        fn row(&mut self, (): ()) -> Result<Fate<RowBuf>> {
            Fate::keep(RowBuf(vec![("a".into(), Value::Int64(1))]))
        }
    }
    let error = refusal(testing::transform::<Other>(json!({}), json!([{"text": "x"}])));
    assert_eq!(error.message, "`a`: a value of another type does not go into utf8");

    step!(Unannounced, (), RowBuf, |_row| Fate::keep(RowBuf::default()));
    let error = refusal(testing::transform::<Unannounced>(json!({}), json!([{"text": "x"}])));
    assert!(error.message.contains("override `writes`"), "{}", error.message);
}

#[test]
fn a_column_may_be_missing_where_the_step_says_so() {
    #[derive(Deserialize, JsonSchema)]
    struct Maybe {}
    impl RowTransform for Maybe {
        type Input<'a> = Text<'a>;
        type Output = ();
        fn columns(&self) -> Columns {
            Columns::new().optional("text")
        }
        fn row(&mut self, row: Text<'_>) -> Result<Fate<()>> {
            if row.text.is_some() { Fate::keep(()) } else { Fate::drop("nothing") }
        }
    }
    let outcome = testing::transform::<Maybe>(json!({}), json!([{"id": 1}])).unwrap();
    assert_eq!(outcome.removed, [dropped(0, "nothing")]);
}

/// Puts out each row with the number of rows that hold its text, of both inputs, and the longest row last, again.
#[derive(Deserialize, JsonSchema)]
struct Frequency {}

#[derive(Serialize, JsonSchema)]
struct Count {
    count: i64,
    of: u64,
}

#[derive(Deserialize)]
struct Known<'a> {
    known: &'a str,
}

impl RowGlobal for Frequency {
    type Input<'a> = Text<'a>;
    type Other<'a> = Known<'a>;
    type Output = Count;
    const INPUTS: std::ops::RangeInclusive<usize> = 2..=2;

    fn run(&mut self, inputs: &mut Inputs<'_, Self>, output: &mut RowWriter<'_, Self>) -> Result<()> {
        let mut counts = std::collections::HashMap::new();
        let (mut longest, mut length, of) = (0, 0, inputs.rows(0) + inputs.rows(1));
        inputs.each(|number, row| {
            let text = row.text.unwrap_or_default();
            if text.len() > length {
                (longest, length) = (number, text.len());
            }
            *counts.entry(text.to_owned()).or_insert(0) += 1;
            Ok(())
        })?;
        inputs.each_of(1, |_, row| {
            *counts.entry(row.known.to_owned()).or_insert(0) += 1;
            Ok(())
        })?;
        inputs.each(|number, row| match row.text {
            None => {
                output.reject(number, "no text");
                Ok(())
            }
            Some(text) => output.keep_with(number, Count { count: counts[text], of }),
        })?;
        let count = inputs.at(longest, |row| Ok(counts[row.text.unwrap_or_default()]))?;
        output.keep_with(longest, Count { count, of })
    }
}

#[test]
fn a_global_step_reads_its_inputs_as_often_as_it_likes() {
    let rows = json!([{"text": "a"}, {"text": null}, {"text": "bb"}, {"text": "a"}]);
    let known = json!([{"known": "a", "x": 1}, {"known": "c", "x": 2}]);
    let outcome = testing::global::<Frequency>(json!({}), [rows.clone(), known.clone()]).unwrap();
    let counts: Vec<_> =
        outcome.rows.iter().map(|row| (row["text"].as_str().unwrap(), row["count"].as_i64().unwrap())).collect();
    assert_eq!(counts, [("a", 3), ("bb", 1), ("a", 3), ("bb", 1)]);
    assert_eq!(outcome.rows[0]["of"], 6);
    assert_eq!(outcome.removed, [rejected(1, "no text")]);

    let error = refusal(testing::global::<Frequency>(json!({}), [rows.clone()]));
    assert_eq!(error.message, "this step takes 2 inputs, and is given 1");
    let error = refusal(testing::global::<Frequency>(json!({}), [rows, json!([{"known": null}, {"known": "a"}])]));
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Input, "row 0: column `known` is null"));
}

#[test]
fn a_global_step_may_write_rows_of_its_own_among_many() {
    #[derive(Deserialize, JsonSchema)]
    struct Doubled {}
    impl RowGlobal for Doubled {
        type Input<'a> = Text<'a>;
        type Other<'a> = ();
        type Output = Word;
        fn columns(&self) -> Columns {
            Columns::new().drop("text")
        }
        fn run(&mut self, inputs: &mut Inputs<'_, Self>, output: &mut RowWriter<'_, Self>) -> Result<()> {
            inputs.each(|number, row| {
                for at in 0..10_000 {
                    output.write(Word { word: row.text.unwrap_or("none").into(), at })?;
                }
                output.drop(number, "copied");
                Ok(())
            })
        }
    }
    let outcome = testing::global::<Doubled>(json!({}), [json!([{"text": "a"}, {"text": null}])]).unwrap();
    assert_eq!(outcome.rows.len(), 20_000);
    assert_eq!(outcome.rows[9_999], json!({"word": "a", "at": 9_999}));
    assert_eq!(outcome.rows[10_000], json!({"word": "none", "at": 0}));
    assert_eq!(outcome.removed, [dropped(0, "copied"), dropped(1, "copied")]);
}

#[derive(Deserialize, JsonSchema)]
struct Squares {
    rows: u64,
    #[serde(default)]
    fails_at: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Square {
    n: u64,
    square: u64,
}

impl RowSource for Squares {
    type Row = Square;
    fn rows(self, skip: u64) -> Result<impl Iterator<Item = Result<Square>>> {
        Ok((skip..self.rows).map(move |n| match self.fails_at {
            Some(at) if at == n => Err(StepError::transient("busy")),
            _ => Ok(Square { n, square: n * n }),
        }))
    }
}

#[test]
fn a_source_goes_on_after_what_it_made() {
    // `testing::source` begins again at every page's end.
    let rows = testing::source::<Squares>(json!({"rows": 2_500})).unwrap();
    assert_eq!(rows.len(), 2_500);
    assert_eq!(rows[2_499], json!({"n": 2_499, "square": 6_245_001}));
    assert!(testing::source::<Squares>(json!({"rows": 0})).unwrap().is_empty());
    let error = refusal(testing::source::<Squares>(json!({"rows": 9, "fails_at": 3})));
    assert_eq!(error.kind, ErrorKind::Transient);
}

#[test]
fn a_step_without_description_is_summed_up_by_its_documentation() {
    /// Makes
    /// squares.
    ///
    /// And more of it.
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its documentation matters")]
    struct Documented {}
    assert_eq!(config::summary::<Documented>(""), "Makes squares.");
    assert_eq!(config::summary::<Documented>("Makes more."), "Makes more.");
}

/// Keeps the longest texts of each domain, and says how many it has.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Longest {
    /// How many texts of each domain are kept.
    most: usize,
}

impl Default for Longest {
    fn default() -> Self {
        Longest { most: 3 }
    }
}

#[derive(Serialize, JsonSchema)]
struct OfDomain {
    n_in_domain: i64,
}

impl RowGlobal for Longest {
    type Input<'a> = ();
    type Other<'a> = ();
    type Output = OfDomain;

    fn gather(&self) -> Gather {
        Gather::by_key(["domain"]).sorted_by(Order::descending("n_chars"))
    }

    fn run(&mut self, inputs: &mut Inputs<'_, Self>, output: &mut RowWriter<'_, Self>) -> Result<()> {
        inputs.each_group(
            |rows: &mut Vec<u64>, row, ()| {
                rows.push(row);
                Ok(())
            },
            |rows| {
                let n_in_domain = rows.len() as i64;
                rows.iter().take(self.most).try_for_each(|row| output.keep_with(*row, OfDomain { n_in_domain }))
            },
        )
    }
}

#[test]
fn a_group_is_given_whole_and_sorted() {
    let rows = json!([
        {"domain": "a", "text": "1", "n_chars": 1}, {"domain": null, "text": "2", "n_chars": 2},
        {"domain": "b", "text": "3", "n_chars": 3}, {"domain": "a", "text": "4", "n_chars": 9},
        {"domain": "a", "text": "5", "n_chars": null}, {"domain": null, "text": "6", "n_chars": 2},
        {"domain": "a", "text": "7", "n_chars": 9}
    ]);
    let kept = |most: usize| {
        let outcome = testing::global::<Longest>(json!({ "most": most }), [rows.clone()]).unwrap();
        let of =
            |row: &serde_json::Value| (row["text"].as_str().unwrap().to_owned(), row["n_in_domain"].as_i64().unwrap());
        outcome.rows.iter().map(of).collect::<Vec<_>>()
    };
    let expected = |rows: &[(&str, i64)]| rows.iter().map(|(text, n)| ((*text).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(kept(1), expected(&[("2", 2), ("3", 1), ("4", 4)]));
    assert_eq!(kept(2), expected(&[("2", 2), ("3", 1), ("4", 4), ("6", 2), ("7", 4)]));
    assert_eq!(kept(9).len(), 7);
}

#[test]
fn the_page_has_this_step() {
    let text = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let page = text("../../../docs/sdk/rust.md").replace("pub struct", "struct");
    let step =
        page.split_once("/// Keeps the longest").and_then(|(_, rest)| rest.split_once("\ncallboard_sdk::global!"));
    let (step, _) = step.expect("the page has the step `Longest`");
    assert!(text("tests/rows.rs").contains(step), "docs/sdk/rust.md has another step `Longest` than tests/rows.rs");
}
