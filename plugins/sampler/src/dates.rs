//! Dates as days since 1970, in the Gregorian calendar.

/// The day of a date such as `2024-01-31`; `None` for what is none.
pub(crate) fn day(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i32>().ok()).flatten();
    let (year, month, of_month) = (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..)?)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=length).contains(&of_month) {
        return None;
    }
    let before: i32 = lengths[..month as usize - 1].iter().sum();
    // Leap days of the years before this one, counted from year 0.
    let years = year - 1;
    let leaps = if year == 0 { 0 } else { years / 4 - years / 100 + years / 400 + 1 };
    Some(year * 365 + leaps + before + of_month - 1 - 719_528)
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_those_of_the_calendar() {
        let known = [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("1900-03-01", -25_508),
            ("2024-12-31", 20_088),
            ("0001-01-01", -719_162),
            ("0000-01-01", -719_528),
            ("9999-12-31", 2_932_896),
        ];
        known.into_iter().for_each(|(text, days)| assert_eq!(day(text), Some(days), "{text}"));
        for none in [
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-1-01",
            "2024-01-011",
            "+024-01-01",
            "",
        ] {
            assert_eq!(day(none), None, "{none}");
        }
    }
}
