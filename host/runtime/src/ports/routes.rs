//! Which rows of a feed take which of its routes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{Schema, SchemaRef};
use callboard_cel::{Expression, Truth};
use callboard_plan::{Feed, Route, Share};
use callboard_sandbox::{native, native_schema};
use callboard_sdk::{Keys, StepError};
use tokio_util::sync::CancellationToken;
use twox_hash::XxHash3_64;

use super::bug;
use crate::error::{Class, RunError};
use crate::rejects::Files;
use crate::rows::{Batch, record_batch};

/// The routes of a feed, checked against its columns.
pub(crate) struct Routes {
    /// The columns that decide, by their places.
    columns: Vec<usize>,
    schema: SchemaRef,
    routes: Vec<(Feed, Way)>,
    files: Arc<Files>,
    cancel: CancellationToken,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.feeds()).finish()
    }
}

enum Way {
    Where(Box<Expression>),
    /// A branch, and where the columns that decide are among those that are read.
    Share(Share, Vec<usize>),
    Else,
}

impl Routes {
    /// # Errors
    ///
    /// A condition that cannot be decided of these columns, or a column that is not there; with the place of the route.
    pub(crate) fn new(
        schema: &Schema,
        routes: &[(&Feed, &Route)],
        files: Arc<Files>,
        cancel: CancellationToken,
    ) -> Result<Routes, RunError> {
        let native = native_schema(schema);
        let mut columns: Vec<usize> = Vec::new();
        let mut place = |name: &str| -> Option<usize> {
            let at = schema.index_of(name).ok()?;
            Some(columns.iter().position(|known| *known == at).unwrap_or_else(|| {
                columns.push(at);
                columns.len() - 1
            }))
        };
        let mut ways = Vec::with_capacity(routes.len());
        for (feed, route) in routes {
            let refused = |error: StepError| in_route(RunError::new(Class::Pipeline, error.message), feed);
            let way = match route {
                Route::Where(condition) => {
                    let expression = Expression::new(condition, &native).map_err(refused)?;
                    for column in expression.columns() {
                        place(column.name());
                    }
                    Way::Where(Box::new(expression))
                }
                Route::Share(share) => {
                    let by = share.by.iter().map(|name| {
                        // The same words as for a column that a condition names.
                        native.field(name).map_err(refused)?;
                        place(name).ok_or_else(|| RunError::new(Class::Bug, format!("there is no column `{name}`")))
                    });
                    Way::Share(share.clone(), by.collect::<Result<_, _>>()?)
                }
                Route::Else(_) => Way::Else,
            };
            ways.push(((*feed).clone(), way));
        }
        let fields: Vec<_> = columns.iter().map(|at| schema.fields()[*at].clone()).collect();
        Ok(Routes { columns, schema: Arc::new(Schema::new(fields)), routes: ways, files, cancel })
    }

    /// The columns that decide, by their places.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Other places of the columns that decide, of which none is left out.
    pub(crate) fn moved(&mut self, places: &[Option<usize>]) {
        self.columns = self.columns.iter().filter_map(|at| places[*at]).collect();
    }

