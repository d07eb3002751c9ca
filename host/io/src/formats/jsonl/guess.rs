//! What the values of a sample have in common: taken as the parser calls back, so that nothing is kept but the guess itself.

use std::fmt;

use arrow::datatypes::{DataType, Field};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::decode::{Key, keep};
use crate::limits::{self, Limit};
use crate::misfit::Misfit;
use crate::names::Names;
use crate::spec::InputSpec;

/// How deep lists and objects of a column may lie within each other; deeper ones are JSON text. What reads columns elsewhere is
/// written for little more.
pub(super) const DEEPEST: usize = 64;

/// What the values seen so far have in common.
#[derive(Clone)]
pub(super) enum Guess {
    Null,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Guess>),
    Struct(Members),
}

/// The members seen of an object.
#[derive(Clone, Default)]
pub(super) struct Members {
    names: Names,
    members: Vec<Member>,
}

#[derive(Clone)]
struct Member {
    name: String,
    guess: Guess,
    /// Declared columns are what they are declared as.
    declared: bool,
    /// The object that had it last, by number.
    seen: u64,
}

impl Guess {
    pub(super) fn data_type(self) -> DataType {
        match self {
            Guess::Null => DataType::Null,
            Guess::Bool => DataType::Boolean,
            Guess::Int => DataType::Int64,
            Guess::Float => DataType::Float64,
            Guess::Text => DataType::Utf8,
            Guess::List(items) => DataType::List(Field::new_list_field(items.data_type(), true).into()),
            Guess::Struct(Members { members, .. }) => {
                let field = |Member { name, guess, .. }| Field::new(name, guess.data_type(), true);
                DataType::Struct(members.into_iter().map(field).collect())
            }
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Guess::Null => "null",
            Guess::Bool => "a boolean",
            Guess::Int => "an integer",
            Guess::Float => "a float",
            Guess::Text => "a string",
            Guess::List(_) => "a list",
            Guess::Struct(_) => "an object",
        }
    }

    /// Takes one more value into account.
    fn see(&mut self, value: Guess) -> Result<(), Misfit> {
        match (&*self, value) {
            (Guess::Null, value) => *self = value,
            (Guess::Int, Guess::Float) => *self = Guess::Float,
            (Guess::Float, Guess::Int) => {}
            (known, value) if std::mem::discriminant(known) == std::mem::discriminant(&value) => {}
            (known, value) => {
                let message = format!("is {} here and {} before", value.words(), known.words());
                return Err(Misfit::new(message, "json"));
            }
        }
        Ok(())
    }

    /// Takes into account what other values have in common.
    fn join(&mut self, other: Guess, seen: &mut Seen<'_>) -> Result<(), Misfit> {
        match other {
            Guess::Null => Ok(()),
            Guess::List(items) => {
                self.see(Guess::List(Box::new(Guess::Null)))?;
                if let Guess::List(known) = self { known.join(*items, seen) } else { Ok(()) }
            }
            Guess::Struct(members) => {
                self.see(Guess::Struct(Members::default()))?;
                if let Guess::Struct(known) = self { known.join(members, seen) } else { Ok(()) }
            }
            value => self.see(value),
        }
    }

    /// Members inside, at every depth.
    fn size(&self) -> usize {
        match self {
            Guess::List(items) => items.size(),
            Guess::Struct(members) => members.members.iter().map(|member| 1 + member.guess.size()).sum(),
            _ => 0,
        }
    }
}

impl Members {
    /// Those of other objects behind its own.
    fn join(&mut self, other: Members, seen: &mut Seen<'_>) -> Result<(), Misfit> {
        for (at, Member { name, guess, declared, .. }) in other.members.into_iter().enumerate() {
            let index = match self.names.find(at, &name) {
                Some(index) => index,
                None => {
                    seen.add(&name)?;
                    let index = self.names.push(&name);
                    self.members.push(Member { name, guess: Guess::Null, declared, seen: 0 });
                    index
                }
            };
            self.members[index].guess.join(guess, seen)?;
        }
        Ok(())
    }
}

/// All that is known of the rows of a sample.
pub(super) struct Sample<'a> {
    columns: Members,
    seen: Seen<'a>,
}

/// What is counted while a sample is taken.
struct Seen<'a> {
    spec: &'a InputSpec,
    objects: u64,
    columns: u64,
    name_bytes: u64,
    /// Items of lists.
    items: u64,
    misfit: Option<Misfit>,
}

/// After this many items of lists it is asked whether to stop: one line may have tens of millions.
const ITEMS: u64 = 1 << 16;

