//! All columns of rows, and of the rows of each value of one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, is_null, nullif};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use callboard_plan::nearest;
use callboard_sandbox::in_a_line;
use rayon::prelude::*;

use super::sketch::Sketch;
use crate::error::{Class, RunError};
use crate::ports::bug;
use crate::store::records::{ColumnStats, GroupStats, Stats};

/// No more columns of rows that are read to be looked at, those of each group counted; a group takes part only while there is room.
pub(crate) const MOST: usize = 1_000;
/// No more values of a column have a group of their own, and no more bytes of a value tell them apart.
const GROUPS: usize = 32;
const LONGEST: usize = 200;

/// What is to be looked at.
#[derive(Clone, Debug, Default)]
pub struct StatsWanted {
    /// These columns; all if there are none. A member of a struct is `meta.language`.
    pub columns: Vec<String>,
    /// Also the rows of each value of this column by themselves.
    pub by: Option<String>,
}

impl StatsWanted {
    /// What is wanted of figures of all columns; `None` if it is not among them.
    pub(crate) fn of(&self, mut stats: Stats) -> Option<Stats> {
        if self.by.is_some() {
            return None;
        }
        if !self.columns.is_empty() {
            let all = std::mem::take(&mut stats.columns);
            for name in &self.columns {
                let before = stats.columns.len();
                stats.columns.extend(all.iter().filter(|column| is_of(&column.column, name)).cloned());
                if stats.columns.len() == before {
                    return None;
                }
            }
        }
        Some(stats)
    }
}

/// Whether a column has a name, or is a member of the one that has.
fn is_of(column: &str, name: &str) -> bool {
    column == name || column.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

/// A column, or a member of one, by the places that lead to it.
#[derive(Clone)]
pub(super) struct Place {
    pub(crate) name: String,
    path: Vec<usize>,
    field: arrow::datatypes::FieldRef,
}

/// All that can be looked at, members instead of structs.
pub(crate) fn places(schema: &SchemaRef) -> Vec<Place> {
    fn within(fields: &Fields, before: &str, path: &[usize], found: &mut Vec<Place>) {
        for (at, field) in fields.iter().enumerate() {
            let (name, path) = (format!("{before}{}", field.name()), [path, &[at]].concat());
            match field.data_type() {
                DataType::Struct(members) if !members.is_empty() => within(members, &format!("{name}."), &path, found),
                _ => found.push(Place { name, path, field: field.clone() }),
            }
        }
    }
    let mut found = Vec::new();
    within(schema.fields(), "", &[], &mut found);
    found
}

impl Place {
    pub(crate) fn holds_integers(&self) -> bool {
        self.field.data_type().is_integer()
    }

    /// Its values; null where what it is a member of is null.
    pub(crate) fn of(&self, rows: &RecordBatch) -> Result<ArrayRef, RunError> {
        let mut array = rows.column(self.path[0]).clone();
        for at in &self.path[1..] {
            let member = array.as_struct().column(*at);
            array = match array.null_count() {
                0 => member.clone(),
                _ => nullif(member, &is_null(&array).map_err(|error| bug(&error))?).map_err(|error| bug(&error))?,
            };
        }
        Ok(array)
    }
}

/// Looks at rows.
pub(crate) struct Columns {
    places: Vec<Place>,
    /// How many there are beside them.
    beyond: usize,
    rows: u64,
    all: Vec<Sketch>,
    by: Option<Groups>,
}

struct Groups {
    of: Place,
    /// How many groups there may be.
    most: usize,
    known: HashMap<Option<String>, usize>,
    groups: Vec<Group>,
    others: Option<usize>,
}

struct Group {
    value: Option<String>,
    rows: u64,
    columns: Vec<Sketch>,
}

impl Columns {
    /// For rows with these columns; no more than `most` columns are looked at.
    pub(crate) fn new(wanted: &StatsWanted, schema: &SchemaRef, most: usize) -> Result<Columns, RunError> {
        let all = places(schema);
        let mut chosen: Vec<Place> = match &wanted.columns[..] {
            [] => all.clone(),
            columns => columns.iter().map(|name| named(&all, name)).collect::<Result<Vec<_>, _>>()?.concat(),
        };
        let beyond = chosen.len().saturating_sub(most);
        chosen.truncate(most);
        let by = wanted.by.as_ref().map(|name| {
            let mut found = named(&all, name)?;
            match found.len() {
                1 => Ok(found.remove(0)),
                _ => {
                    let message = format!("`{}` has {} members", in_a_line(name), found.len());
                    Err(RunError::new(Class::Pipeline, message).help(format!("name one of them: `{}`", found[0].name)))
                }
            }
        });
        let by = by.transpose()?.map(|of| Groups {
            of,
            most: (most / chosen.len().max(1)).clamp(1, GROUPS),
            known: HashMap::new(),
            groups: Vec::new(),
            others: None,
        });
        Ok(Columns { all: sketches(&chosen), places: chosen, beyond, rows: 0, by })
    }

    /// How many columns are looked at, groups apart.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<(), RunError> {
        self.rows += rows.num_rows() as u64;
        look(&self.places, &mut self.all, rows)?;
        match &mut self.by {
            None => Ok(()),
            Some(groups) => groups.add(&self.places, rows),
        }
    }

    pub(crate) fn stats(self) -> Stats {
        let rows = self.rows;
        let columns = done(self.all, rows);
        let groups = self.by.map(|groups| {
            let others = groups.others;
            let of = |(at, group): (usize, Group)| GroupStats {
                value: group.value,
                others: others == Some(at),
                rows: group.rows,
                columns: done(group.columns, group.rows),
            };
            let mut groups: Vec<GroupStats> = groups.groups.into_iter().enumerate().map(of).collect();
            groups.sort_by(|a, b| (a.others, b.rows, &a.value).cmp(&(b.others, a.rows, &b.value)));
            groups
        });
        let note = || format!("{} more columns are left out: name those that are to be looked at", self.beyond);
        let notes = (self.beyond > 0).then(note).into_iter().collect();
        Stats { rows, columns, groups: groups.unwrap_or_default(), notes, ..Stats::default() }
    }
}

