//! A sample with weights, without replacement (Efraimidis and Spirakis): each row draws an exponentially distributed key whose
//! mean is the inverse of its weight, and the rows with the smallest keys are chosen.
//!
//! A key depends on the seed, where the row stands, and its weight alone, so it is made again whenever it is needed: of a large
//! stratum no keys are kept. The largest key that is chosen is found by counting keys by their leading bits.

use callboard_sdk::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::Kept;
use crate::draw::Size;

/// Keys that are held at a time.
const HELD: usize = 1 << 18;
/// Bits by which keys are counted at a time.
const BITS: u32 = 16;

/// A column of numbers.
///
/// # Errors
/// `input`, if there is none, or it is no number.
pub(crate) fn weight(input: &Schema, name: &str) -> Result<Column<Any>> {
    let column = input.any(name)?;
    let ty = &column.field().ty;
    let is_number = matches!(
        ty.layout,
        Layout::Int8
            | Layout::Int16
            | Layout::Int32
            | Layout::Int64
            | Layout::UInt8
            | Layout::UInt16
            | Layout::UInt32
            | Layout::UInt64
            | Layout::Float32
            | Layout::Float64
    );
    match is_number && ty.logical.is_none() {
        true => Ok(column),
        false => Err(StepError::input(format!("column `{name}` is {ty}, and a weight is an integer or a float"))),
    }
}

/// Weights of a batch.
fn number(values: &Values<'_>, i: usize) -> Option<f64> {
    macro_rules! of {
        ($($exact:ident),*; $($rounded:ident),*) => {
            match values {
                $(Values::$exact(view) => view.get(i).map(f64::from),)*
                $(Values::$rounded(view) => view.get(i).map(|value| value as f64),)*
                _ => None,
            }
        };
    }
    of!(Int8, Int16, Int32, UInt8, UInt16, UInt32, Float32, Float64; Int64, UInt64)
}

/// The key of a row, as bits in the order of the keys. None for weight 0.
fn key(seed: u64, position: u64, weight: f64) -> Option<u64> {
    if weight == 0.0 {
        return None;
    }
    // From 2^-53 to 1.
    let uniform = ((xxh3_64_with_seed(&position.to_le_bytes(), seed) >> 11) + 1) as f64 / (1u64 << 53) as f64;
    let key = -libm::log(uniform) / weight;
    // The bits of numbers that are not negative have the same order. Adding 0 makes -0 one.
    Some((key + 0.0).to_bits())
}

/// What is chosen of a stratum: all keys below the last one, and some of those that equal it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Chosen {
    last: u64,
    equal: u64,
}

impl Chosen {
    const NONE: Chosen = Chosen { last: 0, equal: 0 };

    /// The `wanted` smallest of these keys.
    fn of(mut keys: Vec<u64>, wanted: u64) -> Chosen {
        let wanted = wanted.min(keys.len() as u64) as usize;
        let Some(at) = wanted.checked_sub(1) else { return Chosen::NONE };
        let (before, last, _) = keys.select_nth_unstable(at);
        let last = *last;
        Chosen { last, equal: 1 + before.iter().filter(|key| **key == last).count() as u64 }
    }

    /// Whether the next row is chosen.
    fn next(&mut self, key: u64) -> bool {
        if key == self.last && self.equal > 0 {
            self.equal -= 1;
            return true;
        }
        key < self.last
    }
}

/// Chooses rows by their weights.
pub(crate) struct Sampler<'a> {
    pub(crate) size: Size,
    pub(crate) seed: u64,
    pub(crate) weight: &'a Column<Any>,
}

