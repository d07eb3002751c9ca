//! Makes rows by chance, the same ones for the same seed: the start of a synthetic data set.
//!
//! 1. `draw`: each column's values are drawn from what the configuration says.
//! 2. `seeds`: columns of a file of seed rows.
//! 3. `chance`: a value depends on the seed, the column and the row alone, so that any page can be made by itself.
#![forbid(unsafe_code)]

mod chance;
mod config;
mod dates;
mod draw;
mod seeds;
#[cfg(test)]
mod tests;

use callboard_sdk::prelude::*;

pub use config::Config;
use seeds::Seeds;

/// Rows of a page.
const PAGE: u64 = 4096;

/// Makes rows by chance.
pub struct SamplerStep;

impl Source for SamplerStep {
    type Config = Config;
    type Cursor = u64;

    fn bind(config: Config) -> Result<BoundSource<u64>> {
        let columns = draw::columns(&config.columns, config.seed)?;
        let seeds = config.seed_rows.as_ref().map(|rows| Seeds::new(rows, &config)).transpose()?;
        let mut shape = Shape::new().writes_all(columns.iter().map(|column| &column.field));
        if let Some(seeds) = &seeds {
            shape = shape.writes_all(seeds.fields());
        }
        if columns.is_empty() && seeds.is_none() {
            return Err(StepError::config("rows have no columns: n = { integer = { from = 1, to = 6 } }"))
                .at("/columns");
        }
        let rows = config.rows;
        let load = move || seeds.map(Seeds::load).transpose();
        Ok(shape.load(load).pages(move |seeds, first: u64| {
            let next = rows.min(first.saturating_add(PAGE));
            if first >= next {
                return Ok(None);
            }
            let mut page = Page::new(next);
            for column in &columns {
                page = page.column(column.column(&columns, first..next));
            }
            if let Some(seeds) = seeds {
                page = seeds.columns(first..next).into_iter().fold(page, Page::column);
            }
            Ok(Some(page))
        }))
    }
}

callboard_sdk::source!(SamplerStep);
