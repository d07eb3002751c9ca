//! The functions that an expression may call, as `f(x)` or `x.f()`. The table of `docs/expressions.md` says what each does.
//!
//! A function is given values and no null: where an argument is null, so is the result.

mod convert;
mod hashes;
mod lists;
mod moments;
mod numbers;
pub(crate) mod text;

use crate::types::Type;
use crate::value::Value;

/// A function of one name for arguments of some types; several may share a name.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [Takes],
    pub(crate) gives: Gives,
    pub(crate) run: for<'a> fn(&[Value<'a>]) -> Result<Value<'a>, String>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Bool,
    Int,
    /// An integer or a float.
    Float,
    Number,
    Text,
    Bytes,
    /// A timestamp or a date.
    Instant,
    Time,
    Duration,
    List,
    Texts,
    /// A list of integers or floats, or of numbers of both kinds.
    Numbers,
    /// A list of values that have an order.
    Ordered,
    Map,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Bool,
    Int,
    Float,
    Decimal,
    Text,
    Texts,
    Bytes,
    Date,
    Time,
    Timestamp,
    Duration,
    /// What the first argument is.
    Same,
    /// What an item of the first argument is.
    Item,
}

impl Takes {
    pub(crate) fn accepts(self, ty: &Type) -> bool {
        match (self, ty) {
            (_, Type::Null) => true,
            (Takes::Bool, Type::Bool)
            | (Takes::Int, Type::Int)
            | (Takes::Float, Type::Int | Type::Float)
            | (Takes::Text, Type::Text)
            | (Takes::Bytes, Type::Bytes)
            | (Takes::Time, Type::Time)
            | (Takes::Duration, Type::Duration)
            | (Takes::List, Type::List(_))
            | (Takes::Map, Type::Map(..))
            | (Takes::Json, Type::Json) => true,
            (Takes::Number, ty) => ty.is_number(),
            (Takes::Instant, ty) => ty.is_instant(),
            (Takes::Numbers, Type::List(items)) => {
                items.is_number() && **items != Type::Decimal || **items == Type::Null
            }
            (Takes::Ordered, Type::List(items)) => items.goes_with(items, true),
            (Takes::Texts, Type::List(items)) => matches!(**items, Type::Text | Type::Null),
            _ => false,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Takes::Bool => "a bool",
            Takes::Int => "an integer",
            Takes::Float => "an integer or a float",
            Takes::Number => "a number",
            Takes::Text => "text",
            Takes::Bytes => "bytes",
            Takes::Instant => "a timestamp or a date",
            Takes::Time => "a time of day",
            Takes::Duration => "a duration",
            Takes::List => "a list",
            Takes::Texts => "a list of text",
            Takes::Numbers => "a list of integers or floats",
            Takes::Ordered => "a list of values that have an order",
            Takes::Map => "a map",
            Takes::Json => "JSON",
        }
    }
}

impl Gives {
    pub(crate) fn ty(self, first: Option<&Type>) -> Type {
        match self {
            Gives::Bool => Type::Bool,
            Gives::Int => Type::Int,
            Gives::Float => Type::Float,
            Gives::Decimal => Type::Decimal,
            Gives::Text => Type::Text,
            Gives::Texts => Type::List(Box::new(Type::Text)),
            Gives::Bytes => Type::Bytes,
            Gives::Date => Type::Date,
            Gives::Time => Type::Time,
            Gives::Timestamp => Type::Timestamp,
            Gives::Duration => Type::Duration,
            Gives::Same => first.cloned().unwrap_or(Type::Null),
            Gives::Item => match first {
                Some(Type::List(items)) => (**items).clone(),
                _ => Type::Null,
            },
        }
    }
}

/// All there are.
pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    [
        text::FUNCTIONS,
        hashes::FUNCTIONS,
        lists::FUNCTIONS,
        numbers::FUNCTIONS,
        moments::FUNCTIONS,
        moments::PARTS,
        convert::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// What is not in the table, since it is given what is not a value: names, patterns, nulls.
pub(crate) const SPECIAL: [&str; 13] = [
    "has",
    "coalesce",
    "matches",
    "extract",
    "extractAll",
    "regexReplace",
    "json",
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
];

/// What to write instead of a function that there is not.
pub(crate) fn instead_of(name: &str) -> String {
    let lower = name.to_lowercase();
    if let Some(known) = all().map(|function| function.name).chain(SPECIAL).find(|known| known.to_lowercase() == lower)
    {
        return format!("; it is written `{known}`");
    }
    let known = match lower.as_str() {
        "len" | "length" | "count" | "strlen" => "`size(x)`",
        "tolower" | "to_lower" | "lowercase" => "`lower(text)`",
        "toupper" | "to_upper" | "uppercase" => "`upper(text)`",
        "strip" => "`trim(text)`",
        "like" | "regex" | "regexp_matches" | "match" => "`matches(text, pattern)`",
        "regexp_replace" | "regex_replace" | "replaceregex" | "replaceall" | "sub" | "gsub" => {
            "`regexReplace(text, pattern, to)`"
        }
        "regexp_extract" | "regex_extract" => "`extract(text, pattern)`",
        "findall" | "find_all" | "regexp_extract_all" | "extract_all" => "`extractAll(text, pattern)`",
        "find" | "index" | "strpos" => "`indexOf(text, part)`",
        "unique" => "`distinct(list)`",
        "date_format" | "format_date" | "to_char" => "`strftime(x, format)`",
        "md5" | "sha1" | "hash" => "`xxh3(x)` or `sha256(x)`",
        "concat" => "`x + y`",
        "if" | "iff" => "`condition ? then : otherwise`",
        "includes" => "`contains(x, part)`",
        "isnull" | "is_null" => "`x == null`",
        "notnull" | "isnotnull" | "is_not_null" => "`x != null`",
        "ifnull" | "nvl" => "`coalesce(x, y)`",
        "float" | "number" => "`double(x)`",
        "integer" | "uint" => "`int(x)`",
        "str" => "`string(x)`",
        "any" => "`list.exists(x, …)`",
        "now" | "today" => return "; a step has no clock, so that the same rows always give the same result".into(),
        "type" => return "; a column's type is always the same, and `callboard plan` shows it".into(),
        _ => return "; `docs/expressions.md` lists all that there are".into(),
    };
    format!("; write {known}")
}
