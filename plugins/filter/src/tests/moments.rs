//! Timestamps, dates, times of day and durations of every unit, and maps.

use callboard_sdk::testing;
use callboard_sdk::{ArrayBuf, Field, Layout, Type};
use serde_json::json;

use super::{kept, refused};

const UNITS: [(&str, i64); 4] = [("s", 1), ("m", 1_000), ("u", 1_000_000), ("n", 1_000_000_000)];

fn of(logical: &str, values: &[Option<i64>]) -> ArrayBuf {
    values.iter().copied().collect::<ArrayBuf>().with_logical(Some(logical.into()))
}

fn of32(logical: &str, values: &[Option<i32>]) -> ArrayBuf {
    values.iter().copied().collect::<ArrayBuf>().with_logical(Some(logical.into()))
}

#[test]
fn timestamps_give_the_same_rows_whatever_their_unit_and_zone() {
    // The last second of 2023, the first of 2024, an hour later, null, and before 1970.
    let seconds = [Some(1_704_067_199), Some(1_704_067_200), Some(1_704_070_800), None, Some(-86_400)];
    let cases: &[(&str, &[usize])] = &[
        ("t >= timestamp(\"2024-01-01T00:00:00Z\")", &[1, 2]),
        ("t > timestamp(\"2024-01-01T00:00:00Z\")", &[2]),
        ("!(t > timestamp(\"2024-01-01T00:00:00Z\"))", &[0, 1, 4]),
        ("t == timestamp(\"2024-01-01T01:00:00+01:00\")", &[1]),
        ("t != timestamp(\"2024-01-01T00:00:00\")", &[0, 2, 4]),
        ("t > timestamp(\"2023-12-31T23:59:59.000000001Z\")", &[1, 2]),
        ("t == timestamp(\"2023-12-31T23:59:59.000000001Z\")", &[]),
        ("t < timestamp(\"2023-12-31T23:59:59.5Z\")", &[0, 4]),
        ("t >= date(\"2024-01-01\")", &[1, 2]),
        ("timestamp(\"2024-01-01T00:00:00Z\") <= t", &[1, 2]),
        ("t == timestamp(1704067200)", &[1]),
        ("t in [timestamp(\"2024-01-01T00:00:00Z\"), timestamp(\"1969-12-31T00:00:00Z\")]", &[1, 4]),
        ("t == null", &[3]),
        ("t - timestamp(\"2024-01-01T00:00:00Z\") == duration(\"1h\")", &[2]),
        ("t + duration(\"1s\") == date(\"2024-01-01\")", &[0]),
        ("t - duration(\"3600s\") == date(\"2024-01-01\")", &[2]),
        ("date(t) == date(\"2023-12-31\")", &[0]),
        ("time(t) == time(\"23:59:59\")", &[0]),
        ("year(t) == 2024", &[1, 2]),
        ("t.getFullYear() == 1969 && t.getMonth() == 11 && t.month() == 12", &[4]),
        ("t.getDayOfWeek() == 1", &[1, 2]),
        ("t.getDayOfYear() == 364", &[0, 4]),
        ("t.hour() == 1", &[2]),
        ("t.getHours(\"+01:00\") == 1", &[1, 4]),
        ("t.getFullYear(\"-00:30\") == 2023", &[0, 1]),
        ("int(t) == 1704067200", &[1]),
        ("string(t) == \"2024-01-01T00:00:00Z\"", &[1]),
        ("t < timestamp(\"+10000-01-01T00:00:00Z\")", &[0, 1, 2, 4]),
        ("t > timestamp(\"-0044-03-15T00:00:00Z\")", &[0, 1, 2, 4]),
        ("t == u && t == z", &[0, 1, 2, 4]),
        ("t < u || t > z", &[]),
    ];
    for (letter, unit) in UNITS {
        for zone in ["", "UTC", "Europe/Berlin", "+05:30"] {
            let values = seconds.map(|second| second.map(|second: i64| second * unit));
            let columns = || {
                [
                    ("t", of(&format!("ts{letter}:{zone}"), &values)),
                    ("u", of("tsn:", &seconds.map(|second| second.map(|second| second * 1_000_000_000)))),
                    ("z", of("tsm:Asia/Tokyo", &seconds.map(|second| second.map(|second| second * 1_000)))),
                ]
            };
            for (condition, rows) in cases {
                assert_eq!(kept(condition, columns()), *rows, "{condition}, unit {letter}, zone {zone:?}");
            }
        }
    }
}

