//! Times as text, both ways: ISO 8601 in its form of RFC 3339, with years of four digits.
//!
//! A timestamp with a time zone has the offset that was the zone's at that instant, `Z` where it is 0. Where RFC 3339 has no such
//! offset (local times before about 1930 are often off by seconds), where the local year would leave 0000 to 9999, and in a zone that
//! nobody knows, it is written in UTC: the same instant. Zones have a table up to 2099; later years are as a year of the table is whose
//! March begins on the same weekday, for by then every zone changes its clocks by a rule of months and weekdays.
//!
//! A `date64` is written as the date that it is; one that is not a whole day has no text.

mod iso;
mod read;

use std::io::Write;

use arrow::array::timezone::Tz;
use arrow::array::{Array, AsArray};
use arrow::datatypes::*;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone};

use iso::{date, datetime, digits, duration, time};
pub(crate) use read::{Misread, date32, timestamp, timestamp_ns};

const DAY: i64 = 86_400;
/// 0000-01-01 and 9999-12-31, in days since 1970.
const DAYS: (i64, i64) = (-719_528, 2_932_896);
/// Their first and last second.
const SECONDS: (i64, i64) = (DAYS.0 * DAY, (DAYS.1 + 1) * DAY - 1);

/// An array of times, dates, durations or intervals, which writes its values as text.
pub(crate) struct Times<'a> {
    raw: Raw<'a>,
    kind: Kind,
}

