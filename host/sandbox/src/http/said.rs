//! When a server may be asked again, as it reports it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::reply::Reply;

/// A server that wants to be left alone for longer than this is not waited for.
const LONGEST: Duration = Duration::from_secs(600);

/// How long a server that refused wants to be left alone: `Retry-After`, in seconds or as a date, or `retry-after-ms`.
pub(super) fn retry_after(reply: &Reply, now: DateTime<Utc>) -> Option<Duration> {
    let milliseconds = reply.header("retry-after-ms").and_then(|value| value.parse::<f64>().ok());
    if let Some(wait) = milliseconds.and_then(|wait| Duration::try_from_secs_f64(wait / 1000.0).ok()) {
        return Some(wait);
    }
    let value = reply.header("retry-after")?;
    match value.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => DateTime::parse_from_rfc2822(value).ok().map(|until| from(now, until.to_utc())),
    }
}

/// Whether a pause is one that is waited for.
pub(super) fn is_bearable(pause: Duration) -> bool {
    pause <= LONGEST
}

/// How long nothing is left of a limit of which a server reports the rest: the headers of OpenAI and of Anthropic.
pub(super) fn exhausted(reply: &Reply, now: DateTime<Utc>) -> Option<Duration> {
    let limits = ["requests", "tokens", "input-tokens", "output-tokens"];
    let openai = |limit| (format!("x-ratelimit-remaining-{limit}"), format!("x-ratelimit-reset-{limit}"));
    let anthropic =
        |limit| (format!("anthropic-ratelimit-{limit}-remaining"), format!("anthropic-ratelimit-{limit}-reset"));
    let names = limits.iter().flat_map(|limit| [openai(limit), anthropic(limit)]);
    let waits = names.filter_map(|(remaining, reset)| {
        let left = reply.header(&remaining)?.parse::<f64>().ok()?;
        if left >= 1.0 { None } else { reset_in(reply.header(&reset)?, now) }
    });
    waits.max().filter(|wait| is_bearable(*wait))
}

/// A number of seconds, `6m0s`, `120ms`, or a moment.
fn reset_in(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if let Ok(until) = DateTime::parse_from_rfc3339(text) {
        return Some(from(now, until.to_utc()));
    }
    // As Go writes it, with fractions: `1m2.5s`.
    let (mut all, mut number) = (Duration::ZERO, String::new());
    let mut units = text.chars().peekable();
    while let Some(letter) = units.next() {
        if letter.is_ascii_digit() || letter == '.' {
            number.push(letter);
            continue;
        }
        let is_milli = letter == 'm' && units.next_if_eq(&'s').is_some();
        let seconds = match letter {
            _ if is_milli => 0.001,
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => return None,
        };
        let amount: f64 = std::mem::take(&mut number).parse().ok()?;
        all = all.checked_add(Duration::try_from_secs_f64(amount * seconds).ok()?)?;
    }
    number.is_empty().then_some(all)
}

fn from(now: DateTime<Utc>, until: DateTime<Utc>) -> Duration {
    (until - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(headers: &[(&str, &str)]) -> Reply {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        Reply { status: 429, headers: headers.collect(), body: Default::default() }
    }

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-29T18:00:00Z").unwrap().to_utc()
    }

    #[test]
    fn a_server_says_in_many_ways_when_it_may_be_asked_again() {
        let seconds = Duration::from_secs_f64;
        let cases = [
            (("retry-after", "2"), Some(seconds(2.0))),
            (("retry-after", "0.5"), Some(seconds(0.5))),
            (("retry-after", "Sun, 29 Nov 2026 18:00:07 GMT"), Some(seconds(7.0))),
            (("retry-after", "Sun, 29 Nov 2026 17:00:00 GMT"), Some(seconds(0.0))),
            (("retry-after-ms", "150"), Some(seconds(0.15))),
            (("retry-after", "-1"), None),
            (("retry-after", "soon"), None),
            (("retry-after", "nan"), None),
            (("retry-after", "1e300"), None),
            (("other", "2"), None),
        ];
        for (header, expected) in cases {
            assert_eq!(retry_after(&reply(&[header]), now()), expected, "{header:?}");
        }
    }

    #[test]
    fn a_limit_of_which_nothing_is_left_is_waited_for() {
        let exhausted = |remaining, reset| {
            let headers = [("x-ratelimit-remaining-tokens", remaining), ("x-ratelimit-reset-tokens", reset)];
            super::exhausted(&reply(&headers), now())
        };
        assert_eq!(exhausted("0", "1s"), Some(Duration::from_secs(1)));
        assert_eq!(exhausted("0", "1m2.5s"), Some(Duration::from_millis(62_500)));
        assert_eq!(exhausted("0", "120ms"), Some(Duration::from_millis(120)));
        assert_eq!(exhausted("0", "2026-11-29T18:00:03Z"), Some(Duration::from_secs(3)));
        for (remaining, reset) in [("7", "1s"), ("0", "x"), ("0", "s"), ("0", "1"), ("", "1s"), ("0", "9h")] {
            let expected = (reset == "1").then(|| Duration::from_secs(1));
            assert_eq!(exhausted(remaining, reset), expected, "{remaining} {reset}");
        }
        let anthropic = [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-29T18:00:03Z"),
        ];
        assert_eq!(super::exhausted(&reply(&anthropic), now()), Some(Duration::from_secs(3)));
    }
}