#[test]
fn a_raw_number_or_text_is_no_moment() {
    let columns = || [("t", of("tsu:", &[Some(0)])), ("d", of("tDs", &[Some(0)])), ("c", of("ttu", &[Some(0)]))];
    let number = refused("t > 1704067200000000", columns());
    assert_eq!(
        number,
        "`t` is a timestamp and `1704067200000000` is an integer: `>` does not compare them; write \
         `timestamp(\"2024-01-31T12:30:00Z\")`, `date(\"2024-01-31\")`, or `timestamp(1706704200)` of seconds since 1970 \
         (line 1, column 3 of the expression)"
    );
    for condition in ["1704067200000000 < t", "t in [1704067200000000]", "t == 0", "t == 1.5", "t != n"] {
        let columns = columns().into_iter().chain([("n", [1_i64].into_iter().collect())]);
        assert!(
            refused(condition, columns).contains("or `timestamp(1706704200)` of seconds since 1970"),
            "{condition}"
        );
    }
    assert!(refused("t > \"2024-01-01\"", columns()).contains("write `timestamp("));
    assert!(refused("d > 5", columns()).contains("write a duration as `duration(\"1h30m\")`"));
    assert!(refused("c > 5", columns()).contains("write a time of day as `time(\"12:30:00\")`"));
    assert!(refused("t + 5 > t", columns()).contains("write what is added to a moment as `duration(\"1h30m\")`"));
    assert!(
        refused("t > timestamp(\"2024-13-01T00:00:00Z\")", columns())
            .contains("`timestamp` is given a text that is none")
    );
}

#[test]
fn dates_are_days_in_either_layout() {
    let days = [Some(19_723), Some(19_724), Some(-1), None];
    let columns = || {
        let milliseconds: Vec<_> = days.iter().map(|day| day.map(|day| i64::from(day) * 86_400_000)).collect();
        [("d", of32("tdD", &days)), ("m", of("tdm", &milliseconds))]
    };
    for column in ["d", "m"] {
        let cases: &[(&str, &[usize])] = &[
            ("D == date(\"2024-01-01\")", &[0]),
            ("D > date(\"2024-01-01\")", &[1]),
            ("D > timestamp(\"2024-01-01T12:00:00Z\")", &[1]),
            ("D == timestamp(\"2024-01-01T12:00:00Z\")", &[]),
            ("D < date(\"1970-01-01\")", &[2]),
            ("D - date(\"2024-01-01\") == duration(\"1d\")", &[1]),
            ("D + duration(\"24h\") == date(\"2024-01-02\")", &[0]),
            ("string(D) == \"1969-12-31\"", &[2]),
            ("day(D) == 2", &[1]),
            ("d == m", &[0, 1, 2]),
        ];
        for (condition, rows) in cases {
            assert_eq!(kept(&condition.replace('D', column), columns()), *rows, "{condition} of {column}");
        }
    }
}

#[test]
fn times_and_durations_of_every_unit() {
    for (letter, unit) in UNITS {
        let values = [Some(45_000 * unit), Some(0), None, Some(86_399 * unit)];
        let times = match letter {
            "s" | "m" => of32(&format!("tt{letter}"), &values.map(|value| value.map(|value| value as i32))),
            _ => of(&format!("tt{letter}"), &values),
        };
        let durations = of(&format!("tD{letter}"), &values.map(|value| value.map(|value| -value)));
        let columns = || [("t", times.clone()), ("d", durations.clone())];
        let cases: &[(&str, &[usize])] = &[
            ("t == time(\"12:30:00\")", &[0]),
            ("t > time(\"12:29:59.999999999\")", &[0, 3]),
            ("t == time(\"12:30\")", &[0]),
            ("!(t < time(\"12:30:00\"))", &[0, 3]),
            ("hour(t) == 23 && t.second() == 59", &[3]),
            ("d == duration(\"-12h30m\")", &[0]),
            ("d < duration(\"-12.4h\")", &[0, 3]),
            ("d + duration(\"1ns\") > duration(\"0\")", &[1]),
            ("-d == duration(\"750m\")", &[0]),
            ("d.getHours() == -12", &[0]),
            ("t == null && d == null", &[2]),
        ];
        for (condition, rows) in cases {
            assert_eq!(kept(condition, columns()), *rows, "{condition}, unit {letter}");
        }
    }
}

