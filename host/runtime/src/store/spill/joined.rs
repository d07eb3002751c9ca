//! Rows of several spills of one feed, one after another: what several tasks left, read as one spill.

use std::hash::Hasher;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use callboard_plan::Feed;
use twox_hash::XxHash3_64;

use super::{Quota, Sealed, Spill, stored_schema};
use crate::store::ipc::schema_digest;
use crate::store::records::Frame;

/// Some frames of another spill.
pub(super) struct Part {
    spill: Arc<Spill>,
    /// The place of the first of them here.
    first: usize,
    /// Its place there.
    from: usize,
}

impl Spill {
    /// Frames of other spills of the same feed and schema, one after another. Nothing is written, and nothing removed with it.
    pub(crate) fn joined(feed: Feed, schema: SchemaRef, parts: Vec<(Arc<Spill>, Range<usize>)>) -> Spill {
        let (mut frames, mut joined) = (Vec::new(), Vec::new());
        let (mut checksum, mut rows, mut bytes) = (XxHash3_64::new(), 0, 0);
        for (at, (spill, range)) in parts.into_iter().enumerate() {
            let first = frames.len();
            for (_, frame) in &spill.frames[range.clone()] {
                checksum.write(&frame.checksum.to_le_bytes());
                // The lower half of a tag is the first row, counted over the whole.
                frames.push((at, Frame { tag: frame.tag >> 64 << 64 | u128::from(rows), ..*frame }));
                rows += u64::from(frame.rows);
                bytes += frame.length;
            }
            joined.push(Part { spill, first, from: range.start });
        }
        let sealed = Sealed {
            segments: 0,
            frames: frames.len() as u64,
            rows,
            bytes,
            checksum: format!("{:016x}", checksum.finish()),
            columns: schema_digest(&schema),
            digests: Default::default(),
            bases: Vec::new(),
            logs: Vec::new(),
        };
        Spill {
            feed,
            folder: PathBuf::new(),
            stored: stored_schema(&schema),
            schema,
            frames,
            files: Vec::new(),
            parts: joined,
            sealed,
            bases: Vec::new(),
            logs: Vec::new(),
            quota: Arc::new(Quota::new(None)),
        }
    }

    /// The spill that a frame lies in and its place there, if it does not lie in this one.
    pub(super) fn elsewhere(&self, frame: usize) -> Option<(&Spill, usize)> {
        let part = self.parts.get(self.frames[frame].0)?;
        Some((&part.spill, frame - part.first + part.from))
    }
}
