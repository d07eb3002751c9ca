//! Parts of timestamps, dates, times of day and durations: in UTC, or in a zone that is given as `+01:00`.

use super::{Function, Gives, Takes};
use crate::calendar::{check_time, check_year, civil, days, parse_offset};
use crate::compare::instant;
use crate::value::Value;

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// A part of an instant, without a zone and with one.
macro_rules! parts {
    ($($name:literal, [$($also:ident),*] => $part:ident;)*) => {
        &[$(
            Function { name: $name, takes: &[Takes::Instant], gives: Gives::Int, run: |arguments| part($name, arguments, $part) },
            Function { name: $name, takes: &[Takes::Instant, Takes::Text], gives: Gives::Int, run: |arguments| part($name, arguments, $part) },
            $(Function { name: $name, takes: &[Takes::$also], gives: Gives::Int, run: |arguments| part($name, arguments, $part) },)*
        )*]
    };
}

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "strftime",
    takes: &[Takes::Instant, Takes::Text],
    gives: Gives::Text,
    run: |arguments| match arguments {
        [moment, Value::Text(format)] => strftime(instant(moment).unwrap_or_default(), format).map(Value::text),
        _ => Ok(Value::Null),
    },
}];

/// `%Y-%m-%dT%H:%M:%S` and `%j`, the day of the year from 1: what all languages have in common.
fn strftime(at: i128, format: &str) -> Result<String, String> {
    let of = Of::Clock(at);
    let mut made = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            made.push(c);
            continue;
        }
        made += &match rest.next() {
            Some('Y') => {
                check_year("strftime", of.day())?;
                format!("{:04}", year(of))
            }
            Some('m') => format!("{:02}", month(of)),
            Some('d') => format!("{:02}", day(of)),
            Some('H') => format!("{:02}", hour(of)),
            Some('M') => format!("{:02}", minute(of)),
            Some('S') => format!("{:02}", second(of)),
            Some('j') => format!("{:03}", day_of_year(of) + 1),
            Some('%') => "%".to_owned(),
            other => {
                let other = other.map_or(String::new(), String::from);
                return Err(format!("`strftime` has no `%{other}`: it has %Y %m %d %H %M %S %j and %%"));
            }
        };
    }
    Ok(made)
}

pub(super) const PARTS: &[Function] = parts! {
    "year", [] => year;
    "month", [] => month;
    "day", [] => day;
    "hour", [Time] => hour;
    "minute", [Time] => minute;
    "second", [Time] => second;
    "getFullYear", [] => year;
    "getMonth", [] => month_from_0;
    "getDate", [] => day;
    "getDayOfMonth", [] => day_from_0;
    "getDayOfWeek", [] => day_of_week;
    "getDayOfYear", [] => day_of_year;
    "getHours", [Time, Duration] => hour;
    "getMinutes", [Time, Duration] => minute;
    "getSeconds", [Time, Duration] => second;
    "getMilliseconds", [Time, Duration] => millisecond;
};

/// What a part is taken of.
#[derive(Clone, Copy)]
enum Of {
    /// Nanoseconds of a clock and a calendar.
    Clock(i128),
    /// Nanoseconds in all.
    Duration(i128),
}

fn part<'a>(name: &str, arguments: &[Value<'a>], part: fn(Of) -> i128) -> Result<Value<'a>, String> {
    let offset = match arguments.get(1) {
        Some(Value::Text(zone)) if &**zone != "UTC" && &**zone != "Z" => parse_offset(zone)
            .ok_or("a zone is given as \"+01:00\", or as \"UTC\": names of places are not known here")?,
        _ => 0,
    };
    let of = match &arguments[0] {
        Value::Duration(duration) => Of::Duration(*duration),
        Value::Time(time) => {
            check_time(name, *time)?;
            Of::Clock(i128::from(*time))
        }
        moment => Of::Clock(instant(moment).unwrap_or_default() + i128::from(offset) * SECOND),
    };
    Ok(Value::Int(part(of)))
}

impl Of {
    fn day(self) -> i64 {
        match self {
            Of::Clock(at) | Of::Duration(at) => at.div_euclid(DAY) as i64,
        }
    }

    /// How often `unit` is in it; of a clock, since `over` began.
    fn units(self, unit: i128, over: i128) -> i128 {
        match self {
            Of::Clock(at) => at.rem_euclid(over) / unit,
            Of::Duration(duration) => duration / unit,
        }
    }
}

fn year(of: Of) -> i128 {
    civil(of.day()).0.into()
}

fn month(of: Of) -> i128 {
    civil(of.day()).1.into()
}

fn month_from_0(of: Of) -> i128 {
    month(of) - 1
}

fn day(of: Of) -> i128 {
    civil(of.day()).2.into()
}

fn day_from_0(of: Of) -> i128 {
    day(of) - 1
}

/// From 0, a Sunday.
fn day_of_week(of: Of) -> i128 {
    // 1970-01-01 was a Thursday.
    (of.day() + 4).rem_euclid(7).into()
}

/// From 0.
fn day_of_year(of: Of) -> i128 {
    let first = days(civil(of.day()).0, 1, 1).unwrap_or_default();
    (of.day() - first).into()
}

fn hour(of: Of) -> i128 {
    of.units(3_600 * SECOND, DAY)
}

fn minute(of: Of) -> i128 {
    of.units(60 * SECOND, 3_600 * SECOND)
}

fn second(of: Of) -> i128 {
    of.units(SECOND, 60 * SECOND)
}

/// For a duration, the part beyond its whole seconds, as in CEL.
fn millisecond(of: Of) -> i128 {
    match of {
        Of::Clock(at) => at.rem_euclid(SECOND) / 1_000_000,
        Of::Duration(duration) => duration % SECOND / 1_000_000,
    }
}
