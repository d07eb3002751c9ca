//! Figures as people read them.

use std::time::{Duration, UNIX_EPOCH};

/// `1,204,331`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `310 k`, `1.1 M`, `54`.
pub fn rate(number: f64) -> String {
    const UNITS: [&str; 4] = ["", " k", " M", " G"];
    let (mut value, mut unit) = (number, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 10.0);
    format!("{value:.digits$}{}", UNITS[unit])
}

/// `302 ms`, `3.9 s`, `6m 12s`.
pub fn time(milliseconds: f64) -> String {
    // The sum of no times is -0.
    match milliseconds + 0.0 {
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.1} s", ms / 1e3),
        ms => format!("{}m {:02}s", (ms / 60e3) as u64, (ms / 1e3) as u64 % 60),
    }
}

/// `56 %`; a dash where there is no whole.
pub fn percent(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.0} %", 100.0 * part / whole) } else { "–".to_owned() }
}

/// Whole numbers in full, all others with four digits that count.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if value.fract() == 0.0 && size < 1e15 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", count(size as u64))
        }
        _ if !(1e-4..1e7).contains(&size) => format!("{value:.3e}"),
        _ => {
            let digits = (3.0 - size.log10().floor()).clamp(0.0, 8.0) as usize;
            let text = format!("{value:.digits$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
    }
}

/// A moment from the year 1970 to 9999 as a date, with its time if that is not midnight.
pub fn moment(seconds: f64) -> String {
    if !(0.0..253_402_300_800.0).contains(&seconds) {
        return format!("{} s", number(seconds.round()));
    }
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds as u64)).to_string();
    let text = text.replace('T', " ").replace('Z', "");
    text.strip_suffix(" 00:00:00").map_or(text.clone(), str::to_owned)
}

/// A share of a whole: `12.4 %`.
pub fn share(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 0.1 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!([count(0), count(999), count(1_000), count(1_204_331)], ["0", "999", "1,000", "1,204,331"]);
        assert_eq!([rate(54.0), rate(310_200.0), rate(1_100_000.0)], ["54", "310 k", "1.1 M"]);
        assert_eq!([time(-0.0), time(0.25), time(21.4), time(3_900.0)], ["0.00 ms", "0.25 ms", "21 ms", "3.9 s"]);
        assert_eq!(time(372_000.0), "6m 12s");
        assert_eq!([percent(455.0, 812.0), percent(1.0, 0.0)], ["56 %", "–"]);
    }

    #[test]
    fn figures_are_in_the_form_of_their_column() {
        assert_eq!(
            [0.0, 12.0, -1234.0, 0.12345, 1234.56, 1e-9, 2.5e17].map(number),
            ["0", "12", "-1,234", "0.1235", "1235", "1.000e-9", "2.500e17"]
        );
        assert_eq!(
            [0.0, 1e9, 1e9 + 0.5, -5.0].map(moment),
            ["1970-01-01", "2001-09-09 01:46:40", "2001-09-09 01:46:40", "-5 s"]
        );
        assert_eq!([0.0, 0.0001, 0.124, 1.0].map(share), ["0.0 %", "<0.1 %", "12.4 %", "100.0 %"]);
    }
}
