//! Spherical k-means: centroids of vectors of length 1, fitted on a sample.

use std::num::NonZero;

use callboard_sdk::prelude::*;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::vectors::{VectorColumn, dot, unit};

/// Rows of the sample, at least, and for each cluster.
const SAMPLE: u64 = 16_384;
const PER_CLUSTER: u64 = 16;
/// The most clusters.
const MOST: u32 = 65_536;
/// Passes over the sample, if it does not come to rest before.
const PASSES: usize = 20;

/// How rows become clusters.
#[derive(Clone, Copy, Debug)]
pub struct Clustering {
    clusters: Option<u32>,
    sample: Option<u32>,
    seed: u64,
    /// Fewer rows than this are one cluster, if nothing says how many there are.
    few: u64,
}

impl Clustering {
    /// As a configuration says: by default as many clusters as the root of half the number of rows.
    ///
    /// # Errors
    /// Too many clusters.
    pub fn new(clusters: Option<NonZero<u32>>, sample: Option<NonZero<u32>>, seed: u64) -> Result<Clustering> {
        if clusters.is_some_and(|clusters| clusters.get() > MOST) {
            return Err(StepError::config(format!("there are at most {MOST} clusters")).at("/clusters"));
        }
        Ok(Clustering { clusters: clusters.map(NonZero::get), sample: sample.map(NonZero::get), seed, few: 0 })
    }

    /// By default one cluster for fewer than `few` rows: all of them are compared with each other.
    #[must_use]
    pub fn one_for_fewer_than(self, few: u64) -> Clustering {
        Clustering { few, ..self }
    }

    fn by_rows(&self, rows: u64) -> u32 {
        let root = (rows as f64 / 2.0).sqrt().ceil().max(1.0);
        if rows < self.few { 1 } else { (root as u32).min(MOST) }
    }

    /// Fits centroids on a sample of the rows; each that has a vector is as likely to be in it.
    ///
    /// # Errors
    /// Vectors that cannot be read.
    pub fn fit(&self, rows: &mut Reader, column: &VectorColumn) -> Result<Centroids> {
        let clusters = self.clusters.unwrap_or(self.by_rows(rows.rows()));
        let size = self.sample.map_or(SAMPLE.max(PER_CLUSTER * u64::from(clusters)), u64::from) as usize;
        let mut chance = Chance::new(self.seed);
        let (mut sample, mut seen, mut width): (Vec<f32>, u64, usize) = (vec![], 0, 0);
        for batch in rows.batches() {
            column.each(&batch, |_, vector| {
                let Some(vector) = vector else { return Ok(()) };
                width = vector.len();
                seen += 1;
                // Each later one takes the place of another with the chance that all of them are to have.
                let place = if seen <= size as u64 { seen - 1 } else { chance.below(seen) } as usize;
                if place == sample.len() / width {
                    sample.extend_from_slice(vector);
                } else if place < size {
                    sample[place * width..][..width].copy_from_slice(vector);
                }
                Ok(())
            })?;
        }
        Ok(Centroids::fitted(&sample, width, clusters as usize, &mut chance))
    }
}

/// The centroids of clusters.
#[derive(Debug)]
pub struct Centroids {
    all: Vec<f32>,
    width: usize,
}

impl Centroids {
    fn fitted(sample: &[f32], width: usize, clusters: usize, chance: &mut Chance) -> Centroids {
        let mut centroids = Centroids::spread(sample, width, clusters, chance);
        let mut nearest: Vec<u32> = vec![];
        for _ in 0..PASSES {
            let now: Vec<u32> = vectors(sample, width).map(|vector| centroids.nearest(vector).0).collect();
            if now == nearest {
                break;
            }
            nearest = now;
            centroids.move_to_means(sample, &nearest);
        }
        centroids
    }

