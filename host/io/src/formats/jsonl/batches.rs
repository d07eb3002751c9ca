//! Lines, cut into batches in one thread and turned into columns by all cores. A batch is known by its text alone, so where batches
//! end does not depend on who decodes them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::UInt64Array;
use arrow::datatypes::SchemaRef;
use memchr::memchr_iter;

use super::{decode, trimmed};
use crate::bad_row::{BadRow, Sieve};
use crate::columns::StructColumn;
use crate::cores::{Task, threads};
use crate::error::IoError;
use crate::formats::{Reading, Taken};
use crate::limits::Limit;
use crate::lines::Lines;
use crate::section::{Mark, Marks, Stretch};
use crate::spec::{BatchPolicy, InputSpec, OnBadRow};

/// Batches that are decoded ahead, at most.
const AHEAD: usize = 8;

/// The lines of a batch, and what makes rows of them.
struct Job {
    parts: Vec<Part>,
    /// The bytes of their text.
    bytes: usize,
    /// The byte of the file at which they begin, and the lines before it.
    at: (u64, u64),
    origins: Vec<u64>,
    /// What ended the lines too early: an error behind them.
    failed: Option<IoError>,
}

/// Lines that follow one another.
struct Part {
    text: Vec<u8>,
    /// The number of the first.
    first: u64,
    /// The objects in it, if the lines can be parsed together.
    together: Option<usize>,
}

impl Job {
    fn add(&mut self, part: Part) {
        self.bytes += part.text.len();
        self.parts.push(part);
    }
}

type Decoded = Result<Taken, IoError>;
type Work = Box<dyn FnOnce() -> Decoded + Send>;

/// The rows of a file.
pub(super) struct Batches {
    lines: Lines,
    policy: BatchPolicy,
    decoder: Arc<Decoder>,
    /// Batches on their way, and the bytes of their text.
    pending: VecDeque<(usize, Task<Decoded>)>,
    /// What begins to decode one.
    begin: fn(Work) -> Task<Decoded>,
    /// Nothing follows the pending batches.
    ended: bool,
}

/// What all batches of a file are decoded by.
struct Decoder {
    schema: SchemaRef,
    spec: InputSpec,
    /// What a row takes at least.
    width: usize,
    /// Builders that are not in use.
    columns: Mutex<Vec<StructColumn>>,
}

impl Batches {
    pub(super) fn new(lines: Lines, of: Reading<'_>, columns: StructColumn) -> Batches {
        let Reading { file, schema, spec, policy } = of;
        // A small file is one of many: one call of another thread for each would take longer than its rows.
        let begin = if file.is_small() { Task::later } else { Task::begin };
        let (schema, spec, width) = (schema.clone(), spec.clone(), columns.width as usize);
        let decoder = Arc::new(Decoder { schema, spec, width, columns: Mutex::new(vec![columns]) });
        let mut batches = Batches { lines, policy, decoder, pending: VecDeque::new(), begin, ended: false };
        batches.look_ahead();
        batches
    }

    /// The lines of the next batch; `None` behind the last.
    fn job(&mut self) -> Option<Job> {
        let at = (self.lines.passed(), self.lines.number());
        let mut job = Job { parts: Vec::new(), bytes: 0, at, origins: Vec::new(), failed: None };
        let mut bytes = 0;
        while job.origins.len() < self.policy.rows && bytes < self.policy.bytes {
            if self.together(&mut job, &mut bytes) {
                continue;
            }
            match self.lines.next_line() {
                Ok(Some((number, line))) => {
                    if !trimmed(line).is_empty() {
                        bytes += line.len().max(self.decoder.width);
                        job.add(Part { text: self.lines.take_line(), first: number, together: None });
                        job.origins.push(number);
                    }
                }
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) => {
                    (self.ended, job.failed) = (true, Some(error));
                    break;
                }
            }
        }
        // Whoever takes the rows has them for a while.
        self.lines.let_go();
        (job.failed.is_some() || !job.origins.is_empty()).then_some(job)
    }

    /// Takes lines that are at hand, as far as there is room for them in the batch and they look like objects; whether there were any.
    /// Parsed together, they share what a parser sets up.
    fn together(&mut self, job: &mut Job, bytes: &mut usize) -> bool {
        let (first, there) = self.lines.at_hand();
        // The first line may begin with a byte-order mark.
        let there = if first == 1 { &[] } else { there };
        let (longest, width) = (self.decoder.spec.limits.line as usize, self.decoder.width);
        let (mut lines, mut end, before) = (0, 0, job.origins.len());
        for line_end in memchr_iter(b'\n', there) {
            let line = &there[end..=line_end];
            let text = trimmed(line);
            if !text.is_empty() {
                let is_full = job.origins.len() == self.policy.rows || *bytes >= self.policy.bytes;
                if is_full || !text.starts_with(b"{") || !text.ends_with(b"}") || line.len() > longest {
                    break;
                }
                job.origins.push(first + lines);
                *bytes += line.len().max(width);
            }
            lines += 1;
            end = line_end + 1;
        }
        if end > 0 {
            job.add(Part { text: there[..end].to_vec(), first, together: Some(job.origins.len() - before) });
        }
        self.lines.skip(lines, end);
        end > 0
    }

    /// Hands batches to other threads, a few ahead: no more than these have to do, and one at a time of those that are large.
    fn look_ahead(&mut self) {
        let most = if threads() > 1 { (threads() + 1).min(AHEAD) } else { 1 };
        let mut held: usize = self.pending.iter().map(|(bytes, _)| bytes).sum();
        while !self.ended && self.pending.len() < most && held < most.saturating_mul(self.policy.bytes) {
            let Some(job) = self.job() else { continue };
            held += job.bytes;
            let decoder = self.decoder.clone();
            self.pending.push_back((job.bytes, (self.begin)(Box::new(move || decoder.decode(job)))));
        }
    }
}

