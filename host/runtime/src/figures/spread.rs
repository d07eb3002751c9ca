//! How numbers are spread: their quantiles and a histogram, from their [`Ranks`].

use serde_json::Number;

use super::ranks::Ranks;
use crate::store::records::{Bin, Measure, Quantile, Spread};

/// The shares whose numbers are reported.
const SHARES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Ranges of a histogram; what lies beyond all but a two-hundredth of the numbers, on either side, goes into the outer ones.
const BINS: usize = 20;
const BEYOND: f64 = 0.005;

/// This many numbers are kept as they are, so that all figures are exact.
const FEW: usize = 2_048;

/// What has been seen of some numbers.
pub(super) struct Sketched {
    /// All of them while they are few; otherwise they are in `ranks`.
    few: Vec<f64>,
    ranks: Option<Box<Ranks>>,
    count: u64,
    min: f64,
    max: f64,
    /// The same of a column of integers, which a float may not hold.
    extremes: Option<(i128, i128)>,
    sum: f64,
    not_finite: u64,
    /// Whether all of them are whole.
    whole: bool,
}

impl Sketched {
    pub(super) fn new(whole: bool) -> Sketched {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Sketched { few: Vec::new(), ranks: None, count: 0, min, max, extremes: None, sum: 0.0, not_finite: 0, whole }
    }

    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        self.count += 1;
        self.sum += value;
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        match &mut self.ranks {
            Some(ranks) => ranks.add(value),
            None if self.few.len() < FEW => self.few.push(value),
            None => {
                let ranks = self.ranks.insert(Box::new(Ranks::new(self.whole)));
                self.few.drain(..).chain([value]).for_each(|value| ranks.add(value));
            }
        }
    }

    /// Notes the smallest and the largest of integers that were added.
    pub(super) fn between(&mut self, (min, max): (i128, i128)) {
        let (known_min, known_max) = self.extremes.unwrap_or((min, max));
        self.extremes = Some((known_min.min(min), known_max.max(max)));
    }

    /// How many finite numbers there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// All numbers in order, if they are few.
    fn few(&mut self) -> Option<&[f64]> {
        if self.few.is_empty() {
            return None;
        }
        self.few.sort_by(f64::total_cmp);
        Some(&self.few)
    }

    /// The number that a share of all is no larger than.
    pub(super) fn quantile(&mut self, share: f64) -> Option<f64> {
        if let Some(few) = self.few() {
            let place = (share * few.len() as f64).ceil() as usize;
            return Some(few[place.clamp(1, few.len()) - 1]);
        }
        let value = self.ranks.as_mut()?.quantile(share)?;
        Some(if self.whole { value.round() } else { value })
    }

    /// The share of numbers that are less than a number, or no larger.
    pub(super) fn share(&mut self, number: f64, or_equal: bool) -> f64 {
        if let Some(few) = self.few() {
            let below = few.partition_point(|value| *value < number || (or_equal && *value == number));
            return below as f64 / few.len() as f64;
        }
        // What is equal counts half in a t-digest: so it is asked beside the number.
        let beside = match (self.whole, or_equal) {
            (true, false) => number.ceil() - 0.5,
            (true, true) => number.floor() + 0.5,
            (false, false) => number.next_down(),
            (false, true) => number.next_up(),
        };
        self.ranks.as_mut().map_or(0.0, |ranks| ranks.share_below(beside))
    }

    pub(super) fn stats(&mut self, of: Measure) -> Option<Spread> {
        if self.count == 0 {
            return None;
        }
        let (min, max) = (self.min, self.max);
        let quantiles =
            SHARES.iter().filter_map(|share| Some(Quantile { share: *share, value: self.quantile(*share)? }));
        let quantiles = quantiles.collect();
        let mean = (self.sum / self.count() as f64).clamp(min, max);
        let is_whole = self.whole;
        let exact = |whole: Option<i128>, float| match whole.or(is_whole.then_some(float as i128)) {
            Some(whole) => Number::from_i128(whole),
            None => Number::from_f64(float),
        };
        let whole = self.extremes.unzip();
        let histogram = self.histogram(min, max);
        let (min, max) = (exact(whole.0, min)?, exact(whole.1, max)?);
        Some(Spread { of, min, max, mean, not_finite: self.not_finite, quantiles, histogram })
    }

    fn histogram(&mut self, min: f64, max: f64) -> Vec<Bin> {
        let edges = self.edges(min, max);
        let mut from = min;
        let mut below = 0.0;
        let count = self.count() as f64;
        let mut bins = Vec::with_capacity(edges.len() + 1);
        for edge in edges.iter().copied().chain([max]) {
            let share = if bins.len() == edges.len() { 1.0 } else { self.share(edge, false).max(below) };
            bins.push(Bin { from, to: edge, rows: ((share - below) * count).round() as u64 });
            (from, below) = (edge, share);
        }
        bins
    }

    /// Where one range ends and the next begins, in order.
    fn edges(&mut self, min: f64, max: f64) -> Vec<f64> {
        let low = self.quantile(BEYOND).unwrap_or(min);
        let high = self.quantile(1.0 - BEYOND).unwrap_or(max);
        let mut width = (high - low) / BINS as f64;
        if self.whole {
            width = width.ceil().max(1.0);
        }
        let edges = (1..BINS).map(|at| low + width * at as f64);
        let mut edges: Vec<f64> = edges.filter(|edge| *edge > min && *edge <= high && edge.is_finite()).collect();
        edges.dedup();
        edges
    }
}
