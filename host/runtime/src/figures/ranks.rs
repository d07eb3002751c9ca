//! Numbers by their ranks, in bounded memory and a few nanoseconds each.
//!
//! Small whole numbers, such as the lengths of most texts, are counted one by one, and exact. All others go into a t-digest; of many,
//! one of eight goes into a second one, chosen at random: what that adds to the error is less than the digest's own.

use datasketches::tdigest::TDigestMut;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// How finely numbers are kept: some 30 KiB, and quantiles that are right to a tenth of a percent of the rows, closer at both ends.
const COMPRESSION: u16 = 200;
/// Whole numbers below this are counted.
const COUNTED: usize = 4096;
/// This many numbers go into the first digest,
const ALL: u64 = 1 << 18;
/// and of those behind them, one of this many into the second.
const ONE_OF: u32 = 8;

/// Numbers that were seen.
pub(super) struct Ranks {
    /// How often each small whole number was; empty if numbers are not whole.
    counts: Vec<u64>,
    counted: u64,
    below: Digests,
    /// All that are not counted and not below zero.
    above: Digests,
}

impl Ranks {
    pub(super) fn new(whole: bool) -> Ranks {
        let counts = if whole { vec![0; COUNTED] } else { Vec::new() };
        Ranks { counts, counted: 0, below: Digests::default(), above: Digests::default() }
    }

    /// Adds a finite number.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        // What is below zero or too large becomes another place.
        match self.counts.get_mut(value as usize) {
            Some(count) if value >= 0.0 => {
                *count += 1;
                self.counted += 1;
            }
            _ if value < 0.0 => self.below.add(value),
            _ => self.above.add(value),
        }
    }

    fn len(&self) -> u64 {
        self.counted + self.below.len + self.above.len
    }

    /// The share of numbers that are less than one that is not among them.
    pub(super) fn share_below(&mut self, number: f64) -> f64 {
        let all = self.len() as f64;
        let in_counts = if number > 0.0 { (number.ceil() as usize).min(self.counts.len()) } else { 0 };
        let counted: u64 = self.counts[..in_counts].iter().sum();
        let below = self.below.rank(number) * self.below.len as f64;
        let above = self.above.rank(number) * self.above.len as f64;
        ((counted as f64 + below + above) / all).clamp(0.0, 1.0)
    }

    /// The number that a share of all is no larger than; `None` if there are no numbers.
    pub(super) fn quantile(&mut self, share: f64) -> Option<f64> {
        let place = share * self.len() as f64;
        let (below, counted) = (self.below.len as f64, self.counted as f64);
        if place <= below && self.below.len > 0 {
            return self.below.quantile(place / below);
        }
        if place <= below + counted && self.counted > 0 {
            let mut left = (place - below).ceil().max(1.0) as u64;
            let is_there = |count: &u64| {
                let is_it = *count >= left;
                left = left.saturating_sub(*count);
                is_it
            };
            return self.counts.iter().position(is_there).map(|value| value as f64);
        }
        self.above.quantile(((place - below - counted) / self.above.len as f64).clamp(0.0, 1.0))
    }
}

/// The digest of numbers; of many, of some of them.
#[derive(Default)]
struct Digests {
    len: u64,
    all: Option<TDigestMut>,
    some: Option<Chosen>,
}

/// One of eight numbers.
struct Chosen {
    digest: TDigestMut,
    random: Pcg64Mcg,
    /// Numbers to pass over.
    next: u32,
    /// Numbers behind the next one of these eight.
    rest: u32,
}

impl Digests {
    #[inline]
    fn add(&mut self, value: f64) {
        self.len += 1;
        if self.len <= ALL {
            return self.all.get_or_insert_with(digest).update(value);
        }
        self.some.get_or_insert_with(Chosen::new).add(value);
    }

    /// How many numbers each digest stands for, and it.
    fn parts(&mut self) -> impl Iterator<Item = (f64, &mut TDigestMut)> {
        let first = self.len.min(ALL) as f64;
        let rest = self.len.saturating_sub(ALL) as f64;
        let some = self.some.as_mut().map(|some| (rest, &mut some.digest));
        self.all.as_mut().map(|all| (first, all)).into_iter().chain(some)
    }