impl Decoder {
    fn decode(&self, job: Job) -> Decoded {
        let kept = self.columns.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut columns = kept.unwrap_or_else(|| StructColumn::new(self.schema.fields()));
        let mut sieve = Sieve::default();
        let are_rows = |Part { text, first, together }: &Part, columns: &mut StructColumn| match *together {
            None => decode::row(text, columns, &self.spec).map(|_| ()).map_err(|fault| fault.at_line(*first)),
            Some(objects) if decode::rows(text, objects, columns, &self.spec) => Ok(()),
            Some(_) => Err(self.first_fault(text, *first)),
        };
        match job.parts.iter().try_for_each(|part| are_rows(part, &mut columns)) {
            Ok(()) => {}
            Err(_) if self.spec.on_bad_row == OnBadRow::Reject => {
                columns = StructColumn::new(self.schema.fields());
                for Part { text, first, .. } in &job.parts {
                    self.one_by_one(text, *first, &mut columns, &mut sieve)?;
                }
            }
            Err(error) => return Err(error),
        }
        if let Some(error) = job.failed {
            return Err(error);
        }
        let rows = columns.finish_rows(&self.schema);
        self.columns.lock().unwrap_or_else(PoisonError::into_inner).push(columns);
        Ok(Taken { at: Some(job.at), ..sieve.sift(UInt64Array::from(job.origins), rows) })
    }

    /// The rows of lines of which some are none.
    fn one_by_one(
        &self,
        lines: &[u8],
        first: u64,
        columns: &mut StructColumn,
        sieve: &mut Sieve,
    ) -> Result<(), IoError> {
        let numbered = (first..).zip(lines.split_inclusive(|byte| *byte == b'\n'));
        for (number, line) in numbered.filter(|(_, line)| !trimmed(line).is_empty()) {
            let before = columns.len();
            match decode::row(line, columns, &self.spec) {
                Ok(_) => sieve.keep(),
                Err(fault) => {
                    sieve.leave_out(BadRow::of(fault.at_line(number), &self.spec, number, line)?);
                    columns.abandon_row(before);
                }
            }
        }
        Ok(())
    }

    /// What is wrong with the first line that something is wrong with.
    fn first_fault(&self, lines: &[u8], first: u64) -> IoError {
        let mut columns = StructColumn::new(self.schema.fields());
        let numbered = (first..).zip(lines.split_inclusive(|byte| *byte == b'\n'));
        let mut objects = numbered.filter(|(_, line)| !trimmed(line).is_empty());
        let found =
            objects.find_map(|(number, line)| Some(decode::row(line, &mut columns, &self.spec).err()?.at_line(number)));
        found.unwrap_or_else(|| IoError::data("lines that are objects one by one are none together").at_line(first))
    }
}

/// Finds where batches begin, by the lines alone: as [`Batches::job`] cuts them.
pub(super) fn mark(mut lines: Lines, width: usize, policy: BatchPolicy, marks: &mut Marks<'_>) -> Result<(), IoError> {
    let (mut rows, mut bytes) = (policy.rows, 0);
    while !marks.are_all() {
        let begin = lines.passed();
        let Some(number) = lines.advance(Limit::Line)? else { break };
        let line = lines.current();
        if trimmed(line).is_empty() {
            continue;
        }
        let length = line.len().max(width);
        if rows == policy.rows || bytes >= policy.bytes {
            (rows, bytes) = (0, 0);
            marks.begins(begin, begin, number - 1);
        }
        rows += 1;
        bytes += length;
    }
    Ok(())
}

/// Rows between two places that are noted.
const STRETCH: u64 = 1024;

/// Counts the rows of a file, without a look at what they hold.
pub(super) fn stretches(mut lines: Lines, file: usize) -> Result<Vec<Stretch>, IoError> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut count = |at: u64, before: u64| match stretches.last_mut() {
        Some(stretch) if stretch.rows < STRETCH => stretch.rows += 1,
        _ => stretches.push(Stretch { from: Mark { file, at, before }, skip: 0, rows: 1 }),
    };
    loop {
        lines.spec().stop.check()?;
        let at = lines.passed();
        let (first, there) = lines.at_hand();
        let (mut taken, mut end) = (0, 0);
        // The first line may begin with a byte-order mark.
        let there = if first == 1 { &[] } else { there };
        for line_end in memchr_iter(b'\n', there) {
            if !trimmed(&there[end..line_end]).is_empty() {
                count(at + end as u64, first - 1 + taken);
            }
            (taken, end) = (taken + 1, line_end + 1);
        }
        lines.skip(taken, end);
        if end > 0 {
            continue;
        }
        let begin = lines.passed();
        match lines.advance(Limit::Line)? {
            None => return Ok(stretches),
            Some(number) if !trimmed(lines.current()).is_empty() => count(begin, number - 1),
            Some(_) => {}
        }
        lines.let_go();
    }
}

impl Iterator for Batches {
    type Item = Decoded;

    fn next(&mut self) -> Option<Decoded> {
        self.look_ahead();
        self.pending.pop_front().map(|(_, decoded)| decoded.wait())
    }
}
