//! What a page's values take once they are decoded, without decoding them: a few bytes of runs are a list of a billion items, and a few
//! of deltas a million copies of a text.

use parquet::basic::Encoding;
use parquet::column::page::Page;

/// The most values that `records` records in a row take, of a page of a repeated column: at most twice the real number.
///
/// Null if the page is not well formed, which its reader will notice.
pub(super) fn values_of_records(page: &Page, max_rep_level: i16, records: u64) -> Option<u64> {
    let levels = Levels::of(page, max_rep_level, 0)?;
    let (mut most, mut in_records, mut in_values) = (0, 0, 0u64);
    // What the page begins with may belong to the record before.
    levels.repetition.runs(levels.values, |level, count| {
        if level > 0 {
            in_values += count;
            return;
        }
        let mut left = count;
        while left > 0 {
            if in_records == records {
                most = most.max(in_values);
                (in_records, in_values) = (0, 0);
            }
            let these = left.min(records - in_records);
            in_records += these;
            in_values += these;
            left -= these;
        }
    })?;
    let most = most.max(in_values);
    Some(if records == 1 { most } else { most.saturating_mul(2) })
}

/// The most bytes that `values` values in a row take, of a page of texts of which each is written as what differs from the one before
/// it: at most twice the real number. 0 for pages of other encodings.
///
/// Null if the page is not well formed.
pub(super) fn bytes_of_values(page: &Page, max_rep_level: i16, max_def_level: i16, values: u64) -> Option<u64> {
    if page.encoding() != Encoding::DELTA_BYTE_ARRAY {
        return Some(0);
    }
    let levels = Levels::of(page, max_rep_level, max_def_level)?;
    let data = page.buffer().get(levels.end..)?;
    let (mut prefixes, rest) = deltas(data)?;
    let (mut suffixes, _) = deltas(rest)?;
    let (mut most, mut in_values, mut in_bytes) = (0, 0, 0u64);
    while let (Some(prefix), Some(suffix)) = (prefixes.next(), suffixes.next()) {
        if in_values == values {
            most = most.max(in_bytes);
            (in_values, in_bytes) = (0, 0);
        }
        in_values += 1;
        in_bytes = in_bytes.saturating_add(u64::try_from(prefix).ok()?.saturating_add(u64::try_from(suffix).ok()?));
    }
    Some(most.max(in_bytes).saturating_mul(2))
}

/// Whether a page of deltas announces more values than the page has: its reader makes room for what it announces.
pub(super) fn announces_too_many(page: &Page, max_rep_level: i16, max_def_level: i16) -> bool {
    if !matches!(page.encoding(), Encoding::DELTA_BYTE_ARRAY | Encoding::DELTA_LENGTH_BYTE_ARRAY) {
        return false;
    }
    let announced = || {
        let levels = Levels::of(page, max_rep_level, max_def_level)?;
        let (first, rest) = deltas(page.buffer().get(levels.end..)?)?;
        let second = match page.encoding() {
            Encoding::DELTA_BYTE_ARRAY => deltas(rest)?.0.left,
            _ => 0,
        };
        Some(first.left.max(second))
    };
    announced().is_none_or(|announced| announced > u64::from(page.num_values()))
}

/// Where a page's levels are.
struct Levels<'a> {
    repetition: Hybrid<'a>,
    values: u64,
    /// Where its values begin.
    end: usize,
}

impl<'a> Levels<'a> {
    fn of(page: &'a Page, max_rep_level: i16, max_def_level: i16) -> Option<Levels<'a>> {
        let width = |max: i16| 16 - max.max(0).leading_zeros();
        let values = u64::from(page.num_values());
        let (rep, end) = match page {
            Page::DataPage { buf, def_level_encoding, rep_level_encoding, .. } => {
                let mut end = 0;
                let mut levels = |max: i16, encoding: Encoding| -> Option<&'a [u8]> {
                    if max == 0 {
                        return Some(&[]);
                    }
                    if encoding != Encoding::RLE {
                        return None;
                    }
                    let length = u32::from_le_bytes(buf.get(end..end + 4)?.try_into().ok()?) as usize;
                    let levels = buf.get(end + 4..(end + 4).checked_add(length)?)?;
                    end += 4 + length;
                    Some(levels)
                };
                let rep = levels(max_rep_level, *rep_level_encoding)?;
                levels(max_def_level, *def_level_encoding)?;
                (rep, end)
            }
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let rep = buf.get(..*rep_levels_byte_len as usize)?;
                (rep, (*rep_levels_byte_len).checked_add(*def_levels_byte_len)? as usize)
            }
            Page::DictionaryPage { .. } => return None,
        };
        Some(Levels { repetition: Hybrid { bytes: rep, width: width(max_rep_level) }, values, end })
    }
}