    fn rank(&mut self, number: f64) -> f64 {
        let (mut sum, mut of) = (0.0, 0.0);
        for (numbers, digest) in self.parts() {
            // Nothing is known of so few that none was chosen.
            if let Ok(Some(rank)) = digest.rank(number) {
                (sum, of) = (sum + rank * numbers, of + numbers);
            }
        }
        if of > 0.0 { sum / of } else { 0.0 }
    }

    fn quantile(&mut self, share: f64) -> Option<f64> {
        if self.some.is_none() {
            return self.all.as_mut()?.quantile(share).ok()?;
        }
        let ends = self.parts().filter_map(|(_, digest)| Some((digest.min_value()?, digest.max_value()?)));
        let (low, high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        // Floats are in the order of these whole numbers, between which the first is sought of which the share is less.
        let (mut low, mut high) = (in_order(low), in_order(high));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.rank(of_order(middle)) < share {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Some(of_order(low))
    }
}

impl Chosen {
    fn new() -> Chosen {
        Chosen { digest: digest(), random: Pcg64Mcg::seed_from_u64(0), next: 0, rest: 0 }
    }

    #[inline]
    fn add(&mut self, value: f64) {
        if self.next > 0 {
            self.next -= 1;
            return;
        }
        self.digest.update(value);
        let chosen = self.random.next_u64() as u32 % ONE_OF;
        (self.next, self.rest) = (self.rest + chosen, ONE_OF - 1 - chosen);
    }
}

fn digest() -> TDigestMut {
    TDigestMut::new(COMPRESSION).expect("the compression is allowed")
}

/// A place among all floats, in their order.
fn in_order(value: f64) -> i128 {
    let bits = value.to_bits() as i64;
    i128::from(bits ^ (((bits >> 63) as u64) >> 1) as i64)
}

fn of_order(place: i128) -> f64 {
    let bits = place as i64;
    f64::from_bits((bits ^ (((bits >> 63) as u64) >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in an order of which nothing is to be hoped.
    fn shuffled(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(move |at| at * 7_368_787 % count)
    }

    /// Within a share of all numbers, a quantile is where it is.
    #[track_caller]
    fn are_right(ranks: &mut Ranks, sorted: &[f64], near: f64) {
        for share in [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] {
            let value = ranks.quantile(share).unwrap();
            let place = |at: usize| at as f64 / sorted.len() as f64;
            let (from, to) = (sorted.partition_point(|n| *n < value), sorted.partition_point(|n| *n <= value));
            assert!(place(from) - near <= share && share <= place(to) + near, "{share}: {value}, {from}, {to}");
            let below = ranks.share_below(value.next_down());
            assert!(
                (below - place(sorted.partition_point(|n| *n < value.next_down()))).abs() < near,
                "{share}: {below}"
            );
        }
    }

    #[test]
    fn ranks_are_right_of_few_and_of_many_numbers_of_every_kind() {
        type Kind = (bool, f64, fn(u64) -> f64);
        let kinds: [Kind; 5] = [
            (false, 0.003, |n| (n as f64).sqrt() - 300.0),
            // Beside a number that many have, a digest is less exact.
            (false, 0.02, |n| if n % 3 == 0 { 0.5 } else { n as f64 * 1e-9 }),
            (true, 0.003, |n| n as f64 - 100_000.0),
            (true, 1e-9, |n| (n % 1_000) as f64),
            (true, 0.003, |n| if n % 2 == 0 { n as f64 * 1e6 } else { (n % 90) as f64 }),
        ];
        for (whole, near, of) in kinds {
            for count in [10_000, 1_000_003] {
                let (mut ranks, mut sorted) = (Ranks::new(whole), Vec::new());
                for number in shuffled(count).map(of) {
                    ranks.add(number);
                    sorted.push(number);
                }
                sorted.sort_by(f64::total_cmp);
                are_right(&mut ranks, &sorted, near);
            }
        }
    }

    #[test]
    fn one_of_each_eight_is_chosen() {
        let mut some = Chosen::new();
        (0..80_000).for_each(|n| some.add(f64::from(n)));
        assert!((9_999..=10_001).contains(&some.digest.total_weight()), "{}", some.digest.total_weight());
    }

    #[test]
    fn places_are_in_the_order_of_floats() {
        let floats = [f64::MIN, -1.5, -f64::MIN_POSITIVE, -0.0, 0.0, 1e-300, 2.0, f64::MAX];
        assert!(floats.map(in_order).is_sorted());
        assert!(floats.iter().all(|float| of_order(in_order(*float)).to_bits() == float.to_bits()));
    }
}
