//! What a file of replies holds beside the bodies: not a run's, and known by its own first bytes instead of `FORMAT`.

use callboard_sandbox::CallKey;
use serde::{Deserialize, Serialize};

/// Bytes of an HMAC, cut.
pub(crate) const MAC: usize = 16;

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplyFile {
    /// Which run it is of.
    pub(crate) run: u64,
    /// When the process began, nanoseconds since 1970.
    pub(crate) at: u64,
    /// Whether it was the first of its run.
    pub(crate) first: bool,
    /// Whether the run is to ask for everything itself.
    pub(crate) fresh: bool,
}

/// All of a reply but its body.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReplyHead {
    pub(crate) key: CallKey,
    /// When it came, nanoseconds since 1970.
    pub(crate) at: u64,
    /// What it cost.
    pub(crate) cost: u64,
    pub(crate) server: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: [u8; MAC],
}
