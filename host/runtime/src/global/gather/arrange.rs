//! The rows of a part, arranged: group after group, in the order of the input or sorted.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, take};
use arrow::row::{RowConverter, Rows, SortField};
use callboard_sandbox::{Order, Run};

use super::keys::canonical;
use super::layout::{digests, items, positions};
use super::parts::Parts;
use super::pieces::Part;
use super::reader::Given;
use crate::error::Fault;
use crate::rows::weight;

/// A row's place in its input, and which item of its list made it a member.
pub(super) type Position = (u64, u32);

/// The rows of an input in a call, in memory.
pub(super) struct Arranged {
    /// The columns that are read, of rows as they were gathered.
    pub(super) columns: RecordBatch,
    /// About what a row of them takes, bytes.
    pub(super) row_bytes: u64,
    /// For each row, as it is given, which of them it is.
    pub(super) order: Vec<u32>,
    /// For each row, as it is given, where it stands.
    pub(super) places: Vec<Position>,
    /// The groups: the number, and its first row as it is given.
    pub(super) groups: Vec<(u32, u64)>,
    /// For each of them the place of its first row, in the order of the input.
    firsts: Vec<Position>,
}

/// Digests are spread already.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.chunks(8).for_each(|bytes| self.0 = bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

/// Arranges all rows of a part, for each input.
pub(super) fn arrange(parts: &Parts, part: &Part) -> Result<Vec<Given>, Fault> {
    let grouped = parts.bound.gathered.is_grouped();
    let mut numbers: HashMap<u128, u32, BuildHasherDefault<AsIs>> = HashMap::default();
    let mut all = Vec::with_capacity(part.len());
    for (port, rows) in part.iter().enumerate() {
        if parts.is_whole(port) {
            all.push(Given::Whole(rows.rows));
            continue;
        }
        let layout = &parts.layouts[port];
        let rows = parts.rows(port, rows)?;
        numbers.reserve(rows.num_rows().saturating_sub(numbers.len()));
        let groups: Vec<u32> = match grouped {
            false => vec![0; rows.num_rows()],
            true => digests(layout, &rows)
                .map(|digest| {
                    let next = numbers.len() as u32;
                    *numbers.entry(digest).or_insert(next)
                })
                .collect(),
        };
        let order = order(&groups, numbers.len().max(1), &sort_keys(parts, port, &rows)?);
        let (at, items) = (positions(&rows), items(layout, &rows));
        let places = order.iter().map(|row| (at[*row as usize], items.get(*row as usize).copied().unwrap_or(0)));
        let places: Vec<Position> = places.collect();
        let (mut starts, mut firsts): (Vec<(u32, u64)>, Vec<Position>) = (Vec::new(), Vec::new());
        for (given, row) in order.iter().enumerate() {
            let group = groups[*row as usize];
            match firsts.last_mut().filter(|_| starts.last().is_some_and(|(last, _)| *last == group)) {
                Some(first) => *first = places[given].min(*first),
                None => {
                    starts.push((group, given as u64));
                    firsts.push(places[given]);
                }
            }
        }
        let read = read(parts, port, &rows)?;
        all.push(Given::Arranged(Arc::new(Arranged {
            row_bytes: weight(&read) / 8 / read.num_rows().max(1) as u64,
            columns: read,
            order,
            places,
            groups: starts,
            firsts,
        })));
    }
    Ok(all)
}

/// The columns that a step reads, under its names.
pub(super) fn read(parts: &Parts, port: usize, rows: &RecordBatch) -> Result<RecordBatch, Fault> {
    let layout = &parts.layouts[port];
    let ahead = layout.ahead();
    let columns = parts.bound.reads[port].iter().map(|at| {
        let place = layout.place(*at).expect("what is read was gathered");
        rows.column(ahead + place).clone()
    });
    Ok(callboard_sandbox::record_batch(parts.bound.given[port].clone(), columns.collect(), rows.num_rows())?)
}

/// What rows are sorted by, comparable; `None` if they stay in the order of the input.
pub(super) fn sort_keys(parts: &Parts, port: usize, rows: &RecordBatch) -> Result<Option<Rows>, Fault> {
    let (layout, orders) = (&parts.layouts[port], &parts.bound.gathered.sorted[port]);
    if orders.is_empty() {
        return Ok(None);
    }
    let column = |order: &Order| {
        let place = layout.place(order.column).expect("what is sorted by was gathered");
        canonical(rows.column(layout.ahead() + place))
    };
    let columns: Vec<ArrayRef> = orders.iter().map(column).collect::<Result<_, _>>()?;
    let field = |(column, order): (&ArrayRef, &Order)| {
        let options = SortOptions { descending: order.descending, nulls_first: order.nulls_first };
        SortField::new_with_options(column.data_type().clone(), options)
    };
    let converter = RowConverter::new(columns.iter().zip(orders).map(field).collect())?;
    Ok(Some(converter.convert_columns(&columns)?))
}

/// The order in which rows are given: by group, then sorted, then as they stand.
fn order(groups: &[u32], count: usize, keys: &Option<Rows>) -> Vec<u32> {
    let mut ends = vec![0u32; count + 1];
    groups.iter().for_each(|group| ends[*group as usize + 1] += 1);
    (0..count).for_each(|group| ends[group + 1] += ends[group]);
    let mut next = ends.clone();
    let mut order = vec![0u32; groups.len()];
    for (row, group) in groups.iter().enumerate() {
        let place = &mut next[*group as usize];
        order[*place as usize] = row as u32;
        *place += 1;
    }
    if let Some(keys) = keys {
        for group in ends.windows(2) {
            // Stable, since equal rows keep their order.
            order[group[0] as usize..group[1] as usize]
                .sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
        }
    }
    order
}

impl Arranged {
    pub(super) fn rows(&self) -> u64 {
        self.order.len() as u64
    }

    /// Rows as they are given, from one to before another.
    pub(super) fn slice(&self, from: u64, to: u64) -> Result<RecordBatch, Fault> {
        let order = UInt32Array::from(self.order[from as usize..to as usize].to_vec());
        let columns =
            self.columns.columns().iter().map(|column| take(column, &order, None)).collect::<Result<_, _>>()?;
        Ok(callboard_sandbox::record_batch(self.columns.schema(), columns, order.len())?)
    }

    /// The groups of these rows.
    pub(super) fn runs(&self, from: u64, to: u64) -> Vec<Run> {
        let first = self.groups.partition_point(|(_, start)| *start <= from).saturating_sub(1);
        let here = self.groups[first..].iter().take_while(|(_, start)| *start < to);
        here.enumerate()
            .map(|(at, (group, start))| {
                let end = self.groups.get(first + at + 1).map_or(self.rows(), |(_, start)| *start);
                Run { group: *group, rows: (end.min(to) - (*start).max(from)) as u32 }
            })
            .collect()
    }

    /// The place of the first row, in the order of the input, of the group that each of these rows is in.
    pub(super) fn first_of_group(&self, row: u64) -> Position {
        self.firsts[self.groups.partition_point(|(_, start)| *start <= row) - 1]
    }
}