#[test]
fn the_limits_of_every_unit_are_moments_too() {
    for (letter, _) in UNITS {
        let columns = || [("t", of(&format!("ts{letter}:"), &[Some(i64::MIN), Some(i64::MAX)]))];
        assert_eq!(kept("t < timestamp(\"2024-01-01T00:00:00Z\")", columns()), [0], "{letter}");
        assert_eq!(kept("t - duration(\"1s\") < t", columns()), [0, 1], "{letter}");
        assert_eq!(kept("year(t) > 2000", columns()), [1], "{letter}");
        // The other units have years without text.
        assert_eq!(kept("timestamp(string(t)) == t", columns()).len(), if letter == "n" { 2 } else { 0 }, "{letter}");
    }
}

#[test]
fn what_is_nested_is_a_moment_too() {
    let seconds = Type { logical: Some("tss:".into()), ..Type::new(Layout::Int64) };
    let entry = Type::new(Layout::Struct(vec![
        Field::new("key", Type::new(Layout::Utf8).not_null()),
        Field::new("value", seconds.clone()),
    ]));
    let map = Type { logical: Some("+m".into()), ..Type::list(entry.not_null()) };
    let at = Type::new(Layout::Struct(vec![Field::new("at", seconds.clone())]));
    let fields = vec![Field::new("list", Type::list(seconds)), Field::new("s", at), Field::new("m", map)];
    let rows = json!([
        { "list": [0, null, 1704067200], "s": { "at": 1704067200 }, "m": [{ "key": "a", "value": 1704067200 }, { "key": "b", "value": null }] },
        { "list": [], "s": { "at": 0 }, "m": [] },
        { "list": null, "s": null, "m": null },
    ]);
    let batch = testing::batch(testing::Table::new(fields, rows));
    let kept = |condition: &str| {
        let verdicts = super::verdicts(condition, &batch);
        (0..3).filter(|row| verdicts[*row] == callboard_cel::Verdict::True).collect::<Vec<_>>()
    };
    for (condition, rows) in [
        ("list.exists(t, t == date(\"2024-01-01\"))", vec![0]),
        ("list.all(t, t < date(\"2020-01-01\"))", vec![1]),
        ("timestamp(0) in list", vec![0]),
        ("!(timestamp(1) in list)", vec![1]),
        ("s.at > timestamp(1)", vec![0]),
        ("m[\"a\"] == date(\"2024-01-01\")", vec![0]),
        ("m.a == date(\"2024-01-01\")", vec![0]),
        ("m[\"a\"] != date(\"2024-01-02\")", vec![0]),
        ("m.b == null", vec![0, 1, 2]),
        ("has(m.a)", vec![0]),
        ("\"b\" in m", vec![0]),
        ("!(\"a\" in m)", vec![1]),
        ("size(m) == 0", vec![1]),
        ("m.exists(k, k == \"b\")", vec![0]),
        ("m.all(k, m[k] == null)", vec![1]),
        ("m == null", vec![2]),
        ("s == s", vec![0, 1]),
        ("list != [timestamp(0)]", vec![0, 1]),
    ] {
        assert_eq!(kept(condition), rows, "{condition}");
    }
}

#[test]
fn an_interval_can_only_be_asked_for() {
    let columns = || [("i", of32("tiM", &[Some(1), None]))];
    assert_eq!(kept("i == null", columns()), [1]);
    assert!(refused("i > duration(\"1h\")", columns()).contains("an interval of months and days has no one length"));
    assert!(refused("i == i", columns()).contains("an interval of months and days has no one length"));
}
