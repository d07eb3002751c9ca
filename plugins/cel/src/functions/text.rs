//! Functions of text, and what has a size.

use std::borrow::Cow;

use super::{Function, Gives, Takes};
use crate::value::{List, Value};

macro_rules! text {
    ($name:literal, $($takes:ident),* => $gives:ident, |$($argument:ident: $case:ident),*| $result:expr) => {
        Function {
            name: $name,
            takes: &[$(Takes::$takes),*],
            gives: Gives::$gives,
            run: |arguments| match arguments {
                [$(Value::$case($argument)),*] => $result,
                _ => Ok(Value::Null),
            },
        }
    };
}

pub(super) const FUNCTIONS: &[Function] = &[
    text!("size", Text => Int, |text: Text| Ok(int(text.chars().count()))),
    text!("size", Bytes => Int, |bytes: Bytes| Ok(int(bytes.len()))),
    text!("size", List => Int, |list: List| Ok(int(list.len()))),
    text!("size", Map => Int, |map: Map| Ok(int(map.len()))),
    text!("contains", Text, Text => Bool, |text: Text, part: Text| Ok(Value::Bool(text.contains(&**part)))),
    text!("startsWith", Text, Text => Bool, |text: Text, part: Text| Ok(Value::Bool(text.starts_with(&**part)))),
    text!("endsWith", Text, Text => Bool, |text: Text, part: Text| Ok(Value::Bool(text.ends_with(&**part)))),
    text!("lowerAscii", Text => Text, |text: Text| Ok(Value::text(text.to_ascii_lowercase()))),
    text!("upperAscii", Text => Text, |text: Text| Ok(Value::text(text.to_ascii_uppercase()))),
    text!("lower", Text => Text, |text: Text| Ok(Value::text(text.to_lowercase()))),
    text!("upper", Text => Text, |text: Text| Ok(Value::text(text.to_uppercase()))),
    text!("trim", Text => Text, |text: Text| Ok(part_of(text, text.trim()))),
    text!("replace", Text, Text, Text => Text, |text: Text, from: Text, to: Text| {
        let longer = to.len().saturating_sub(from.len());
        // What is between nothing is each character, and the ends.
        let most = if longer == 0 { 0 } else { text.matches(&**from).count().saturating_mul(longer) };
        within("replace", text.len().saturating_add(most))?;
        Ok(Value::text(text.replace(&**from, to)))
    }),
    text!("split", Text, Text => Texts, |text: Text, between: Text| {
        pieces(text, between, usize::MAX)
    }),
    text!("split", Text, Text, Int => Texts, |text: Text, between: Text, most: Int| {
        pieces(text, between, usize::try_from(*most).unwrap_or(usize::MAX))
    }),
    text!("join", Texts => Text, |list: List| join(list, "")),
    text!("join", Texts, Text => Text, |list: List, between: Text| join(list, between)),
    text!("substring", Text, Int => Text, |text: Text, start: Int| substring(text, *start, None)),
    text!("substring", Text, Int, Int => Text, |text: Text, start: Int, end: Int| {
        substring(text, *start, Some(*end))
    }),
    text!("lastIndexOf", Text, Text => Int, |text: Text, part: Text| Ok(match text.rfind(&**part) {
        Some(at) => int(text[..at].chars().count()),
        None => Value::Int(-1),
    })),
    text!("indexOf", Text, Text => Int, |text: Text, part: Text| Ok(match text.find(&**part) {
        Some(at) => int(text[..at].chars().count()),
        None => Value::Int(-1),
    })),
];

fn int(count: usize) -> Value<'static> {
    Value::Int(count as i128)
}

/// `part`, which is a part of `text`, without a copy if that is borrowed.
fn part_of<'a>(text: &Cow<'a, str>, part: &str) -> Value<'a> {
    match text {
        Cow::Borrowed(text) => {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            Value::text(&text[start..start + part.len()])
        }
        Cow::Owned(_) => Value::text(part.to_owned()),
    }
}

/// The longest text that a function makes, bytes, and the most pieces that a text is divided into.
const LONGEST: usize = 256 << 20;
pub(crate) const MOST_PIECES: usize = 1 << 22;

pub(crate) fn within(function: &str, bytes: usize) -> Result<(), String> {
    match bytes <= LONGEST {
        true => Ok(()),
        false => Err(format!("`{function}` makes a text of more than 256 MiB")),
    }
}

/// At most `most` pieces, the last being the rest; with an empty separator, each is a character.
fn pieces<'a>(text: &Cow<'a, str>, between: &str, most: usize) -> Result<Value<'a>, String> {
    let bounded = most.min(MOST_PIECES + 1);
    let pieces: Vec<Value<'a>> = match between.is_empty() {
        false => text.splitn(bounded, between).map(|piece| part_of(text, piece)).collect(),
        true => {
            let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).take(bounded).collect();
            ends.push(text.len());
            ends.windows(2).map(|ends| part_of(text, &text[ends[0]..ends[1]])).collect()
        }
    };
    match pieces.len() > MOST_PIECES {
        true => Err(format!("`split` makes more than {MOST_PIECES} pieces")),
        false => Ok(Value::list(pieces)),
    }
}

/// Null where an item is null.
fn join<'a>(list: &List<'a>, between: &str) -> Result<Value<'a>, String> {
    let mut joined = String::new();
    for (i, item) in list.iter().enumerate() {
        let Value::Text(item) = item else { return Ok(Value::Null) };
        within("join", joined.len().saturating_add(between.len()).saturating_add(item.len()))?;
        joined += if i == 0 { "" } else { between };
        joined += &item;
    }
    Ok(Value::text(joined))
}

/// Characters from `start` up to `end`, or to the end of the text.
fn substring<'a>(text: &Cow<'a, str>, start: i128, end: Option<i128>) -> Result<Value<'a>, String> {
    let outside = || "`substring` begins or ends outside of the text".to_owned();
    let place = |characters: i128| {
        let characters = usize::try_from(characters).ok()?;
        text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(characters)
    };
    let start = place(start).ok_or_else(outside)?;
    let end = end.map_or(Some(text.len()), place).filter(|end| start <= *end).ok_or_else(outside)?;
    Ok(part_of(text, &text[start..end]))
}
