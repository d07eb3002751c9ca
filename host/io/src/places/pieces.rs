//! The bytes of a range, in the pieces in which they came: what is large is not copied into one.

use bytes::Bytes;

/// A piece that is smaller is put together with others.
const SMALL: usize = 64 << 10;

/// Bytes, in pieces that follow one another.
#[derive(Clone, Default)]
pub(super) struct Pieces(Vec<Bytes>);

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Pieces {
        Pieces(vec![bytes])
    }
}

impl Pieces {
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Those of one piece, from this place on; none behind the end.
    pub(super) fn at(&self, mut place: usize) -> Bytes {
        for piece in &self.0 {
            if place < piece.len() {
                return piece.slice(place..);
            }
            place -= piece.len();
        }
        Bytes::new()
    }

    /// All of them, as one.
    pub(super) fn whole(&self) -> Bytes {
        match self.0.as_slice() {
            [one] => one.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

/// Takes bytes as they come.
pub(super) struct Gathering {
    pieces: Vec<Bytes>,
    /// What is put together, behind the pieces.
    small: Vec<u8>,
    /// How much is wanted, and there.
    wanted: usize,
    there: usize,
    /// Whether it is to be one piece.
    is_one: bool,
}

impl Gathering {
    /// Takes this many, in one piece if they are `at_most_one`.
    pub(super) fn new(wanted: usize, at_most_one: usize) -> Gathering {
        Gathering { pieces: Vec::new(), small: Vec::new(), wanted, there: 0, is_one: wanted <= at_most_one }
    }

    pub(super) fn len(&self) -> usize {
        self.there
    }

    /// Takes more; false if that is more than is wanted.
    #[must_use]
    pub(super) fn push(&mut self, more: Bytes) -> bool {
        let left = self.wanted - self.there;
        if more.len() > left {
            return false;
        }
        self.there += more.len();
        if !self.is_one && more.len() >= SMALL {
            self.flush();
            self.pieces.push(more);
            return true;
        }
        if self.small.capacity() - self.small.len() < more.len() {
            // Pieces of what is small, unless all of it is one.
            let room = if self.is_one { left } else { left.min(4 * SMALL) };
            self.flush();
            self.small.reserve_exact(room);
        }
        self.small.extend_from_slice(&more);
        true
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(std::mem::take(&mut self.small).into());
        }
    }

    pub(super) fn end(mut self) -> Pieces {
        self.flush();
        Pieces(self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes in pieces of these sizes.
    fn gathered(sizes: &[usize], at_most_one: usize) -> (Pieces, Vec<u8>) {
        let all: Vec<u8> = (0..sizes.iter().sum()).map(|at: usize| (at % 251) as u8).collect();
        let (mut gathering, mut at) = (Gathering::new(all.len(), at_most_one), 0);
        for size in sizes {
            assert!(gathering.push(Bytes::copy_from_slice(&all[at..at + size])), "{sizes:?}");
            at += size;
        }
        assert!(!gathering.push(Bytes::from_static(b"!")), "no more than is wanted");
        (gathering.end(), all)
    }

    #[test]
    fn bytes_are_the_same_however_they_came() {
        let large = 3 * SMALL;
        for sizes in [&[][..], &[10], &[large], &[10, 20], &[large, 10, large], &[10, large, 10, 10], &[SMALL - 1; 20]]
        {
            for at_most_one in [0, usize::MAX] {
                let (pieces, all) = gathered(sizes, at_most_one);
                assert_eq!((pieces.len(), &pieces.whole()[..]), (all.len(), &all[..]), "{sizes:?}");
                let (mut at, mut read) = (0, Vec::new());
                loop {
                    let more = pieces.at(at);
                    if more.is_empty() {
                        break;
                    }
                    at += more.len();
                    read.extend_from_slice(&more);
                }
                assert_eq!(read, all, "{sizes:?}");
                assert!(at_most_one == 0 || pieces.0.len() <= 1, "one piece was wanted: {sizes:?}");
            }
        }
    }

    #[test]
    fn a_large_piece_is_not_copied() {
        let more = Bytes::from(vec![7; SMALL]);
        let mut gathering = Gathering::new(SMALL + 1, 0);
        assert!(gathering.push(Bytes::from_static(b"a")) && gathering.push(more.clone()));
        assert_eq!(gathering.end().at(1).as_ptr(), more.as_ptr());
    }
}
