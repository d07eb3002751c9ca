//! Branches that are joined again, row by row: which rows belong together, and whether this can be done while they flow.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::door::Feed;

/// How rows of branches that come from the same row of a fork become one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zip {
    /// The rows that the branches part from: a row that comes from one of them stands beside those that do.
    pub fork: Feed,
    /// How their columns are put together.
    #[serde(flatten)]
    pub how: Zipping,
}

/// How columns of several branches are put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zipping {
    /// What the branches are called, in their order.
    pub names: Vec<String>,
    /// What happens to columns that several branches write, if the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<Same>,
    /// What stands in a list for a branch that has no such row.
    #[serde(default, skip_serializing_if = "Absent::is_null")]
    pub absent: Absent,
}

/// What happens to columns of one name that several branches write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Same {
    /// One column of lists, with an item for each branch.
    List,
    /// A column for each branch: `text_left`, `text_right`.
    Suffix,
}

/// What stands in a list for a branch that has no such row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// Null, so that each branch has its place.
    #[default]
    Null,
    /// Nothing.
    Skip,
}

impl Absent {
    fn is_null(&self) -> bool {
        *self == Absent::Null
    }
}

/// A graph of feeds, as far as it matters to whether rows arrive in step.
pub(crate) trait Flow {
    /// A feed of all rows: a node's, or a door's.
    type Whole: Copy + Eq + std::hash::Hash;

    /// The stage in which its rows are put out, if a node of that stage puts them out batch by batch: not an input that is read into a
    /// spill first, and not a global step.
    fn stage(&self, feed: Self::Whole) -> Option<usize>;

    /// Where its rows come from, batch by batch: the feed that a transform reads, or the fork of the branches that it zips, if these arrive in
    /// step.
    fn before(&self, feed: Self::Whole) -> Option<Self::Whole>;
}

/// Whether the rows of all branches arrive in step: each of the fork's batches goes through all of them at the same time, because nothing but
/// transforms of one stage is between.
pub(crate) fn in_step<F: Flow>(flow: &F, branches: &[F::Whole], fork: F::Whole, stage: usize) -> bool {
    if flow.stage(fork) != Some(stage) {
        return false;
    }
    let mut seen = HashSet::new();
    branches.iter().all(|branch| {
        let mut feed = *branch;
        while feed != fork && seen.insert(feed) {
            match flow.before(feed) {
                Some(before) if flow.stage(feed) == Some(stage) => feed = before,
                _ => return false,
            }
        }
        true
    })
}
