//! Round figures for the axes of drawings.

use callboard_words::figures::rate;
use callboard_words::sizes::exact;

/// What stands along an axis: values, and their words.
pub(crate) type Ticks = Vec<(f64, String)>;

/// At most this many beside the first.
const MOST: f64 = 5.0;

/// Milliseconds, in the unit that suits them.
pub(crate) fn of_time(most: f64) -> Ticks {
    const SECOND: f64 = 1e3;
    const MINUTE: f64 = 60.0 * SECOND;
    const HOUR: f64 = 60.0 * MINUTE;
    let (unit, words) = match most {
        most if most < SECOND => (1.0, "ms"),
        most if most < 2.0 * MINUTE => (SECOND, "s"),
        most if most < 2.0 * HOUR => (MINUTE, "min"),
        _ => (HOUR, "h"),
    };
    ticks(most / unit, decimal(most / unit / MOST))
        .map(|value| {
            let figure = format!("{value:.3}");
            let figure = figure.trim_end_matches('0').trim_end_matches('.');
            (value * unit, if value > 0.0 { format!("{figure} {words}") } else { "0".to_owned() })
        })
        .collect()
}

/// Bytes.
pub(crate) fn of_bytes(most: f64) -> Ticks {
    let step = (most / MOST).max(1.0).log2().ceil().exp2();
    ticks(most, step).map(|value| (value, if value > 0.0 { exact(value as u64) } else { "0".to_owned() })).collect()
}

/// Rows per second.
pub(crate) fn of_rates(most: f64) -> Ticks {
    ticks(most, decimal(most / MOST).max(1.0)).map(|value| (value, rate(value))).collect()
}

fn ticks(most: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..=MOST as u32).map(move |nth| f64::from(nth) * step).take_while(move |value| *value <= most)
}

/// The least of 1, 2 or 5 times a power of ten that is at least as large.
fn decimal(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0].map(|times| times * power).into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ticks: &Ticks) -> Vec<&str> {
        ticks.iter().map(|(_, words)| words.as_str()).collect()
    }

    #[test]
    fn figures_of_an_axis_are_round() {
        assert_eq!(words(&of_time(1_236.0)), ["0", "0.5 s", "1 s"]);
        assert_eq!(words(&of_time(141.0)), ["0", "50 ms", "100 ms"]);
        assert_eq!(words(&of_time(0.4)), ["0", "0.1 ms", "0.2 ms", "0.3 ms", "0.4 ms"]);
        assert_eq!(words(&of_time(3_700e3)), ["0", "20 min", "40 min", "60 min"]);
        assert_eq!(words(&of_time(30.0 * 3_600e3)), ["0", "10 h", "20 h", "30 h"]);
        assert_eq!(words(&of_bytes(f64::from(70 << 20))), ["0", "16 MiB", "32 MiB", "48 MiB", "64 MiB"]);
        assert_eq!(words(&of_bytes(1.3 * f64::from(1 << 30))), ["0", "512 MiB", "1 GiB"]);
        assert_eq!(words(&of_rates(182_000.0)), ["0", "50 k", "100 k", "150 k"]);
        assert_eq!(words(&of_rates(1.05)), ["0", "1"]);
        for most in [0.0, 1e-300, 1.0, 7.3, 999.0, 1e18] {
            for ticks in [of_time(most), of_bytes(most), of_rates(most)] {
                assert!((1..=6).contains(&ticks.len()), "{most}: {ticks:?}");
                assert!(ticks.iter().all(|(value, _)| (0.0..=most).contains(value)), "{most}: {ticks:?}");
            }
        }
    }
}
