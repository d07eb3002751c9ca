//! Rows of every type that a condition knows, with nulls and extremes.

use callboard_sdk::{ArrayBuf, Batch, testing};

use super::Bytes;

/// A kind of columns: those of one kind compare with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Float,
    Decimal,
    Text,
    Binary,
    Instant,
    Time,
    Duration,
}

/// The columns, and whether whole ones are compared with a constant.
pub(super) const COLUMNS: [(&str, Kind, bool); 29] = [
    ("flag", Kind::Bool, true),
    ("i8", Kind::Int, true),
    ("i16", Kind::Int, true),
    ("i32", Kind::Int, true),
    ("int", Kind::Int, true),
    ("u8", Kind::Int, true),
    ("u16", Kind::Int, true),
    ("u32", Kind::Int, true),
    ("uint", Kind::Int, true),
    ("f32", Kind::Float, true),
    ("double", Kind::Float, true),
    ("text", Kind::Text, true),
    ("bytes", Kind::Binary, false),
    ("d32", Kind::Instant, true),
    ("d64", Kind::Instant, false),
    ("tss", Kind::Instant, true),
    ("tsm", Kind::Instant, true),
    ("tsu", Kind::Instant, true),
    ("tsn", Kind::Instant, true),
    ("tts", Kind::Time, true),
    ("ttn", Kind::Time, true),
    ("tDs", Kind::Duration, true),
    ("tDu", Kind::Duration, true),
    ("dec4", Kind::Decimal, true),
    ("dec8", Kind::Decimal, true),
    ("dec16", Kind::Decimal, true),
    ("dec32", Kind::Decimal, false),
    ("tens", Kind::Decimal, true),
    ("numbers", Kind::Int, false),
];

pub(super) const INTEGERS: [i64; 14] = [
    i64::MIN,
    i64::MIN + 1,
    -86_400,
    -129,
    -1,
    0,
    1,
    3,
    86_399,
    19_723,
    1_704_067_200,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX,
];
pub(super) const FLOATS: [f64; 14] = [
    f64::NEG_INFINITY,
    -1e300,
    -1.5,
    -0.0,
    0.0,
    5e-324,
    0.1,
    0.5,
    3.0,
    9_007_199_254_740_992.0,
    9_223_372_036_854_775_808.0,
    1e300,
    f64::INFINITY,
    f64::NAN,
];
pub(super) const TEXTS: [&str; 7] = ["", "a", "b", "ab", "A", "é", "\u{10ffff}"];

impl Bytes<'_> {
    fn integer(&mut self) -> i64 {
        match self.next() % 4 {
            0 => self.number() as i64,
            1 => i64::from(self.next() as i8),
            _ => self.pick(&INTEGERS),
        }
    }

    fn float(&mut self) -> f64 {
        match self.next() % 4 {
            0 => f64::from_bits(self.number()),
            1 => f64::from(self.next() as i8) / 4.0,
            _ => self.pick(&FLOATS),
        }
    }

    /// Values of a column: with nulls, or without any, and then without bits for them.
    fn column<T: Clone>(&mut self, rows: usize, mut value: impl FnMut(&mut Self) -> T) -> ArrayBuf
    where
        ArrayBuf: FromIterator<T> + FromIterator<Option<T>>,
    {
        if self.next().is_multiple_of(2) {
            return (0..rows).map(|_| value(self)).collect();
        }
        let values: Vec<Option<T>> = (0..rows).map(|_| (!self.next().is_multiple_of(3)).then(|| value(self))).collect();
        values.into_iter().collect()
    }

    fn counts(&mut self, rows: usize, logical: &str) -> ArrayBuf {
        self.column(rows, Bytes::integer).with_logical(Some(logical.into()))
    }

    fn counts_32(&mut self, rows: usize, logical: &str) -> ArrayBuf {
        self.column(rows, |bytes| bytes.integer() as i32).with_logical(Some(logical.into()))
    }

    fn decimals(&mut self, rows: usize, width: usize, logical: &str) -> ArrayBuf {
        let mut values = vec![];
        for _ in 0..rows {
            let digits = i128::from(self.integer()) * if self.next().is_multiple_of(4) { 1_000_000_007 } else { 1 };
            let sign = if digits < 0 { 0xff } else { 0 };
            let bytes: Vec<u8> = digits.to_le_bytes().into_iter().chain([sign; 16]).take(width).collect();
            values.push((!self.next().is_multiple_of(5)).then_some(bytes));
        }
        ArrayBuf::fixed(width as u32, values.iter().map(Option::as_deref)).with_logical(Some(logical.into()))
    }

    fn of_name(&mut self, name: &str, rows: usize) -> ArrayBuf {
        match name {
            "flag" => self.column(rows, |bytes| bytes.next() % 2 == 0),
            "i8" => self.column(rows, |bytes| bytes.integer() as i8),
            "i16" => self.column(rows, |bytes| bytes.integer() as i16),
            "i32" => self.column(rows, |bytes| bytes.integer() as i32),
            "u8" => self.column(rows, |bytes| bytes.integer() as u8),
            "u16" => self.column(rows, |bytes| bytes.integer() as u16),
            "u32" => self.column(rows, |bytes| bytes.integer() as u32),
            "uint" => self.column(rows, |bytes| bytes.integer() as u64),
            "f32" => self.column(rows, |bytes| bytes.float() as f32),
            "double" => self.column(rows, Bytes::float),
            "text" => self.column(rows, |bytes| bytes.pick(&TEXTS).to_owned()),
            "bytes" => self.column(rows, |bytes| bytes.pick(&TEXTS).as_bytes().to_vec()),
            "d32" => self.counts_32(rows, "tdD"),
            "d64" => self.counts(rows, "tdm"),
            "tss" => self.counts(rows, "tss:"),
            "tsm" => self.counts(rows, "tsm:Europe/Berlin"),
            "tsu" => self.counts(rows, "tsu:UTC"),
            "tsn" => self.counts(rows, "tsn:"),
            "tts" => self.counts_32(rows, "tts"),
            "ttn" => self.counts(rows, "ttn"),
            "tDs" => self.counts(rows, "tDs"),
            "tDu" => self.counts(rows, "tDu"),
            "dec4" => self.decimals(rows, 4, "d:9,2,32"),
            "dec8" => self.decimals(rows, 8, "d:18,2,64"),
            "dec16" => self.decimals(rows, 16, "d:38,10"),
            "dec32" => self.decimals(rows, 32, "d:76,10,256"),
            "tens" => self.decimals(rows, 16, "d:38,-1"),
            _ => self.column(rows, Bytes::integer),
        }
    }
}

/// Up to six rows of all columns.
pub(super) fn batch(bytes: &mut Bytes<'_>) -> Batch {
    let rows = 1 + bytes.below(6);
    testing::columns(COLUMNS.map(|(name, ..)| (name, bytes.of_name(name, rows))))
}
