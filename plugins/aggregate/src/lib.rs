//! Figures of groups of rows: counts, sums, means, extremes, first values, lists.
//!
//! 1. `config` is what is asked for.
//! 2. `figure` resolves a figure against its column, and adds up the rows of one group after another.
//! 3. `order` compares values.
//!
//! The host brings the rows of a group together. They are read once, and only the group at hand is in memory.
#![forbid(unsafe_code)]

mod config;
mod figure;
mod order;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use callboard_sdk::prelude::*;

pub use config::Config;
use config::{Function, Lists, Of};
use figure::{Figure, Wanted, escaped};

/// Why a row is left out that is not the first of its group.
const MERGED: &str = "merged into the first row of its group";
/// Rows put out in one call, and the bytes of their figures.
const ROWS_AT_ONCE: usize = 8192;
const BYTES_AT_ONCE: usize = 4 << 20;

/// Figures of the rows of each group.
pub struct Aggregate;

impl Global for Aggregate {
    type Config = Config;

    fn check(config: &Config, inputs: &[Schema]) -> Result<()> {
        let input = Schema::only(inputs)?;
        for (i, name) in config.by.iter().enumerate() {
            input.field(name).at(format!("/by/{i}"))?;
        }
        let by: HashSet<&String> = config.by.iter().collect();
        for (name, _) in &config.figures.0 {
            let pointer = || format!("/figures/{}", escaped(name));
            if name.is_empty() {
                return Err(StepError::config("a figure needs a name").at("/figures"));
            }
            if by.contains(name) {
                return Err(StepError::config(format!("`{name}` is a column of `by`")).at(pointer()));
            }
        }
        let mut names: HashSet<&String> =
            by.iter().copied().chain(config.figures.0.iter().map(|(name, _)| name)).collect();
        if let Lists::Columns(lists) = &config.lists {
            for (i, name) in lists.iter().enumerate() {
                input.field(name).at(format!("/lists/{i}"))?;
                if !names.insert(name) {
                    let what = if by.contains(name) { "a column of `by`" } else { "there already" };
                    return Err(StepError::config(format!("`{name}` is {what}"))).at(format!("/lists/{i}"));
                }
            }
        }
        let nothing = config.figures.0.is_empty() && config.lists(input).is_empty();
        match config.by.is_empty() && nothing {
            true => Err(StepError::config("at least 1 figure is needed where `by` has no columns").at("/figures")),
            false => Ok(()),
        }
    }

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let lists = config.lists(input).into_iter().map(|name| (name.clone(), Of::Column(Function::List(name))));
        let lists: Vec<(String, Of)> = lists.collect();
        let wanted = config.figures.0.iter().chain(&lists).map(|(name, of)| Wanted::resolve(name, of, input));
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        let gather = if config.by.is_empty() { Gather::all() } else { Gather::by_key(config.by.iter().cloned()) };
        let by: HashSet<&String> = config.by.iter().collect();
        let written: HashSet<&str> = wanted.iter().map(|wanted| wanted.field().name.as_str()).collect();
        let names = input.fields().iter().map(|field| &field.name);
        let dropped = names.filter(|name| !by.contains(name) && !written.contains(name.as_str()));
        let shape = Shape::new()
            .gather(gather)
            .reads_all(wanted.iter().filter_map(Wanted::column))
            .writes_all(wanted.iter().map(Wanted::field));
        let shape = if config.beside { shape } else { shape.drops_all(dropped) };
        Ok(shape.run(move |inputs, output| aggregate(&wanted, config.beside, &mut inputs[0], output)))
    }
}

/// Groups whose figures are complete.
struct Groups<'a> {
    figures: Vec<Figure<'a>>,
    /// The first row of each, and how many it has.
    rows: Vec<(u64, u64)>,
}

fn aggregate(wanted: &[Wanted], beside: bool, input: &mut Reader, output: &mut Writer) -> Result<()> {
    let new = || Groups { figures: wanted.iter().map(Figure::new).collect(), rows: vec![] };
    let (mut groups, mut current) = (new(), None);
    while let Some(batch) = input.next() {
        let arrays = wanted.iter().map(|wanted| wanted.array(&batch)).collect::<Result<Vec<_>>>()?;
        let mut spans: Vec<_> = batch.groups().collect();
        if spans.is_empty() && batch.rows() > 0 {
            // Without `by`, rows have no groups: all are one.
            spans.push((0, 0..batch.rows()));
        }
        for (group, span) in spans {
            let row = batch.first_row() + span.start as u64;
            let begins = current.replace(group) != Some(group);
            if !beside {
                let others = row + u64::from(begins)..batch.first_row() + span.end as u64;
                others.for_each(|row| output.drop(row, MERGED));
            }
            if begins {
                groups.end(input)?;
                if !beside && groups.is_full() {
                    std::mem::replace(&mut groups, new()).put_out(false, wanted, output)?;
                }
                groups.rows.push((row, 0));
            }
            if let Some((_, rows)) = groups.rows.last_mut() {
                *rows += span.len() as u64;
            }
            for (figure, array) in groups.figures.iter_mut().zip(&arrays) {
                figure.add(array, span.clone())?;
            }
        }
    }
    groups.end(input)?;
    groups.put_out(beside, wanted, output)
}

impl Groups<'_> {
    /// Ends the group at hand, if there is one.
    fn end(&mut self, input: &Reader) -> Result<()> {
        let Some((first, _)) = self.rows.last() else { return Ok(()) };
        let row = || input.positions(*first, 1).first().copied().unwrap_or(*first);
        self.figures.iter_mut().try_for_each(|figure| figure.end(row))
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_AT_ONCE || self.bytes() >= BYTES_AT_ONCE
    }

    fn bytes(&self) -> usize {
        self.figures.iter().map(Figure::bytes).sum()
    }

    fn put_out(self, beside: bool, wanted: &[Wanted], output: &mut Writer) -> Result<()> {
        let (groups, bytes) = (self.rows.len(), self.bytes());
        let columns: Vec<ArrayBuf> = self.figures.into_iter().map(Figure::finish).collect();
        let keep = |rows: &[u64], columns: Vec<ArrayBuf>, output: &mut Writer| match columns.is_empty() {
            true => output.keep(rows),
            false => output.keep_with(rows, columns),
        };
        if !beside {
            let rows: Vec<u64> = self.rows.iter().map(|(first, _)| *first).collect();
            return keep(&rows, columns, output);
        }
        let names = wanted.iter().map(|wanted| wanted.field().name.clone());
        let columns = Batch::of(names.zip(columns));
        // As many rows at once as have room for figures of the usual size.
        let most = (BYTES_AT_ONCE / (bytes / groups.max(1)).max(1)).clamp(1, ROWS_AT_ONCE);
        let (mut rows, mut of) = (Vec::with_capacity(most), Vec::with_capacity(most));
        for (group, (first, count)) in (0u32..).zip(self.rows) {
            for row in first..first + count {
                rows.push(row);
                of.push(group);
                if rows.len() == most {
                    keep(&rows, columns.columns().map(|(_, column)| column.take(&of)).collect(), output)?;
                    rows.clear();
                    of.clear();
                }
            }
        }
        keep(&rows, columns.columns().map(|(_, column)| column.take(&of)).collect(), output)
    }
}

callboard_sdk::global!(Aggregate);