impl<'a> Sample<'a> {
    pub(super) fn new(spec: &'a InputSpec) -> Sample<'a> {
        let seen = Seen { spec, objects: 0, columns: 0, name_bytes: 0, items: 0, misfit: None };
        Sample { columns: Members::default(), seen }
    }

    /// Takes a row into account. Why it does not fit is [`Sample::take_misfit`], if that is not an error of the parser's own.
    pub(super) fn observe<'de, D: Deserializer<'de>>(&mut self, json: D) -> Result<(), D::Error> {
        let Sample { columns, seen } = self;
        let result = json.deserialize_map(Object { members: columns, seen, depth: 0 });
        if let Some(Misfit { path, too_many: true, .. }) = &mut seen.misfit {
            // The member that was one too many is seldom of the column that has most of them.
            let largest = columns.members.iter().max_by_key(|column| column.guess.size());
            if let Some(column) = largest.filter(|column| column.guess.size() * 2 > columns.members.len()) {
                *path = vec![column.name.clone()];
            }
        }
        result
    }

    /// This sample with the rows of another one behind its own; `None` if one of these does not fit.
    pub(super) fn with(&self, other: Sample<'a>) -> Option<Sample<'a>> {
        let seen = Seen { objects: self.seen.objects + other.seen.objects, misfit: None, ..self.seen };
        let mut both = Sample { columns: self.columns.clone(), seen };
        both.columns.join(other.columns, &mut both.seen).is_ok().then_some(both)
    }

    pub(super) fn take_misfit(&mut self) -> Option<Misfit> {
        self.seen.misfit.take()
    }

    /// The columns, in the order in which they were first seen.
    pub(super) fn columns(self) -> Vec<(String, Guess)> {
        self.columns.members.into_iter().map(|member| (member.name, member.guess)).collect()
    }
}

impl Seen<'_> {
    /// One more member, of this name.
    fn add(&mut self, name: &str) -> Result<(), Misfit> {
        if name.is_empty() {
            return Err(Misfit::nameless());
        }
        self.columns += 1;
        self.name_bytes += name.len() as u64;
        let InputSpec { limits, .. } = self.spec;
        if self.columns > limits.columns {
            let help = limits::raise(self.spec, Limit::Columns, limits.columns.saturating_mul(10));
            let message = format!("the sample has more than {} columns and members of objects in them", limits.columns);
            return Err(Misfit::too_many(message, help));
        }
        if self.name_bytes > limits.header {
            let help = limits::raise(self.spec, Limit::Header, limits.header.saturating_mul(16));
            let most = limits::size(limits.header);
            let message = format!("the names of columns and members of objects in them take more than {most}");
            return Err(Misfit::too_many(message, help));
        }
        Ok(())
    }
}

/// One object into what is known of its members.
struct Object<'a, 's> {
    members: &'a mut Members,
    seen: &'a mut Seen<'s>,
    depth: usize,
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Object { members: Members { names, members }, seen, depth } = self;
        seen.objects += 1;
        let object = seen.objects;
        let mut expected = 0;
        while let Some(key) = map.next_key_seed(Key { names, expected })? {
            let index = match key {
                Ok(index) => index,
                Err(name) => {
                    seen.add(&name).map_err(|misfit| keep(&mut seen.misfit, misfit))?;
                    let declared = depth == 0 && seen.spec.types.contains_key(&name);
                    let index = names.push(&name);
                    members.push(Member { name, guess: Guess::Null, declared, seen: 0 });
                    index
                }
            };
            expected = index + 1;
            let member = &mut members[index];
            let result = if std::mem::replace(&mut member.seen, object) == object {
                Err(keep(&mut seen.misfit, Misfit::twice()))
            } else if member.declared {
                map.next_value::<IgnoredAny>().map(drop)
            } else {
                map.next_value_seed(Observed { guess: &mut member.guess, seen: &mut *seen, depth })
            };
            if let Err(error) = result {
                if let Some(misfit) = &mut seen.misfit {
                    misfit.path.push(member.name.clone());
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

/// One value into a guess.
struct Observed<'a, 's> {
    guess: &'a mut Guess,
    seen: &'a mut Seen<'s>,
    depth: usize,
}

impl Observed<'_, '_> {
    fn see<E: Error>(&mut self, value: Guess) -> Result<(), E> {
        let nests = matches!(value, Guess::List(_) | Guess::Struct(_));
        let seen = match nests && self.depth >= DEEPEST {
            true => Err(Misfit::new(format!("is nested more than {DEEPEST} levels deep"), "json")),
            false => self.guess.see(value),
        };
        seen.map_err(|misfit| keep(&mut self.seen.misfit, misfit))
    }
}

impl<'de> DeserializeSeed<'de> for Observed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Observed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.see(Guess::Bool)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.visit_u64(0)
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        match self.guess {
            // There may be millions of them in a list.
            Guess::Int | Guess::Float => Ok(()),
            _ => self.see(Guess::Int),
        }
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        match self.guess {
            Guess::Float => Ok(()),
            _ => self.see(Guess::Float),
        }
    }

    fn visit_str<E: Error>(mut self, _: &str) -> Result<(), E> {
        match self.guess {
            Guess::Text => Ok(()),
            _ => self.see(Guess::Text),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.see(Guess::List(Box::new(Guess::Null)))?;
        let Observed { guess: Guess::List(items), seen, depth } = self else { return Ok(()) };
        while seq.next_element_seed(Observed { guess: items, seen: &mut *seen, depth: depth + 1 })?.is_some() {
            seen.items += 1;
            if seen.items % ITEMS == 0 && seen.spec.stop.check().is_err() {
                // The sample asks again, and says so.
                return Err(Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        self.see(Guess::Struct(Members::default()))?;
        let Observed { guess: Guess::Struct(members), seen, depth } = self else { return Ok(()) };
        Object { members, seen, depth: depth + 1 }.visit_map(map)
    }
}
