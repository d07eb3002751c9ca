//! What a run keeps on the disk, in its own folder.
//!
//! Everything lies in checksummed [`frames`], or as lines of a checksummed [`journal`]; what does not match its checksum is
//! said and never read as data. Rows between stages are [`spill`]s; the results of calls into components are a log of [`work`],
//! so that no call is made twice: neither when the run is resumed, nor by a later run.

pub(crate) mod fits;
pub(crate) mod folder;
pub(crate) mod frames;
pub(crate) mod granted;
mod head;
pub(crate) mod ipc;
pub(crate) mod journal;
pub(crate) mod lengths;
mod lock;
pub(crate) mod past;
mod pile;
pub(crate) mod positions;
mod progress;
pub(crate) mod records;
pub(crate) mod replies;
pub(crate) mod scatter;
pub(crate) mod seal;
pub(crate) mod seen;
pub(crate) mod spill;
mod state;
pub(crate) mod sync;
pub(crate) mod view;
pub(crate) mod work;

pub(crate) use folder::Folder;
pub(crate) use frames::{make_dir, named, regular};
pub(crate) use ipc::{schema_digest, schema_of_text, schema_text};
pub(crate) use lock::is_held;
pub(crate) use past::{InPlace, Past};
pub(crate) use pile::{LeftPile, Pile};
pub(crate) use progress::{Before, DONE, Progress};
pub(crate) use records::{CallLimits, Deed, Digested, Frame, Outcome, Recorded, RecordedInput, Removed, limits_of};
pub(crate) use seal::{Begun, Key};
pub(crate) use spill::{Quota, Room, Spill, SpillWriter};
pub(crate) use state::{Contents, State};
pub(crate) use view::SpillView;
#[cfg(test)]
pub(crate) use work::tests::header;
pub(crate) use work::{LogColumn, Logged, Work};

/// Where a component that was a file is kept, from a run's folder.
pub(crate) fn kept_component(digest: &str) -> String {
    format!("components/{digest}.wasm")
}
