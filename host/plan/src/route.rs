//! Which rows of a feed go to one of its readers; the rest goes elsewhere.

use serde::{Deserialize, Serialize};

/// The most branches that rows are shared out to.
pub(crate) const MOST_BRANCHES: u64 = 1024;

/// What decides whether a row takes this way. A row may take several ways of one feed, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Route {
    /// Rows of which this condition is true, in the language of `filter`.
    Where(String),
    /// Rows that are shared out to branches by chance.
    Share(Share),
    /// Rows that no other route of the feed takes.
    Else(Else),
}

/// It says nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Else {}

/// One of several branches, of which each row takes some.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Which of the branches this is, from 0.
    pub nth: u32,
    /// How many branches there are.
    pub one_of: u32,
    /// How many of them each row takes.
    pub pick: u32,
    /// What the choice depends on beside the row.
    pub seed: u64,
    /// Columns whose values decide; by default the file and line that the row is from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

impl Share {
    /// Whether both are branches of one choice.
    pub fn is_beside(&self, other: &Share) -> bool {
        (self.one_of, self.pick, self.seed, &self.by) == (other.one_of, other.pick, other.seed, &other.by)
    }
}

/// As a person reads it: `where language == "no"`.
impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Route::Where(condition) => {
                write!(f, "where {}", condition.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Route::Share(Share { nth, one_of, pick: 1, .. }) => write!(f, "branch {} of {one_of}", nth + 1),
            Route::Share(Share { nth, one_of, pick, .. }) => {
                write!(f, "branch {} of {one_of}, {pick} for each row", nth + 1)
            }
            Route::Else(Else {}) => f.write_str("else"),
        }
    }
}
