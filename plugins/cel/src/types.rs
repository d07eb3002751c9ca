//! What the values of a column, or of a part of an expression, are.

use std::fmt;

use callboard_sdk::{Field, Layout};

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Nothing but null.
    Null,
    Bool,
    Int,
    Float,
    Decimal,
    /// Any of the three, in a list that is written with several.
    Number,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    Duration,
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Struct(Vec<(String, Type)>),
    /// A value of JSON, whose type is known for each row alone.
    Json,
    /// What can only be asked whether it is null: intervals of months and days.
    Opaque,
}

/// What a layout stands for, of the meanings that `logical` may give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// What the layout says.
    Plain,
    /// Days, or with `false` milliseconds of whole days.
    Date(bool),
    /// Counts of units of that many nanoseconds.
    Time(i64),
    Timestamp(i64),
    Duration(i64),
    /// Numbers that are divided by ten to this power.
    Decimal(i32),
    Map,
    Opaque,
}

impl Meaning {
    /// As Arrow's C data interface writes it. What is not known is what its layout says.
    pub(crate) fn of(ty: &callboard_sdk::Type) -> Self {
        let Some(logical) = ty.logical.as_deref() else { return Meaning::Plain };
        let meaning = match (&ty.layout, logical.as_bytes()) {
            (Layout::Int32, b"tdD") => Some(Meaning::Date(true)),
            (Layout::Int64, b"tdm") => Some(Meaning::Date(false)),
            (Layout::Int32 | Layout::Int64, [b't', b't', letter]) => unit(*letter).map(Meaning::Time),
            (Layout::Int64, [b't', b's', letter, b':', ..]) => unit(*letter).map(Meaning::Timestamp),
            (Layout::Int64, [b't', b'D', letter]) => unit(*letter).map(Meaning::Duration),
            (_, [b't', b'i', _]) => Some(Meaning::Opaque),
            (Layout::Fixed(_), [b'd', b':', ..]) => {
                logical.split(',').nth(1).and_then(|scale| scale.parse().ok()).map(Meaning::Decimal)
            }
            (Layout::List(entries), b"+m") => {
                matches!(&entries.layout, Layout::Struct(members) if members.len() == 2).then_some(Meaning::Map)
            }
            _ => None,
        };
        meaning.unwrap_or(Meaning::Plain)
    }
}

fn unit(letter: u8) -> Option<i64> {
    Some(match letter {
        b's' => 1_000_000_000,
        b'm' => 1_000_000,
        b'u' => 1_000,
        b'n' => 1,
        _ => return None,
    })
}

impl From<&callboard_sdk::Type> for Type {
    fn from(ty: &callboard_sdk::Type) -> Self {
        match Meaning::of(ty) {
            Meaning::Plain => {}
            Meaning::Date(_) => return Type::Date,
            Meaning::Time(_) => return Type::Time,
            Meaning::Timestamp(_) => return Type::Timestamp,
            Meaning::Duration(_) => return Type::Duration,
            Meaning::Decimal(_) => return Type::Decimal,
            Meaning::Opaque => return Type::Opaque,
            Meaning::Map => {
                if let Layout::List(entries) = &ty.layout
                    && let Layout::Struct(members) = &entries.layout
                    && let [key, value] = &members[..]
                {
                    return Type::Map(Box::new((&key.ty).into()), Box::new((&value.ty).into()));
                }
            }
        }
        match &ty.layout {
            Layout::Null => Type::Null,
            Layout::Boolean => Type::Bool,
            Layout::Float32 | Layout::Float64 => Type::Float,
            Layout::Utf8 => Type::Text,
            Layout::Binary | Layout::Fixed(_) => Type::Bytes,
            Layout::List(items) | Layout::Vector(items, _) => Type::List(Box::new((&**items).into())),
            Layout::Struct(fields) => {
                let member = |field: &Field| (field.name.clone(), Type::from(&field.ty));
                Type::Struct(fields.iter().map(member).collect())
            }
            _integers => Type::Int,
        }
    }
}

impl Type {
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Float | Type::Decimal | Type::Number)
    }

    pub(crate) fn is_instant(&self) -> bool {
        matches!(self, Type::Date | Type::Timestamp)
    }

    /// Whether values of both types can be equal; with `ordered`, whether one can come before the other.
    pub(crate) fn goes_with(&self, other: &Type, ordered: bool) -> bool {
        match (self, other) {
            (Type::Null, _) | (_, Type::Null) => true,
            (Type::Opaque | Type::Json, _) | (_, Type::Opaque | Type::Json) => false,
            (Type::List(left), Type::List(right)) => !ordered && left.goes_with(right, false),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                !ordered && key.goes_with(other_key, false) && value.goes_with(other_value, false)
            }
            (Type::Struct(left), Type::Struct(right)) => {
                let member = |(name, ty): &(String, Type)| {
                    right.iter().any(|(other, other_ty)| name == other && ty.goes_with(other_ty, false))
                };
                !ordered && left.len() == right.len() && left.iter().all(member)
            }
            (left, right) => {
                left == right || left.is_number() && right.is_number() || left.is_instant() && right.is_instant()
            }
        }
    }

    /// The type of what may be of either, if there is one.
    pub(crate) fn or(self, other: Type) -> Option<Type> {
        match (self, other) {
            (Type::Null, ty) | (ty, Type::Null) => Some(ty),
            (Type::List(left), Type::List(right)) => Some(Type::List(Box::new(left.or(*right)?))),
            (left, right) if left == right => Some(left),
            (left, right) if left.is_number() && right.is_number() => Some(Type::Number),
            (left, right) if left.is_instant() && right.is_instant() => Some(Type::Timestamp),
            _ => None,
        }
    }
}

/// As a value of this type is called in a message: `an integer`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Null => "null",
            Type::Bool => "a bool",
            Type::Int => "an integer",
            Type::Float => "a float",
            Type::Decimal => "a decimal",
            Type::Number => "a number",
            Type::Text => "text",
            Type::Bytes => "bytes",
            Type::Date => "a date",
            Type::Time => "a time of day",
            Type::Timestamp => "a timestamp",
            Type::Duration => "a duration",
            Type::List(items) => return write!(f, "a list (an item is {items})"),
            Type::Map(key, value) => return write!(f, "a map (a key is {key}, a value {value})"),
            Type::Struct(_) => "a struct",
            Type::Json => "JSON (write `string(…)`, `int(…)`, `double(…)` or `bool(…)` around it)",
            Type::Opaque => "an interval",
        })
    }
}
