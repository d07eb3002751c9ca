//! What `semantic-dedup` and `cluster` share: vectors, and k-means.
//!
//! Two rows are near-duplicates if the cosine of their vectors is `threshold` or more. Comparing all pairs is out of reach for many
//! rows, so those are compared that are in one cluster. The step is a pipeline, `pipeline.toml`:
//!
//! 1. `semantic-assign`: centroids are fitted on a sample (`kmeans`), and every row is given the nearest one, in a stream; so are
//!    the rows of a second input, which are known.
//! 2. `semantic-keep`: the host brings the rows of a cluster together; a row goes if it is near a known one or one that stays.
#![forbid(unsafe_code)]

mod kmeans;
#[cfg(test)]
mod tests;
mod vectors;

use std::num::NonZero;

use callboard_sdk::prelude::*;

pub use kmeans::{Centroids, Clustering};
pub use vectors::{VectorColumn, dot};

/// The column in which one part hands the next the cluster of each row.
pub const CLUSTER: &str = "_semantic_cluster";
/// The same for the cosine of the row's vector and the cluster's centroid.
pub const COSINE: &str = "_semantic_cosine";

const THRESHOLD: f64 = 0.95;

/// All pairs of fewer rows than this are compared: that takes no longer than fitting centroids on them, and misses nothing.
const FEW: u64 = 4_000;

/// Which rows are near-duplicates, and which of them stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The column of vectors, as `embed` writes them.
    pub column: String,
    /// The cosine of two vectors from which their rows are near-duplicates, above 0 and at most 1.
    #[schemars(range(min = 0, max = 1))]
    pub threshold: f64,
    /// Which row stays: the first, or the one nearest to the centroid of its cluster, or furthest from it; or all.
    pub keep: Keep,
    /// How many clusters there are. Rows of different clusters are not compared: fewer clusters find more pairs, and take
    /// longer. By default the root of half the number of rows, and one cluster for fewer than 4,000.
    #[schemars(range(min = 1, max = 65536))]
    pub clusters: Option<NonZero<u32>>,
    /// Rows that the centroids are fitted on; by default 16 for each cluster, and at least 16,384.
    #[schemars(range(min = 1))]
    pub sample: Option<NonZero<u32>>,
    /// The seed by which that sample is drawn.
    pub seed: u64,
    /// A column to write: the number, in this step's input from 0, of the row that stays of those that are alike.
    pub cluster: Option<String>,
    /// A column to write: how many rows are alike.
    pub size: Option<String>,
}

/// Which row of near-duplicates stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first.
    #[default]
    First,
    /// The one nearest to the centroid: what is typical stays.
    Nearest,
    /// The one furthest from the centroid: what is unusual stays.
    Furthest,
    /// All of them: columns say which are alike.
    All,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            column: "embedding".into(),
            threshold: THRESHOLD,
            keep: Keep::First,
            clusters: None,
            sample: None,
            seed: 0,
            cluster: None,
            size: None,
        }
    }
}

impl Config {
    /// How rows become clusters.
    ///
    /// # Errors
    /// A threshold or a number of clusters that is out of range.
    pub fn clustering(&self) -> Result<Clustering> {
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            let message = format!("`threshold` is {}, and a number above 0 and up to 1 is expected", self.threshold);
            return Err(StepError::config(message).at("/threshold"));
        }
        Ok(Clustering::new(self.clusters, self.sample, self.seed)?.one_for_fewer_than(FEW))
    }

    /// The columns to write.
    ///
    /// # Errors
    /// A column without a name, or two of one name.
    pub fn written(&self) -> Result<Vec<Field>> {
        let names = [("/cluster", &self.cluster), ("/size", &self.size)];
        if let Some((at, _)) = names.iter().find(|(_, name)| name.as_ref().is_some_and(String::is_empty)) {
            return Err(StepError::config("a column needs a name").at(*at));
        }
        if self.cluster.is_some() && self.cluster == self.size {
            return Err(StepError::config("`cluster` and `size` are one column").at("/size"));
        }
        // With all, a row that is near a known one has no group.
        let field = |name: &String| match self.keep {
            Keep::All => Field::int64(name),
            Keep::First | Keep::Nearest | Keep::Furthest => Field::int64(name).not_null(),
        };
        Ok(names.iter().filter_map(|(_, name)| name.as_ref()).map(field).collect())
    }
}
