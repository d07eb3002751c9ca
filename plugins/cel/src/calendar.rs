//! Dates, times of day, timestamps and durations as text, and days as years, months and days.

use crate::value::Value;

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// The year, the month from 1 and the day of the month from 1 of a day since 1970-01-01, in the Gregorian calendar.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March, so that the day that is there every fourth year is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970-01-01 of a date that there is.
pub(crate) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// `2024-01-31`; a year beyond 9999, or before 0, has a sign.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    let signed = text.starts_with(['+', '-']);
    let unsigned = if signed { &text[1..] } else { text };
    let (year, rest) = unsigned.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() < 4 || year.len() > 9 || !signed && year.len() > 4 {
        return None;
    }
    let year = figures(year, year.len())?;
    days(if text.starts_with('-') { -year } else { year }, figures(month, 2)?, figures(day, 2)?)
}

/// `12:30:59.25`, in nanoseconds; seconds may be left out.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let (hour, minute) = (figures(parts.next()?, 2)?, figures(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) => figures(second, 2)?,
        None if fraction == "0" && !text.contains('.') => 0,
        None => return None,
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanoseconds = figures(&format!("{fraction:0<9}"), 9)?;
    Some((hour * 3_600 + minute * 60 + second) * SECOND as i64 + nanoseconds)
}

/// `2024-01-31T12:30:59.25+01:00`: without a zone it is UTC, without a time it is midnight.
pub(crate) fn parse_timestamp(text: &str) -> Option<i128> {
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else {
        return Some(i128::from(parse_date(text)?) * DAY);
    };
    let (time, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => match time.rfind(['+', '-']) {
            Some(at) => (&time[..at], parse_offset(&time[at..])?),
            None => (time, 0),
        },
    };
    Some(i128::from(parse_date(date)?) * DAY + i128::from(parse_time(time)?) - i128::from(offset) * SECOND)
}

/// `+01:00`, `-08:30`, in seconds.
pub(crate) fn parse_offset(text: &str) -> Option<i64> {
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let (hours, minutes) = (figures(hours, 2)?, figures(minutes, 2)?);
    let seconds = hours * 3_600 + minutes * 60;
    (hours <= 23 && minutes <= 59).then_some(if text.starts_with('-') { -seconds } else { seconds })
}

/// `1h30m`, `-1.5s`, `2d`, in nanoseconds: numbers with units from `d` to `ns`.
pub(crate) fn parse_duration(text: &str) -> Option<i128> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (unsigned, 0_i128);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = match unit {
            "d" => DAY,
            "h" => 3_600 * SECOND,
            "m" => 60 * SECOND,
            "s" => SECOND,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || whole.len() > 18 || fraction.len() > 15 {
            return None;
        }
        let part = |digits: &str| if digits.is_empty() { Some(0) } else { figures(digits, digits.len()) };
        let below = i128::from(part(fraction)?) * unit;
        let one = 10_i128.pow(fraction.len() as u32);
        if below % one != 0 {
            return None;
        }
        total += i128::from(part(whole)?) * unit + below / one;
        rest = after;
    }
    (!unsigned.is_empty()).then_some(if text.starts_with('-') { -total } else { total })
}

/// A number of exactly this many figures.
fn figures(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The text of a date, a time of day or a timestamp that `function` is given, as outputs write it.
///
/// # Errors
/// One that is in no output of text: a year before 0000 or beyond 9999, a time before midnight or after the day.
pub(crate) fn text(function: &str, of: &Value<'_>) -> Result<String, String> {
    match of {
        Value::Date(date) => check_year(function, *date).map(|()| show_date(*date)),
        Value::Time(time) => check_time(function, *time).map(|()| show_time(*time)),
        Value::Timestamp(at) => check_year(function, at.div_euclid(DAY) as i64).map(|()| show_timestamp(*at)),
        _ => Err(format!("`{function}` is given what is no moment")),
    }
}

/// Refuses a day whose year has not four digits.
pub(crate) fn check_year(function: &str, day: i64) -> Result<(), String> {
    match civil(day).0 {
        0..=9999 => Ok(()),
        year => Err(format!("`{function}` is given a date of the year {year}: it has no text outside 0000 to 9999")),
    }
}

/// Refuses a time that is in no day.
pub(crate) fn check_time(function: &str, time: i64) -> Result<(), String> {
    match (0..DAY).contains(&i128::from(time)) {
        true => Ok(()),
        false => Err(format!("`{function}` is given {time} ns since midnight, which is no time of day")),
    }
}

/// `2024-01-31`.
pub(crate) fn show_date(date: i64) -> String {
    match civil(date) {
        (year @ 0..=9999, month, day) => format!("{year:04}-{month:02}-{day:02}"),
        (year, month, day) => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

/// `12:30:59.25`.
pub(crate) fn show_time(time: i64) -> String {
    let (seconds, below) = (time / SECOND as i64, time % SECOND as i64);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match below {
        0 => clock,
        _ => format!("{clock}.{}", format!("{below:09}").trim_end_matches('0')),
    }
}

/// `2024-01-31T12:30:59.25Z`.
pub(crate) fn show_timestamp(at: i128) -> String {
    format!("{}T{}Z", show_date(at.div_euclid(DAY) as i64), show_time(at.rem_euclid(DAY) as i64))
}

/// `5400s`, `0.25s`.
pub(crate) fn show_duration(duration: i128) -> String {
    let (minus, total) = (if duration < 0 { "-" } else { "" }, duration.unsigned_abs());
    let (seconds, below) = (total / SECOND as u128, total % SECOND as u128);
    match below {
        0 => format!("{minus}{seconds}s"),
        _ => format!("{minus}{seconds}.{}s", format!("{below:09}").trim_end_matches('0')),
    }
}
