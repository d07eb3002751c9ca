//! A line into columns, with nothing in between: serde_json calls back and the builders take.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::{self, LineFault, kind};
use crate::columns::{Column, StructColumn};
use crate::limits::size;
use crate::misfit::{Misfit, excerpt};
use crate::names::Names;
use crate::spec::InputSpec;

/// What is known of a row beside its columns, while it is taken.
pub(super) struct Row {
    misfit: Option<Misfit>,
    /// The most that one row may fill with members that it does not have, and its lists with items: 64 MiB of line can ask for
    /// terabytes.
    most: u64,
    /// Bytes of its lists' items, without text and objects.
    items: u64,
    /// Bytes that its objects take whatever members they have: those that are missing are null.
    pub(super) filled: u64,
}

impl Row {
    fn new(spec: &InputSpec) -> Row {
        Row { misfit: None, most: spec.limits.batch, items: 0, filled: 0 }
    }
}

/// Appends the object that the line holds; the bytes that its objects take whatever members they have.
pub(super) fn row(line: &[u8], columns: &mut StructColumn, spec: &InputSpec) -> Result<u64, LineFault> {
    object(line, columns, spec).map_err(|(error, misfit)| fault::of_line(line, &error, misfit, spec))
}

/// Appends an object; the bytes that its objects take whatever members they have. Or what the parser says, and what did not fit.
pub(in crate::formats) fn object(
    text: &[u8],
    columns: &mut StructColumn,
    spec: &InputSpec,
) -> Result<u64, (serde_json::Error, Option<Misfit>)> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut row = Row::new(spec);
    // Anything but an object ends here, null and text too.
    let members = Members { columns, row: &mut row };
    match json.deserialize_map(members).and_then(|()| json.end()) {
        Ok(()) => Ok(row.filled),
        Err(error) => Err((error, row.misfit.take())),
    }
}

/// Appends the objects that lines hold, one each; all lines begin with `{` and end with `}`, but for white space. False where some line
/// is not just one object that fits: what is wrong, [`row`] says, and the columns are of no use then.
///
/// Between a `}` and a `{` no object goes on, so none reaches over the end of a line; and as many objects as lines are one each.
pub(super) fn rows(lines: &[u8], objects: usize, columns: &mut StructColumn, spec: &InputSpec) -> bool {
    // Once for all of them: text that is known to be UTF-8 is not asked again, string by string.
    let Ok(lines) = simdutf8::basic::from_utf8(lines) else { return false };
    let mut json = serde_json::Deserializer::from_str(lines);
    let mut row = || json.deserialize_map(Members { columns: &mut *columns, row: &mut Row::new(spec) }).is_ok();
    (0..objects).all(|_| row()) && json.end().is_ok()
}

/// Keeps why a value does not fit beside serde's error, which can carry text only.
pub(super) fn keep<E: Error>(slot: &mut Option<Misfit>, misfit: Misfit) -> E {
    *slot = Some(misfit);
    E::custom("misfit")
}

/// One value into one column.
struct Value<'a> {
    column: &'a mut Column,
    row: &'a mut Row,
}

impl Value<'_> {
    fn push<E: Error>(self, push: impl FnOnce(&mut Column) -> Result<(), Misfit>) -> Result<(), E> {
        push(self.column).map_err(|misfit| keep(&mut self.row.misfit, misfit))
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
            return Err(keep(&mut self.row.misfit, self.column.list_misfit()));
        };
        let width = list.items.item_width();
        loop {
            self.row.items += width;
            if self.row.items > self.row.most {
                let most = size(self.row.most);
                let message = format!("has lists that take more than {most} (`limits.batch`)");
                return Err(keep(&mut self.row.misfit, Misfit::new(message, "json")));
            }
            match seq.next_element_seed(Value { column: &mut list.items, row: &mut *self.row }) {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => {
                    self.row.misfit.iter_mut().for_each(Misfit::in_list);
                    return Err(error);
                }
            }
        }
        list.end(true);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.column {
            Column::Struct(columns) => Members { columns, row: self.row }.visit_map(map),
            column => Err(keep(&mut self.row.misfit, column.object_misfit())),
        }
    }
}

/// The members of one object.
struct Members<'a> {
    columns: &'a mut StructColumn,
    row: &'a mut Row,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Members { columns, row } = self;
        let length = columns.len();
        row.filled += columns.width;
        if row.filled > row.most {
            let most = size(row.most);
            let message =
                format!("has too many objects that lack members: they take more than {most} (`limits.batch`)");
            return Err(keep(&mut row.misfit, Misfit::new(message, "json")));
        }
        let mut expected = 0;
        while let Some(key) = map.next_key_seed(Key { names: &columns.names, expected })? {
            let index = match key {
                Ok(index) => index,
                Err(name) if name.is_empty() => return Err(keep(&mut row.misfit, Misfit::nameless())),
                Err(name) => {
                    let json = map.next_value::<&RawValue>()?.get();
                    let message = "is a key that the sample of the input lacks".to_owned();
                    let unknown = Misfit { path: vec![name], ..Misfit::new(message, fault::type_of(json)) };
                    return Err(keep(&mut row.misfit, unknown));
                }
            };
            expected = index + 1;
            let column = &mut columns.columns[index];
            let result = match column.len() > length {
                true => Err(keep(&mut row.misfit, Misfit::twice())),
                false => map.next_value_seed(Value { column, row: &mut *row }),
            };
            if let Err(error) = result {
                if let Some(misfit) = &mut row.misfit {
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
pub(super) struct Key<'a> {
    pub(super) names: &'a Names,
    pub(super) expected: usize,
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
        Ok(self.names.find(self.expected, key).ok_or_else(|| key.to_owned()))
    }
}
