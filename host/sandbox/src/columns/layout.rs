//! Which layout of the contract carries an Arrow type, and what `logical` then says.

use arrow::array::timezone::Tz;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

/// The layout of an array without children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Nulls,
    Booleans,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Utf8,
    Binary,
    Fixed(u32),
}

/// The layout and the logical type of a leaf; `None` for nested types and for types that have no place in the contract.
pub(super) fn leaf(of: &DataType) -> Option<(Leaf, Option<String>)> {
    let plain = |leaf| Some((leaf, None));
    let named = |leaf, logical: String| Some((leaf, Some(logical)));
    match of {
        DataType::Null => plain(Leaf::Nulls),
        DataType::Boolean => plain(Leaf::Booleans),
        DataType::Int8 => plain(Leaf::Int8),
        DataType::Int16 => plain(Leaf::Int16),
        DataType::Int32 => plain(Leaf::Int32),
        DataType::Int64 => plain(Leaf::Int64),
        DataType::UInt8 => plain(Leaf::UInt8),
        DataType::UInt16 => plain(Leaf::UInt16),
        DataType::UInt32 => plain(Leaf::UInt32),
        DataType::UInt64 => plain(Leaf::UInt64),
        DataType::Float32 => plain(Leaf::Float32),
        DataType::Float64 => plain(Leaf::Float64),
        DataType::Utf8 => plain(Leaf::Utf8),
        DataType::Binary => plain(Leaf::Binary),
        DataType::FixedSizeBinary(width) => plain(Leaf::Fixed(u32::try_from(*width).ok()?)),
        DataType::Date32 => named(Leaf::Int32, "tdD".into()),
        DataType::Date64 => named(Leaf::Int64, "tdm".into()),
        DataType::Time32(unit) => named(Leaf::Int32, format!("tt{}", letter(unit))),
        DataType::Time64(unit) => named(Leaf::Int64, format!("tt{}", letter(unit))),
        DataType::Timestamp(unit, zone) => {
            let zone = zone.as_deref().unwrap_or_default();
            named(Leaf::Int64, format!("ts{}:{zone}", letter(unit)))
        }
        DataType::Duration(unit) => named(Leaf::Int64, format!("tD{}", letter(unit))),
        DataType::Interval(IntervalUnit::YearMonth) => named(Leaf::Int32, "tiM".into()),
        DataType::Interval(IntervalUnit::DayTime) => named(Leaf::Fixed(8), "tiD".into()),
        DataType::Interval(IntervalUnit::MonthDayNano) => named(Leaf::Fixed(16), "tin".into()),
        DataType::Decimal32(p, s) => named(Leaf::Fixed(4), format!("d:{p},{s},32")),
        DataType::Decimal64(p, s) => named(Leaf::Fixed(8), format!("d:{p},{s},64")),
        DataType::Decimal128(p, s) => named(Leaf::Fixed(16), format!("d:{p},{s}")),
        DataType::Decimal256(p, s) => named(Leaf::Fixed(32), format!("d:{p},{s},256")),
        _ => None,
    }
}

/// The Arrow type that a leaf of this layout with this `logical` stands for; `None` where they do not go together.
pub(super) fn data_type(leaf_layout: Leaf, logical: Option<&str>) -> Option<DataType> {
    let physical = match leaf_layout {
        Leaf::Nulls => DataType::Null,
        Leaf::Booleans => DataType::Boolean,
        Leaf::Int8 => DataType::Int8,
        Leaf::Int16 => DataType::Int16,
        Leaf::Int32 => DataType::Int32,
        Leaf::Int64 => DataType::Int64,
        Leaf::UInt8 => DataType::UInt8,
        Leaf::UInt16 => DataType::UInt16,
        Leaf::UInt32 => DataType::UInt32,
        Leaf::UInt64 => DataType::UInt64,
        Leaf::Float32 => DataType::Float32,
        Leaf::Float64 => DataType::Float64,
        Leaf::Utf8 => DataType::Utf8,
        Leaf::Binary => DataType::Binary,
        Leaf::Fixed(width) => DataType::FixedSizeBinary(i32::try_from(width).ok()?),
    };
    let Some(logical) = logical else {
        return Some(physical);
    };
    let named = match logical {
        "tdD" => DataType::Date32,
        "tdm" => DataType::Date64,
        "tts" => DataType::Time32(TimeUnit::Second),
        "ttm" => DataType::Time32(TimeUnit::Millisecond),
        "ttu" => DataType::Time64(TimeUnit::Microsecond),
        "ttn" => DataType::Time64(TimeUnit::Nanosecond),
        "tiM" => DataType::Interval(IntervalUnit::YearMonth),
        "tiD" => DataType::Interval(IntervalUnit::DayTime),
        "tin" => DataType::Interval(IntervalUnit::MonthDayNano),
        other => parameterised(other)?,
    };
    // The name alone decides the type; the layout must be the one that carries it.
    (leaf(&named)?.0 == leaf_layout).then_some(named)
}

fn parameterised(logical: &str) -> Option<DataType> {
    if let Some(rest) = logical.strip_prefix("tD") {
        return Some(DataType::Duration(unit(rest)?));
    }
    if let Some(rest) = logical.strip_prefix("ts") {
        let (letter, zone) = rest.split_once(':')?;
        // One that nobody knows would fail whoever writes the values.
        if !zone.is_empty() && zone.parse::<Tz>().is_err() {
            return None;
        }
        let zone = (!zone.is_empty()).then(|| zone.into());
        return Some(DataType::Timestamp(unit(letter)?, zone));
    }
    let mut parts = logical.strip_prefix("d:")?.split(',');
    let (precision, scale) = (parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<i8>().ok()?);
    let (of, max): (fn(u8, i8) -> DataType, u8) = match parts.next() {
        None | Some("128") => (DataType::Decimal128, 38),
        Some("32") => (DataType::Decimal32, 9),
        Some("64") => (DataType::Decimal64, 18),
        Some("256") => (DataType::Decimal256, 76),
        Some(_) => return None,
    };
    let fits = (1..=max).contains(&precision) && scale.unsigned_abs() <= precision;
    (fits && parts.next().is_none()).then(|| of(precision, scale))
}

fn letter(unit: &TimeUnit) -> char {
    match unit {
        TimeUnit::Second => 's',
        TimeUnit::Millisecond => 'm',
        TimeUnit::Microsecond => 'u',
        TimeUnit::Nanosecond => 'n',
    }
}

fn unit(letter: &str) -> Option<TimeUnit> {
    Some(match letter {
        "s" => TimeUnit::Second,
        "m" => TimeUnit::Millisecond,
        "u" => TimeUnit::Microsecond,
        "n" => TimeUnit::Nanosecond,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever writes the values would fail, and it would look like a fault of the machine's.
    #[test]
    fn a_zone_that_nobody_knows_is_refused_where_it_is_declared() {
        let of = |logical| data_type(Leaf::Int64, Some(logical));
        for known in ["tsu:", "tsu:UTC", "tsn:Europe/Berlin", "tss:+05:30", "tsm:-03"] {
            assert!(matches!(of(known), Some(DataType::Timestamp(..))), "{known}");
        }
        for unknown in ["tsu:Nowhere/Land", "tsu:+99:99", "tsu: ", "tsu:UTC\u{1b}[31m"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }
}
