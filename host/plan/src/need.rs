//! What one instance of a step is taken to need: declared, measured in an earlier run, or guessed.

use std::collections::BTreeMap;

use callboard_words::text::hex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::catalog::Component;
use crate::choices::MEMORY_LIMIT;
use crate::grants::Grants;
use crate::pipeline::{BatchSize, Limits, Step};
use crate::plan::PlannedStep;

/// What a step is taken to need of which nothing is known.
const ASSUMED: u64 = 64 << 20;

/// The linear memory that one instance of a step is taken to need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Bytes.
    pub bytes: u64,
    /// Where the figure is from.
    pub from: NeedFrom,
    /// What an earlier run measured, in bytes, where the file declares something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_bytes: Option<u64>,
}

/// Where a figure of what a step needs is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeedFrom {
    /// `needs.memory` of the file.
    Declared,
    /// The most that one instance held in an earlier run.
    Measured,
    /// `limits.memory` of the file: the most that it may have.
    Limit,
    /// Nobody: nothing is known of it yet.
    Assumed,
}

impl NeedFrom {
    /// A word for people.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Measured => "measured",
            Self::Limit => "its limit",
            Self::Assumed => "assumed",
        }
    }
}

impl Need {
    /// What is declared wins over what was measured, and both over what its limit allows.
    pub(crate) fn of(
        step: &Step,
        component: Option<&Component>,
        batch: BatchSize,
        measured: &BTreeMap<String, u64>,
    ) -> Self {
        let limit = step.limits.memory_bytes.unwrap_or(MEMORY_LIMIT);
        let key = component.map(|component| key(&component.digest, &step.config, &step.columns, &step.grants, batch));
        let measured = key.and_then(|key| measured.get(&key)).map(|bytes| (*bytes).min(limit));
        let (bytes, from) = match (&step.needs, measured, step.limits.memory_bytes) {
            (Some(declared), ..) => (declared.value, NeedFrom::Declared),
            (None, Some(measured), _) => (measured, NeedFrom::Measured),
            (None, None, Some(limit)) => (limit, NeedFrom::Limit),
            (None, None, None) => (ASSUMED, NeedFrom::Assumed),
        };
        Self { bytes, from, measured_bytes: measured.filter(|measured| *measured != bytes) }
    }

    /// Whether somebody knows it.
    pub(crate) fn is_known(self) -> bool {
        matches!(self.from, NeedFrom::Declared | NeedFrom::Measured)
    }
}

impl Limits {
    /// Whether a step of these limits may hold this many bytes.
    pub(crate) fn allow(&self, bytes: u64) -> bool {
        bytes <= self.memory_bytes.unwrap_or(MEMORY_LIMIT)
    }
}

impl PlannedStep {
    /// What the memory that an instance takes depends on, as far as a plan has it, in 32 hexadecimal digits: its component, its
    /// configuration, its columns' names, what it is granted, and the size of batches. How many rows there are is not in it.
    pub fn need_key(&self, batch: BatchSize) -> String {
        key(&self.digest, &self.config, &self.columns, &self.grants, self.batch.unwrap_or(batch))
    }
}

fn key(digest: &str, config: &Value, columns: &BTreeMap<String, String>, grants: &Grants, batch: BatchSize) -> String {
    let mut value = json!([digest, config, columns, grants, batch]);
    value.sort_all_objects();
    let digest = Sha256::digest(value.to_string().as_bytes());
    hex(&digest[..16])
}
