//! A global step, driven: the same rows, however they are cut, and whichever instance they meet, come to the same.

use arrow::array::RecordBatch;
use callboard_runtime::{Declaration, Opened, Probe, PutOut, RemovedRow};

use super::mix::Mix;
use super::{BATCHES, answer};
use crate::columns::variants;
use crate::rows::{joined, taken};
use crate::{Finding, Result};
use callboard_words::sizes::bytes;

/// Rows of the golden test that are varied.
const VARIED: usize = 64;

/// The whole result of a run, in a form that can be compared.
#[derive(PartialEq)]
struct Whole {
    rows: RecordBatch,
    origins: Vec<Option<u64>>,
    removed: Vec<RemovedRow>,
}

impl Whole {
    fn of(declaration: &Declaration, put_out: PutOut) -> Whole {
        let rows = joined(&declaration.output, &put_out.rows);
        Whole { rows, origins: put_out.origins, removed: put_out.removed }
    }

    fn in_words(&self) -> String {
        format!("{} rows out, {} removed", self.rows.num_rows(), self.removed.len())
    }
}

/// What was tried, or what was wrong.
type Tried<T = String> = std::result::Result<T, String>;

/// A run in an instance of its own: its result, and the memory that the instance had at its end.
fn run(probe: &Probe, declaration: &Declaration, inputs: &[Vec<RecordBatch>]) -> Result<Tried<(Whole, u64)>> {
    let ran = probe.open(declaration, None).and_then(|mut opened: Opened<'_>| {
        let put_out = opened.run(inputs)?;
        Ok((Whole::of(declaration, put_out), opened.memory()))
    });
    match ran {
        Ok(ran) => Ok(Ok(ran)),
        Err(error) => Ok(Err(match answer(error)? {
            Ok(said) | Err(said) => said,
        })),
    }
}

fn as_one(rows: &[RecordBatch]) -> Vec<Vec<RecordBatch>> {
    rows.iter().map(|rows| vec![rows.clone()]).collect()
}

/// Nulls and foreign letters in the columns that it reads of its first input.
pub(crate) fn varied(probe: &Probe, declaration: &Declaration, rows: &[RecordBatch]) -> Result<Vec<Finding>> {
    let few = rows[0].slice(0, rows[0].num_rows().min(VARIED));
    let mut findings = Vec::new();
    for (what, varied) in variants(&few, &declaration.reads[0]) {
        let mut inputs = as_one(rows);
        inputs[0] = vec![varied];
        let tried = match probe.open(declaration, None).and_then(|mut opened| opened.run(&inputs)) {
            Ok(put_out) => Ok(Whole::of(declaration, put_out).in_words()),
            Err(error) => answer(error)?,
        };
        findings.push(Finding::of(&what, tried).help("reject such rows with a reason, or give them a value"));
    }
    Ok(findings)
}

/// Drives it over these rows in other cuts, over none, and over hundreds of batches of them.
pub(crate) fn exercise(probe: &Probe, declaration: &Declaration, rows: &[RecordBatch]) -> Result<Vec<Finding>> {
    let none: Vec<Vec<RecordBatch>> = rows.iter().map(|_| Vec::new()).collect();
    let empty = run(probe, declaration, &none)?;
    let mut findings = vec![Finding::of("inputs without rows", empty.map(|(whole, _)| whole.in_words()))];
    let whole = match run(probe, declaration, &as_one(rows))? {
        Ok((whole, _)) => whole,
        Err(why) => {
            findings.push(Finding::failed("all rows in one batch", why));
            return Ok(findings);
        }
    };
    let mut again = |what: &str, inputs: &[Vec<RecordBatch>], words: String, help: &str| -> Result<()> {
        let tried = run(probe, declaration, inputs)?.and_then(|(found, _)| match found == whole {
            true => Ok(words),
            false => Err(format!("{} the first time, and {} now", whole.in_words(), difference(&whole, &found))),
        });
        findings.push(Finding::of(what, tried).help(help));
        Ok(())
    };
    again(
        "the same rows again, in a new instance",
        &as_one(rows),
        whole.in_words(),
        "draw nothing from clocks or chance",
    )?;
    let cut = |size: usize| -> Vec<Vec<RecordBatch>> { rows.iter().map(|rows| pieces(rows, size)).collect() };
    let help = "where `next` cuts a batch means nothing: number rows from the input's beginning, not from the batch's";
    again("batches of one row", &cut(1), whole.in_words(), help)?;
    again("batches of three rows", &cut(3), whole.in_words(), help)?;
    findings.push(Finding::of("hundreds of batches", many(probe, declaration, rows)?));
    Ok(findings)
}

fn difference(one: &Whole, other: &Whole) -> String {
    match () {
        () if one.origins != other.origins && one.origins.len() == other.origins.len() => {
            "the rows in another order".to_owned()
        }
        () if one.in_words() != other.in_words() => other.in_words(),
        () if one.rows != other.rows => "other values".to_owned(),
        () => "other reasons".to_owned(),
    }
}

fn pieces(rows: &RecordBatch, size: usize) -> Vec<RecordBatch> {
    (0..rows.num_rows()).step_by(size).map(|at| rows.slice(at, size.min(rows.num_rows() - at))).collect()
}

/// Rows mixed by a seed into hundreds of batches: that it comes to an end within its limits, with every row accounted for.
fn many(probe: &Probe, declaration: &Declaration, rows: &[RecordBatch]) -> Result<Tried> {
    let mut inputs = as_one(rows);
    let mut mix = Mix::new(rows[0].num_rows(), rows[0].get_array_memory_size());
    inputs[0] = (0..BATCHES).map(|_| taken(&rows[0], &mix.draw())).collect();
    let count: usize = inputs[0].iter().map(RecordBatch::num_rows).sum();
    let ran = run(probe, declaration, &inputs)?;
    Ok(ran.map(|(whole, memory)| {
        format!("{count} rows in {BATCHES} batches: {}; memory {}", whole.in_words(), bytes(memory))
    }))
}
