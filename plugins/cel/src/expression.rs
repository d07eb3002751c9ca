//! Conditions: parsed and checked once, evaluated on rows.

use std::cell::Cell;

use callboard_sdk::array::Any;
use callboard_sdk::{Batch, Column, Result, Schema, StepError};

use crate::check::{Checked, check};
use crate::columnar::{Condition, Truth};
use crate::evaluate::Row;
use crate::node::Node;
use crate::reader::Reader;
use crate::syntax::{Fault, Part, parse};

/// A condition on the rows of an input.
pub struct Expression {
    source: String,
    node: Node,
    columns: Vec<Column<Any>>,
    /// The same for whole columns, if it is that simple.
    simple: Option<Condition>,
}

/// The verdict of an expression on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The row is meant.
    True,
    /// It is not.
    False,
    /// Neither true nor false: something that it depends on is null.
    Unknown,
    /// There is no value, and why: a division by zero, a text that is not a date.
    Failed(String),
}

/// The verdicts of an expression on the rows of a batch.
#[derive(Clone, Debug)]
pub struct Decided {
    /// For each row; unknown for one on which the expression fails.
    pub truths: Vec<Truth>,
    /// The rows on which it fails, in order, and why.
    pub failed: Vec<(usize, String)>,
}

/// Rows between two looks whether to stop.
const OFTEN: usize = 16;

/// How many characters of an expression are shown as the reason of a drop.
const SHORT: usize = 80;

impl Expression {
    /// A condition on rows of this schema.
    ///
    /// # Errors
    /// `config`: what does not parse or cannot work on these columns, and where.
    pub fn new(source: &str, input: &Schema) -> Result<Self> {
        let part = parsed(source)?;
        let Checked { node, columns } = check(&part, input).map_err(|fault| unfit(source, &fault))?;
        let simple = Condition::of(&node, &columns);
        Ok(Expression { source: source.trim().to_owned(), node, columns, simple })
    }

    /// The columns that it reads, in the order in which it names them.
    pub fn columns(&self) -> &[Column<Any>] {
        &self.columns
    }

    /// The expression, cut short.
    pub fn shortened(&self) -> String {
        match self.source.char_indices().nth(SHORT) {
            Some((end, _)) => format!("{}…", &self.source[..end]),
            None => self.source.clone(),
        }
    }

    /// The views on the columns that it reads.
    ///
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub(crate) fn read<'b>(&self, batch: &'b Batch) -> Result<Vec<Reader<'b>>> {
        self.columns.iter().map(|column| Reader::new(batch.get(column)?)).collect()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// What can be decided for whole columns, if it is that simple.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn simple(&self) -> Option<&Condition> {
        self.simple.as_ref()
    }

    /// The verdict on each row of a batch.
    ///
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub fn decide(&self, batch: &Batch) -> Result<Decided> {
        self.decide_until(batch, &|| false)
    }

    /// The same, of fewer rows if it is to stop: that is asked now and then.
    ///
    /// # Errors
    /// `input`, if text is not UTF-8.
    pub fn decide_until(&self, batch: &Batch, stop: &dyn Fn() -> bool) -> Result<Decided> {
        let (columns, rows) = (self.read(batch)?, batch.rows());
        if let Some(simple) = &self.simple {
            return Ok(Decided { truths: simple.decide(&columns, rows), failed: Vec::new() });
        }
        let mut decided = Decided { truths: Vec::with_capacity(rows), failed: Vec::new() };
        for row in 0..rows {
            if row % OFTEN == 0 && stop() {
                break;
            }
            decided.truths.push(match self.evaluate(&columns, row) {
                Verdict::True => Truth::TRUE,
                Verdict::False => Truth::FALSE,
                Verdict::Unknown => Truth::UNKNOWN,
                Verdict::Failed(why) => {
                    decided.failed.push((row, why));
                    Truth::UNKNOWN
                }
            });
        }
        Ok(decided)
    }

    /// The verdict on a row.
    pub(crate) fn evaluate(&self, columns: &[Reader<'_>], row: usize) -> Verdict {
        let left = Cell::new(0);
        match self.node.truth(&mut Row::new(columns, row, &left)) {
            Ok(Some(true)) => Verdict::True,
            Ok(Some(false)) => Verdict::False,
            Ok(None) => Verdict::Unknown,
            Err(why) => Verdict::Failed(why),
        }
    }
}

/// An expression as it is written.
pub(crate) fn parsed(source: &str) -> Result<Part> {
    parse(source).map_err(|fault| {
        let (line, column) = fault.place(source);
        let what = fault.what;
        StepError::config(format!("the expression does not parse at line {line}, column {column}: {what}"))
    })
}

pub(crate) fn unfit(source: &str, fault: &Fault) -> StepError {
    let (line, column) = fault.place(source);
    StepError::config(format!("{} (line {line}, column {column} of the expression)", fault.what))
}
