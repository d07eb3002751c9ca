//! Finds texts that share runs of words with those of a second input.
//!
//! 1. `words` takes a text apart: the hashes of its words, and of each run of them.
//! 2. `runs` is the set of those of the second input, which is small.
//!
//! The rows themselves pass once, in order.
#![forbid(unsafe_code)]

mod runs;
mod words;

use callboard_sdk::prelude::*;

use runs::Runs;
use words::Words;

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 1 << 16;

/// What is compared, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column of the rows.
    column: String,
    /// The text columns of the second input, read as one text. The same as `column`, unless this is set.
    others: Option<Vec<String>>,
    /// The number of words in a run.
    #[schemars(range(min = 1))]
    ngram: usize,
    /// A text with fewer shared runs is not contaminated.
    #[schemars(range(min = 1))]
    min_matches: u64,
    /// Compares lower case.
    lowercase: bool,
    /// Compares letters and digits alone: no punctuation, no symbols, no accents.
    letters_only: bool,
    /// Takes every run of digits for 0.
    same_numbers: bool,
    /// `drop` removes contaminated rows; `flag` keeps all rows and writes how many runs each shares.
    mode: Mode,
    /// The column to write the number of shared runs to, if `mode` is `flag`.
    r#as: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            column: "text".into(),
            others: None,
            ngram: 13,
            min_matches: 1,
            lowercase: true,
            letters_only: true,
            same_numbers: true,
            mode: Mode::Drop,
            r#as: "contamination".into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "explained where they are used, in `Config`")]
enum Mode {
    Drop,
    Flag,
}

/// Drops or flags texts that share runs of words with a second input.
pub struct Contamination;

impl Global for Contamination {
    type Config = Config;

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        for (key, value) in [("ngram", config.ngram as u64), ("min_matches", config.min_matches)] {
            if value == 0 {
                let message = format!("`{key}` is 0, and at least 1 is expected");
                return Err(StepError::config(message).at(format!("/{key}")));
            }
        }
        Schema::two(inputs).map(|_| ())
    }

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let (rows, others) = Schema::two(inputs)?;
        let text = rows.utf8(&config.column).at("/column")?;
        let of_second = |mut error: StepError| {
            error.message = format!("in the second input: {}", error.message);
            error
        };
        let others: Vec<Column<str>> = match &config.others {
            None => vec![others.utf8(&config.column).map_err(of_second).at("/others")?],
            Some(names) if names.is_empty() => {
                return Err(StepError::config("at least 1 column of the second input is needed").at("/others"));
            }
            Some(names) => {
                let find =
                    |(i, name): (usize, &String)| others.utf8(name).map_err(of_second).at(format!("/others/{i}"));
                names.iter().enumerate().map(find).collect::<Result<_>>()?
            }
        };
        let shape = Shape::new().reads(&text).reads_all(&others);
        let shape = match config.mode {
            Mode::Drop => shape,
            Mode::Flag => shape.writes(Field::int64(&config.r#as).not_null()),
        };
        Ok(shape.run(move |inputs, output| {
            let mut words = Words::new(config.ngram, config.lowercase, config.letters_only, config.same_numbers);
            let runs = of_others(&mut words, &others, &mut inputs[1])?;
            look(&config, &text, &mut words, &runs, &mut inputs[0], output)
        }))
    }
}

/// The runs of words of the second input.
fn of_others(words: &mut Words, columns: &[Column<str>], input: &mut Reader) -> Result<Runs> {
    let (mut runs, mut too_short) = (Runs::default(), 0);
    for batch in input.batches() {
        let texts = columns.iter().map(|column| batch.get(column)).collect::<Result<Vec<_>>>()?;
        for i in 0..batch.rows() {
            words.clear();
            texts.iter().filter_map(|texts| texts.get(i)).for_each(|text| words.add(text));
            let mut any = false;
            words.each_run(|run| {
                any = true;
                runs.insert(run);
            });
            too_short += i64::from(!any);
        }
    }
    if too_short > 0 {
        count("too_short", too_short);
    }
    runs.seal();
    Ok(runs)
}

