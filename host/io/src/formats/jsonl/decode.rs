//! A line into columns, with nothing in between: serde_json calls back and the builders take.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::columns::{Column, Misfit, StructColumn, excerpt};
use crate::dataset::InputSpec;
use crate::error::{IoError, Place};

/// An error of one line; its number is the caller's to know.
pub(super) struct LineFault {
    error: IoError,
    column: Option<u64>,
}

impl LineFault {
    pub(super) fn at_line(self, line: u64) -> IoError {
        self.error.at(Place::Line { line, column: self.column })
    }
}

/// Appends the object that the line holds.
pub(super) fn row(line: &[u8], columns: &mut StructColumn, spec: &InputSpec) -> Result<(), LineFault> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let mut misfit = None;
    // Anything but an object ends here, null and text too.
    let members = Members { columns, misfit: &mut misfit };
    let result = json.deserialize_map(members).and_then(|()| json.end());
    result.map_err(|error| match misfit {
        Some(misfit) => {
            LineFault { error: misfit.into_error(spec, "json"), column: Some(error.column() as u64).filter(|c| *c > 0) }
        }
        None => malformed(line, &error),
    })
}

/// Appends the objects that lines hold, one each; all lines begin with `{` and end with `}`, but for white space. False where some line
/// is not just one object that fits: what is wrong, [`row`] says, and the columns are of no use then.
///
/// Between a `}` and a `{` no object goes on, so none reaches over the end of a line; and as many objects as lines are one each.
pub(super) fn rows(lines: &[u8], objects: usize, columns: &mut StructColumn) -> bool {
    // Once for all of them: text that is known to be UTF-8 is not asked again, string by string.
    let Ok(lines) = simdutf8::basic::from_utf8(lines) else { return false };
    let mut json = serde_json::Deserializer::from_str(lines);
    let mut row = || json.deserialize_map(Members { columns: &mut *columns, misfit: &mut None }).is_ok();
    (0..objects).all(|_| row()) && json.end().is_ok()
}

/// Why a line is no JSON object.
pub(super) fn malformed(line: &[u8], error: &serde_json::Error) -> LineFault {
    if let Err(error) = std::str::from_utf8(line) {
        return LineFault {
            error: IoError::data("the line is not UTF-8"),
            column: Some(error.valid_up_to() as u64 + 1),
        };
    }
    let first = line.trim_ascii_start().first();
    if error.is_data() && first != Some(&b'{') {
        let kind = first.map_or("nothing", |byte| kind(*byte));
        let error =
            IoError::data(format!("the line is {kind}, not an object")).with_help("JSON Lines has one object a line");
        return LineFault { error, column: None };
    }
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let mut fault = IoError::data(format!("the line is not JSON: {message}"));
    if error.is_eof() {
        fault = fault.with_help("JSON Lines has one object a line; or the file was cut short");
    }
    LineFault { error: fault, column: Some(error.column() as u64).filter(|c| *c > 0) }
}

/// What a JSON text is, by its first byte.
fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "a list",
        b'"' => "a string",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => "not JSON",
    }
}

/// The type, as `types` names it, for a column that a sample did not know.
fn type_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        Some(b'-' | b'0'..=b'9') if json.contains(['.', 'e', 'E']) => "float64",
        Some(b'-' | b'0'..=b'9') => "int64",
        _ => "json",
    }
}

/// Keeps why a value does not fit beside serde's error, which can carry text only.
fn keep<E: Error>(slot: &mut Option<Misfit>, misfit: Misfit) -> E {
    *slot = Some(misfit);
    E::custom("misfit")
}

/// One value into one column.
struct Value<'a> {
    column: &'a mut Column,
    misfit: &'a mut Option<Misfit>,
}

impl Value<'_> {
    fn push<E: Error>(self, push: impl FnOnce(&mut Column) -> Result<(), Misfit>) -> Result<(), E> {
        push(self.column).map_err(|misfit| keep(self.misfit, misfit))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        match self.column {
            Column::Json(_) | Column::Float(..) => {
                let text = <&RawValue>::deserialize(json)?.get();
                self.push(|column| raw(column, text))
            }
            _ => json.deserialize_any(self),
        }
    }
}

/// Values whose exact text counts: JSON that is kept, and floats, which serde_json rounds less well.
fn raw(column: &mut Column, text: &str) -> Result<(), Misfit> {
    match (column, text.as_bytes().first()) {
        (column, Some(b'n')) => column.push_null(),
        (Column::Json(b), _) => b.append_value(text),
        (column, Some(b'-' | b'0'..=b'9')) => column.push_float(text)?,
        (column, first) => {
            let found = match first {
                Some(b'"') => format!("the string {}", excerpt(text)),
                _ => kind(*first.unwrap_or(&b' ')).to_owned(),
            };
            return Err(Misfit::new(format!("should be {}, found {found}", column.type_name()), "json"));
        }
    }
    Ok(())
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.column.push_null();
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(|column| column.push_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(|column| column.push_int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(|column| column.push_uint(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(|column| Err(column.float_misfit(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.push(|column| column.push_text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Column::List(list) = self.column else {
            return Err(keep(self.misfit, self.column.list_misfit()));
        };
        while seq.next_element_seed(Value { column: &mut list.items, misfit: &mut *self.misfit })?.is_some() {}
        list.end(true);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.column {
            Column::Struct(columns) => Members { columns, misfit: self.misfit }.visit_map(map),
            column => Err(keep(self.misfit, column.object_misfit())),
        }
    }
}

/// The members of one object.
struct Members<'a> {
    columns: &'a mut StructColumn,
    misfit: &'a mut Option<Misfit>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Members { columns, misfit } = self;
        let row = columns.len();
        let mut expected = 0;
        while let Some(key) = map.next_key_seed(Key { columns, expected })? {
            let index = match key {
                Ok(index) => index,
                Err(name) => {
                    let json = map.next_value::<&RawValue>()?.get();
                    let message = "is a key that the sample of the input lacks".to_owned();
                    let unknown = Misfit { path: vec![name], message, would_fit: type_of(json) };
                    return Err(keep(misfit, unknown));
                }
            };
            expected = index + 1;
            let column = &mut columns.columns[index];
            let result = match column.len() > row {
                true => Err(keep(misfit, Misfit::new("stands twice in one object".into(), "json"))),
                false => map.next_value_seed(Value { column, misfit: &mut *misfit }),
            };
            if let Err(error) = result {
                if let Some(misfit) = misfit {
                    misfit.path.push(columns.fields[index].name().clone());
                }
                return Err(error);
            }
        }
        columns.end(true);
        Ok(())
    }
}

/// A key to the index of its column, or its text where there is none. Objects mostly keep the order of the first.
struct Key<'a> {
    columns: &'a StructColumn,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let fields = &self.columns.fields;
        let length = fields.len();
        let order = (self.expected..length).chain(0..self.expected.min(length));
        let found = order.into_iter().find(|index| fields[*index].name() == key);
        Ok(found.ok_or_else(|| key.to_owned()))
    }
}
