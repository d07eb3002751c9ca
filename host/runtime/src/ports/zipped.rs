//! Which columns zipped rows have, and how rows of several branches become one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt64Type};
use arrow::error::ArrowError;
use callboard_plan::pipeline::BatchSize;
use callboard_plan::{Absent, Feed, Same, Zip};
use callboard_sandbox::{display, in_a_line, is_hidden, record_batch, stamp_name};

use super::picks::{NONE, Pairing, Picks, first, list};
use crate::error::{Class, RunError};
use crate::rows::{Batch, Known};
use crate::store::records::Joined;

/// A branch of a zip, before rows are read.
pub(crate) struct Branch<'a> {
    pub(crate) feed: &'a Feed,
    pub(crate) schema: SchemaRef,
    /// What each of its columns holds: columns of one number have the same values for one row of the fork.
    pub(crate) holds: Arc<[u32]>,
}

/// What zipped rows look like.
#[derive(Debug)]
pub(crate) struct Zipped {
    pub(crate) schema: SchemaRef,
    columns: Vec<From>,
    /// For each branch, its column with the numbers of rows of the fork.
    stamps: Vec<usize>,
    /// For each branch, its columns.
    branches: Vec<SchemaRef>,
}

/// Where a column of zipped rows is from: places of branches and of their columns.
#[derive(Debug)]
enum From {
    /// The first of these whose branch has the row.
    First(Vec<(usize, usize)>),
    /// A list of all of these; those that lack the row are left out or null.
    List(Vec<(usize, usize)>, FieldRef, Absent),
}