fn look(
    config: &Config,
    text: &Column<str>,
    words: &mut Words,
    runs: &Runs,
    input: &mut Reader,
    output: &mut Writer,
) -> Result<()> {
    let mut kept = vec![];
    for batch in input.batches() {
        let mut shared: Vec<i64> = Vec::with_capacity(batch.rows());
        for text in batch.get(text)?.iter() {
            let mut matches = 0;
            if let Some(text) = text {
                words.clear();
                words.add(text);
                words.each_run(|run| matches += i64::from(runs.contains(run)));
            }
            shared.push(matches);
        }
        let rows = batch.first_row()..batch.first_row() + batch.rows() as u64;
        if config.mode == Mode::Flag {
            output.keep_with(&rows.collect::<Vec<_>>(), vec![shared.into()])?;
            continue;
        }
        for (row, matches) in rows.zip(shared) {
            match (matches as u64) < config.min_matches {
                true => kept.push(row),
                false => output.drop(row, "contaminated"),
            }
        }
        if kept.len() >= KEPT_AT_ONCE {
            output.keep(&std::mem::take(&mut kept))?;
        }
    }
    if kept.is_empty() { Ok(()) } else { output.keep(&kept) }
}

callboard_sdk::global!(Contamination);

#[cfg(test)]
mod tests {
    use callboard_sdk::testing::{self, dropped};
    use serde_json::{Value, json};

    use super::*;

    fn rows() -> Value {
        json!([
            { "id": 1, "text": "Before. One, two — THREE\nfour five! After" },
            { "id": 2, "text": "one two three" },
            { "id": 3, "text": null },
            { "id": 4, "text": "five four three two one two three four six" },
            { "id": 5, "text": "one two three four one two three four five" },
        ])
    }

    fn run(config: Value, others: Value) -> callboard_sdk::testing::Outcome {
        testing::global::<Contamination>(config, [rows(), others]).unwrap()
    }

    fn flags(config: Value, others: Value) -> Vec<i64> {
        let mut config = config;
        config["mode"] = json!("flag");
        run(config, others).rows.iter().map(|row| row["contamination"].as_i64().unwrap()).collect()
    }

    #[test]
    fn texts_that_share_a_run_of_words_are_dropped_or_flagged() {
        let others = || json!([{ "text": "ONE two three, four five." }, { "text": "three four" }, { "text": null }]);
        let outcome = run(json!({ "ngram": 4 }), others());
        let ids: Vec<_> = outcome.rows.iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, [2, 3]);
        assert_eq!(outcome.removed, [0, 3, 4].map(|row| dropped(row, "contaminated")));
        assert_eq!(flags(json!({ "ngram": 4 }), others()), [2, 0, 0, 1, 3]);
        assert_eq!(flags(json!({ "ngram": 5 }), others()), [1, 0, 0, 0, 1]);
        assert_eq!(flags(json!({ "ngram": 2 }), json!([{ "text": "three four" }])), [1, 0, 0, 1, 2]);
        let outcome = run(json!({ "ngram": 4, "min_matches": 3 }), others());
        assert_eq!(outcome.removed, [dropped(4, "contaminated")]);
    }

    #[test]
    fn several_columns_are_one_text() {
        let others =
            json!([{ "question": "zero one two", "answer": "three four" }, { "question": null, "answer": "x" }]);
        let config = json!({ "ngram": 4, "others": ["question", "answer"] });
        assert_eq!(flags(config, others), [1, 0, 0, 1, 2]);
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        let none = testing::Table::new(vec![Field::utf8("text")], json!([]));
        let outcome = testing::global::<Contamination>(json!({}), [rows().into(), none]).unwrap();
        assert_eq!((outcome.rows.len(), outcome.removed.len()), (5, 0));
    }

    #[test]
    fn mistakes_have_their_places() {
        let wrong = |config: Value| {
            let error =
                testing::global::<Contamination>(config, [rows(), json!([{ "n": 1, "text": "a" }])]).unwrap_err();
            (error.at.unwrap_or_default(), error.message)
        };
        assert_eq!(wrong(json!({ "ngram": 0 })), ("/ngram".into(), "`ngram` is 0, and at least 1 is expected".into()));
        assert_eq!(wrong(json!({ "min_matches": 0 })).0, "/min_matches");
        assert_eq!(wrong(json!({ "column": "z" })).0, "/column");
        let (at, message) = wrong(json!({ "others": ["text", "n"] }));
        assert_eq!(at, "/others/1");
        assert!(message.starts_with("in the second input: column `n` is int64, and utf8 is expected"), "{message}");
        assert_eq!(wrong(json!({ "others": [] })).0, "/others");
        let error = testing::global::<Contamination>(json!({}), [rows()]).unwrap_err();
        assert!(error.message.starts_with("this step takes 2 inputs, and is given 1"), "{}", error.message);
    }
}
