//! A few of many rows: the first, or some drawn from all.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// The numbers, in order, of those that are picked when this many rows are offered.
pub(super) fn numbers(most: usize, seed: Option<u64>, offered: u64) -> Vec<u64> {
    let mut picked = Picked::new(most, seed);
    while picked.offered < offered && !picked.is_full() {
        let number = picked.offered;
        let _ = picked.offer(|| Ok::<_, std::convert::Infallible>(number));
        if picked.rows.len() == most {
            picked.offered = picked.next.max(picked.offered);
        }
    }
    picked.rows()
}

/// The first rows that are offered, or, with a seed, as many drawn from all of them: each is as likely as any other, and they stay in order.
pub(super) struct Picked<R> {
    rows: Vec<(u64, R)>,
    most: usize,
    offered: u64,
    random: Option<Pcg64Mcg>,
    /// The number of the next row that takes the place of another one.
    next: u64,
    /// The largest of the numbers between 0 and 1 that are drawn for each row, of those rows that are picked: the smallest ones are.
    largest: f64,
}

impl<R> Picked<R> {
    pub(super) fn new(most: usize, seed: Option<u64>) -> Picked<R> {
        Picked {
            rows: Vec::new(),
            most,
            offered: 0,
            random: seed.map(Pcg64Mcg::seed_from_u64),
            next: u64::MAX,
            largest: 1.0,
        }
    }

    /// Whether no other row can be among them.
    pub(super) fn is_full(&self) -> bool {
        self.random.is_none() && self.rows.len() == self.most
    }

    pub(super) fn offer<E>(&mut self, row: impl FnOnce() -> Result<R, E>) -> Result<(), E> {
        let number = self.offered;
        self.offered += 1;
        if self.rows.len() < self.most {
            self.rows.push((number, row()?));
            if self.rows.len() == self.most {
                self.pass_over();
            }
        } else if number == self.next {
            let place = (self.drawn() * self.most as f64) as usize;
            self.rows[place.min(self.most - 1)] = (number, row()?);
            self.pass_over();
        }
        Ok(())
    }

    /// Finds the next row that is picked, without a look at those before it: algorithm L of Li, 1994.
    fn pass_over(&mut self) {
        if self.random.is_none() {
            return;
        }
        self.largest *= (self.drawn().ln() / self.most as f64).exp();
        let passed = (self.drawn().ln() / (-self.largest).ln_1p()).floor();
        self.next = self.offered.saturating_add(passed as u64);
    }

    /// A number above 0 and below 1.
    fn drawn(&mut self) -> f64 {
        let bits = self.random.as_mut().map_or(0, |random| random.next_u64() >> 12);
        (bits as f64 + 0.5) / (1_u64 << 52) as f64
    }

    pub(super) fn rows(mut self) -> Vec<R> {
        self.rows.sort_by_key(|(number, _)| *number);
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_alike_whether_all_are_offered_or_not_and_each_as_often() {
        let mut drawn = [0; 100];
        for seed in 0..1000 {
            let found = numbers(10, Some(seed), 100);
            let mut picked = Picked::new(10, Some(seed));
            (0..100_u64).try_for_each(|number| picked.offer(|| Ok::<_, ()>(number))).unwrap();
            assert_eq!(found, picked.rows());
            assert!(found.len() == 10 && found.is_sorted_by(|a, b| a < b), "{found:?}");
            found.into_iter().for_each(|number| drawn[number as usize] += 1);
        }
        assert!(drawn.iter().all(|times| (60..140).contains(times)), "{drawn:?}");
        assert_eq!(numbers(3, Some(1), 2), [0, 1]);
        assert_eq!(numbers(0, Some(1), 9), [] as [u64; 0]);
        assert_eq!(numbers(2, None, u64::MAX), [0, 1]);
    }
}
