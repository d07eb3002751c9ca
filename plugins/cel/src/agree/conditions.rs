//! Conditions on these rows, which bytes choose: each of them is right.

use super::Bytes;
use super::rows::{COLUMNS, FLOATS, INTEGERS, Kind, TEXTS};

const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

/// A condition, nested at most so deep; a simple one is what whole columns are decided by.
pub(super) fn condition(bytes: &mut Bytes<'_>, deepest: usize, simple: bool) -> String {
    let inner = |bytes: &mut Bytes<'_>| condition(bytes, deepest - 1, simple);
    match bytes.next() % 8 {
        0 if deepest > 0 => format!("!({})", inner(bytes)),
        1 if deepest > 0 => format!("({}) && ({})", inner(bytes), inner(bytes)),
        2 if deepest > 0 => format!("({}) || ({})", inner(bytes), inner(bytes)),
        3 if deepest > 0 && !simple => format!("({}) ? ({}) : ({})", inner(bytes), inner(bytes), inner(bytes)),
        4 if deepest > 0 && !simple => {
            format!("[1, int, null].{}(x, ({}) && x == i8)", bytes.pick(&["all", "exists", "exists_one"]), inner(bytes))
        }
        _ => leaf(bytes, simple),
    }
}

fn leaf(bytes: &mut Bytes<'_>, simple: bool) -> String {
    let of_use = COLUMNS.into_iter().filter(|(.., whole)| *whole || !simple).collect::<Vec<_>>();
    let (name, kind, _) = bytes.pick(&of_use);
    let is = bytes.pick(&COMPARISONS);
    match bytes.next() % 8 {
        0 => format!("{name} {} null", bytes.pick(&["==", "!="])),
        1 => {
            let items: Vec<_> = (0..bytes.below(4)).map(|_| constant(bytes, kind, simple)).collect();
            format!("{name} in [{}]", items.join(", "))
        }
        2 => format!("{} {is} {name}", constant(bytes, kind, simple)),
        3 if kind == Kind::Bool => name.to_owned(),
        3 if !simple => {
            let others: Vec<_> = COLUMNS.into_iter().filter(|(_, other, _)| goes_with(kind, *other)).collect();
            format!("{name} {is} {}", bytes.pick(&others).0)
        }
        4 if !simple => {
            format!("coalesce({name}, {}) {is} {}", constant(bytes, kind, true), constant(bytes, kind, true))
        }
        5 if !simple && matches!(kind, Kind::Int | Kind::Float) => {
            format!(
                "{name} {} {} {is} {}",
                bytes.pick(&["+", "-", "*", "/"]),
                constant(bytes, kind, true),
                constant(bytes, kind, true)
            )
        }
        6 if !simple && kind == Kind::Text => {
            format!("{name}.lower().{}(\"a\")", bytes.pick(&["startsWith", "endsWith", "contains"]))
        }
        _ => format!("{name} {is} {}", constant(bytes, kind, simple)),
    }
}

fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Float | Kind::Decimal)
}

fn goes_with(kind: Kind, other: Kind) -> bool {
    kind == other || is_number(kind) && is_number(other)
}

/// A constant of this kind, as it is written.
fn constant(bytes: &mut Bytes<'_>, kind: Kind, simple: bool) -> String {
    match kind {
        Kind::Bool => bytes.pick(&["true", "false"]).to_owned(),
        // Numbers of all kinds; but a column of floats against a decimal is the interpreter's.
        Kind::Int | Kind::Float | Kind::Decimal => match bytes.next() % 6 {
            0 => bytes
                .pick(&["0.30", "-1.005", "12345678901234567890.5", "1e-30", "1e30", "18446744073709551615"])
                .to_owned(),
            1 => format!("{:?}", bytes.pick(&FLOATS).clamp(-1e300, 1e300)).replace("NaN", "0.25"),
            2 if !simple => format!("decimal(\"{}\")", bytes.pick(&["0.1", "-3", "1e20", "0.5"])),
            3 if !simple => bytes.pick(&["double(\"NaN\")", "double(\"inf\")", "-double(\"inf\")"]).to_owned(),
            4 => (i64::from(bytes.next() as i8)).to_string(),
            _ => bytes.pick(&INTEGERS).to_string(),
        },
        Kind::Text => format!("\"{}\"", bytes.pick(&TEXTS)),
        Kind::Binary => format!("b\"{}\"", bytes.pick(&TEXTS)),
        Kind::Instant => match bytes.next() % 4 {
            0 => bytes.pick(&["date(\"2024-01-01\")", "date(\"1970-01-01\")", "date(\"-9999-12-31\")"]).to_owned(),
            1 => format!("timestamp({})", bytes.pick(&INTEGERS)),
            _ => format!(
                "timestamp(\"{}\")",
                bytes.pick(&[
                    "1969-12-31T23:59:59.999999999Z",
                    "1970-01-01T00:00:00.0005Z",
                    "2024-01-01T01:00:00+01:00",
                    "+99999-01-01T00:00:00Z"
                ])
            ),
        },
        Kind::Time => format!("time(\"{}\")", bytes.pick(&["00:00", "23:59:59", "00:00:00.000000003", "12:30:00.5"])),
        Kind::Duration => {
            format!("duration(\"{}\")", bytes.pick(&["0", "-1s", "3us", "1ns", "86399s", "-24h", "1.0005s"]))
        }
    }
}
