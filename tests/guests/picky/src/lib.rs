//! Is particular about rows, in whatever way it is told: each list names texts.
#![forbid(unsafe_code)]

use std::cell::Cell;

use callboard_sdk::prelude::*;

/// Which rows it does what with.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// It panics.
    trap: Vec<String>,
    /// It goes on for ever.
    spin: Vec<String>,
    /// It returns an error for the whole batch.
    fail: Vec<String>,
    /// It returns an error that says nothing of the rows, as what a language throws does.
    throw: Vec<String>,
    /// It rejects them.
    reject: Vec<String>,
    /// It drops them, with the reason `dropped`.
    drop: Vec<String>,
    /// It leaves them out without a word.
    omit: Vec<String>,
    /// So many calls of each instance fail for the time being.
    transient: u32,
    /// Bytes that each call takes and never frees.
    leak: usize,
    /// Stands in the column `mark` of every row.
    mark: String,
}

/// Is particular about rows.
pub struct Picky;

impl Transform for Picky {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let text = input.utf8("text")?;
        let shape = Shape::new().reads(&text).writes(Field::utf8("mark"));
        let calls = Cell::new(0);
        Ok(shape.process(move |batch| {
            calls.set(calls.get() + 1);
            if calls.get() <= config.transient {
                return Err(StepError::transient("not yet"));
            }
            std::mem::forget(std::hint::black_box(vec![1u8; config.leak]));
            let mut output = Output::new();
            let (mut kept, mut gone) = (Vec::new(), 0);
            for (row, text) in batch.get(&text)?.iter().enumerate() {
                let text = text.unwrap_or_default();
                let named = |texts: &[String]| texts.iter().any(|named| named == text);
                assert!(!named(&config.trap), "it does not like `{text}`");
                while named(&config.spin) {
                    std::hint::black_box(text);
                }
                if named(&config.fail) {
                    return Err(StepError::input(format!("it cannot take `{text}`")));
                }
                if named(&config.throw) {
                    return Err(StepError::failed(format!("`{text}` threw")));
                }
                if named(&config.reject) {
                    output.reject(row, format!("it is `{text}`"));
                } else if named(&config.drop) {
                    output.drop(row, "dropped");
                } else if named(&config.omit) {
                    gone += 1;
                } else {
                    kept.push(row as u32);
                }
            }
            callboard_sdk::count("rows", batch.rows() as i64);
            let marks: ArrayBuf = kept.iter().map(|_| Some(config.mark.as_str())).collect();
            let output = output.column(marks);
            Ok(if gone > 0 { output.keep(kept) } else { output })
        }))
    }
}

callboard_sdk::transform!(Picky);

#[cfg(test)]
mod tests {
    use callboard_sdk::serde_json::json;
    use callboard_sdk::testing::{self, dropped, rejected};

    use super::*;

    #[test]
    fn it_does_as_it_is_told() {
        let config = json!({"mark": "m", "reject": ["b"], "drop": ["c"], "omit": ["d"]});
        let rows = json!([{"text": "a"}, {"text": "b"}, {"text": "c"}, {"text": "d"}]);
        let outcome = testing::transform::<Picky>(config, rows).unwrap();
        assert_eq!(outcome.rows, [json!({"text": "a", "mark": "m"})]);
        assert_eq!(outcome.removed, [rejected(1, "it is `b`"), dropped(2, "dropped")]);
    }
}
