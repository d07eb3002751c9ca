//! Pairs near the threshold: their shingles are counted, in another pass over the rows.

use std::collections::{HashMap, HashSet};

use callboard_sdk::prelude::*;

use crate::bands::Documents;
use crate::clusters::Clusters;
use crate::shingles::Shingler;

/// Shingles held at a time, 4 bytes each. Where the pairs have more, the rows are read once more for each so many.
const SHINGLES_AT_ONCE: usize = 32 << 20;

/// Joins the pairs whose Jaccard index is `threshold` or more; `pairs` is empty then.
pub(crate) fn join_alike(
    pairs: &mut Vec<(u32, u32)>,
    threshold: f64,
    documents: &Documents,
    clusters: &mut Clusters,
    shingler: &mut Shingler,
    rows: &mut Rows<'_>,
) -> Result<()> {
    pairs.sort_unstable();
    pairs.dedup();
    pairs.retain(|(a, b)| !clusters.are_one(*a, *b));
    let mut rest = pairs.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, documents, SHINGLES_AT_ONCE));
        let sets = rows.shingles(now, shingler)?;
        for (a, b) in now {
            if !clusters.are_one(*a, *b) && jaccard(&sets[a], &sets[b]) >= threshold {
                clusters.join(*a, *b);
            }
        }
        rest = later;
    }
    pairs.clear();
    Ok(())
}

/// How many of these pairs have no more than so many shingles together; the first fits in any case.
fn fitting(pairs: &[(u32, u32)], documents: &Documents, most: usize) -> usize {
    let (mut seen, mut shingles) = (HashSet::new(), 0);
    let fits = |(a, b): &&(u32, u32)| {
        for row in [*a, *b] {
            shingles += if seen.insert(row) { documents.shingles[row as usize] as usize } else { 0 };
        }
        shingles <= most
    };
    pairs.iter().take_while(fits).count().max(1)
}

/// The texts, to be read again.
pub(crate) struct Rows<'a> {
    pub(crate) input: &'a mut Reader,
    pub(crate) text: &'a Column<str>,
}

impl Rows<'_> {
    /// The shingles of the rows of these pairs, each in order and once.
    fn shingles(&mut self, pairs: &[(u32, u32)], shingler: &mut Shingler) -> Result<HashMap<u32, Box<[u32]>>> {
        let mut wanted: Vec<u32> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut sets = HashMap::with_capacity(wanted.len());
        let mut wanted = wanted.into_iter().peekable();
        let mut shingles = vec![];
        self.input.seek(0);
        while wanted.peek().is_some()
            && let Some(batch) = self.input.next()
        {
            let texts = batch.get(self.text)?;
            let end = batch.first_row() + batch.rows() as u64;
            while let Some(row) = wanted.next_if(|row| u64::from(*row) < end) {
                shingler.shingles(texts.value((u64::from(row) - batch.first_row()) as usize), &mut shingles);
                shingles.sort_unstable();
                shingles.dedup();
                sets.insert(row, shingles.as_slice().into());
            }
        }
        Ok(sets)
    }
}

/// The share of what is in both among what is in either. Both are sorted, without repeats, and not empty.
fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        both += usize::from(a[i] == b[j]);
        let (next_i, next_j) = (a[i] <= b[j], b[j] <= a[i]);
        i += usize::from(next_i);
        j += usize::from(next_j);
    }
    both as f64 / (a.len() + b.len() - both) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_what_is_in_both() {
        assert_eq!(jaccard(&[1, 2, 3, 4], &[1, 2, 3, 4]), 1.0);
        assert_eq!(jaccard(&[1, 2, 3, 4], &[2, 3, 4, 5]), 0.6);
        assert_eq!(jaccard(&[1], &[2, 3]), 0.0);
    }

    #[test]
    fn pairs_are_taken_as_they_fit() {
        let documents =
            Documents { permutations: 0, signatures: vec![], shingles: vec![10, 20, 30, 40], hashes: vec![] };
        let pairs = [(0, 1), (0, 2), (1, 2), (2, 3)];
        assert_eq!([5, 30, 59, 60, 99, 100].map(|most| fitting(&pairs, &documents, most)), [1, 1, 1, 3, 3, 4]);
    }
}
