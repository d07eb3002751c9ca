//! A transform, driven: each row must have the same result in every batch that it has alone.

use arrow::array::RecordBatch;
use callboard_runtime::{Declaration, Opened, Probe, PutOut};
use callboard_words::text::excerpt;

use super::mix::Mix;
use super::{BATCHES, answer};
use crate::columns::variants;
use crate::memory::Memory;
use crate::rows::{joined, taken};
use crate::{Finding, Result};

/// Rows of the golden test that are varied, and rows that are tried each alone.
const VARIED: usize = 64;
const POOL: usize = 600;

/// What happened to a row.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fate {
    /// The rows that it became, each a batch of one.
    out: Vec<RecordBatch>,
    removed: Option<(bool, String)>,
}

impl Fate {
    /// The results of each row of a batch.
    fn of_all(rows: usize, put_out: &PutOut) -> Vec<Fate> {
        let mut fates = vec![Fate::default(); rows];
        let (batch, origins) = (&put_out.rows[0], &put_out.origins);
        for (at, origin) in origins.iter().enumerate() {
            let row = origin.expect("a transform's rows carry a row") as usize;
            fates[row].out.push(batch.slice(at, 1));
        }
        for removed in &put_out.removed {
            fates[removed.row as usize].removed = Some((removed.rejected, removed.reason.clone()));
        }
        fates
    }

    fn in_words(&self) -> String {
        match (&self.removed, self.out.len()) {
            (Some((true, reason)), _) => format!("was rejected ({reason})"),
            (Some((false, reason)), _) if reason.is_empty() => "was dropped".to_owned(),
            (Some((false, reason)), _) => format!("was dropped ({reason})"),
            (None, 1) => format!("became {}", json(&self.out[0])),
            (None, count) => format!("became {count} rows, the first {}", json(&self.out[0])),
        }
    }
}

/// A row as JSON, cut to the length of a line.
fn json(row: &RecordBatch) -> String {
    let lines = callboard_io::marked_rows(row).unwrap_or_default();
    let line = lines.into_iter().next().unwrap_or_else(|| "a row that JSON cannot hold".to_owned());
    excerpt(&line, 200).into_owned()
}

/// Nulls and foreign letters in the columns that it reads; and all rows of the pool that it can be driven over.
pub(super) fn varied(
    probe: &Probe,
    declaration: &Declaration,
    rows: &RecordBatch,
) -> Result<(Vec<Finding>, RecordBatch)> {
    let few = rows.slice(0, rows.num_rows().min(VARIED));
    let mut pool = vec![rows.slice(0, rows.num_rows().min(POOL / 2))];
    let mut findings = Vec::new();
    for (what, rows) in variants(&few, &declaration.reads[0]) {
        let tried = match probe.open(declaration, None).and_then(|mut opened| opened.process(&rows)) {
            Ok(put_out) => {
                let (count, out, removed) = (rows.num_rows(), put_out.origins.len(), put_out.removed.len());
                pool.push(rows);
                Ok(format!("{count} rows in, {out} out, {removed} removed"))
            }
            Err(error) => answer(error)?,
        };
        findings.push(Finding::of(&what, tried).help("reject such rows with a reason, or give them a value"));
    }
    let pool = joined(&rows.schema(), &pool);
    let pool = pool.slice(0, pool.num_rows().min(POOL));
    Ok((findings, pool))
}

/// Drives it over batches of the rows of a pool.
pub(crate) fn exercise(probe: &Probe, declaration: &Declaration, pool: &RecordBatch) -> Result<Vec<Finding>> {
    let mut driver = Driver { probe, declaration, opened: None };
    let mut findings = vec![Finding::of("empty batches", driver.empty(pool)?)];
    let alone = driver.alone(pool)?;
    let (which, fates): (Vec<u32>, Vec<Fate>) = match alone {
        Ok(alone) => alone.into_iter().unzip(),
        Err(why) => {
            findings.push(Finding::failed("batches of one row", why));
            return Ok(findings);
        }
    };
    let pool = taken(pool, &which);
    findings.push(Finding::passed("batches of one row", format!("{} rows, each alone", fates.len())));
    let cuts = driver.cuts(&pool, &fates)?;
    findings.push(Finding::of("other cuts of the same rows", cuts).help(
        "the result for a row must depend only on the row and the configuration; a step that must see other rows is a `global`",
    ));
    findings.push(
        Finding::of("the same batch twice", driver.twice(&pool)?)
            .help("start fresh with each batch: keep nothing of the one before"),
    );
    findings.push(match driver.rejects(&pool, &fates)? {
        Some(tried) => Finding::of("its own rejects, again", tried),
        None => Finding::not_applicable("its own rejects, again", "it rejected none of these rows"),
    });
    let instances =
        driver.batches(&pool, &fates, 30, true)?.map(|_| "30 batches, a new instance before each".to_owned());
    findings.push(Finding::of("a new instance between calls", instances));
    let mixed = driver.batches(&pool, &fates, BATCHES, false)?;
    let memory = mixed.as_ref().ok().map(Memory::verdict);
    let words = mixed.map(|_| format!("{BATCHES} batches of 0 to 2,000 rows, mixed by a seed"));
    findings.push(Finding::of("hundreds of batches", words));
    findings.extend(
        memory.map(|verdict| Finding::of(super::MEMORY, verdict).help("free what a call has taken before it returns")),
    );
    Ok(findings)
}

