//! A step called natively on batches that are there already: what its component is measured against.
//!
//! Batches are those of [`crate::raw::columns`], as they cross; nothing here copies or checks them.

use serde_json::Value;

use super::from_raw;
use crate::error::Result;
use crate::exchange::{Call, Reader, Sink};
use crate::raw::columns::Batch as RawBatch;
use crate::raw::transform::exports::callboard::step::transform::Output as RawOutput;
use crate::step::{self, Global, Opened, OpenedTransform, Transform};

/// A transform that is open.
pub struct NativeTransform(OpenedTransform);

impl NativeTransform {
    /// Opens a transform for batches of this schema (a batch of no rows): the columns that it reads, in its order.
    ///
    /// # Errors
    /// What the step returns.
    pub fn open<T: Transform>(config: &Value, schema: &RawBatch) -> Result<Self> {
        let opened = Opened::new();
        step::open_transform::<T>(&opened, &config.to_string(), schema).map_err(from_raw)?;
        Ok(NativeTransform(opened))
    }

    /// Calls it for a batch.
    ///
    /// # Errors
    /// What the step returns.
    pub fn process(&self, batch: RawBatch) -> Result<RawOutput> {
        step::process(&self.0, batch).map_err(from_raw)
    }
}

/// Runs a global step over inputs, each in batches of the columns that it reads; each batch is handed over once. The calls to its
/// writer, in order.
///
/// # Errors
/// What the step returns.
///
/// # Panics
/// If the step reads a row twice.
pub fn run_natively<T: Global>(config: &Value, schemas: &[RawBatch], inputs: Vec<Vec<RawBatch>>) -> Result<Vec<Call>> {
    let opened = Opened::new();
    step::open_global::<T>(&opened, &config.to_string(), schemas).map_err(from_raw)?;
    let readers = inputs.into_iter().map(Reader::once).collect();
    match step::run_over(&opened, readers, Sink::Memory(vec![])).map_err(from_raw)? {
        Sink::Memory(calls) => Ok(calls),
        Sink::Host(_) => unreachable!("the sink given was in memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array_buf::ArrayBuf;
    use crate::batch::assemble;
    use crate::prelude::*;
    use serde_json::json;

    #[derive(Deserialize, JsonSchema)]
    struct Config {
        /// How often its input is read.
        passes: usize,
    }

    /// Keeps the rows of its last pass.
    struct Last;

    impl Global for Last {
        type Config = Config;

        fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
            let n = inputs[0].int64("n")?;
            Ok(Shape::new().reads(&n).run(move |inputs, output| {
                assert_eq!(inputs[0].rows(), 3);
                let mut kept = vec![];
                for _ in 0..config.passes {
                    inputs[0].seek(0);
                    kept.clear();
                    for batch in inputs[0].batches() {
                        let first = batch.first_row();
                        kept.extend(
                            batch.get(&n)?.values().iter().zip(first..).filter(|(n, _)| **n > 5).map(|(_, row)| row),
                        );
                    }
                }
                output.keep(&kept)
            }))
        }
    }

    fn batch(numbers: &[i64]) -> RawBatch {
        let column: ArrayBuf = numbers.iter().copied().collect();
        assemble(numbers.len(), [("n".to_owned(), column)])
    }

    fn run(passes: usize) -> Vec<Call> {
        let inputs = vec![vec![batch(&[4, 6]), batch(&[7])]];
        run_natively::<Last>(&json!({ "passes": passes }), &[batch(&[])], inputs).unwrap()
    }

    #[test]
    fn batches_are_handed_over_in_order_and_the_calls_come_back() {
        let calls = run(1);
        assert!(matches!(&calls[..], [Call::Keep(rows, None)] if *rows == [1, 2]));
    }

    #[test]
    #[should_panic(expected = "rows that are given once are read in order")]
    fn a_step_that_reads_twice_is_not_given_nothing() {
        run(2);
    }
}
