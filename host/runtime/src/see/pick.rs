//! A few of many rows: the first, or some drawn from all.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// The numbers, in order, of those that are picked when this many rows are offered.
pub(super) fn numbers(most: usize, seed: Option<u64>, offered: u64) -> Vec<u64> {
    let mut picked = Picked::new(most, seed);
    for number in 0..offered {
        let _ = picked.offer(|| Ok::<_, std::convert::Infallible>(number));
        if picked.is_full() {
            break;
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
}

impl<R> Picked<R> {
    pub(super) fn new(most: usize, seed: Option<u64>) -> Picked<R> {
        Picked { rows: Vec::new(), most, offered: 0, random: seed.map(Pcg64Mcg::seed_from_u64) }
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
        } else if let Some(random) = &mut self.random {
            // Its place among all that were offered; the first of these are those that stay.
            let place = ((u128::from(random.next_u64()) * u128::from(self.offered)) >> 64) as usize;
            if let Some(picked) = self.rows.get_mut(place) {
                *picked = (number, row()?);
            }
        }
        Ok(())
    }

    pub(super) fn rows(mut self) -> Vec<R> {
        self.rows.sort_by_key(|(number, _)| *number);
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}
