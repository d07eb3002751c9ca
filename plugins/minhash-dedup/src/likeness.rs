//! How alike two rows are, by what is handed on of each: its shingles, or its signature.

use crate::Verify;
use crate::signature::equal_places;

/// Judges pairs.
pub struct Judge {
    verify: Verify,
    threshold: f64,
}

impl Judge {
    /// Rows are alike from this Jaccard index on: that of their shingles, or the one that their signatures estimate.
    pub fn new(threshold: f64, verify: Verify) -> Self {
        Judge { verify, threshold }
    }

    /// Whether two rows are alike.
    pub fn alike(&self, a: &[u8], b: &[u8]) -> bool {
        match self.verify {
            Verify::Shingles => jaccard(a, b, self.threshold) >= self.threshold,
            Verify::Signature => equal_places(a, b) as f64 >= self.threshold * (a.len() / 2) as f64,
        }
    }
}

/// What is handed on of a row's shingles: each once, in order, little-endian.
pub fn distinct(shingles: &mut Vec<u32>) -> impl Iterator<Item = u8> {
    shingles.sort_unstable();
    shingles.dedup();
    shingles.iter().flat_map(|shingle| shingle.to_le_bytes())
}

/// The share of what is in both among what is in either, both as [`distinct`] has them; of nothing it is 0. It is 0, too, if
/// their lengths alone say that it is less than `least`.
fn jaccard(a: &[u8], b: &[u8], least: f64) -> f64 {
    let (a, b) = (a.as_chunks::<4>().0, b.as_chunks::<4>().0);
    if (a.len().min(b.len()) as f64) < least * a.len().max(b.len()) as f64 {
        return 0.0;
    }
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let (of_a, of_b) = (u32::from_le_bytes(a[i]), u32::from_le_bytes(b[j]));
        both += usize::from(of_a == of_b);
        i += usize::from(of_a <= of_b);
        j += usize::from(of_b <= of_a);
    }
    match a.len() + b.len() - both {
        0 => 0.0,
        either => both as f64 / either as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shingles: &[u32]) -> Vec<u8> {
        distinct(&mut shingles.to_vec()).collect()
    }

    #[test]
    fn the_share_of_what_is_in_both() {
        assert_eq!(jaccard(&of(&[4, 2, 3, 1]), &of(&[1, 2, 3, 4, 4]), 0.5), 1.0);
        assert_eq!(jaccard(&of(&[1, 2, 3, 4]), &of(&[2, 3, 4, 5]), 0.5), 0.6);
        assert_eq!(jaccard(&of(&[1]), &of(&[2, 3]), 0.5), 0.0);
        assert_eq!(jaccard(&[], &[], 0.5), 0.0);
    }

    /// A few shingles more tell rows apart without being looked at, and not where the share is exactly `least`.
    #[test]
    fn lengths_alone_may_decide() {
        assert_eq!(jaccard(&of(&[1, 2, 3, 4]), &of(&[1, 2, 3, 4, 5]), 0.8), 0.8);
        assert_eq!(jaccard(&of(&[1, 2, 3, 4]), &of(&[1, 2, 3, 4, 5]), 0.81), 0.0);
    }

    #[test]
    fn signatures_estimate_it() {
        let judge =
            |threshold| Judge::new(threshold, Verify::Signature).alike(&[1, 0, 2, 0, 3, 0], &[1, 0, 9, 0, 3, 0]);
        assert!(judge(2.0 / 3.0) && !judge(0.7));
    }
}
