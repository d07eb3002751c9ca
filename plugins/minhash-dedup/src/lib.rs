//! Keeps the first row of each cluster of near-duplicate texts.
//!
//! Two texts are near-duplicates if the Jaccard index of their sets of shingles (runs of `ngram` words) is `threshold` or
//! more; a cluster is what near-duplicates hold together.
//!
//! 1. `shingles`, `signature`: every text becomes a MinHash signature of 16 bits a permutation, in one pass over the rows.
//! 2. `bands`: rows that agree in a band are candidates; their signatures join them, tell them apart, or leave it open.
//! 3. `count`: of the pairs near the threshold the shingles themselves are counted, in another pass. So whether two rows
//!    are near-duplicates is decided by an estimate only where it is beyond doubt.
//! 4. `clusters`: pairs become clusters, each of which stands for its first row.
#![forbid(unsafe_code)]

mod bands;
mod clusters;
mod count;
mod shingles;
mod signature;
#[cfg(test)]
mod tests;

use std::num::NonZero;

use callboard_sdk::prelude::*;

use bands::{Banding, Documents, Judge, Search};
use clusters::Clusters;
use count::Rows;
use shingles::Shingler;
use signature::Permutations;

/// Rows named to the host in one call.
const KEPT_AT_ONCE: usize = 8192;
/// Pairs near the threshold that wait, 8 bytes each; when there are more after a band, their shingles are counted at once.
const WAITING: usize = 4 << 20;
const PERMUTATIONS: u16 = 128;
const THRESHOLD: f64 = 0.8;

/// What makes two texts near-duplicates, and what happens to them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The text column.
    column: String,
    /// Words in a shingle. A shorter text is one shingle.
    ngram: NonZero<usize>,
    /// Compares texts in lower case; the texts themselves are not changed.
    lowercase: bool,
    /// The Jaccard index at which two texts are near-duplicates, above 0 and at most 1. By default 0.8, or, if `bands` and
    /// `rows` are given, the similarity at which these begin to find pairs.
    #[schemars(range(min = 0, max = 1))]
    threshold: Option<f64>,
    /// The length of a signature: longer ones find near-duplicates more reliably, and take 2 bytes per row each.
    permutations: NonZero<u16>,
    /// Bands in a signature; requires `rows`. By default both are chosen from `threshold`, to find 99.5 % of the pairs that
    /// are exactly that similar.
    #[schemars(range(min = 1))]
    bands: Option<NonZero<usize>>,
    /// Rows in a band; requires `bands`.
    #[schemars(range(min = 1))]
    rows: Option<NonZero<usize>>,
    /// The seed of the permutations.
    seed: u64,
    /// Which rows to keep: the first of each cluster, or all.
    keep: Keep,
    /// A column to write: the number of the first row of the row's cluster in this step's input, from 0.
    cluster: Option<String>,
    /// A column to write: the number of rows in the row's cluster.
    size: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Keep {
    #[default]
    First,
    All,
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
            keep: Keep::First,
            cluster: None,
            size: None,
        }
    }
}

impl Config {
    /// How candidates are found, and from which Jaccard index they are near-duplicates.
    fn search(&self) -> Result<(Banding, f64)> {
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
    fn written(&self) -> Result<Vec<Field>> {
        let names = [("/cluster", &self.cluster), ("/size", &self.size)];
        for (pointer, name) in names {
            if name.as_ref().is_some_and(String::is_empty) {
                return Err(StepError::config("a column needs a name").at(pointer));
            }
        }
        if self.cluster.is_some() && self.cluster == self.size {
            return Err(StepError::config("`cluster` and `size` are one column").at("/size"));
        }
        Ok(names.into_iter().filter_map(|(_, name)| name.as_ref()).map(|name| Field::int64(name).not_null()).collect())
    }
}

/// Keeps the first row of each cluster of near-duplicate texts, in order.
pub struct MinhashDedup;

impl Global for MinhashDedup {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let text = input.utf8(&config.column).at("/column")?;
        let (banding, threshold) = config.search()?;
        let shape = Shape::new().reads(&text).writes_all(config.written()?);
        Ok(shape.run(move |inputs, output| {
            let mut clusters = find(&config, banding, threshold, &text, &mut inputs[0])?;
            put_out(&config, &mut clusters, u32::try_from(inputs[0].rows())?, output)
        }))
    }
}

fn find(config: &Config, banding: Banding, threshold: f64, text: &Column<str>, input: &mut Reader) -> Result<Clusters> {
    let mut shingler = Shingler::new(config.ngram.get(), config.lowercase);
    let documents = sign(config, &mut shingler, text, input)?;
    let judge = Judge::new(threshold, documents.permutations);
    let mut clusters = Clusters::new(u32::try_from(input.rows())?);
    let distinct = bands::join_equal(&documents, &mut clusters);
    let mut search = Search { documents: &documents, judge, banding, unsure: vec![] };
    for band in 0..banding.bands {
        search.band(band, &distinct, &mut clusters);
        if search.unsure.len() > WAITING || band + 1 == banding.bands {
            let mut rows = Rows { input: &mut *input, text };
            count::join_alike(&mut search.unsure, threshold, &documents, &mut clusters, &mut shingler, &mut rows)?;
        }
    }
    Ok(clusters)
}

/// The signatures of all rows. Nulls and texts without words have nothing to compare, and are like no other row.
fn sign(config: &Config, shingler: &mut Shingler, text: &Column<str>, input: &mut Reader) -> Result<Documents> {
    let (rows, permutations) = (usize::try_from(input.rows())?, usize::from(config.permutations.get()));
    let permuted = Permutations::new(permutations, config.seed);
    // Made at once: growing it would hold the old and the new.
    let signatures = vec![0; rows.saturating_mul(permutations)];
    let mut documents = Documents { permutations, signatures, shingles: vec![0; rows], hashes: vec![0; rows] };
    let (mut row, mut shingles) = (0, vec![]);
    for batch in input.batches() {
        for text in batch.get(text)?.iter() {
            documents.hashes[row] = shingler.shingles(text.unwrap_or_default(), &mut shingles);
            documents.shingles[row] = shingles.len() as u32;
            permuted.sign(&shingles, &mut documents.signatures[row * permutations..(row + 1) * permutations]);
            row += 1;
        }
    }
    Ok(documents)
}

fn put_out(config: &Config, clusters: &mut Clusters, rows: u32, output: &mut Writer) -> Result<()> {
    let sizes = clusters.sizes();
    let mut kept = Vec::with_capacity(KEPT_AT_ONCE);
    let keep = |kept: &mut Vec<u64>, clusters: &mut Clusters, output: &mut Writer| {
        let firsts: Vec<u32> = kept.iter().map(|row| clusters.first(*row as u32)).collect();
        let cluster = config.cluster.iter().map(|_| firsts.iter().map(|first| i64::from(*first)).collect());
        let size = config.size.iter().map(|_| firsts.iter().map(|first| i64::from(sizes[*first as usize])).collect());
        output.keep_with(kept, cluster.chain(size).collect())?;
        kept.clear();
        Ok::<_, StepError>(())
    };
    for row in 0..rows {
        let first = clusters.first(row);
        if first != row && config.keep == Keep::First {
            output.drop(u64::from(row), format!("near-duplicate of row {first}"));
            continue;
        }
        kept.push(u64::from(row));
        if kept.len() == KEPT_AT_ONCE {
            keep(&mut kept, clusters, output)?;
        }
    }
    keep(&mut kept, clusters, output)
}

callboard_sdk::global!(MinhashDedup);