/// A row and its key; none if its weight is 0, or what is wrong with it.
type Keyed = (u64, Result<Option<u64>, &'static str>);

impl Sampler<'_> {
    pub(crate) fn run(&self, input: &mut Reader, output: &mut Writer) -> Result<()> {
        let mut kept = Kept::default();
        let rows = input.rows();
        let mut first = 0;
        while first < rows {
            // Strata follow one another; the keys of small ones are held, and several are read from one batch.
            first = self.strata(first, input, &mut kept, output)?;
        }
        kept.put_out(output)
    }

    /// Chooses from the strata that begin with row `first`, up to a large one and with it. Returns the row behind them.
    fn strata(&self, first: u64, input: &mut Reader, kept: &mut Kept, output: &mut Writer) -> Result<u64> {
        let (mut held, mut start, mut current): (Vec<Keyed>, u64, Option<u32>) = (vec![], first, None);
        input.seek(first);
        while let Some(batch) = input.next() {
            for (group, rows) in groups(&batch) {
                if current.replace(group) != Some(group) {
                    self.choose_held(&mut held, kept, output)?;
                    start = batch.first_row() + rows.start as u64;
                }
                held.extend(self.keys(&batch, rows, input)?);
                if held.len() > HELD {
                    return self.choose_streamed(start, group, input, kept, output);
                }
            }
        }
        self.choose_held(&mut held, kept, output)?;
        Ok(input.rows())
    }

    /// The keys of some rows of a batch.
    fn keys(&self, batch: &Batch, rows: std::ops::Range<usize>, input: &Reader) -> Result<Vec<Keyed>> {
        let values = batch.get(self.weight)?.values()?;
        let positions = input.positions(batch.first_row() + rows.start as u64, rows.len() as u32);
        let keyed = |(i, position): (usize, u64)| {
            let key = match number(&values, i) {
                Some(weight) if weight >= 0.0 && weight.is_finite() => Ok(key(self.seed, position, weight)),
                Some(weight) if weight < 0.0 => Err("a negative weight"),
                Some(_) => Err("a weight that is not finite"),
                None => Err("no weight"),
            };
            (batch.first_row() + i as u64, key)
        };
        Ok(rows.zip(positions).map(keyed).collect())
    }

    /// Chooses from a stratum whose keys are all held.
    fn choose_held(&self, held: &mut Vec<Keyed>, kept: &mut Kept, output: &mut Writer) -> Result<()> {
        let keys = held.iter().filter_map(|(_, key)| key.ok().flatten()).collect();
        let rows = held.iter().filter(|(_, key)| key.is_ok()).count() as u64;
        let mut chosen = Chosen::of(keys, self.size.of(rows));
        held.drain(..).try_for_each(|keyed| see(keyed, &mut chosen, kept, output))
    }

    /// Chooses from a stratum that is read several times. Returns the row behind it.
    fn choose_streamed(
        &self,
        start: u64,
        group: u32,
        input: &mut Reader,
        kept: &mut Kept,
        output: &mut Writer,
    ) -> Result<u64> {
        let (mut rows, mut positive) = (0, 0);
        let end = self.scan(start, group, input, |(_, key)| {
            rows += u64::from(key.is_ok());
            positive += u64::from(matches!(key, Ok(Some(_))));
            Ok(())
        })?;
        let wanted = self.size.of(rows).min(positive);
        let mut chosen = match wanted {
            0 => Chosen::NONE,
            _ => find(wanted, |see| {
                self.scan(start, group, input, |(_, key)| {
                    key.ok().flatten().into_iter().for_each(&mut *see);
                    Ok(())
                })
                .map(|_| ())
            })?,
        };
        self.scan(start, group, input, |keyed| see(keyed, &mut chosen, kept, output))?;
        Ok(end)
    }

    /// Passes the keys of a stratum that begins with row `start`. Returns the row behind it.
    fn scan(
        &self,
        start: u64,
        group: u32,
        input: &mut Reader,
        mut see: impl FnMut(Keyed) -> Result<()>,
    ) -> Result<u64> {
        input.seek(start);
        while let Some(batch) = input.next() {
            for (other, rows) in groups(&batch) {
                if other != group {
                    return Ok(batch.first_row() + rows.start as u64);
                }
                self.keys(&batch, rows, input)?.into_iter().try_for_each(&mut see)?;
            }
        }
        Ok(input.rows())
    }
}

/// The groups of a batch; all its rows are one where rows are not grouped.
fn groups(batch: &Batch) -> Vec<(u32, std::ops::Range<usize>)> {
    let groups: Vec<_> = batch.groups().collect();
    if groups.is_empty() { vec![(0, 0..batch.rows())] } else { groups }
}

fn see((row, key): Keyed, chosen: &mut Chosen, kept: &mut Kept, output: &mut Writer) -> Result<()> {
    match key {
        Ok(key) => kept.see(row, key.is_some_and(|key| chosen.next(key)), output),
        Err(reason) => {
            output.reject(row, reason);
            Ok(())
        }
    }
}

/// Finds what is chosen, if these are the `wanted` (at least 1) smallest of all keys, of which there are at least as many. `pass` calls
/// with each key, as often as it is asked.
fn find(mut wanted: u64, mut pass: impl FnMut(&mut dyn FnMut(u64)) -> Result<()>) -> Result<Chosen> {
    // The last key that is chosen has these leading bits, and is the `wanted`th of the keys that have them.
    let (mut leading, mut known) = (0u64, 0u32);
    loop {
        let mut counts = vec![0u64; 1 << BITS];
        let rest = u64::BITS - known - BITS;
        let is_among = |key: u64| known == 0 || key >> (u64::BITS - known) == leading;
        pass(&mut |key| {
            if is_among(key) {
                counts[(key >> rest) as usize & ((1 << BITS) - 1)] += 1;
            }
        })?;
        let mut bucket = 0;
        while wanted > counts[bucket] && bucket + 1 < counts.len() {
            wanted -= counts[bucket];
            bucket += 1;
        }
        (leading, known) = (leading << BITS | bucket as u64, known + BITS);
        if known == u64::BITS {
            return Ok(Chosen { last: leading, equal: wanted });
        }
        if counts[bucket] <= HELD as u64 {
            let mut keys = Vec::with_capacity(counts[bucket] as usize);
            pass(&mut |key| {
                if key >> (u64::BITS - known) == leading {
                    keys.push(key);
                }
            })?;
            return Ok(Chosen::of(keys, wanted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_keys_are_found_without_holding_them() {
        // Few distinct keys, so that there are very many equal ones; then all distinct; then all equal.
        let few = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
        let many = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let of: [&dyn Fn(u64) -> u64; 3] = [&few, &many, &|_| 7];
        for of in of {
            let keys: Vec<u64> = (0..3 * HELD as u64 + 5).map(of).collect();
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            for wanted in [1, 2, 1000, keys.len() as u64 / 2, keys.len() as u64] {
                let chosen = find(wanted, |see| {
                    keys.iter().copied().for_each(see);
                    Ok(())
                });
                let mut chosen = chosen.unwrap();
                assert_eq!(chosen.last, sorted[wanted as usize - 1]);
                assert_eq!(keys.iter().filter(|key| chosen.next(**key)).count() as u64, wanted);
            }
        }
    }

    #[test]
    fn keys_are_the_same_for_ever() {
        assert_eq!(key(0, 7, 0.0), None);
        let keys = [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (0, 0, 1e300), (0, 0, 5e-324)];
        let keys = keys.map(|(seed, position, weight)| f64::from_bits(key(seed, position, weight).unwrap()));
        assert!(keys[..4].iter().all(|key| key.is_finite() && *key >= 0.0) && keys[4].is_infinite());
        assert!(keys[0] != keys[1] && keys[0] != keys[2]);
        assert_eq!(keys[3], keys[0] / 1e300);
    }
}
