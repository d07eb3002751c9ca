//! Text read as times: RFC 3339, and what is near enough to it.

use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, Timelike, Utc};

/// Why a text is not a timestamp, or no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misread {
    /// It is not of the form.
    Other,
    /// A fraction that the unit does not hold.
    TooFine,
    /// A year that the unit does not reach.
    TooFar,
    /// The sixtieth second, which no timestamp has.
    LeapSecond,
    /// A time of day, or a zone, where a date is wanted.
    HasTime,
}

/// A timestamp in microseconds since 1970 in UTC, of the years 0000 to 9999: RFC 3339, also with a space for the `T`, without an
/// offset (which means UTC) and of a date alone.
pub(crate) fn timestamp(text: &str) -> Result<i64, Misread> {
    instant(text, 6).map(|instant| instant.timestamp_micros())
}

/// A timestamp in nanoseconds, of the same forms.
pub(crate) fn timestamp_ns(text: &str) -> Result<i64, Misread> {
    instant(text, 9)?.timestamp_nanos_opt().ok_or(Misread::TooFar)
}

fn instant(text: &str, digits: usize) -> Result<DateTime<Utc>, Misread> {
    let instant = string_to_datetime(&Utc, text).map_err(|_| Misread::Other)?;
    if instant.nanosecond() >= 1_000_000_000 {
        return Err(Misread::LeapSecond);
    }
    // The parser leaves out what is past the ninth digit.
    let fraction = text.as_bytes().get(19..).filter(|rest| rest.starts_with(b".")).unwrap_or_default();
    let mut beyond = fraction.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).skip(digits);
    if beyond.all(|digit| *digit == b'0') { Ok(instant) } else { Err(Misread::TooFine) }
}

/// A date in days since 1970, of the years 0000 to 9999: `2024-02-29` and what Arrow's parser takes beside it, and that date at
/// midnight, without a zone.
pub(crate) fn date32(text: &str) -> Result<i32, Misread> {
    let text = text.trim_ascii();
    let days = Date32Type::parse(text).ok_or(Misread::Other)?;
    if text.starts_with(['+', '-']) {
        return Err(Misread::Other);
    }
    let midnight = || {
        let fraction = text.get(11..).and_then(|time| time.strip_prefix("00:00:00"));
        fraction.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') && rest[1..].bytes().all(|b| b == b'0'))
    };
    match text.len() <= 10 || midnight() {
        true => Ok(days),
        false => Err(Misread::HasTime),
    }
}
