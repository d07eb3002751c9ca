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

/// An offline batch, as it is kept while its replies are awaited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchRecord {
    /// Which run has submitted it.
    pub(crate) run: u64,
    /// When it was first kept, nanoseconds since 1970.
    pub(crate) made: u64,
    pub(crate) key: String,
    pub(crate) step: String,
    pub(crate) server: String,
    pub(crate) form: BatchForm,
    pub(crate) url: String,
    pub(crate) endpoint: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) model: String,
    pub(crate) tries: u32,
    /// When it was last about to be sent, seconds since 1970.
    pub(crate) at: u64,
    pub(crate) cost: u64,
    pub(crate) file: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) requests: Vec<CallKey>,
    /// Those without a reply: which, how many batches had it if another is to, status, what was said.
    pub(crate) failed: Vec<(u32, Option<u32>, u16, Vec<u8>)>,
}

/// How a server is given batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BatchForm {
    OpenAi,
    Anthropic,
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