/// Levels as runs of one value, and values packed by bits.
struct Hybrid<'a> {
    bytes: &'a [u8],
    width: u32,
}

impl Hybrid<'_> {
    /// Calls `run` with each level and how often it follows; of packed ones one at a time.
    fn runs(mut self, values: u64, mut run: impl FnMut(u64, u64)) -> Option<()> {
        let mut left = values;
        while left > 0 {
            let head = varint(&mut self.bytes)?;
            if head & 1 == 0 {
                let (level, rest) = self.bytes.split_at_checked(self.width.div_ceil(8) as usize)?;
                self.bytes = rest;
                let level = level.iter().rev().fold(0, |level, byte| level << 8 | u64::from(*byte));
                let count = (head >> 1).min(left);
                if count == 0 {
                    return None;
                }
                run(level, count);
                left -= count;
            } else {
                let groups = head >> 1;
                let bytes = usize::try_from(groups.checked_mul(self.width.into())?).ok()?;
                let (packed, rest) = self.bytes.split_at(bytes.min(self.bytes.len()));
                self.bytes = rest;
                let count = groups.checked_mul(8)?.min(left);
                if count == 0 {
                    return None;
                }
                for value in 0..count {
                    run(bits(packed, value * u64::from(self.width), self.width), 1);
                }
                left -= count;
            }
        }
        Some(())
    }
}

/// That many bits from a place, 0 where there are none.
fn bits(bytes: &[u8], at: u64, width: u32) -> u64 {
    (0..width).fold(0, |value, bit| {
        let at = at + u64::from(bit);
        let byte = bytes.get((at / 8) as usize).copied().unwrap_or(0);
        value | u64::from(byte >> (at % 8) & 1) << bit
    })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Integers of DELTA_BINARY_PACKED, one after another.
struct Deltas<'a> {
    bytes: &'a [u8],
    block: u64,
    minis: usize,
    left: u64,
    value: i64,
    first: bool,
    least: i64,
    widths: &'a [u8],
    mini: usize,
    in_mini: u64,
}

/// The integers that the bytes begin with, and the bytes behind them.
fn deltas(bytes: &[u8]) -> Option<(Deltas<'_>, &[u8])> {
    let begin = |mut bytes| {
        let (block, minis) = (varint(&mut bytes)?, varint(&mut bytes)?);
        let (left, value) = (varint(&mut bytes)?, zigzag(varint(&mut bytes)?));
        let well_formed = minis > 0 && block > 0 && block % minis == 0 && minis <= 1 << 20 && block <= 1 << 30;
        let minis = minis as usize;
        let deltas =
            Deltas { bytes, block, minis, left, value, first: true, least: 0, widths: &[], mini: 0, in_mini: 0 };
        well_formed.then_some(deltas)
    };
    let all = begin(bytes)?;
    let mut end = begin(bytes)?;
    // Where they end is known when they have been gone through.
    while end.next().is_some() {}
    end.end_mini();
    Some((all, end.bytes))
}

impl Deltas<'_> {
    fn of_mini(&self) -> u64 {
        self.block / self.minis as u64
    }

    /// Leaves the packed values of the miniblock that is being read.
    fn end_mini(&mut self) {
        if self.mini < self.widths.len() {
            let bytes = (self.of_mini() * u64::from(self.widths[self.mini])).div_ceil(8) as usize;
            self.bytes = self.bytes.get(bytes..).unwrap_or_default();
        }
    }

    fn next(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        if std::mem::take(&mut self.first) {
            return Some(self.value);
        }
        if self.mini < self.widths.len() && self.in_mini == self.of_mini() {
            self.end_mini();
            (self.mini, self.in_mini) = (self.mini + 1, 0);
        }
        if self.mini == self.widths.len() {
            self.least = zigzag(varint(&mut self.bytes)?);
            (self.widths, self.bytes) = self.bytes.split_at_checked(self.minis)?;
            (self.mini, self.in_mini) = (0, 0);
        }
        let width = u32::from(self.widths[self.mini]);
        if width > 64 {
            return None;
        }
        let delta = bits(self.bytes, self.in_mini * u64::from(width), width);
        self.in_mini += 1;
        self.value = self.value.wrapping_add(self.least).wrapping_add(delta as i64);
        Some(self.value)
    }
}
