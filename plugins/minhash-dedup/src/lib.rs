//! What the parts of `minhash-dedup` share: its configuration, and how texts become signatures.
//!
//! Two texts are near-duplicates if the Jaccard index of their sets of shingles (runs of `ngram` words) is `threshold` or
//! more; a cluster is what near-duplicates connect. The step is a pipeline, `pipeline.toml`:
//!
//! 1. `minhash-sign` (`shingles`, `signature`): every text becomes a MinHash signature of 16 bits a permutation.
//! 2. `minhash-pairs` brings rows together that agree in a band of it (`banding`): those are candidates. Their shingles are
//!    compared, or, if asked, their signatures (`likeness`).
//! 3. Pairs become clusters, of which one row is kept.
#![forbid(unsafe_code)]

mod banding;
pub mod columns;
mod likeness;
mod shingles;
mod signature;

use std::num::NonZero;

use callboard_sdk::prelude::*;

pub use banding::Banding;
pub use likeness::{Judge, distinct};
pub use shingles::Shingler;
pub use signature::{Permutations, equal_places};

const PERMUTATIONS: u16 = 128;
const THRESHOLD: f64 = 0.8;

/// What makes two texts near-duplicates, and what happens to them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column.
    pub column: String,
    /// Words in a shingle. A shorter text is one shingle.
    pub ngram: NonZero<usize>,
    /// Compares texts in lower case; the texts themselves are not changed.
    pub lowercase: bool,
    /// The Jaccard index at which two texts are near-duplicates, above 0 and at most 1. By default 0.8, or, if `bands` and
    /// `rows` are given, the similarity at which these begin to find pairs.
    #[schemars(range(min = 0, max = 1))]
    pub threshold: Option<f64>,
    /// The length of a signature: longer ones find near-duplicates more reliably, and take 2 bytes per row each.
    pub permutations: NonZero<u16>,
    /// Bands in a signature; requires `rows`. By default both are chosen from `threshold`, to find 99.5 % of the pairs that
    /// are exactly that similar.
    #[schemars(range(min = 1))]
    pub bands: Option<NonZero<usize>>,
    /// Rows in a band; requires `bands`.
    #[schemars(range(min = 1))]
    pub rows: Option<NonZero<usize>>,
    /// The seed of the permutations.
    pub seed: u64,
    /// How candidates are compared: by their shingles, or by their signatures, which take less room for long texts.
    pub verify: Verify,
    /// Which rows to keep: the first or the longest of each cluster, or all.
    pub keep: Keep,
    /// A column to write: the number of the first row of the row's cluster in this step's input, from 0.
    pub cluster: Option<String>,
    /// A column to write: the number of rows in the row's cluster.
    pub size: Option<String>,
}

/// Which rows of a cluster are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first.
    #[default]
    First,
    /// The one of the most bytes of text; the first of several.
    Longest,
    /// All of them.
    All,
}

/// How candidates are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// The Jaccard index of their shingles is counted.
    #[default]
    Shingles,
    /// The estimate of their signatures decides.
    Signature,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            column: "text".into(),
            ngram: NonZero::new(5).expect("not 0"),
            lowercase: false,
            threshold: None,
            permutations: NonZero::new(PERMUTATIONS).expect("not 0"),
            bands: None,
            rows: None,
            seed: 0,
            verify: Verify::Shingles,
            keep: Keep::First,
            cluster: None,
            size: None,
        }
    }
}

impl Config {
    /// How candidates are found, and from which Jaccard index they are near-duplicates.
    ///
    /// # Errors
    /// A number that is out of range, or does not go with the others.
    pub fn search(&self) -> Result<(Banding, f64)> {
        if let Some(threshold) = self.threshold.filter(|threshold| !(*threshold > 0.0 && *threshold <= 1.0)) {
            let message = format!("`threshold` is {threshold}, and a number above 0 and up to 1 is expected");
            return Err(StepError::config(message).at("/threshold"));
        }
        let permutations = usize::from(self.permutations.get());
        let banding = match (self.bands, self.rows) {
            (None, None) => Banding::of(self.threshold.unwrap_or(THRESHOLD), permutations),
            (Some(bands), Some(rows)) => Banding { bands: bands.get(), rows: rows.get() },
            (Some(_), None) => return Err(StepError::config("`bands` are given without `rows`").at("/bands")),
            (None, Some(_)) => return Err(StepError::config("`rows` are given without `bands`").at("/rows")),
        };
        let Banding { bands, rows } = banding;
        if bands.checked_mul(rows).is_none_or(|places| places > permutations) {
            let message = format!("{bands} `bands` of {rows} `rows` need more than {permutations} `permutations`");
            return Err(StepError::config(message).at("/permutations"));
        }
        let threshold = if self.bands.is_some() { banding.threshold() } else { THRESHOLD };
        Ok((banding, self.threshold.unwrap_or(threshold)))
    }

    /// The columns to write.
    ///
    /// # Errors
    /// A column without a name, or two of one name.
    pub fn written(&self) -> Result<Vec<Field>> {
        let names = [("/cluster", &self.cluster), ("/size", &self.size)];
        for (pointer, name) in names {
            if name.as_ref().is_some_and(String::is_empty) {
                return Err(StepError::config("a column needs a name").at(pointer));
            }
        }
        if self.cluster.is_some() && self.cluster == self.size {
            return Err(StepError::config("`cluster` and `size` are one column").at("/size"));
        }
        // A row that is near a known one has no cluster of its own, and is kept only with all.
        let field = |name: &String| match self.keep {
            Keep::All => Field::int64(name),
            Keep::First | Keep::Longest => Field::int64(name).not_null(),
        };
        Ok(names.into_iter().filter_map(|(_, name)| name.as_ref()).map(field).collect())
    }
}