    /// Vectors of the sample that are far from each other, as k-means++ chooses them. Fewer than asked for, if fewer differ.
    fn spread(sample: &[f32], width: usize, clusters: usize, chance: &mut Chance) -> Centroids {
        let mut centroids = Centroids { all: vec![], width };
        let mut distances: Vec<f64> = vec![1.0; sample.len().checked_div(width).unwrap_or(0)];
        while centroids.all.len() < clusters * width {
            let total: f64 = distances.iter().sum();
            if total <= 0.0 {
                break;
            }
            let mut at = chance.part() * total;
            let chosen = distances.iter().position(|distance| {
                at -= distance;
                *distance > 0.0 && at < 0.0
            });
            // What is lost by rounding is the last one's.
            let Some(chosen) = chosen.or_else(|| distances.iter().rposition(|distance| *distance > 0.0)) else { break };
            let vector = &sample[chosen * width..][..width];
            centroids.all.extend_from_slice(vector);
            for (other, distance) in vectors(sample, width).zip(&mut distances) {
                // Vectors that are equal but for rounding are no two clusters.
                let apart = 1.0 - f64::from(dot(vector, other));
                *distance = distance.min(if apart > 1e-6 { apart } else { 0.0 });
            }
        }
        centroids
    }

    fn move_to_means(&mut self, sample: &[f32], nearest: &[u32]) {
        let mut sums = vec![0f32; self.all.len()];
        for (vector, cluster) in vectors(sample, self.width).zip(nearest) {
            let sum = &mut sums[*cluster as usize * self.width..][..self.width];
            sum.iter_mut().zip(vector).for_each(|(sum, item)| *sum += item);
        }
        for (centroid, sum) in self.all.chunks_mut(self.width).zip(sums.chunks_mut(self.width)) {
            // A cluster that lost all of its vectors stays where it is.
            if unit(sum) {
                centroid.copy_from_slice(sum);
            }
        }
    }

    /// The cluster whose centroid is nearest, and the cosine to it; the first of several, and of none, cluster 0.
    pub fn nearest(&self, vector: &[f32]) -> (u32, f32) {
        let mut best = (0, f32::MIN);
        for (cluster, centroid) in vectors(&self.all, self.width).enumerate() {
            let cosine = dot(centroid, vector);
            if cosine > best.1 {
                best = (cluster as u32, cosine);
            }
        }
        best
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none: no row had a vector.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Gives each row its cluster and the cosine to the centroid, null where it has no vector: the rows once more, in a stream,
    /// with these columns put out by `put_out`.
    ///
    /// # Errors
    /// Vectors that cannot be read; what `put_out` fails with.
    pub fn assign(
        &self,
        rows: &mut Reader,
        column: &VectorColumn,
        mut put_out: impl FnMut(&[u64], Vec<Option<u32>>, Vec<Option<f32>>) -> Result<()>,
    ) -> Result<()> {
        rows.seek(0);
        while let Some(batch) = rows.next() {
            let (mut clusters, mut cosines) = (Vec::with_capacity(batch.rows()), Vec::with_capacity(batch.rows()));
            column.each(&batch, |_, vector| {
                if let Some(vector) = vector.filter(|vector| vector.len() != self.width && !self.is_empty()) {
                    let (width, found) = (self.width, vector.len());
                    let message = format!("vectors of {found} numbers cannot be compared with vectors of {width}");
                    return Err(StepError::input(message));
                }
                let found = vector.map(|vector| self.nearest(vector));
                clusters.push(found.map(|(cluster, _)| cluster));
                cosines.push(found.map(|(_, cosine)| cosine));
                Ok(())
            })?;
            let first = batch.first_row();
            let rows: Vec<u64> = (first..first + batch.rows() as u64).collect();
            put_out(&rows, clusters, cosines)?;
        }
        Ok(())
    }
}

fn vectors(all: &[f32], width: usize) -> impl Iterator<Item = &[f32]> {
    all.chunks_exact(width.max(1))
}

/// Random numbers that are the same on every machine.
struct Chance(Pcg64);

impl Chance {
    fn new(seed: u64) -> Chance {
        Chance(Pcg64::seed_from_u64(seed))
    }

    /// From 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// From 0 to below 1.
    fn part(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
