//! Bands: rows whose signatures agree in all places of a band are candidates.
//!
//! Two documents of similarity `s` agree in a band of `r` places with probability `s^r`, and in at least one of `b` bands with
//! `1 - (1 - s^r)^b`: a curve that rises steeply, the later the more rows a band has.

use crate::clusters::Clusters;
use crate::signature::equal_places;

/// A pair that is as similar as it must be is to become a candidate with this probability.
const RECALL: f64 = 0.995;
/// Rows of a bucket that the others are compared with, each unlike those before it: a huge bucket costs so much for each of its
/// rows, and not its own size. Rows that are like none of them are looked for in the other bands once more, among themselves.
const REPRESENTATIVES: usize = 16;
/// How far, in standard deviations, an estimate may stray before it is believed.
const DEVIATIONS: f64 = 3.0;

/// How signatures are cut into bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Banding {
    pub(crate) bands: usize,
    pub(crate) rows: usize,
}

impl Banding {
    /// The bands of the most rows (so of the fewest false candidates) that still find what is as similar as `threshold`.
    pub(crate) fn of(threshold: f64, permutations: usize) -> Self {
        let fitting = (1..=permutations).map(|rows| Banding { bands: permutations / rows, rows });
        fitting
            .take_while(|banding| banding.finds(threshold) >= RECALL)
            .last()
            .unwrap_or(Banding { bands: permutations, rows: 1 })
    }

    /// The places of a band in a signature.
    fn places(self, band: usize) -> std::ops::Range<usize> {
        band * self.rows..(band + 1) * self.rows
    }

    /// The probability that two documents of this similarity agree in at least one band.
    fn finds(self, similarity: f64) -> f64 {
        1.0 - (1.0 - similarity.powf(self.rows as f64)).powf(self.bands as f64)
    }

    /// The similarity at which the curve rises.
    pub(crate) fn threshold(self) -> f64 {
        (1.0 / self.bands as f64).powf(1.0 / self.rows as f64)
    }
}

/// What is kept of every row.
pub(crate) struct Documents {
    pub(crate) permutations: usize,
    /// The signatures, one after another.
    pub(crate) signatures: Vec<u16>,
    /// How many shingles each has, repeated ones included; 0 where there is nothing to compare.
    pub(crate) shingles: Vec<u32>,
    /// A hash of all words in order.
    pub(crate) hashes: Vec<u32>,
}

impl Documents {
    pub(crate) fn signature(&self, row: u32) -> &[u16] {
        let start = row as usize * self.permutations;
        &self.signatures[start..start + self.permutations]
    }
}

/// What the signatures of two rows say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Alike,
    /// The estimate is too near the threshold: to be counted.
    Unsure,
    Unlike,
}

/// Judges pairs by their signatures.
pub(crate) struct Judge {
    /// Equal places from which two rows are alike, and below which they are not.
    alike: f64,
    unlike: f64,
}

impl Judge {
    pub(crate) fn new(threshold: f64, permutations: usize) -> Self {
        let permutations = permutations as f64;
        let stray = DEVIATIONS * (threshold * (1.0 - threshold) * permutations).sqrt();
        let expected = threshold * permutations;
        // Near a threshold of 1 even equal signatures are not proof.
        let alike = if threshold < 1.0 { expected + stray } else { f64::INFINITY };
        Judge { alike, unlike: expected - stray }
    }

    fn verdict(&self, documents: &Documents, a: u32, b: u32) -> Verdict {
        match equal_places(documents.signature(a), documents.signature(b)) as f64 {
            equal if equal >= self.alike => Verdict::Alike,
            equal if equal < self.unlike => Verdict::Unlike,
            _ => Verdict::Unsure,
        }
    }
}

/// Joins documents of the same words, and gives the rows that are left to be compared: one of each, those without words left out.
pub(crate) fn join_equal(documents: &Documents, clusters: &mut Clusters) -> Vec<u32> {
    let rows = (0u32..).zip(&documents.shingles).filter(|(_, shingles)| **shingles > 0).map(|(row, _)| row);
    let mut distinct = vec![];
    for bucket in buckets(rows, |row| documents.hashes[row as usize]).chunk_by(same_bucket) {
        let first = bucket[0] as u32;
        distinct.push(first);
        for row in bucket[1..].iter().map(|key| *key as u32) {
            match documents.signature(row) == documents.signature(first) {
                true => clusters.join(first, row),
                false => distinct.push(row),
            }
        }
    }
    distinct.sort_unstable();
    distinct
}

/// Compares candidates.
pub(crate) struct Search<'a> {
    pub(crate) documents: &'a Documents,
    pub(crate) judge: Judge,
    pub(crate) banding: Banding,
    /// Pairs that are still to be counted, the smaller row first.
    pub(crate) unsure: Vec<(u32, u32)>,
}

