//! The Jaccard index of two texts, by their shingles.

use step_minhash_dedup::Shingler;

/// The shingles of a text, in order and each once.
pub(crate) fn shingles(shingler: &mut Shingler, text: &str, into: &mut Vec<u32>) {
    shingler.shingles(text, into);
    into.sort_unstable();
    into.dedup();
}

/// The share of what is in both among what is in either. Both are sorted and without repeats; of nothing it is 0.
pub(crate) fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        both += usize::from(a[i] == b[j]);
        let (next_i, next_j) = (a[i] <= b[j], b[j] <= a[i]);
        i += usize::from(next_i);
        j += usize::from(next_j);
    }
    match a.len() + b.len() - both {
        0 => 0.0,
        either => both as f64 / either as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_what_is_in_both() {
        assert_eq!(jaccard(&[1, 2, 3, 4], &[1, 2, 3, 4]), 1.0);
        assert_eq!(jaccard(&[1, 2, 3, 4], &[2, 3, 4, 5]), 0.6);
        assert_eq!(jaccard(&[1], &[2, 3]), 0.0);
        assert_eq!(jaccard(&[], &[]), 0.0);
    }
}
