//! How a global step has its rows brought together, which the host does.

use crate::error::{Result, StepError};
use crate::raw::global::exports::callboard::step::global as contract;
use crate::types::{Column, Field};

/// How a global step has its rows brought together.
///
/// ```
/// use callboard_sdk::{Gather, Order};
///
/// // The longest texts of each domain first.
/// let gather = Gather::by_key(["domain"]).sorted_by(Order::descending("n_chars"));
/// ```
#[derive(Clone, Debug)]
pub struct Gather {
    gathering: contract::Gathering,
    sorted: Vec<Vec<Order>>,
    as_written: Option<bool>,
}

/// A column that rows are sorted by: the smallest value first, and rows without a value last. A name is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    column: String,
    descending: bool,
    nulls_first: bool,
}

impl Order {
    /// The smallest value first.
    pub fn ascending(column: impl Into<String>) -> Self {
        Order { column: column.into(), descending: false, nulls_first: false }
    }

    /// The largest value first.
    pub fn descending(column: impl Into<String>) -> Self {
        Order { descending: true, ..Order::ascending(column) }
    }

    /// Rows without a value first, in either direction.
    pub fn nulls_first(self) -> Self {
        Order { nulls_first: true, ..self }
    }
}

impl From<&str> for Order {
    fn from(column: &str) -> Self {
        Order::ascending(column)
    }
}

impl From<String> for Order {
    fn from(column: String) -> Self {
        Order::ascending(column)
    }
}

impl From<&Field> for Order {
    fn from(field: &Field) -> Self {
        Order::ascending(&field.name)
    }
}

impl<K: ?Sized> From<&Column<K>> for Order {
    fn from(column: &Column<K>) -> Self {
        Order::ascending(column.name())
    }
}

impl Default for Gather {
    fn default() -> Self {
        Gather::all()
    }
}

impl Gather {
    /// All rows in one call, put out as the step says.
    pub fn all() -> Self {
        Gather { gathering: contract::Gathering::All, sorted: vec![], as_written: None }
    }

    /// Rows of the first input that agree in these columns are a group, and a group is given to one call, whole. Nulls agree.
    /// Rows are put out in the order of the input, unless the step asks for another.
    pub fn by_key<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        let key = columns.into_iter().map(Into::into).collect();
        Gather { gathering: contract::Gathering::ByKey(vec![key]), ..Gather::all() }
    }

    /// A row of the first input is in a group for each distinct item in the list of this column. Such a step keeps and
    /// removes no rows: it writes rows.
    pub fn by_each(column: impl Into<String>) -> Self {
        Gather { gathering: contract::Gathering::ByEach(vec![column.into()]), ..Gather::all() }
    }

    /// What the columns of [`by_key`](Self::by_key), or the column of [`by_each`](Self::by_each), are called in the next input;
    /// where this is not said, as in the first.
    pub fn with<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        let mut columns = columns.into_iter().map(Into::into);
        match &mut self.gathering {
            contract::Gathering::All => {}
            contract::Gathering::ByKey(keys) => keys.push(columns.collect()),
            contract::Gathering::ByEach(lists) => lists.extend(columns.by_ref().take(1)),
        }
        self
    }

    /// Sorts the rows of the first input, or those of each group; called again, those that were equal so far.
    pub fn sorted_by(self, order: impl Into<Order>) -> Self {
        self.input_sorted_by(0, order)
    }

    /// As [`sorted_by`](Self::sorted_by), of any input.
    pub fn input_sorted_by(mut self, input: usize, order: impl Into<Order>) -> Self {
        if self.sorted.len() <= input {
            self.sorted.resize(input + 1, vec![]);
        }
        self.sorted[input].push(order.into());
        self
    }

    /// Rows are put out in the order in which the step puts them out: group after group, in the order of their first rows.
    pub fn as_written(self) -> Self {
        Gather { as_written: Some(true), ..self }
    }

    pub(crate) fn is_grouped(&self) -> bool {
        !matches!(self.gathering, contract::Gathering::All)
    }

    pub(crate) fn declared(
        mut self,
        inputs: usize,
    ) -> Result<(contract::Gathering, Vec<Vec<contract::Order>>, contract::Arrangement)> {
        if self.sorted.len() > inputs {
            return Err(StepError::failed(format!("the step sorts {} inputs, of {inputs}", self.sorted.len())));
        }
        self.sorted.resize(inputs, vec![]);
        match &mut self.gathering {
            contract::Gathering::All => {}
            contract::Gathering::ByKey(keys) => keys.resize(inputs, keys[0].clone()),
            contract::Gathering::ByEach(lists) => lists.resize(inputs, lists[0].clone()),
        }
        let as_written = self.as_written.unwrap_or(!self.is_grouped());
        let order = |Order { column, descending, nulls_first }| contract::Order { column, descending, nulls_first };
        let sorted = self.sorted.into_iter().map(|orders| orders.into_iter().map(order).collect()).collect();
        let arrangement = if as_written { contract::Arrangement::Written } else { contract::Arrangement::Input };
        Ok((self.gathering, sorted, arrangement))
    }
}