impl Search<'_> {
    /// Joins those of these rows that agree in a band and are alike, and notes those of which that is not sure.
    pub(crate) fn band(&mut self, band: usize, rows: &[u32], clusters: &mut Clusters) {
        let later = band + 1..self.banding.bands;
        self.search(band, rows, later, clusters);
    }

    fn search(&mut self, band: usize, rows: &[u32], later: std::ops::Range<usize>, clusters: &mut Clusters) {
        let places = self.banding.places(band);
        let documents = self.documents;
        let buckets = buckets(rows.iter().copied(), |row| hash(&documents.signature(row)[places.clone()]));
        for bucket in buckets.chunk_by(same_bucket).filter(|bucket| bucket.len() > 1) {
            let left = self.compare(bucket.iter().map(|key| *key as u32), clusters);
            for band in later.clone().take_while(|_| left.len() > 1) {
                self.search(band, &left, 0..0, clusters);
            }
        }
    }

    /// Compares the rows of a bucket with its representatives, and gives those that are like none.
    fn compare(&mut self, rows: impl Iterator<Item = u32>, clusters: &mut Clusters) -> Vec<u32> {
        let (mut representatives, mut left): (Vec<u32>, Vec<u32>) = (vec![], vec![]);
        for row in rows {
            let mut verdicts = representatives.iter().map(|&other| match clusters.are_one(other, row) {
                true => (other, Verdict::Alike),
                false => (other, self.judge.verdict(self.documents, other, row)),
            });
            let alike = verdicts.find(|(other, verdict)| {
                if *verdict == Verdict::Unsure {
                    self.unsure.push((*other, row));
                }
                *verdict == Verdict::Alike
            });
            match alike {
                Some((other, _)) => clusters.join(other, row),
                None if representatives.len() < REPRESENTATIVES => representatives.push(row),
                None => left.push(row),
            }
        }
        left
    }
}

/// The rows with their hashes, those of one hash together and in order: the hash above, the row below.
fn buckets(rows: impl Iterator<Item = u32>, hash: impl Fn(u32) -> u32) -> Vec<u64> {
    let mut keys: Vec<u64> = rows.map(|row| u64::from(hash(row)) << 32 | u64::from(row)).collect();
    keys.sort_unstable();
    keys
}

fn same_bucket(a: &u64, b: &u64) -> bool {
    a >> 32 == b >> 32
}

fn hash(places: &[u16]) -> u32 {
    let hash = places
        .iter()
        .fold(0, |hash: u64, place| (hash ^ u64::from(*place)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23));
    (hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

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

    /// Rows that agree in the first band, and otherwise as `like` of them does: with no other where that is themselves.
    fn one_bucket(rows: u32, like: impl Fn(u32) -> u32) -> Documents {
        const PERMUTATIONS: u32 = 64;
        let place = |row: u32, place: u32| match place {
            0..4 => 7,
            _ => xxh3_64(&(u64::from(like(row)) << 32 | u64::from(place)).to_le_bytes()) as u16,
        };
        let signatures = (0..rows).flat_map(|row| (0..PERMUTATIONS).map(move |at| (row, at)));
        Documents {
            permutations: PERMUTATIONS as usize,
            signatures: signatures.map(|(row, at)| place(row, at)).collect(),
            shingles: vec![60; rows as usize],
            hashes: (0..rows).collect(),
        }
    }

    const BANDING: Banding = Banding { bands: 16, rows: 4 };

    /// One bucket of many rows that are unlike: each is compared with a few others, and none with all.
    #[test]
    fn a_huge_bucket_costs_no_square() {
        let documents = one_bucket(5000, |row| row);
        let (mut clusters, all) = (Clusters::new(5000), (0..5000).collect::<Vec<u32>>());
        // Everything is unsure.
        let judge = Judge { alike: f64::INFINITY, unlike: 0.0 };
        let mut search = Search { documents: &documents, judge, banding: BANDING, unsure: vec![] };
        search.band(0, &all, &mut clusters);
        assert_eq!(search.unsure.len(), 5000 * REPRESENTATIVES - REPRESENTATIVES * (REPRESENTATIVES + 1) / 2);
        search.unsure.clear();
        search.band(1, &all, &mut clusters);
        assert_eq!(search.unsure, [], "no two rows agree in that band");
    }

    /// Pairs in a huge bucket are found there, though no representative is like them.
    #[test]
    fn a_huge_bucket_hides_no_pair() {
        let documents = one_bucket(5000, |row| row % 2500);
        let (mut clusters, all) = (Clusters::new(5000), (0..5000).collect::<Vec<u32>>());
        let judge = Judge::new(0.8, documents.permutations);
        let mut search = Search { documents: &documents, judge, banding: BANDING, unsure: vec![] };
        search.band(0, &all, &mut clusters);
        assert!((0..2500).all(|row| clusters.are_one(row, row + 2500)));
        assert!(clusters.sizes().iter().all(|size| *size == 2 || *size == 0));
    }

    /// The same words, not the same hash of 32 bits alone.
    #[test]
    fn equal_texts_are_joined_at_once() {
        let mut documents = one_bucket(6, |row| row % 2);
        documents.hashes = vec![1, 1, 1, 2, 2, 3];
        documents.shingles[5] = 0;
        let mut clusters = Clusters::new(6);
        assert_eq!(join_equal(&documents, &mut clusters), [0, 1, 3, 4]);
        assert_eq!([0, 1, 2, 3, 4, 5].map(|row| clusters.first(row)), [0, 1, 0, 3, 4, 5]);
    }
}
