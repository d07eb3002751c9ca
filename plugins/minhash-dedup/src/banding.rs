//! Bands: rows whose signatures agree in all places of a band are candidates.
//!
//! Two documents of similarity `s` agree in a band of `r` places with probability `s^r`, and in at least one of `b` bands with
//! `1 - (1 - s^r)^b`: a curve that rises steeply, the later the more rows a band has.

/// A pair that is as similar as it must be is to become a candidate with this probability.
const RECALL: f64 = 0.995;
/// Odd, and without a pattern.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// How signatures are cut into bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Banding {
    /// How many there are.
    pub bands: usize,
    /// Places in each.
    pub rows: usize,
}

impl Banding {
    /// The bands of the most rows (so of the fewest false candidates) that still find what is as similar as `threshold`.
    pub fn of(threshold: f64, permutations: usize) -> Self {
        let fitting = (1..=permutations).map(|rows| Banding { bands: permutations / rows, rows });
        fitting
            .take_while(|banding| banding.finds(threshold) >= RECALL)
            .last()
            .unwrap_or(Banding { bands: permutations, rows: 1 })
    }

    /// What each band of a signature hashes to, different bands differently.
    pub fn hashes(self, signature: &[u16]) -> impl Iterator<Item = u64> {
        let bands = signature.chunks_exact(self.rows).take(self.bands);
        bands.zip(1u64..).map(|(places, band)| {
            let step = |hash: u64, place: &u16| (hash ^ u64::from(*place)).wrapping_mul(ODD).rotate_left(23);
            let hash = places.iter().fold(band.wrapping_mul(ODD), step);
            (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        })
    }

    /// The probability that two documents of this similarity agree in at least one band.
    fn finds(self, similarity: f64) -> f64 {
        1.0 - (1.0 - similarity.powf(self.rows as f64)).powf(self.bands as f64)
    }

    /// The similarity at which the curve rises.
    pub fn threshold(self) -> f64 {
        (1.0 / self.bands as f64).powf(1.0 / self.rows as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_find_what_they_are_to_find() {
        assert_eq!(Banding::of(0.8, 128), Banding { bands: 21, rows: 6 });
        for threshold in [0.3, 0.5, 0.7, 0.8, 0.9, 0.99, 1.0] {
            for permutations in [32, 128, 256] {
                let banding = Banding::of(threshold, permutations);
                assert!(banding.finds(threshold) > 0.99, "{threshold}, {permutations}: {banding:?}");
                assert!(banding.bands * banding.rows <= permutations);
            }
        }
        assert_eq!(Banding::of(1.0, 128), Banding { bands: 1, rows: 128 });
        assert!((Banding { bands: 14, rows: 8 }.threshold() - 0.719).abs() < 0.001);
    }

    #[test]
    fn bands_differ_by_their_places_and_by_which_they_are() {
        let banding = Banding { bands: 3, rows: 2 };
        let hashes: Vec<u64> = banding.hashes(&[1, 2, 1, 2, 3, 4, 9]).collect();
        assert_eq!(hashes.len(), 3);
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
        let other: Vec<u64> = banding.hashes(&[2, 1, 1, 2, 3, 4, 7]).collect();
        assert_eq!(hashes.iter().zip(&other).map(|(a, b)| a == b).collect::<Vec<_>>(), [false, true, true]);
    }
}
