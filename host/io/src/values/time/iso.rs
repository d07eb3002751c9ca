//! The parts of a time as text, in the form of RFC 3339.

use std::io::Write;

use chrono::{Datelike, NaiveDate};

use super::DAY;

/// A number with zeros before it.
pub(super) fn digits(number: u64, width: u32, out: &mut Vec<u8>) {
    (0..width).rev().for_each(|place| out.push(b'0' + (number / 10_u64.pow(place) % 10) as u8));
}

pub(super) fn date(days: i64, out: &mut Vec<u8>) {
    let date = i32::try_from(days).ok().and_then(NaiveDate::from_epoch_days).unwrap_or_default();
    digits(date.year().unsigned_abs().into(), 4, out);
    out.push(b'-');
    digits(date.month().into(), 2, out);
    out.push(b'-');
    digits(date.day().into(), 2, out);
}

pub(super) fn datetime(seconds: i64, fraction: i64, per_second: i64, out: &mut Vec<u8>) {
    date(seconds.div_euclid(DAY), out);
    out.push(b'T');
    time(seconds.rem_euclid(DAY), fraction, per_second, out);
}

/// A time of day, with three, six or nine digits of its fraction, whichever it needs.
pub(super) fn time(seconds: i64, fraction: i64, per_second: i64, out: &mut Vec<u8>) {
    let seconds = seconds.unsigned_abs();
    digits(seconds / 3_600, 2, out);
    out.push(b':');
    digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    digits(seconds % 60, 2, out);
    let nanos = fraction.unsigned_abs() * (1_000_000_000 / per_second.unsigned_abs());
    let (number, width) = match nanos {
        0 => return,
        _ if nanos.is_multiple_of(1_000_000) => (nanos / 1_000_000, 3),
        _ if nanos.is_multiple_of(1_000) => (nanos / 1_000, 6),
        _ => (nanos, 9),
    };
    out.push(b'.');
    digits(number, width, out);
}

/// `T5.25S`: seconds, and of their fraction no zeros at the end.
pub(super) fn duration(seconds: u64, fraction: u64, per_second: u64, out: &mut Vec<u8>) {
    let _ = write!(out, "T{seconds}");
    if fraction != 0 {
        out.push(b'.');
        digits(fraction, per_second.ilog10(), out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'S');
}
