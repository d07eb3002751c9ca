//! What the body of a frame begins with, where columns are not all that it holds: a value by serde, padded, so that columns
//! behind it lie where their buffers can be used in place.

use std::io;

use arrow::buffer::Buffer;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where the columns begin, bytes: what stands before them is padded to a multiple of this.
const ALIGNED: usize = 64;

/// The bytes of a value, padded.
pub(super) fn encode(value: &impl Serialize) -> io::Result<Buffer> {
    let mut head = postcard::to_extend(value, vec![0; 4]).map_err(io::Error::other)?;
    let length = (head.len() - 4) as u32;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head.resize(head.len().next_multiple_of(ALIGNED), 0);
    Ok(Buffer::from_vec(head))
}

/// The value that a body begins with, and what follows it; `None` if there is none.
pub(super) fn decode<T: DeserializeOwned>(body: &Buffer) -> Option<(T, Buffer)> {
    let length: [u8; 4] = body.get(..4)?.try_into().ok()?;
    let end = 4 + u32::from_le_bytes(length) as usize;
    let value = postcard::from_bytes(body.get(4..end)?).ok()?;
    let at = end.next_multiple_of(ALIGNED);
    (at <= body.len()).then(|| (value, body.slice(at)))
}
