//! Parts of `minhash-dedup` that work on pairs of rows, each a global step: which it is, `part` says.
//!
//! 1. `candidates`: rows that agree in a band become pairs.
//! 2. `compare`: of each pair, what one row is compared by is put beside it (`beside`), and compared with that of the other
//!    (`compared`); both go once through the rows, in their order, whatever their number.
//! 3. `clusters`: the pairs that are alike make clusters (`forest`).
//! 4. `keep`: one row of each goes on.
//!
//! A row is called by its place in the input (`ids`).
#![forbid(unsafe_code)]

mod candidates;
mod clusters;
mod compare;
mod forest;
mod ids;
mod keep;

use callboard_sdk::prelude::*;
use step_minhash_dedup::Config as Options;

/// Which part, and the configuration of the whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which part of `minhash-dedup` this is.
    part: Part,
    /// The configuration of `minhash-dedup`.
    #[serde(default)]
    options: Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    Candidates,
    Beside,
    Compared,
    Clusters,
    Keep,
}

/// A part of `minhash-dedup`.
pub struct Pairs;

impl Global for Pairs {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let Config { part, options } = config;
        match part {
            Part::Candidates => candidates::bind(inputs),
            Part::Beside => compare::beside(inputs),
            Part::Compared => compare::compared(&options, inputs),
            Part::Clusters => clusters::bind(options.keep, inputs),
            Part::Keep => keep::bind(&options, inputs),
        }
    }
}

callboard_sdk::global!(Pairs);

/// Rows handed to the host in one call.
const AT_ONCE: usize = 8192;
