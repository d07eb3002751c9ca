//! What steps declared of their columns, so that what a run did can be read without its components: `columns.json`.

use std::collections::BTreeMap;

use callboard_sandbox::{Declared, Gathered, Gathering, Order};
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::store::ipc::{schema_of_text, schema_text};

/// What `columns.json` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Declarations {
    /// [`FORMAT`], as it was then.
    pub(crate) format: u8,
    pub(crate) steps: BTreeMap<String, Declaration>,
}

/// What a step declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Declaration {
    pub(crate) reads: Vec<Vec<String>>,
    /// Arrow's own bytes, in hexadecimal digits.
    pub(crate) writes: String,
    pub(crate) drops: Vec<String>,
    pub(crate) together: Together,
    /// For each input, the columns that its rows are sorted by; whether the largest comes first, and whether nulls do.
    pub(crate) sorted: Vec<Vec<(String, bool, bool)>>,
    pub(crate) as_written: bool,
}

/// Which rows of a global step are in one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Together {
    All,
    ByKey(Vec<Vec<String>>),
    ByEach(Vec<String>),
}

impl Declarations {
    pub(crate) fn of<'a>(declared: impl Iterator<Item = (&'a String, &'a Declared)>) -> Declarations {
        let steps = declared.map(|(step, declared)| (step.clone(), Declaration::of(declared)));
        Declarations { format: FORMAT, steps: steps.collect() }
    }

    /// What each step declared; `None` if the text of a schema is not one.
    pub(crate) fn declared(&self) -> Option<BTreeMap<String, Declared>> {
        self.steps.iter().map(|(step, declaration)| Some((step.clone(), declaration.declared()?))).collect()
    }
}

impl Declaration {
    fn of(declared: &Declared) -> Declaration {
        let Declared { reads, writes, drops, gathered } = declared;
        let together = match &gathered.gathering {
            Gathering::All => Together::All,
            Gathering::ByKey(keys) => Together::ByKey(keys.clone()),
            Gathering::ByEach(columns) => Together::ByEach(columns.clone()),
        };
        let order = |order: &Order<String>| (order.column.clone(), order.descending, order.nulls_first);
        Declaration {
            reads: reads.clone(),
            writes: schema_text(writes),
            drops: drops.clone(),
            together,
            sorted: gathered.sorted.iter().map(|orders| orders.iter().map(order).collect()).collect(),
            as_written: gathered.as_written,
        }
    }

    fn declared(&self) -> Option<Declared> {
        let gathering = match &self.together {
            Together::All => Gathering::All,
            Together::ByKey(keys) => Gathering::ByKey(keys.clone()),
            Together::ByEach(columns) => Gathering::ByEach(columns.clone()),
        };
        let order = |(column, descending, nulls_first): &(String, bool, bool)| Order {
            column: column.clone(),
            descending: *descending,
            nulls_first: *nulls_first,
        };
        let sorted = self.sorted.iter().map(|orders| orders.iter().map(order).collect()).collect();
        let gathered = Gathered { gathering, sorted, as_written: self.as_written };
        Some(Declared {
            reads: self.reads.clone(),
            writes: schema_of_text(&self.writes)?,
            drops: self.drops.clone(),
            gathered,
        })
    }
}
