//! A source, driven: it makes the same rows again, and goes on from each of its cursors.

use arrow::array::RecordBatch;
use callboard_runtime::{Declaration, Page, Probe};

use super::answer;
use crate::memory::Memory;
use crate::pipe::MOST_ROWS;
use crate::rows::joined;
use crate::{Finding, Result};

/// Pages that are read of a source, and cursors of them that are gone on from.
const PAGES: usize = 300;
const CURSORS: usize = 20;

/// What was tried, or what was wrong.
type Tried<T = String> = std::result::Result<T, String>;

/// The pages behind a cursor, and the memory after each; `ended` where there are no more.
struct Pages {
    pages: Vec<Page>,
    ended: bool,
    memory: Memory,
}

impl Pages {
    fn rows(&self, declaration: &Declaration) -> RecordBatch {
        let rows: Vec<RecordBatch> = self.pages.iter().map(|page| page.rows.clone()).collect();
        joined(&declaration.output, &rows)
    }
}

fn pages(probe: &Probe, declaration: &Declaration, cursor: Option<&[u8]>, most: usize) -> Result<Tried<Pages>> {
    let mut read = Pages { pages: Vec::new(), ended: false, memory: Memory::default() };
    let mut opened = match probe.open(declaration, cursor) {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(either(answer(error)?))),
    };
    let mut rows = 0;
    while read.pages.len() < most && rows < MOST_ROWS {
        match opened.next_page() {
            Ok(Some(page)) => {
                rows += page.rows.num_rows();
                read.memory.note(opened.memory());
                read.pages.push(page);
            }
            Ok(None) => {
                read.ended = true;
                break;
            }
            Err(error) => return Ok(Err(either(answer(error)?))),
        }
    }
    Ok(Ok(read))
}

fn either(said: std::result::Result<String, String>) -> String {
    match said {
        Ok(said) | Err(said) => said,
    }
}

/// Reads it, again, and from its cursors.
pub(crate) fn exercise(probe: &Probe, declaration: &Declaration) -> Result<Vec<Finding>> {
    let read = match pages(probe, declaration, None, PAGES)? {
        Ok(read) => read,
        Err(why) => return Ok(vec![Finding::failed("its pages", why)]),
    };
    let rows = read.rows(declaration);
    let until = if read.ended { "to its end" } else { "and there are more" };
    let mut findings =
        vec![Finding::passed("its pages", format!("{} rows in {} pages, {until}", rows.num_rows(), read.pages.len()))];
    let again = pages(probe, declaration, None, PAGES)?.and_then(|again| match again.rows(declaration) == rows {
        true => Ok(format!("{} rows, the same", rows.num_rows())),
        false => Err("other rows than the first time".to_owned()),
    });
    findings.push(Finding::of("again, in a new instance", again).help("draw nothing from clocks or chance"));
    let fix = "the cursor of a page must contain all that is needed to continue after it, in an instance that knows nothing else";
    findings.push(match read.pages.is_empty() {
        true => Finding::not_applicable("from its cursors", "it gave no page"),
        false => Finding::of("from its cursors", from_cursors(probe, declaration, &read, &rows)?).help(fix),
    });
    findings.push(match read.pages.is_empty() {
        true => Finding::not_applicable("an instance for each page", "it gave no page"),
        false => Finding::of("an instance for each page", one_by_one(probe, declaration, &read, &rows)?).help(fix),
    });
    findings.push(match read.pages.len() >= 30 {
        true => Finding::of(super::MEMORY, read.memory.verdict()).help("free what a call has taken before it returns"),
        false => {
            Finding::not_applicable(super::MEMORY, format!("{} pages are too few to see it grow", read.pages.len()))
        }
    });
    Ok(findings)
}

/// Continues behind up to [`CURSORS`] pages, spread over all: the rows that follow must be the same as before.
fn from_cursors(probe: &Probe, declaration: &Declaration, read: &Pages, rows: &RecordBatch) -> Result<Tried> {
    let step = read.pages.len().div_ceil(CURSORS).max(1);
    let mut tried = 0;
    let mut before = 0;
    for (at, page) in read.pages.iter().enumerate() {
        before += page.rows.num_rows();
        if at % step != 0 {
            continue;
        }
        tried += 1;
        let rest = rows.slice(before, rows.num_rows() - before);
        // Pages may be cut elsewhere: as many rows as came, and no more where it had not ended.
        let behind = match pages(probe, declaration, Some(&page.cursor), PAGES)? {
            Ok(behind) => behind.rows(declaration),
            Err(why) => return Ok(Err(format!("after page {}: {why}", at + 1))),
        };
        let count = if read.ended { behind.num_rows() } else { behind.num_rows().min(rest.num_rows()) };
        let (same, wanted) = (
            behind.slice(0, count.min(behind.num_rows())),
            rest.slice(0, rest.num_rows().min(if read.ended { usize::MAX } else { count })),
        );
        if same != wanted {
            return Ok(Err(format!(
                "after page {} come {} rows, but {} other ones without an interruption",
                at + 1,
                behind.num_rows(),
                rest.num_rows()
            )));
        }
    }
    Ok(Ok(format!("{tried} of {} cursors, with the same rows after each", read.pages.len())))
}

/// Every page from an instance of its own, opened at the cursor of the one before.
fn one_by_one(probe: &Probe, declaration: &Declaration, read: &Pages, rows: &RecordBatch) -> Result<Tried> {
    let (mut found, mut cursor, mut instances) = (Vec::new(), None::<Vec<u8>>, 0);
    while instances < read.pages.len().min(CURSORS) {
        let next = match pages(probe, declaration, cursor.as_deref(), 1)? {
            Ok(next) => next,
            Err(why) => return Ok(Err(format!("page {}: {why}", instances + 1))),
        };
        instances += 1;
        match next.pages.into_iter().next() {
            Some(page) => {
                cursor = Some(page.cursor);
                found.push(page.rows);
            }
            None => break,
        }
    }
    let found = joined(&declaration.output, &found);
    let same = found.num_rows() <= rows.num_rows() && found == rows.slice(0, found.num_rows());
    Ok(match same {
        true => Ok(format!("{instances} instances, {} rows", found.num_rows())),
        false => Err(format!("{instances} instances made other rows than one")),
    })
}
