//! The bytes of an object: parts as they were sent, which are handed out without being copied.

use std::ops::Range;
use std::sync::Arc;

/// Bytes, perhaps in several parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content(Vec<(Arc<Vec<u8>>, Range<usize>)>);

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Content {
        let all = 0..bytes.len();
        Content(vec![(Arc::new(bytes), all)])
    }
}

impl Content {
    pub(crate) fn of(parts: impl IntoIterator<Item = Content>) -> Content {
        Content(parts.into_iter().flat_map(|part| part.0).collect())
    }

    /// The memory that nobody else has.
    pub(crate) fn into_unshared(self) -> Vec<Vec<u8>> {
        self.0.into_iter().filter_map(|(bytes, _)| Arc::into_inner(bytes)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|(_, range)| range.len()).sum()
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|(bytes, range)| &bytes[range.clone()])
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.parts().collect::<Vec<_>>().concat()
    }

    /// The bytes of a range that lies within.
    pub(crate) fn range(&self, range: Range<usize>) -> Content {
        let mut begin = 0;
        let within = self.0.iter().filter_map(|(bytes, part)| {
            let (from, to) = (range.start.max(begin), range.end.min(begin + part.len()));
            let found = (from < to).then(|| (bytes.clone(), part.start + from - begin..part.start + to - begin));
            begin += part.len();
            found
        });
        Content(within.collect())
    }
}