impl Zipped {
    /// The columns of what branches become, and what each of them holds; `fresh` gives a number that no other column has.
    ///
    /// # Errors
    ///
    /// Columns that cannot be put together as the plan says it.
    pub(crate) fn new(
        zip: &Zip,
        branches: &[Branch<'_>],
        fresh: &mut dyn FnMut() -> u32,
    ) -> Result<(Zipped, Arc<[u32]>), RunError> {
        let stamp = stamp_name(&zip.fork.to_string());
        let stamps =
            branches.iter().map(|branch| branch.schema.index_of(&stamp).map_err(|_| unstamped(zip, branch.feed)));
        let stamps: Vec<usize> = stamps.collect::<Result<_, _>>()?;
        let mut names: Vec<&str> = Vec::new();
        let mut places: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
        for (branch, Branch { schema, .. }) in branches.iter().enumerate() {
            for (at, field) in schema.fields().iter().enumerate() {
                let known = places.entry(field.name()).or_default();
                if known.is_empty() {
                    names.push(field.name());
                }
                known.push((branch, at));
            }
        }
        let field = |(branch, at): (usize, usize)| branches[branch].schema.field(at);
        let held = |(branch, at): (usize, usize)| branches[branch].holds[at];
        let (mut fields, mut columns, mut holds): (Vec<FieldRef>, Vec<From>, Vec<u32>) = Default::default();
        for name in names {
            let of = &places[name];
            let all = of.len() == branches.len();
            let one = of.iter().all(|place| held(*place) == held(of[0]));
            if is_hidden(name) {
                // What only some of them know says nothing of the others.
                if all && one {
                    fields.push(Arc::new(field(of[0]).clone()));
                    columns.push(From::First(of.clone()));
                    holds.push(held(of[0]));
                }
                continue;
            }
            if one {
                let nullable = !all || of.iter().any(|place| field(*place).is_nullable());
                fields.push(Arc::new(field(of[0]).clone().with_nullable(nullable)));
                columns.push(From::First(of.clone()));
                // Where only some have it, it may be null in rows of a branch that has none.
                holds.push(if all { held(of[0]) } else { fresh() });
                continue;
            }
            match zip.how.same {
                None => return Err(unsaid(zip, name, of)),
                Some(Same::Suffix) => {
                    for place in of {
                        let called = format!("{name}_{}", zip.how.names[place.0]);
                        fields.push(Arc::new(field(*place).clone().with_name(called).with_nullable(true)));
                        columns.push(From::First(vec![*place]));
                        holds.push(fresh());
                    }
                }
                Some(Same::List) => {
                    let (first, absent) = (field(of[0]), zip.how.absent);
                    if let Some(other) =
                        of.iter().find(|at| !field(**at).data_type().equals_datatype(first.data_type()))
                    {
                        return Err(other_type(zip, name, (of[0].0, first), (other.0, field(*other))));
                    }
                    let item = Arc::new(
                        Field::new("item", first.data_type().clone(), true).with_metadata(first.metadata().clone()),
                    );
                    fields.push(Arc::new(Field::new(name, DataType::List(item.clone()), false)));
                    columns.push(From::List(of.clone(), item, absent));
                    holds.push(fresh());
                }
            }
        }
        let mut seen = HashSet::new();
        if let Some(twice) = fields.iter().find(|field| !seen.insert(field.name().as_str())) {
            let message = format!("the zip has two columns named `{}`", in_a_line(twice.name()));
            let help = "call the branches by other names: zip = { first = \"…\", second = \"…\" }";
            return Err(RunError::new(Class::Pipeline, message).help(help));
        }
        let branches = branches.iter().map(|branch| branch.schema.clone()).collect();
        let zipped = Zipped { schema: Arc::new(Schema::new(fields)), columns, stamps, branches };
        Ok((zipped, holds.into()))
    }

    /// Columns of branches that some of the zipped columns are made of, each by its branch and its place there.
    pub(crate) fn made_of(&self, wanted: &[bool]) -> Vec<(usize, usize)> {
        let columns = self.columns.iter().zip(wanted).filter(|(_, wanted)| **wanted);
        let columns = columns.flat_map(|(From::First(of) | From::List(of, ..), _)| of.iter().copied());
        columns.chain(self.stamps.iter().copied().enumerate()).collect()
    }

    /// Leaves out columns that are not wanted. The branches have other columns now, to which theirs have moved.
    pub(crate) fn leave_out(&mut self, wanted: &[bool], branches: &[(SchemaRef, Vec<Option<usize>>)]) {
        let mut keep = wanted.iter();
        self.columns.retain(|_| keep.next().is_some_and(|wanted| *wanted));
        let moved = |(branch, at): (usize, usize)| Some((branch, branches[branch].1[at]?));
        for From::First(of) | From::List(of, ..) in &mut self.columns {
            *of = of.iter().copied().filter_map(moved).collect();
        }
        let stamps = self.stamps.iter().copied().enumerate().filter_map(moved);
        self.stamps = stamps.map(|(_, at)| at).collect();
        let fields = self.schema.fields().iter().zip(wanted).filter(|(_, wanted)| **wanted);
        self.schema = Arc::new(Schema::new(fields.map(|(field, _)| field.clone()).collect::<Vec<_>>()));
        self.branches = branches.iter().map(|(schema, _)| schema.clone()).collect();
    }

    /// How many branches there are.
    pub(crate) fn branches(&self) -> usize {
        self.branches.len()
    }

    /// The place of the numbers of the fork's rows in a branch.
    pub(crate) fn stamp(&self, branch: usize) -> usize {
        self.stamps[branch]
    }

    /// Rows of each branch, one after another.
    pub(super) fn one(&self, branch: usize, mut parts: Vec<Batch>) -> Result<Option<Batch>, ArrowError> {
        match parts.len() {
            0 | 1 => Ok(parts.pop()),
            _ => {
                let ticket = parts[0].ticket.clone();
                Ok(Some(Batch { ticket, ..Batch::concat(&self.branches[branch], &parts)? }))
            }
        }
    }

    /// Joins rows of the branches, of which all that belong together are there; in batches of at most this size if rows are repeated.
    pub(crate) fn join(
        &self,
        rows: &[Option<Batch>],
        size: BatchSize,
        joined: &mut [Joined],
    ) -> Result<Vec<Batch>, ArrowError> {
        if let Some(batch) = self.aligned(rows, joined)? {
            return Ok(vec![batch]);
        }
        let pairing = self.pairing(rows, joined);
        pairing.cuts(rows, size).map(|range| self.picked(rows, &pairing, range)).collect()
    }

    fn stamps<'a>(&self, branch: usize, rows: &'a Batch) -> &'a UInt64Array {
        rows.rows.column(self.stamps[branch]).as_primitive::<UInt64Type>()
    }

    /// Where every branch has the same rows, once and in order, nothing is copied.
    fn aligned(&self, rows: &[Option<Batch>], joined: &mut [Joined]) -> Result<Option<Batch>, ArrowError> {
        let Some(all) = rows.iter().map(Option::as_ref).collect::<Option<Vec<&Batch>>>() else { return Ok(None) };
        let first = self.stamps(0, all[0]).values();
        let same = all.iter().enumerate().skip(1).all(|(branch, rows)| self.stamps(branch, rows).values() == first);
        if !same || !first.is_sorted_by(|a, b| a < b) {
            return Ok(None);
        }
        joined.iter_mut().for_each(|joined| joined.rows += first.len() as u64);
        let count = first.len();
        let whole = Picks { indices: (0..count as u32).collect(), is_whole: true, lacks: false };
        let picks: Vec<Picks> = all.iter().map(|_| whole.clone()).collect();
        self.batch(rows, &picks, count).map(Some)
    }

    /// Which rows of the branches stand side by side.
    fn pairing(&self, rows: &[Option<Batch>], joined: &mut [Joined]) -> Pairing {
        let empty = UInt64Array::from(Vec::<u64>::new());
        let stamps: Vec<&UInt64Array> = rows
            .iter()
            .enumerate()
            .map(|(branch, rows)| rows.as_ref().map_or(&empty, |rows| self.stamps(branch, rows)))
            .collect();
        let order = |stamps: &&UInt64Array| {
            let mut order: Vec<u32> = (0..stamps.len() as u32).collect();
            if !stamps.values().is_sorted() {
                order.sort_by_key(|row| stamps.value(*row as usize));
            }
            order
        };
        let orders: Vec<Vec<u32>> = stamps.iter().map(order).collect();
        let at = |branch: usize, place: usize| orders[branch].get(place).map(|row| stamps[branch].value(*row as usize));
        let mut pairing = Pairing { rows: vec![Vec::new(); rows.len()], repeats: false };
        let mut places = vec![0_usize; rows.len()];
        let mut ends = vec![0_usize; rows.len()];
        while let Some(stamp) = (0..rows.len()).filter_map(|branch| at(branch, places[branch])).min() {
            let mut most = 0;
            for branch in 0..rows.len() {
                let mut end = places[branch];
                while at(branch, end) == Some(stamp) {
                    end += 1;
                }
                ends[branch] = end;
                most = most.max(end - places[branch]);
            }
            pairing.repeats |= most > 1;
            for branch in 0..rows.len() {
                let here = &orders[branch][places[branch]..ends[branch]];
                let picked = &mut pairing.rows[branch];
                match here {
                    [one] => picked.extend(std::iter::repeat_n(*one, most)),
                    _ => {
                        picked.extend(here);
                        picked.extend(std::iter::repeat_n(NONE, most - here.len()));
                    }
                }
                joined[branch].rows += here.len() as u64;
                match here.len() {
                    1 => joined[branch].again += (most - 1) as u64,
                    here => joined[branch].absent += (most - here) as u64,
                }
                places[branch] = ends[branch];
            }
        }
        pairing
    }

    fn picked(
        &self,
        rows: &[Option<Batch>],
        pairing: &Pairing,
        range: std::ops::Range<usize>,
    ) -> Result<Batch, ArrowError> {
        let count = range.len();
        let pick = |(branch, rows): (usize, &Option<Batch>)| {
            let picked = &pairing.rows[branch][range.clone()];
            let lacks = picked.contains(&NONE);
            let is_whole = rows.as_ref().is_some_and(|rows| {
                rows.len() == picked.len() && picked.iter().enumerate().all(|(at, row)| at as u32 == *row)
            });
            Picks { indices: picked.iter().map(|row| (*row != NONE).then_some(*row)).collect(), is_whole, lacks }
        };
        let picks: Vec<Picks> = rows.iter().enumerate().map(pick).collect();
        self.batch(rows, &picks, count)
    }

    fn batch(&self, rows: &[Option<Batch>], picks: &[Picks], count: usize) -> Result<Batch, ArrowError> {
        let all: Vec<(usize, usize)> = (0..rows.len()).map(|branch| (branch, 0)).collect();
        let file = |branch: usize, _: usize| rows[branch].as_ref().map(|rows| Arc::new(rows.file.clone()) as ArrayRef);
        let line = |branch: usize, _: usize| rows[branch].as_ref().map(|rows| Arc::new(rows.line.clone()) as ArrayRef);
        let file = first(&all, &file, picks, count, &DataType::UInt32)?.0;
        let line = first(&all, &line, picks, count, &DataType::UInt64)?.0;
        let column = |branch: usize, at: usize| rows[branch].as_ref().map(|rows| rows.rows.column(at).clone());
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut known = Vec::with_capacity(self.columns.len());
        for (from, field) in self.columns.iter().zip(self.schema.fields()) {
            match from {
                From::First(of) => {
                    let (values, whole) = first(of, &column, picks, count, field.data_type())?;
                    let kept = whole.and_then(|(branch, at)| Some(rows[branch].as_ref()?.known[at].clone()));
                    known.push(kept.unwrap_or_default());
                    columns.push(values);
                }
                From::List(of, item, absent) => {
                    known.push(Known::default());
                    columns.push(list(of, item, *absent, &column, picks, count)?);
                }
            }
        }
        let ticket = rows.iter().flatten().find_map(|rows| rows.ticket.clone());
        let rows = record_batch(self.schema.clone(), columns, count)?;
        let joined = Batch::new(rows, UInt32Array::from(file.to_data()), UInt64Array::from(line.to_data()));
        Ok(Batch { known, ticket, ..joined })
    }
}

