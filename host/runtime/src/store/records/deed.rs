//! The result of a call into a step, as its log has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use callboard_plan::PlannedStep;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

/// What a step did, beside the columns that it wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Deed {
    Processed(Outcome),
    /// A source's page.
    Page {
        cursor: Vec<u8>,
        counters: BTreeMap<String, i64>,
    },
    /// A global step kept rows of its first input, wrote rows of its own, removed rows of its first input.
    Kept {
        #[serde(with = "rows")]
        rows: Vec<u64>,
    },
    Wrote,
    Removed {
        #[serde(with = "by_reason")]
        rows: Vec<Removed>,
    },
    /// In one call of a global step: it wrote rows in the places of rows that it was given.
    Placed {
        rows: Vec<u64>,
    },
    /// One call of a global step ended; what it did is noted by the rows that it was given.
    Called {
        counters: BTreeMap<String, i64>,
    },
    /// A source or a global step ended; without it, no work of a global step counts.
    Ended {
        counters: BTreeMap<String, i64>,
    },
}

impl Deed {
    /// The rows that it is about.
    pub(crate) fn rows(&self, written: &RecordBatch) -> u64 {
        match self {
            Deed::Kept { rows } => rows.len() as u64,
            Deed::Removed { rows } => rows.len() as u64,
            Deed::Processed(_) | Deed::Page { .. } | Deed::Wrote | Deed::Placed { .. } => written.num_rows() as u64,
            Deed::Called { .. } | Deed::Ended { .. } => written.num_rows() as u64,
        }
    }
}

/// What happened to a transform's batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The rows of the batch that were put out; none: all that were not removed, in order.
    pub(crate) kept: Option<Vec<u32>>,
    #[serde(with = "by_reason")]
    pub(crate) removed: Vec<Removed>,
    pub(crate) counters: BTreeMap<String, i64>,
    /// The limits under which rows were rejected because a call trapped or ran into one; `None` if no row was.
    pub(crate) narrowed: Option<CallLimits>,
    /// Whether rows were rejected for a reason that passes: the call is made again by the next run, and so it is not written down.
    #[serde(skip)]
    pub(crate) passing: bool,
}

/// What tells limits from others: a digest of all that a step has, since each decides of rows when it is exceeded.
pub(crate) type CallLimits = (u64, u64);

/// Those of a step.
pub(crate) fn limits_of(step: &PlannedStep) -> CallLimits {
    let text = serde_json::to_vec(&step.limits).expect("numbers have text");
    let digest = XxHash3_128::oneshot(&text);
    ((digest >> 64) as u64, digest as u64)
}

/// A row that went no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) row: u64,
    pub(crate) rejected: bool,
    pub(crate) reason: Arc<str>,
}

/// Rows that were kept, on the disk: if they ascend and lie close together, a bit for each row from the first one on.
mod rows {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize)]
    enum Written<'a> {
        Each(&'a [u64]),
        Bits { first: u64, bits: Vec<u8> },
    }

    #[derive(Deserialize)]
    enum Read {
        Each(Vec<u64>),
        Bits { first: u64, bits: Vec<u8> },
    }

    pub(super) fn serialize<S: Serializer>(rows: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        written(rows).unwrap_or(Written::Each(rows)).serialize(serializer)
    }

    /// The bits of rows that take less so than a number each would.
    fn written<'a>(rows: &[u64]) -> Option<Written<'a>> {
        let (first, last) = (*rows.first()?, *rows.last()?);
        let bytes = last.checked_sub(first)? / 8 + 1;
        if bytes >= rows.len() as u64 || !rows.is_sorted_by(|row, next| row < next) {
            return None;
        }
        let mut bits = vec![0; bytes as usize];
        rows.iter().map(|row| row - first).for_each(|at| bits[at as usize / 8] |= 1 << (at % 8));
        Some(Written::Bits { first, bits })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let (first, bits) = match Read::deserialize(deserializer)? {
            Read::Each(rows) => return Ok(rows),
            Read::Bits { first, bits } => (first, bits),
        };
        let mut rows = Vec::with_capacity(bits.iter().map(|byte| byte.count_ones() as usize).sum());
        for (at, byte) in (0..).zip(bits) {
            // A forged one may name rows that no number has.
            let row = |bit: u64| first.saturating_add(8 * at + bit);
            rows.extend((0..8).filter(|bit| byte >> bit & 1 == 1).map(row));
        }
        Ok(rows)
    }
}

/// Rows that were removed, on the disk: neighbours of one reason name it once.
mod by_reason {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Removed;

    pub(super) fn serialize<S: Serializer>(removed: &[Removed], serializer: S) -> Result<S::Ok, S::Error> {
        let alike = |a: &Removed, b: &Removed| a.rejected == b.rejected && a.reason == b.reason;
        let groups = removed.chunk_by(alike).map(|group| {
            let rows: Vec<u64> = group.iter().map(|removed| removed.row).collect();
            (group[0].rejected, &*group[0].reason, rows)
        });
        groups.collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Removed>, D::Error> {
        let groups = Vec::<(bool, String, Vec<u64>)>::deserialize(deserializer)?;
        let rows = groups.into_iter().flat_map(|(rejected, reason, rows)| {
            let reason = Arc::<str>::from(reason);
            rows.into_iter().map(move |row| Removed { row, rejected, reason: reason.clone() })
        });
        Ok(rows.collect())
    }
}
