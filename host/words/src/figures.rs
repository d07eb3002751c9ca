//! Figures as people read them.

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
}