fn unstamped(zip: &Zip, feed: &Feed) -> RunError {
    let message = format!(
        "rows of `{}` cannot be zipped: a global step between passes on no column of its input, so that nothing says from which row of `{}` \
         they come",
        feed.whole(),
        zip.fork
    );
    RunError::new(Class::Pipeline, message).help("zip before that step, or join by a column: use = \"join\"")
}

fn unsaid(zip: &Zip, column: &str, of: &[(usize, usize)]) -> RunError {
    let names: Vec<String> = of.iter().map(|(branch, _)| format!("`{}`", zip.how.names[*branch])).collect();
    let message = format!("the zip has a column `{}` of its own in each of {}", in_a_line(column), names.join(", "));
    let help = "say how columns of one name are put together: same = \"list\" (one list) or same = \"suffix\" (one column for each, \
                with its branch's name behind); or drop or rename them in the branches: use = \"select\"";
    RunError::new(Class::Pipeline, message).help(help)
}

fn other_type(zip: &Zip, column: &str, (a, first): (usize, &Field), (b, other): (usize, &Field)) -> RunError {
    let message = format!(
        "column `{}` cannot be a list: it is {} in `{}` and {} in `{}`",
        in_a_line(column),
        display(first.data_type()),
        zip.how.names[a],
        display(other.data_type()),
        zip.how.names[b]
    );
    RunError::new(Class::Pipeline, message)
        .help("write `same = \"suffix\"`, or rename it in one of the branches: use = \"select\"")
}