enum Raw<'a> {
    Narrow(&'a [i32]),
    Wide(&'a [i64]),
    DayTime(&'a [IntervalDayTime]),
    MonthDayNano(&'a [IntervalMonthDayNano]),
}

/// What a number stands for; `per_second`: how many make a second.
enum Kind {
    Date,
    /// Whole days, in milliseconds.
    DateInMillis,
    Time {
        per_second: i64,
    },
    /// With a zone, if it is known; without one, a zone means UTC.
    Timestamp {
        per_second: i64,
        zoned: bool,
        zone: Option<Tz>,
    },
    Duration {
        per_second: i64,
    },
    Interval,
}

fn per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

impl<'a> Times<'a> {
    /// None for an array of other values.
    pub(crate) fn of(array: &'a dyn Array) -> Option<Times<'a>> {
        use TimeUnit::*;
        macro_rules! values {
            ($raw:ident, $type:ty) => {
                Raw::$raw(array.as_primitive::<$type>().values())
            };
        }
        let (raw, kind) = match array.data_type() {
            DataType::Date32 => (values!(Narrow, Date32Type), Kind::Date),
            DataType::Date64 => (values!(Wide, Date64Type), Kind::DateInMillis),
            DataType::Time32(unit) => {
                let raw = match unit {
                    Second => values!(Narrow, Time32SecondType),
                    _ => values!(Narrow, Time32MillisecondType),
                };
                (raw, Kind::Time { per_second: per_second(unit) })
            }
            DataType::Time64(unit) => {
                let raw = match unit {
                    Microsecond => values!(Wide, Time64MicrosecondType),
                    _ => values!(Wide, Time64NanosecondType),
                };
                (raw, Kind::Time { per_second: per_second(unit) })
            }
            DataType::Timestamp(unit, zone) => {
                let raw = match unit {
                    Second => values!(Wide, TimestampSecondType),
                    Millisecond => values!(Wide, TimestampMillisecondType),
                    Microsecond => values!(Wide, TimestampMicrosecondType),
                    Nanosecond => values!(Wide, TimestampNanosecondType),
                };
                // In Arrow's files, a zone without a name is none.
                let zone = zone.as_deref().filter(|zone| !zone.is_empty());
                let kind = Kind::Timestamp {
                    per_second: per_second(unit),
                    zoned: zone.is_some(),
                    zone: zone.and_then(|zone| zone.parse().ok()),
                };
                (raw, kind)
            }
            DataType::Duration(unit) => {
                let raw = match unit {
                    Second => values!(Wide, DurationSecondType),
                    Millisecond => values!(Wide, DurationMillisecondType),
                    Microsecond => values!(Wide, DurationMicrosecondType),
                    Nanosecond => values!(Wide, DurationNanosecondType),
                };
                (raw, Kind::Duration { per_second: per_second(unit) })
            }
            DataType::Interval(IntervalUnit::YearMonth) => (values!(Narrow, IntervalYearMonthType), Kind::Interval),
            DataType::Interval(IntervalUnit::DayTime) => (values!(DayTime, IntervalDayTimeType), Kind::Interval),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                (values!(MonthDayNano, IntervalMonthDayNanoType), Kind::Interval)
            }
            _ => return None,
        };
        Some(Times { raw, kind })
    }

    /// The first and the last number that has text.
    fn range(&self) -> (i64, i64) {
        match self.kind {
            Kind::Date => DAYS,
            Kind::DateInMillis => (DAYS.0 * DAY * 1_000, DAYS.1 * DAY * 1_000),
            Kind::Time { per_second } => (0, DAY * per_second - 1),
            Kind::Timestamp { per_second, .. } => (
                SECONDS.0.saturating_mul(per_second),
                SECONDS.1.saturating_mul(per_second).saturating_add(per_second - 1),
            ),
            Kind::Duration { .. } | Kind::Interval => (i64::MIN, i64::MAX),
        }
    }

    /// Whether every number has text, of nulls too.
    pub(crate) fn all_have_text(&self) -> bool {
        let (low, high) = self.range();
        if let (Kind::DateInMillis, Raw::Wide(values)) = (&self.kind, &self.raw) {
            return values.iter().all(|value| (low..=high).contains(value) && value % (DAY * 1_000) == 0);
        }
        // Without a branch a number, so that many are compared together.
        match self.raw {
            Raw::Narrow(values) => {
                let within = |value: &i32| (i64::from(*value) >= low) & (i64::from(*value) <= high);
                values.iter().fold(true, |all, value| all & within(value))
            }
            Raw::Wide(values) => values.iter().fold(true, |all, value| all & (*value >= low) & (*value <= high)),
            Raw::DayTime(_) | Raw::MonthDayNano(_) => true,
        }
    }

    /// The number at an index, which [`range`](Self::range) bounds; 0 for intervals of several.
    pub(crate) fn number(&self, at: usize) -> i64 {
        match self.raw {
            Raw::Narrow(values) => values[at].into(),
            Raw::Wide(values) => values[at],
            Raw::DayTime(_) | Raw::MonthDayNano(_) => 0,
        }
    }

    /// Why the number at an index has no text.
    pub(crate) fn fault(&self, at: usize) -> Option<&'static str> {
        let (low, high) = self.range();
        let number = self.number(at);
        if matches!(self.kind, Kind::DateInMillis) && number % (DAY * 1_000) != 0 {
            return Some("is not a whole day");
        }
        let without = !(low..=high).contains(&number);
        without.then_some(match self.kind {
            Kind::Time { .. } => "is not a time of day",
            _ => "is not in the years 0000 to 9999",
        })
    }

    /// Appends the text of the value at an index. False, and nothing is appended, if it has none.
    pub(crate) fn write(&self, at: usize, out: &mut Vec<u8>) -> bool {
        if self.fault(at).is_some() {
            return false;
        }
        let number = self.number(at);
        match &self.kind {
            Kind::Date => date(number, out),
            Kind::DateInMillis => date(number / (DAY * 1_000), out),
            Kind::Time { per_second } => time(number / per_second, number % per_second, *per_second, out),
            Kind::Timestamp { per_second, zoned, zone } => {
                let (seconds, fraction) = (number.div_euclid(*per_second), number.rem_euclid(*per_second));
                let offset = zone.as_ref().map_or(0, |zone| offset(zone, seconds));
                datetime(seconds + offset, fraction, *per_second, out);
                match offset {
                    0 if *zoned => out.push(b'Z'),
                    0 => {}
                    _ => {
                        let minutes = offset.unsigned_abs() / 60;
                        out.push(if offset < 0 { b'-' } else { b'+' });
                        digits(minutes / 60, 2, out);
                        out.push(b':');
                        digits(minutes % 60, 2, out);
                    }
                }
            }
            Kind::Duration { per_second } => {
                out.extend_from_slice(if number < 0 { b"-P" } else { b"P" });
                let (number, per_second) = (number.unsigned_abs(), per_second.unsigned_abs());
                match number {
                    0 => out.extend_from_slice(b"0D"),
                    _ => duration(number / per_second, number % per_second, per_second, out),
                }
            }
            Kind::Interval => self.interval(at, out),
        }
        true
    }

    /// Months, days and a time, each with its sign.
    fn interval(&self, at: usize, out: &mut Vec<u8>) {
        let (months, days, nanos) = match self.raw {
            Raw::Narrow(values) => (values[at], 0, 0),
            Raw::DayTime(values) => (0, values[at].days, i64::from(values[at].milliseconds) * 1_000_000),
            Raw::MonthDayNano(values) => (values[at].months, values[at].days, values[at].nanoseconds),
            Raw::Wide(_) => (0, 0, 0),
        };
        out.push(b'P');
        // A vector takes whatever is written.
        if months != 0 {
            let _ = write!(out, "{months}M");
        }
        if days != 0 || (months == 0 && nanos == 0) {
            let _ = write!(out, "{days}D");
        }
        if nanos != 0 {
            let begin = out.len();
            duration(nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000, 1_000_000_000, out);
            if nanos < 0 {
                out.insert(begin + 1, b'-');
            }
        }
    }
}

/// The type in words: `timestamp[us, UTC]`.
pub(crate) fn name(of: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match of {
        DataType::Date32 => "date".to_owned(),
        DataType::Date64 => "date64".to_owned(),
        DataType::Time32(of) => format!("time32[{}]", unit(of)),
        DataType::Time64(of) => format!("time64[{}]", unit(of)),
        DataType::Duration(of) => format!("duration[{}]", unit(of)),
        DataType::Timestamp(of, Some(zone)) if !zone.is_empty() => format!("timestamp[{}, {zone}]", unit(of)),
        DataType::Timestamp(of, _) => format!("timestamp[{}]", unit(of)),
        other => crate::types::words(other),
    }
}

/// The zone's offset at an instant, seconds; 0, which is UTC, where text cannot hold it.
fn offset(zone: &Tz, seconds: i64) -> i64 {
    let Some(instant) = DateTime::from_timestamp(seconds, 0) else { return 0 };
    let instant = within_table(instant.naive_utc());
    let offset = i64::from(zone.offset_from_utc_datetime(&instant).fix().local_minus_utc());
    let local = seconds + offset;
    let has_text = offset % 60 == 0 && local >= SECONDS.0 && local <= SECONDS.1;
    if has_text { offset } else { 0 }
}

/// The last year that zones have a table for, and the first of those before it in which none has changes of its own any more.
const TABLE: (i32, i32) = (2088, 2099);

/// An instant in UTC, or, of a year without a table, one in which every zone has the same offset. Clocks change between March and
/// December, on days that the weekday of the first of March tells.
fn within_table(instant: NaiveDateTime) -> NaiveDateTime {
    if instant.year() <= TABLE.1 {
        return instant;
    }
    let march = |year| NaiveDate::from_ymd_opt(year, 3, 1).map(|date| date.weekday());
    let like = (TABLE.0..=TABLE.1).find(|year| march(*year) == march(instant.year()));
    let like = like.unwrap_or(TABLE.1);
    // The last of February may be missing there.
    let there = instant.with_year(like).or_else(|| instant.with_day(28)?.with_year(like));
    there.unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::*;

    use super::*;

    fn text(array: impl Array + 'static) -> Vec<Option<String>> {
        let array: ArrayRef = Arc::new(array);
        let times = Times::of(&array).unwrap();
        let all = (0..array.len()).map(|at| {
            let mut out = Vec::new();
            let written = times.write(at, &mut out);
            assert_eq!(written, times.fault(at).is_none());
            written.then(|| String::from_utf8(out).unwrap())
        });
        let all: Vec<_> = all.collect();
        assert_eq!(times.all_have_text(), all.iter().all(Option::is_some));
        all
    }

    fn one(array: impl Array + 'static) -> String {
        text(array).remove(0).unwrap()
    }

    #[test]
    fn numbers_without_a_date_or_a_time_of_day_have_no_text() {
        for number in [i64::MIN, -62_167_219_201, 253_402_300_800, i64::MAX] {
            assert_eq!(text(TimestampSecondArray::from(vec![number])), [None]);
            assert_eq!(text(TimestampSecondArray::from(vec![number]).with_timezone("Asia/Tokyo")), [None]);
            assert_eq!(text(TimestampMicrosecondArray::from(vec![number.saturating_mul(1_000_000)])), [None]);
            assert_eq!(text(Date64Array::from(vec![number.saturating_mul(1_000)])), [None]);
        }
        assert_eq!(text(Date32Array::from(vec![i32::MIN, -719_529, 2_932_897, i32::MAX])), [const { None }; 4]);
        assert_eq!(text(Time32SecondArray::from(vec![-1, 86_400])), [None, None]);
        assert_eq!(text(Time64NanosecondArray::from(vec![i64::MIN, -1, 86_400_000_000_000])), [const { None }; 3]);
    }

    #[test]
    fn the_first_and_the_last_of_four_digits() {
        assert_eq!(one(Date32Array::from(vec![-719_528])), "0000-01-01");
        assert_eq!(one(Date32Array::from(vec![2_932_896])), "9999-12-31");
        let seconds = TimestampSecondArray::from(vec![-62_167_219_200, 253_402_300_799]);
        assert_eq!(text(seconds), [Some("0000-01-01T00:00:00".into()), Some("9999-12-31T23:59:59".into())]);
        assert_eq!(one(Date64Array::from(vec![253_402_214_400_000])), "9999-12-31");
        assert_eq!(text(Date64Array::from(vec![253_402_300_799_999, 1, -1, 86_400_000]))[..3], [const { None }; 3]);
        assert_eq!(one(TimestampNanosecondArray::from(vec![i64::MIN])), "1677-09-21T00:12:43.145224192");
        assert_eq!(one(TimestampNanosecondArray::from(vec![i64::MAX])), "2262-04-11T23:47:16.854775807");
        assert_eq!(one(Time64MicrosecondArray::from(vec![86_399_999_999])), "23:59:59.999999");
    }

    #[test]
    fn a_zone_is_an_offset_or_utc() {
        let at = |seconds: i64, zone: &str| one(TimestampSecondArray::from(vec![seconds]).with_timezone(zone));
        assert_eq!(at(0, "UTC"), "1970-01-01T00:00:00Z");
        assert_eq!(at(0, "+05:30"), "1970-01-01T05:30:00+05:30");
        assert_eq!(at(1_720_000_000, "America/New_York"), "2024-07-03T05:46:40-04:00");
        // 44 minutes and 30 seconds behind.
        assert_eq!(at(0, "Africa/Monrovia"), "1970-01-01T00:00:00Z");
        assert_eq!(at(0, "Mars/Phobos"), "1970-01-01T00:00:00Z");
        assert_eq!(at(0, ""), "1970-01-01T00:00:00");
        // The local year would be 10000, and -1.
        assert_eq!(at(253_402_300_799, "+01:00"), "9999-12-31T23:59:59Z");
        assert_eq!(at(-62_167_219_200, "-01:00"), "0000-01-01T00:00:00Z");
    }

    /// Beside what Python's zoneinfo says.
    #[test]
    fn clocks_change_in_years_without_a_table_too() {
        let at = |text: &str, zone: &str| {
            let seconds = timestamp(text).unwrap() / 1_000_000;
            one(TimestampSecondArray::from(vec![seconds]).with_timezone(zone))
        };
        assert_eq!(at("2099-07-01T00:00:00Z", "Europe/Berlin"), "2099-07-01T02:00:00+02:00");
        assert_eq!(at("2100-07-01T00:00:00Z", "Europe/Berlin"), "2100-07-01T02:00:00+02:00");
        assert_eq!(at("2100-03-28T00:59:59Z", "Europe/Berlin"), "2100-03-28T01:59:59+01:00");
        assert_eq!(at("2100-03-28T01:00:00Z", "Europe/Berlin"), "2100-03-28T03:00:00+02:00");
        assert_eq!(at("2104-11-02T05:59:59Z", "America/New_York"), "2104-11-02T01:59:59-04:00");
        assert_eq!(at("2104-11-02T06:00:00Z", "America/New_York"), "2104-11-02T01:00:00-05:00");
        assert_eq!(at("2400-02-29T12:00:00Z", "Australia/Sydney"), "2400-02-29T23:00:00+11:00");
        assert_eq!(at("9999-06-30T12:00:00Z", "America/Santiago"), "9999-06-30T08:00:00-04:00");
        assert_eq!(at("2150-07-01T00:00:00Z", "Asia/Kolkata"), "2150-07-01T05:30:00+05:30");
    }

    #[test]
    fn durations_and_intervals_have_text_whatever_they_are() {
        assert_eq!(one(DurationSecondArray::from(vec![i64::MIN])), "-PT9223372036854775808S");
        assert_eq!(one(DurationMillisecondArray::from(vec![i64::MAX])), "PT9223372036854775.807S");
        assert_eq!(one(DurationMicrosecondArray::from(vec![1_500_000])), "PT1.5S");
        assert_eq!(one(DurationNanosecondArray::from(vec![0])), "P0D");
        assert_eq!(one(IntervalYearMonthArray::from(vec![i32::MIN])), "P-2147483648M");
        assert_eq!(one(IntervalDayTimeArray::from(vec![IntervalDayTime::new(-1, -500)])), "P-1DT-0.5S");
        let least = IntervalMonthDayNano::new(1, 0, i64::MIN);
        assert_eq!(one(IntervalMonthDayNanoArray::from(vec![least])), "P1MT-9223372036.854775808S");
        assert_eq!(one(IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(0, 0, 0)])), "P0D");
    }

    #[test]
    fn text_is_read_as_the_instant_that_it_says_or_not_at_all() {
        assert_eq!(timestamp("9999-12-31T23:59:59Z"), Ok(253_402_300_799_000_000));
        assert_eq!(timestamp("0001-01-01T00:00:00Z"), Ok(-62_135_596_800_000_000));
        assert_eq!(timestamp("1600-01-01 12:00:00.000001"), Ok(-11_676_052_799_999_999));
        assert_eq!(timestamp("2024-02-29T13:00:00+01:00"), timestamp("2024-02-29T12:00:00Z"));
        assert_eq!(timestamp("2024-02-29T12:00:00.1234560000000Z"), timestamp("2024-02-29T12:00:00.123456Z"));
        assert_eq!(timestamp("2024-02-29T12:00:00.1234567Z"), Err(Misread::TooFine));
        assert_eq!(timestamp("2024-02-29T12:00:00.0000000000009Z"), Err(Misread::TooFine));
        assert_eq!(timestamp_ns("2262-04-11T23:47:16.854775807"), Ok(i64::MAX));
        assert_eq!(timestamp_ns("2262-04-11T23:47:16.854775808"), Err(Misread::TooFar));
        assert_eq!(timestamp_ns("2024-02-29T12:00:00.1234567891"), Err(Misread::TooFine));
        assert_eq!(timestamp("2016-12-31T23:59:60Z"), Err(Misread::LeapSecond));
        assert_eq!(timestamp("2024-02-30T00:00:00Z"), Err(Misread::Other));
        assert_eq!(timestamp("+10000-01-01T00:00:00Z"), Err(Misread::Other));
    }

    #[test]
    fn a_date_has_no_time_of_day() {
        assert_eq!(date32("2024-02-29"), Ok(19_782));
        assert_eq!(date32("2024-02-29T00:00:00"), Ok(19_782));
        assert_eq!(date32("2024-02-29 00:00:00.000"), Ok(19_782));
        assert_eq!(date32("2024-02-29T00:00:01"), Err(Misread::HasTime));
        assert_eq!(date32("2024-02-29T23:30:00-05:00"), Err(Misread::HasTime));
        assert_eq!(date32("2024-02-29T00:00:00Z"), Err(Misread::HasTime));
        assert_eq!(date32("+10000-01-01"), Err(Misread::Other));
        assert_eq!(date32("2023-02-29"), Err(Misread::Other));
    }
}