struct Driver<'a> {
    probe: &'a Probe,
    declaration: &'a Declaration,
    opened: Option<Opened<'a>>,
}

/// What was tried, or what was wrong.
type Tried<T = String> = Result<std::result::Result<T, String>>;

impl Driver<'_> {
    /// Calls an instance, made if there is none; one that failed is not called again.
    fn process(&mut self, rows: &RecordBatch) -> Result<std::result::Result<Vec<Fate>, callboard_runtime::CallError>> {
        let mut opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.probe.open(self.declaration, None)?,
        };
        match opened.process(rows) {
            Ok(put_out) => {
                self.opened = Some(opened);
                Ok(Ok(Fate::of_all(rows.num_rows(), &put_out)))
            }
            Err(error) if error.how == callboard_runtime::Failed::Host => Err(error.error),
            Err(error) => Ok(Err(error)),
        }
    }

    fn empty(&mut self, pool: &RecordBatch) -> Tried {
        for _ in 0..3 {
            if let Err(error) = self.process(&pool.slice(0, 0))? {
                return Ok(Err(format!("a batch of no rows: {}", error.error.message)));
            }
        }
        Ok(Ok("3 batches of no rows".to_owned()))
    }

    /// What happens to each row alone; rows that it answers with an error are left out.
    fn alone(&mut self, pool: &RecordBatch) -> Tried<Vec<(u32, Fate)>> {
        let mut fates = Vec::new();
        for row in 0..pool.num_rows() {
            match self.process(&pool.slice(row, 1))? {
                Ok(mut of_row) => fates.push((row as u32, of_row.remove(0))),
                Err(error) => {
                    if let Err(why) = answer(error)? {
                        return Ok(Err(format!("row {} alone: {why}", json(&pool.slice(row, 1)))));
                    }
                }
            }
        }
        Ok(Ok(fates))
    }

    /// A batch of named rows of the pool, compared with their results alone.
    fn holds(&mut self, pool: &RecordBatch, fates: &[Fate], which: &[u32]) -> Tried<()> {
        let rows = taken(pool, which);
        let found = match self.process(&rows)? {
            Ok(found) => found,
            Err(error) => return Ok(Err(format!("a batch of {} rows: {}", which.len(), error.error.message))),
        };
        let differs = which.iter().zip(&found).find(|(row, found)| fates[**row as usize] != **found);
        Ok(match differs {
            None => Ok(()),
            Some((row, found)) => Err(format!(
                "row {} {} alone, and {} in a batch of {}",
                json(&pool.slice(*row as usize, 1)),
                fates[*row as usize].in_words(),
                found.in_words(),
                which.len()
            )),
        })
    }

    fn cuts(&mut self, pool: &RecordBatch, fates: &[Fate]) -> Tried {
        let all: Vec<u32> = (0..pool.num_rows() as u32).collect();
        let cuts = [all.len().max(1), all.len().div_ceil(2).max(1), 3, 7];
        for cut in cuts {
            for which in all.chunks(cut) {
                if let Err(why) = self.holds(pool, fates, which)? {
                    return Ok(Err(why));
                }
            }
        }
        Ok(Ok(format!("{} rows: all at once, in halves, by 3 and by 7", all.len())))
    }

    fn twice(&mut self, pool: &RecordBatch) -> Tried {
        let (first, second) = (self.process(pool)?, self.process(pool)?);
        Ok(match (first, second) {
            (Ok(first), Ok(second)) => match first.iter().zip(&second).position(|(a, b)| a != b) {
                None => Ok(format!("{} rows, the same both times", first.len())),
                Some(row) => Err(format!(
                    "row {} {} the first time, and {} the second",
                    json(&pool.slice(row, 1)),
                    first[row].in_words(),
                    second[row].in_words()
                )),
            },
            (Err(error), _) | (_, Err(error)) => Err(error.error.message),
        })
    }

    fn rejects(&mut self, pool: &RecordBatch, fates: &[Fate]) -> Result<Option<std::result::Result<String, String>>> {
        let is_rejected = |fate: &Fate| matches!(fate.removed, Some((true, _)));
        let which: Vec<u32> = (0..fates.len() as u32).filter(|row| is_rejected(&fates[*row as usize])).collect();
        if which.is_empty() {
            return Ok(None);
        }
        let held = self.holds(pool, fates, &which)?;
        Ok(Some(held.map(|()| format!("{} rows, rejected for the same reasons", which.len()))))
    }

    fn batches(&mut self, pool: &RecordBatch, fates: &[Fate], count: usize, anew: bool) -> Tried<Memory> {
        let mut mix = Mix::new(pool.num_rows(), pool.get_array_memory_size());
        let mut memory = Memory::default();
        self.opened = None;
        for _ in 0..count {
            if anew {
                self.opened = None;
            }
            if let Err(why) = self.holds(pool, fates, &mix.draw())? {
                return Ok(Err(why));
            }
            memory.note(self.opened.as_ref().map_or(0, Opened::memory));
        }
        Ok(Ok(memory))
    }
}
