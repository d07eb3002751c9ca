//! The header of a frame.
//!
//! A frame is a header of 48 bytes and a body:
//!
//! | bytes | |
//! |---|---|
//! | 0–3 | `CBF` and the [`FORMAT`] |
//! | 4 | what it is |
//! | 8–11 | rows |
//! | 12–15 | the header's own checksum: the low half of XXH3-64, of the header with zeros here |
//! | 16–31 | a tag: the first row of a spill's frame, the digest of what work was done on |
//! | 32–39 | length of the body |
//! | 40–47 | XXH3-64 of the body |
//!
//! Numbers are little-endian.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::FORMAT;

const MAGIC: [u8; 4] = [b'C', b'B', b'F', FORMAT];
/// Bytes of a frame before its body.
pub(crate) const HEADER: usize = 48;

/// Where a frame lies, and what is in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) rows: u32,
    pub(crate) tag: u128,
    pub(crate) length: u64,
    pub(crate) checksum: u64,
    /// The offset of the body.
    pub(in crate::store) offset: u64,
}

impl Frame {
    /// Where it lies in its file, header and body.
    pub(crate) fn span(&self) -> Range<u64> {
        self.offset.saturating_sub(HEADER as u64)..self.offset.saturating_add(self.length)
    }

    pub(in crate::store) fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4] = self.kind;
        header[8..12].copy_from_slice(&self.rows.to_le_bytes());
        header[16..32].copy_from_slice(&self.tag.to_le_bytes());
        header[32..40].copy_from_slice(&self.length.to_le_bytes());
        header[40..].copy_from_slice(&self.checksum.to_le_bytes());
        let check = XxHash3_64::oneshot(&header) as u32;
        header[12..16].copy_from_slice(&check.to_le_bytes());
        header
    }

    /// The frame of a header that lies at `at`, if it is one.
    pub(in crate::store) fn parse(header: &[u8; HEADER], at: u64) -> Option<Frame> {
        let number =
            |range: std::ops::Range<usize>| header[range].iter().rev().fold(0, |n: u128, b| n << 8 | u128::from(*b));
        let frame = Frame {
            kind: header[4],
            rows: number(8..12) as u32,
            tag: number(16..32),
            length: number(32..40) as u64,
            checksum: number(40..48) as u64,
            offset: at + HEADER as u64,
        };
        (frame.header() == *header).then_some(frame)
    }

    pub(in crate::store) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length)
    }
}
