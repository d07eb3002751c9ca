//! What is joined, and how.

use callboard_sdk::prelude::*;

/// What is joined, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns of the first input to join by, of any type.
    #[schemars(length(min = 1))]
    pub(crate) on: Vec<String>,
    /// What they are called in the second input, if not the same.
    #[serde(default)]
    pub(crate) right_on: Option<Vec<String>>,
    /// `inner` and `left` put matching rows of the second input beside those of the first, and `left` keeps rows without a match; `semi` keeps the rows with a match, `anti` those without.
    #[serde(default)]
    pub(crate) how: How,
    /// The columns of the second input to take. All but its keys, unless this is set.
    #[serde(default)]
    pub(crate) columns: Option<Vec<String>>,
    /// Stands before the name of a column that the first input has, too.
    #[serde(default)]
    pub(crate) prefix: String,
    /// Stands behind such a name.
    #[serde(default = "suffix")]
    pub(crate) suffix: String,
    /// Lets null match null.
    #[serde(default)]
    pub(crate) nulls_equal: bool,
}

fn suffix() -> String {
    "_right".into()
}

/// Which rows go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "explained where they are used, in `Config`")]
pub(crate) enum How {
    #[default]
    Inner,
    Left,
    Semi,
    Anti,
}

impl Config {
    pub(crate) fn right_on(&self) -> &[String] {
        self.right_on.as_ref().unwrap_or(&self.on)
    }
}