    /// Where the routes lead, in their order.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = &Feed> {
        self.routes.iter().map(|(feed, _)| feed)
    }

    /// What is copied to decide about a batch, bytes, about.
    pub(crate) fn takes(&self, batch: &Batch) -> u64 {
        self.columns.iter().map(|at| batch.rows.column(*at).get_buffer_memory_size() as u64).sum()
    }

    /// For each route the rows that take it, in order.
    ///
    /// # Errors
    ///
    /// The first row on which a condition fails.
    pub(crate) fn decide(&self, batch: &Batch) -> Result<Vec<Vec<u32>>, RunError> {
        let rows = batch.len();
        let columns: Vec<ArrayRef> = self.columns.iter().map(|at| batch.rows.column(*at).clone()).collect();
        let read = record_batch(self.schema.clone(), columns, rows).map_err(|error| bug(&error))?;
        let read = native(&read);
        let mut out: Vec<Vec<u32>> = Vec::with_capacity(self.routes.len());
        let mut taken = vec![false; rows];
        let mut chosen: Option<(Share, Choice)> = None;
        for (feed, way) in &self.routes {
            let rows: Vec<u32> = match way {
                Way::Where(expression) => {
                    let decided = expression
                        .decide_until(&read, &|| self.cancel.is_cancelled())
                        .map_err(|error| unread(&error, feed))?;
                    if let Some((row, why)) = decided.failed.first() {
                        return Err(self.failed(expression, feed, batch, *row, why));
                    }
                    if self.cancel.is_cancelled() {
                        return Err(RunError::interrupted());
                    }
                    let rows = decided.truths.iter().enumerate().filter(|(_, truth)| **truth == Truth::TRUE);
                    rows.map(|(row, _)| row as u32).collect()
                }
                Way::Share(share, by) => {
                    let beside = chosen.as_ref().is_some_and(|(other, _)| other.is_beside(share));
                    if !beside {
                        chosen = Some((share.clone(), self.choice(share, by, batch, &read, feed)?));
                    }
                    chosen.as_ref().map(|(_, choice)| choice.of(share.nth)).unwrap_or_default()
                }
                Way::Else => Vec::new(),
            };
            rows.iter().for_each(|row| taken[*row as usize] = true);
            out.push(rows);
        }
        for (rows, (_, way)) in out.iter_mut().zip(&self.routes) {
            if matches!(way, Way::Else) {
                *rows = (0..taken.len() as u32).filter(|row| !taken[*row as usize]).collect();
            }
        }
        Ok(out)
    }

    /// The branches that each row takes.
    fn choice(
        &self,
        share: &Share,
        by: &[usize],
        batch: &Batch,
        read: &callboard_sdk::Batch,
        feed: &Feed,
    ) -> Result<Choice, RunError> {
        // Columns are read in the order of `columns`, whatever names them.
        let arrays: Vec<_> = read.columns().map(|(_, array)| array).collect();
        let keys = Keys::new(by.iter().map(|at| arrays[*at])).map_err(|error| unread(&error, feed))?;
        // What is from no file is known by what it holds.
        let whole = if by.is_empty() && batch.file.null_count() > 0 { Some(native(&batch.seen())) } else { None };
        let whole = whole.as_ref().map(|whole| Keys::new(whole.columns().map(|(_, array)| array))).transpose();
        let whole = whole.map_err(|error| unread(&error, feed))?;
        let mut branches = Vec::with_capacity(batch.len() * share.pick as usize);
        let mut key = Vec::new();
        for row in 0..batch.len() {
            key.clear();
            match (by.is_empty(), self.files.origin(batch, row), &whole) {
                (true, Some((_, file, line)), _) => {
                    key.extend(file.file_name().unwrap_or_default().as_encoded_bytes());
                    key.push(0);
                    key.extend(line.to_le_bytes());
                }
                (true, None, Some(whole)) => whole.write(row, &mut key),
                _ => keys.write(row, &mut key),
            }
            pick(XxHash3_64::oneshot_with_seed(share.seed, &key), share.one_of, share.pick, &mut branches);
        }
        Ok(Choice { branches, pick: share.pick as usize })
    }

    fn failed(&self, expression: &Expression, feed: &Feed, batch: &Batch, row: usize, why: &str) -> RunError {
        let place = match self.files.origin(batch, row) {
            Some((_, file, line)) => format!(", line {line} of `{}`", file.display()),
            None => String::new(),
        };
        let condition = expression.shortened();
        let message = format!("`{condition}` fails on a row of `{}`{place}: {why}", feed.whole());
        let error = RunError::new(Class::Data, message);
        in_route(error, feed).help("let the condition ask first, such as: n != 0 && 10 / n > 1")
    }
}

/// Branches of each row, one after another.
struct Choice {
    branches: Vec<u32>,
    pick: usize,
}

impl Choice {
    fn of(&self, nth: u32) -> Vec<u32> {
        let rows = self.branches.chunks_exact(self.pick).enumerate().filter(|(_, branches)| branches.contains(&nth));
        rows.map(|(row, _)| row as u32).collect()
    }
}

/// Appends `pick` different numbers below `one_of`, all such choices being equally likely: Floyd's way.
fn pick(hash: u64, one_of: u32, pick: u32, out: &mut Vec<u32>) {
    let start = out.len();
    let mut state = hash;
    for last in one_of - pick..one_of {
        let number = ((u128::from(next(&mut state)) * u128::from(last + 1)) >> 64) as u32;
        let number = if out[start..].contains(&number) { last } else { number };
        out.push(number);
    }
}

/// The next of the numbers that a hash begins: SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn unread(error: &StepError, feed: &Feed) -> RunError {
    in_route(RunError::new(Class::Bug, format!("rows of `{}` cannot be routed: {}", feed.whole(), error.message)), feed)
}

fn in_route(mut error: RunError, feed: &Feed) -> RunError {
    error.place.route = feed.branch;
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each branch gets its share, whatever number of them a row takes, and a row takes a branch once.
    #[test]
    fn branches_are_picked_evenly_and_once() {
        for (one_of, of_each) in [(2, 1), (6, 3), (5, 5), (7, 1)] {
            let rows = 20_000_u64;
            let mut counts = vec![0_u64; one_of as usize];
            for row in 0..rows {
                let mut branches = Vec::new();
                pick(XxHash3_64::oneshot_with_seed(1, &row.to_le_bytes()), one_of, of_each, &mut branches);
                let distinct: std::collections::HashSet<&u32> = branches.iter().collect();
                assert_eq!(distinct.len(), of_each as usize);
                branches.iter().for_each(|branch| counts[*branch as usize] += 1);
            }
            let even = rows * u64::from(of_each) / u64::from(one_of);
            assert!(counts.iter().all(|count| count.abs_diff(even) < rows / 40), "{counts:?}");
        }
    }
}
