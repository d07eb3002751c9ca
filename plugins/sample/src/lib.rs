//! A random sample of the rows, the same for the same seed.
//!
//! 1. Without weights it is known how many rows there are before the first is looked at, so rows are chosen as they pass
//!    (see `draw`): nothing is kept of them, and nothing is read.
//! 2. With weights each row gets a key, and the rows with the smallest keys are chosen (see `weighted`).
//!
//! The host brings the rows of a stratum together.
#![forbid(unsafe_code)]

mod config;
mod draw;
#[cfg(test)]
mod tests;
mod weighted;

use callboard_sdk::prelude::*;

pub use config::Config;
use draw::{Draw, Random, Size};

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 1 << 16;

/// Takes a random sample of the rows, in their order.
pub struct Sample;

impl Global for Sample {
    type Config = Config;

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        let input = Schema::only(inputs)?;
        for (i, name) in config.strata().iter().enumerate() {
            let pointer = if config.has_one_stratum_column() { "/by".to_owned() } else { format!("/by/{i}") };
            input.field(name).at(pointer)?;
        }
        Ok(())
    }

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let (size, seed, strata) = (config.size()?, config.seed, config.strata().to_vec());
        let grouped = !strata.is_empty();
        let shape = match grouped {
            true => Shape::new().gather(Gather::by_key(strata)),
            false => Shape::new(),
        };
        let Some(weight) = &config.weight else {
            return Ok(shape.run(move |inputs, output| match grouped {
                true => stratified(size, seed, &mut inputs[0], output),
                false => {
                    let rows = inputs[0].rows();
                    let mut kept = Kept::default();
                    draw(size, Random::new(seed), 0..rows, &mut kept, output)?;
                    kept.put_out(output)
                }
            }));
        };
        let weight = weighted::weight(input, weight).at("/weight")?;
        Ok(shape
            .reads(&weight)
            .run(move |inputs, output| weighted::Sampler { size, seed, weight: &weight }.run(&mut inputs[0], output)))
    }
}

fn stratified(size: Size, seed: u64, input: &mut Reader, output: &mut Writer) -> Result<()> {
    let mut kept = Kept::default();
    // The stratum at hand, and its rows so far: how many it has is known at its end.
    let mut stratum: Option<(u32, std::ops::Range<u64>)> = None;
    let mut end = |rows: std::ops::Range<u64>, input: &Reader, output: &mut Writer| {
        let position = input.positions(rows.start, 1).first().copied().unwrap_or(rows.start);
        draw(size, Random::of_stratum(seed, position), rows, &mut kept, output)
    };
    while let Some(batch) = input.next() {
        for (group, rows) in batch.groups() {
            let (from, to) = (batch.first_row() + rows.start as u64, batch.first_row() + rows.end as u64);
            match &mut stratum {
                Some((current, rows)) if *current == group => rows.end = to,
                _ => {
                    if let Some((_, rows)) = stratum.replace((group, from..to)) {
                        end(rows, input, output)?;
                    }
                }
            }
        }
    }
    if let Some((_, rows)) = stratum {
        end(rows, input, output)?;
    }
    kept.put_out(output)
}

/// Chooses among rows that follow one another.
fn draw(
    size: Size,
    mut random: Random,
    rows: std::ops::Range<u64>,
    kept: &mut Kept,
    output: &mut Writer,
) -> Result<()> {
    let mut draw = Draw::new(size, rows.end - rows.start);
    for row in rows {
        kept.see(row, draw.next(&mut random), output)?;
    }
    Ok(())
}

/// Rows that were chosen, and not yet put out.
#[derive(Default)]
struct Kept(Vec<u64>);

impl Kept {
    fn see(&mut self, row: u64, is_chosen: bool, output: &mut Writer) -> Result<()> {
        if !is_chosen {
            output.drop(row, "not in the sample");
            return Ok(());
        }
        self.0.push(row);
        if self.0.len() == KEPT_AT_ONCE { std::mem::take(self).put_out(output) } else { Ok(()) }
    }

    fn put_out(self, output: &mut Writer) -> Result<()> {
        output.keep(&self.0)
    }
}

callboard_sdk::global!(Sample);