impl Groups {
    fn add(&mut self, places: &[Place], rows: &RecordBatch) -> Result<(), RunError> {
        let mut values = texts(&self.of, &self.of.of(rows)?)?;
        values.iter_mut().flatten().for_each(|text| text.truncate(text.floor_char_boundary(LONGEST)));
        let groups: Vec<usize> = values.into_iter().map(|value| self.group(value, places)).collect();
        for (at, group) in self.groups.iter_mut().enumerate() {
            let is_in: BooleanArray = groups.iter().map(|of| Some(*of == at)).collect();
            let number = is_in.true_count();
            if number > 0 {
                group.rows += number as u64;
                look(places, &mut group.columns, &filter_record_batch(rows, &is_in).map_err(|error| bug(&error))?)?;
            }
        }
        Ok(())
    }

    /// The group of a value: its own, or that of all others.
    fn group(&mut self, value: Option<String>, places: &[Place]) -> usize {
        if let Some(group) = self.known.get(&value).copied().or(self.others.filter(|_| self.known.len() >= self.most)) {
            return group;
        }
        let at = self.groups.len();
        let mut group = Group { value: None, rows: 0, columns: sketches(places) };
        match self.known.len() < self.most {
            true => {
                group.value.clone_from(&value);
                self.known.insert(value, at);
            }
            false => self.others = Some(at),
        }
        self.groups.push(group);
        at
    }
}

/// Values as text: numbers as they are, and anything else as JSON has it, which says so of a value without text.
fn texts(place: &Place, values: &ArrayRef) -> Result<Vec<Option<String>>, RunError> {
    let data_type = values.data_type();
    if data_type.is_numeric() || matches!(data_type, DataType::Boolean | DataType::Utf8) {
        let options = FormatOptions::default();
        let shown = ArrayFormatter::try_new(values.as_ref(), &options).map_err(|error| bug(&error))?;
        return Ok((0..values.len()).map(|row| values.is_valid(row).then(|| shown.value(row).to_string())).collect());
    }
    let schema = Schema::new(vec![place.field.as_ref().clone().with_name("value").with_nullable(true)]);
    let rows = RecordBatch::try_new(Arc::new(schema), vec![values.clone()]).map_err(|error| bug(&error))?;
    let text = |line: &String| match serde_json::from_str::<serde_json::Value>(line)?
        .get_mut("value")
        .map(|value| value.take())
    {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(text)) => Ok(Some(text)),
        Some(other) => Ok(Some(other.to_string())),
    };
    let texts: serde_json::Result<_> = callboard_io::marked_rows(&rows)?.iter().map(text).collect();
    texts.map_err(|error| RunError::new(Class::Bug, format!("a row as JSON is none: {error}")))
}

fn sketches(places: &[Place]) -> Vec<Sketch> {
    places.iter().map(|place| Sketch::new(place.name.clone(), &place.field)).collect()
}

fn done(sketches: Vec<Sketch>, rows: u64) -> Vec<ColumnStats> {
    sketches.into_iter().map(|sketch| sketch.stats(rows)).collect()
}

/// Each column is looked at by one of the cores.
fn look(places: &[Place], sketches: &mut [Sketch], rows: &RecordBatch) -> Result<(), RunError> {
    let one = |(place, sketch): (&Place, &mut Sketch)| place.of(rows).map(|column| sketch.add(&column));
    match callboard_io::cores().filter(|_| places.len() > 1) {
        Some(cores) => cores.install(|| places.par_iter().zip(sketches).try_for_each(one)),
        None => places.iter().zip(sketches).try_for_each(one),
    }
}

/// The column of a name, or all members of one.
fn named(places: &[Place], name: &str) -> Result<Vec<Place>, RunError> {
    let found: Vec<Place> = places.iter().filter(|place| is_of(&place.name, name)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = places.iter().take(20).map(|place| format!("`{}`", in_a_line(&place.name))).collect::<Vec<_>>();
    let more = if places.len() > 20 { format!(" and {} more", places.len() - 20) } else { String::new() };
    let message = format!("there is no column `{}`; there are {}{more}", in_a_line(name), names.join(", "));
    let error = RunError::new(Class::Pipeline, message);
    Err(match nearest(name, places.iter().map(|place| place.name.as_str())) {
        Some(near) => error.help(format!("did you mean `{}`?", in_a_line(near))),
        None => error,
    })
}
