//! Whether the two ways to decide a condition agree: on rows and conditions that bytes make, for tests and fuzzing.

mod conditions;
mod rows;

use callboard_sdk::{Batch, Schema};

use crate::columnar::Truth;
use crate::expression::{Expression, Verdict};

/// Bytes, taken one after another; zeros when there are no more.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.next()))
    }
}

/// Takes any bytes: as the text of a condition up to a zero byte, or as choices that make one; then as rows.
///
/// # Panics
/// Where a condition that should work does not, where the two ways to decide it do not agree, and where a law of three-valued
/// logic does not hold.
pub fn fuzz(bytes: &[u8]) {
    let mut source = Bytes(bytes);
    match source.next() % 4 {
        0 => {
            let (text, rest) = source.0.split_at(source.0.iter().position(|byte| *byte == 0).unwrap_or(source.0.len()));
            let batch = rows::batch(&mut Bytes(rest));
            if let Ok(text) = std::str::from_utf8(text)
                && is_bounded(text)
                && let Ok(expression) = Expression::new(text, &batch.schema())
            {
                verdicts(&expression, &batch).unwrap_or_else(|why| panic!("{text}: {why}"));
            }
        }
        kind => {
            let simple = kind == 1;
            let condition = conditions::condition(&mut source, 4, simple);
            let batch = rows::batch(&mut source);
            check_laws(&condition, &batch, simple);
        }
    }
}

/// Whether a condition on these rows ends soon, in little memory: in a run, the step's limits are for that.
fn is_bounded(text: &str) -> bool {
    let grows = ["all", "exists", "filter", "map", "replace", "join"];
    text.len() <= 1024 && grows.iter().map(|name| text.matches(name).count()).sum::<usize>() <= 2
}

/// `!x` is the opposite of `x`, `x && !x` is never true, and `x || true` always is.
fn check_laws(condition: &str, batch: &Batch, simple: bool) {
    let schema = batch.schema();
    let both = verdicts_of(condition, &schema, batch, simple);
    let not = verdicts_of(&format!("!({condition})"), &schema, batch, simple);
    let never = verdicts_of(&format!("({condition}) && !({condition})"), &schema, batch, simple);
    let always = verdicts_of(&format!("({condition}) || null == null"), &schema, batch, false);
    for (row, verdict) in both.iter().enumerate() {
        let opposite = match verdict {
            Verdict::True => Verdict::False,
            Verdict::False => Verdict::True,
            other => other.clone(),
        };
        assert_eq!(not[row], opposite, "!({condition}), row {row}");
        assert_ne!(never[row], Verdict::True, "({condition}) && !({condition}), row {row}");
        assert_eq!(always[row], Verdict::True, "({condition}) || null == null, row {row}");
    }
}

fn verdicts_of(condition: &str, schema: &Schema, batch: &Batch, simple: bool) -> Vec<Verdict> {
    let expression = Expression::new(condition, schema).unwrap_or_else(|error| panic!("{condition}: {error}"));
    assert!(expression.simple().is_some() || !simple, "{condition} is simple");
    verdicts(&expression, batch).unwrap_or_else(|why| panic!("{condition}: {why}"))
}

/// The interpreter's verdict on each row; whole columns must agree if the condition is simple.
///
/// # Errors
/// Where they do not agree, and where text is not UTF-8.
pub fn verdicts(expression: &Expression, batch: &Batch) -> Result<Vec<Verdict>, String> {
    let columns = expression.read(batch).map_err(|error| error.message)?;
    let verdicts: Vec<Verdict> = (0..batch.rows()).map(|row| expression.evaluate(&columns, row)).collect();
    if let Some(simple) = expression.simple() {
        let decided = simple.decide(&columns, batch.rows());
        for (row, (truth, verdict)) in decided.into_iter().zip(&verdicts).enumerate() {
            let decided = match truth {
                Truth::TRUE => Verdict::True,
                Truth::FALSE => Verdict::False,
                _ => Verdict::Unknown,
            };
            if decided != *verdict {
                return Err(format!("row {row} is {decided:?} by its columns, and {verdict:?} by itself"));
            }
        }
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]
        #[test]
        fn columns_and_interpreter_agree(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
            super::fuzz(&bytes);
        }
    }
}
