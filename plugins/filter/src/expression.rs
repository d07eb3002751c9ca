//! Conditions: parsed and checked once, evaluated on rows.

use callboard_sdk::array::Any;
use callboard_sdk::{Batch, Column, Result, Schema, StepError};

use crate::check::{Checked, check};
use crate::columnar::Condition;
use crate::evaluate::Row;
use crate::node::Node;
use crate::reader::Reader;
use crate::syntax::{Fault, parse};

/// A condition on the rows of an input.
pub(crate) struct Expression {
    source: String,
    node: Node,
    columns: Vec<Column<Any>>,
    /// The same for whole columns, if it is that simple.
    simple: Option<Condition>,
}

/// The verdict of an expression on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    True,
    False,
    /// Neither true nor false: something that it depends on is null.
    Unknown,
    Failed(String),
}

/// How many characters of an expression are shown as the reason of a drop.
const SHORT: usize = 80;

impl Expression {
    /// # Errors
    /// What does not parse or cannot work on these columns, and where.
    pub(crate) fn new(source: &str, input: &Schema) -> Result<Self> {
        let part = parse(source).map_err(|fault| {
            let (line, column) = fault.place(source);
            let what = fault.what;
            StepError::config(format!("the expression does not parse at line {line}, column {column}: {what}"))
        })?;
        let Checked { node, columns } = check(&part, input).map_err(|fault| unfit(source, &fault))?;
        let simple = Condition::of(&node, &columns);
        Ok(Expression { source: source.trim().to_owned(), node, columns, simple })
    }

    /// The columns that it reads, in the order in which it names them.
    pub(crate) fn columns(&self) -> &[Column<Any>] {
        &self.columns
    }

    /// The expression, cut short.
    pub(crate) fn shortened(&self) -> String {
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

    /// What can be decided for whole columns, if it is that simple.
    pub(crate) fn simple(&self) -> Option<&Condition> {
        self.simple.as_ref()
    }

    /// The verdict on a row.
    pub(crate) fn evaluate(&self, columns: &[Reader<'_>], row: usize) -> Verdict {
        match self.node.truth(&mut Row::new(columns, row)) {
            Ok(Some(true)) => Verdict::True,
            Ok(Some(false)) => Verdict::False,
            Ok(None) => Verdict::Unknown,
            Err(why) => Verdict::Failed(why),
        }
    }
}

fn unfit(source: &str, fault: &Fault) -> StepError {
    let (line, column) = fault.place(source);
    StepError::config(format!("{} (line {line}, column {column} of the expression)", fault.what))
}
