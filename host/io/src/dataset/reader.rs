//! The rows of an input, in order; those of small files are made side by side, before it is their turn.

use std::collections::VecDeque;
use std::path::Path;

use super::{Chunk, Dataset};
use crate::IoError;
use crate::cores::{Task, threads};
use crate::formats::{Rows, Taken, implementation};
use crate::places::{Ahead, First};
use crate::section::Mark;
use crate::spec::BatchPolicy;

/// How many small files are opened together.
const TOGETHER: usize = 16;
/// How many batches of each of them are made before it is their turn: all, and what comes behind the last.
const MADE: usize = 2;

/// The rows of a [`Dataset`], file by file, in order. Ends after the first error.
pub struct Reader {
    dataset: Dataset,
    policy: BatchPolicy,
    next_file: usize,
    /// What fetches files ahead of their turn.
    ahead: Ahead,
    /// Bytes of the files before the open one, and of that.
    passed: u64,
    size: u64,
    open: Option<Rows>,
    /// Files behind that one, in their order.
    opened: VecDeque<Result<Rows, IoError>>,
    /// Small files behind those, whose rows are being made.
    making: VecDeque<Task<Vec<Result<Rows, IoError>>>>,
    /// Behind those.
    next_to_open: usize,
    /// Rows that may still be read, and of this file.
    left: u64,
    left_of_file: u64,
    failed: bool,
}

impl Reader {
    /// From the first row of a dataset on.
    pub(super) fn of(dataset: Dataset, policy: BatchPolicy) -> Reader {
        let (first, left) = (dataset.part.start.file, dataset.spec.rows.unwrap_or(u64::MAX));
        Reader {
            dataset,
            policy,
            next_file: first,
            ahead: Ahead::from(first),
            passed: 0,
            size: 0,
            open: None,
            opened: VecDeque::new(),
            making: VecDeque::new(),
            next_to_open: first,
            left,
            left_of_file: 0,
            failed: false,
        }
    }

    /// Begins to fetch the rows, if they are not on the disk; it is read as it would be without.
    pub fn begin(&mut self) {
        let is_first = self.next_to_open == self.dataset.part.start.file;
        let is_remote = self.dataset.files.get(self.next_file).is_some_and(|file| !file.is_on_disk());
        if is_first && is_remote && self.left > 0 {
            let opened = self.open_at(self.next_file);
            self.opened.extend(opened);
        }
    }

    fn file(&self) -> &Path {
        &self.dataset.names[self.next_file - 1]
    }

    /// The most rows of the next file.
    fn most_of_file(&self) -> u64 {
        self.dataset.spec.rows_per_file.unwrap_or(u64::MAX).min(self.left)
    }

    /// What part of all files has been read.
    fn part(&self) -> f64 {
        let open = self.size as f64 * self.dataset.files[self.next_file - 1].far.part();
        ((self.passed as f64 + open) / self.dataset.bytes.max(1) as f64).min(1.0)
    }

    fn open_next(&mut self) -> Option<Result<(), IoError>> {
        self.left_of_file = self.most_of_file();
        if self.opened.is_empty()
            && let Some(made) = self.making.pop_front()
        {
            self.opened.extend(made.wait());
        }
        let opened = self.opened.pop_front().or_else(|| self.open_at(self.next_file))?;
        self.passed += self.size;
        self.size = self.dataset.files[self.next_file].size().unwrap_or(0);
        self.next_file += 1;
        if opened.is_ok() {
            self.make_small();
        }
        Some(opened.map(|rows| self.open = Some(rows)))
    }

    /// Has rows of small files made by other threads, as many groups of files at a time as there are threads.
    fn make_small(&mut self) {
        let is_text = implementation(self.dataset.format).first() == First::Start;
        while self.making.len() < threads() && is_text && self.dataset.reads_through() {
            let begin = self.next_to_open;
            let files = &self.dataset.files[..self.dataset.end()];
            let is_next = |at: &usize| {
                self.ahead.fetch(self.dataset.first(), files, *at);
                files[*at].is_small() && files[*at].is_here(&self.dataset.spec.stop)
            };
            let group = begin..begin + (begin..files.len()).take(TOGETHER).take_while(is_next).count();
            if group.is_empty() {
                return;
            }
            self.next_to_open = group.end;
            let (dataset, policy, most) = (self.dataset.clone(), self.policy, self.most_of_file());
            let made = |rows: Rows| {
                let mut rows = rows.fuse();
                let made: Vec<_> = rows.by_ref().take(MADE).collect();
                Box::new(made.into_iter().chain(rows)) as Rows
            };
            let make = move |at| dataset.open_file(at, policy, most).map(made);
            self.making.push_back(Task::begin(move || group.map(make).collect()));
        }
    }

    fn open_at(&mut self, at: usize) -> Option<Result<Rows, IoError>> {
        let files = &self.dataset.files[..self.dataset.end()];
        files.get(at)?;
        self.ahead.fetch(self.dataset.first(), files, at);
        self.next_to_open = at + 1;
        Some(self.dataset.open_file(at, self.policy, self.most_of_file()))
    }
}

impl Iterator for Reader {
    type Item = Result<Chunk, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed && self.left > 0 {
            let result = match self.open.as_mut().map(Iterator::next) {
                Some(Some(Ok(Taken { origin, rows, mut bad, at }))) => {
                    let taken = self.left_of_file.min(rows.num_rows() as u64) as usize;
                    self.left -= taken as u64;
                    self.left_of_file -= taken as u64;
                    if self.left_of_file == 0 {
                        self.open = None;
                        // Behind the last row that is wanted nothing was read.
                        bad.retain(|row| row.origin < origin.value(taken - 1));
                    }
                    let (origin, rows) = (origin.slice(0, taken), rows.slice(0, taken));
                    let Dataset { spec, additions, whole, .. } = &self.dataset;
                    let rows = additions.to_rows(spec, whole, self.file(), &origin, rows);
                    let rows = self.dataset.wanted(rows);
                    let file = self.next_file - 1;
                    let from = at.map(|(at, before)| Mark { file, at, before });
                    return Some(Ok(Chunk { file: file as u32, origin, rows, bad, from, part: self.part() }));
                }
                Some(Some(Err(error))) => Err(error),
                Some(None) => {
                    self.open = None;
                    Ok(())
                }
                None => self.open_next()?,
            };
            if let Err(error) = result {
                self.failed = true;
                return Some(Err(error.in_file(self.file())));
            }
        }
        None
    }
}
