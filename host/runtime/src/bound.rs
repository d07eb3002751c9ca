//! A step bound to the rows it will get: what crosses to it, what it writes, what is carried past it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, NullArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use callboard_plan::PlannedStep;

use crate::columns::display;
use crate::disk::{Logged, Place};
use crate::error::{Class, RunError, in_a_line};
use crate::rows::{Batch, Known, places, record_batch};

/// What a component declared, its schema already checked.
pub(crate) struct Declared {
    /// For each input, the columns to be given.
    pub(crate) reads: Vec<Vec<String>>,
    pub(crate) writes: Schema,
    /// Of the first input.
    pub(crate) drops: Vec<String>,
}

/// A declaration, resolved against the schemas of the inputs.
#[derive(Debug)]
pub(crate) struct Bound {
    /// For each input, the indices of the columns that cross.
    pub(crate) reads: Vec<Vec<usize>>,
    /// For each input, the columns that cross, under the step's names.
    pub(crate) given: Vec<SchemaRef>,
    /// What the step returns, under its names.
    pub(crate) writes: SchemaRef,
    /// What is put out, under the pipeline's names.
    pub(crate) output: SchemaRef,
    columns: Vec<Origin>,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    Input(usize),
    Written(usize),
}

/// The columns of an input under a step's names: those it renames, and the others unless a renamed one hides them.
pub(crate) struct View {
    pub(crate) schema: Schema,
    /// The index in the input of each column seen, by the name the step knows it by.
    index: HashMap<String, usize>,
}

impl View {
    pub(crate) fn of(schema: &Schema, step: &PlannedStep) -> View {
        let renamed: BTreeMap<&str, &str> =
            step.columns.iter().map(|(theirs, ours)| (ours.as_str(), theirs.as_str())).collect();
        let mut fields = Vec::new();
        let mut index = HashMap::with_capacity(schema.fields().len());
        for (at, field) in schema.fields().iter().enumerate() {
            let name = match renamed.get(field.name().as_str()) {
                Some(theirs) => *theirs,
                None if step.columns.contains_key(field.name()) => continue,
                None => field.name(),
            };
            fields.push(field.as_ref().clone().with_name(name));
            index.entry(name.to_owned()).or_insert(at);
        }
        View { schema: Schema::new(fields), index }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }
}

impl Bound {
    /// Resolves what `step` declared for inputs of these schemas (none for a source).
    pub(crate) fn new(step: &PlannedStep, inputs: &[SchemaRef], declared: Declared) -> Result<Bound, RunError> {
        let views = inputs.iter().map(|schema| View::of(schema, step)).collect::<Vec<_>>();
        let fault = |what: String| RunError::new(Class::Data, what);
        if declared.reads.len() != inputs.len() {
            let (said, there) = (declared.reads.len(), inputs.len());
            return Err(fault(format!("it declared what it reads of {said} inputs, and has {there}")));
        }
        let (mut reads, mut given) = (Vec::new(), Vec::new());
        for ((names, view), input) in declared.reads.iter().zip(&views).zip(inputs) {
            let indices = resolve(names, view, "reads").map_err(fault)?;
            let fields: Vec<FieldRef> = names
                .iter()
                .zip(&indices)
                .map(|(name, at)| Arc::new(input.field(*at).clone().with_name(name)))
                .collect();
            reads.push(indices);
            given.push(Arc::new(Schema::new(fields)));
        }
        let (carried, view) = match (inputs.first(), views.first()) {
            (Some(input), Some(view)) => (input.clone(), Some(view)),
            _ => (Arc::new(Schema::empty()), None),
        };
        let dropped: HashSet<usize> = match view {
            Some(view) => resolve(&declared.drops, view, "drops").map_err(fault)?.into_iter().collect(),
            None => HashSet::new(),
        };

        let ours = |name: &str| step.columns.get(name).cloned().unwrap_or_else(|| name.to_owned());
        let mut written: Vec<Option<FieldRef>> = declared
            .writes
            .fields()
            .iter()
            .map(|f| Some(Arc::new(f.as_ref().clone().with_name(ours(f.name())))))
            .collect();
        let (mut fields, mut columns): (Vec<FieldRef>, Vec<Origin>) = (Vec::new(), Vec::new());
        let replaced = |(write, field): (usize, &FieldRef)| Some((view?.find(field.name())?, write));
        let replaced: HashMap<usize, usize> =
            declared.writes.fields().iter().enumerate().filter_map(replaced).collect();
        for (at, field) in carried.fields().iter().enumerate().filter(|(at, _)| !dropped.contains(at)) {
            match replaced.get(&at).copied() {
                Some(write) => {
                    fields.push(written[write].take().expect("written names are unique"));
                    columns.push(Origin::Written(write));
                }
                None => {
                    fields.push(field.clone());
                    columns.push(Origin::Input(at));
                }
            }
        }
        for (write, field) in written.into_iter().enumerate() {
            if let Some(field) = field {
                fields.push(field);
                columns.push(Origin::Written(write));
            }
        }
        let mut names = HashSet::new();
        if let Some(twice) = fields.iter().find(|field| !names.insert(field.name().as_str())) {
            let message = format!("it would put out two columns named `{}`", twice.name());
            return Err(fault(message)
                .help(format!("rename one in the step: columns = {{ {0} = \"{0}_2\" }}", in_a_line(twice.name()))));
        }
        Ok(Bound { reads, given, writes: Arc::new(declared.writes), output: Arc::new(Schema::new(fields)), columns })
    }

    /// The columns of input `port` that cross, under the step's names.
    pub(crate) fn give(&self, port: usize, batch: &Batch) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = self.reads[port].iter().map(|at| batch.rows.column(*at).clone()).collect();
        record_batch(self.given[port].clone(), columns, batch.len())
    }

    /// The rows of the first input with nothing in the columns that are not put out: those of a row that is repeated would be
    /// copied, and counted, for nothing.
    pub(crate) fn only_carried(&self, batch: &Batch) -> Result<Batch, ArrowError> {
        let mut is_carried = vec![false; batch.rows.num_columns()];
        for origin in &self.columns {
            if let Origin::Input(at) = origin {
                is_carried[*at] = true;
            }
        }
        let nothing: ArrayRef = Arc::new(NullArray::new(batch.len()));
        let schema = batch.rows.schema_ref();
        let of = |(at, field): (usize, &FieldRef)| match is_carried[at] {
            true => (field.clone(), batch.rows.column(at).clone()),
            false => (Arc::new(Field::new(field.name(), DataType::Null, true)), nothing.clone()),
        };
        let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = schema.fields().iter().enumerate().map(of).unzip();
        let known = batch.known.clone();
        Ok(Batch { known, ..batch.with_columns(&Arc::new(Schema::new(fields)), columns)? })
    }

    /// What is put out: columns of `carried`, rows of the first input, beside what was written for them.
    pub(crate) fn join(&self, carried: &Batch, written: &RecordBatch) -> Result<Batch, ArrowError> {
        let columns = self.columns.iter().map(|origin| match origin {
            Origin::Input(at) => carried.rows.column(*at).clone(),
            Origin::Written(at) => written.column(*at).clone(),
        });
        carried.with_columns(&self.output, columns.collect())
    }

    /// What is known of each column of what [`Bound::join`] gives; `logged` holds what was written.
    pub(crate) fn known(&self, carried: &Batch, logged: Option<&Logged>) -> Vec<Known> {
        let place = |column: usize| Some(Place { logged: logged?.clone(), column });
        let known = self.columns.iter().map(|origin| match origin {
            Origin::Input(at) => carried.known[*at].clone(),
            Origin::Written(at) => Known::at(place(*at)),
        });
        known.collect()
    }

    /// Of each column that is put out, which of those that the step writes it is; none of one that is carried.
    pub(crate) fn written(&self) -> Vec<Option<usize>> {
        let written = |origin: &Origin| match origin {
            Origin::Input(_) => None,
            Origin::Written(at) => Some(*at),
        };
        self.columns.iter().map(written).collect()
    }

    /// Whether what is carried of `input`, the first, is a good part of it: some column of values that may be long, if it has any.
    pub(crate) fn carries_much(&self, input: &Schema) -> bool {
        let is_long = |at: usize| input.field(at).data_type().primitive_width().is_none();
        let carried = self.columns.iter().filter_map(|origin| match origin {
            Origin::Input(at) => Some(*at),
            Origin::Written(_) => None,
        });
        let any_is_long = (0..input.fields().len()).any(is_long);
        carried.into_iter().any(|at| !any_is_long || is_long(at))
    }

    /// What is put out where nothing of the input is carried.
    pub(crate) fn created(&self, written: &RecordBatch) -> Result<Batch, ArrowError> {
        self.join(&Batch::created(record_batch(Arc::new(Schema::empty()), Vec::new(), written.num_rows())?), written)
    }

    /// Whether rows put out carry columns of the first input.
    pub(crate) fn carries(&self) -> bool {
        self.columns.iter().any(|origin| matches!(origin, Origin::Input(_)))
    }
}

fn resolve(names: &[String], view: &View, doing: &str) -> Result<Vec<usize>, String> {
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let Some(at) = view.find(name) else {
            let name: String = name.chars().take(200).collect();
            return Err(format!("it {doing} column `{name}`, and there are {}", some_columns_of(&view.schema)));
        };
        if !seen.insert(name.as_str()) {
            return Err(format!("it {doing} column `{name}` twice"));
        }
        found.push(at);
    }
    Ok(found)
}

/// The columns there are, as a phrase: `` `id` int64, `text` utf8 ``.
pub fn columns_of(schema: &Schema) -> String {
    columns_up_to(schema, usize::MAX)
}

/// As many columns as a message has room for.
const IN_A_MESSAGE: usize = 100;

/// The columns there are, as a phrase in a message: the first hundred, and how many more.
pub(crate) fn some_columns_of(schema: &Schema) -> String {
    columns_up_to(schema, IN_A_MESSAGE)
}

fn columns_up_to(schema: &Schema, most: usize) -> String {
    if schema.fields().is_empty() {
        return "no columns".to_owned();
    }
    let mut columns: Vec<_> = schema
        .fields()
        .iter()
        .take(most)
        .map(|f| format!("`{}` {}", in_a_line(f.name()), display(f.data_type())))
        .collect();
    if let Some(more @ 1..) = schema.fields().len().checked_sub(most) {
        columns.push(format!("and {more} more"));
    }
    columns.join(", ")
}

/// The one schema of appended rows: the columns of the first, which the others must have as well, in any order.
pub(crate) fn appended(feeds: &[(&str, SchemaRef)]) -> Result<SchemaRef, RunError> {
    let ((first_name, first), rest) = feeds.split_first().expect("a port has a feed");
    let mut fields: Vec<FieldRef> = first.fields().iter().cloned().collect();
    for (name, schema) in rest {
        let differ = |what: String| {
            let message = format!("`{name}` cannot be appended to `{first_name}`: {what}");
            RunError::new(Class::Pipeline, message).help(format!(
                "`{first_name}` has {}; `{name}` has {}; `use = \"select\"` drops and renames columns",
                some_columns_of(first),
                some_columns_of(schema)
            ))
        };
        let mut theirs: HashMap<&str, &FieldRef> =
            schema.fields().iter().map(|field| (field.name().as_str(), field)).collect();
        for field in &mut fields {
            let Some(other) = theirs.remove(field.name().as_str()) else {
                return Err(differ(format!("column `{}` is in `{first_name}` only", field.name())));
            };
            if !other.data_type().equals_datatype(field.data_type()) {
                let (ours, theirs) = (display(field.data_type()), display(other.data_type()));
                return Err(differ(format!("column `{}` is {ours} there and {theirs} here", field.name())));
            }
            if other.is_nullable() && !field.is_nullable() {
                *field = Arc::new(field.as_ref().clone().with_nullable(true));
            }
        }
        if let Some(extra) = schema.fields().iter().find(|field| theirs.contains_key(field.name().as_str())) {
            return Err(differ(format!("column `{}` is in `{name}` only", extra.name())));
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// A batch of a feed under the schema of the port that it is appended to.
pub(crate) fn conform(batch: Batch, schema: &SchemaRef) -> Result<Batch, ArrowError> {
    if batch.rows.schema_ref() == schema {
        return Ok(batch);
    }
    let theirs = batch.rows.schema();
    let at = places(&theirs);
    let columns = schema.fields().iter().map(|field| {
        let column = batch.rows.column(at[field.name().as_str()]);
        match column.data_type() == field.data_type() {
            true => Ok(column.clone()),
            // Types that differ in nothing but the names or nullability of what is nested.
            false => arrow::compute::cast(column, field.data_type()),
        }
    });
    batch.with_columns(schema, columns.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::disk::digest;

    fn rows(columns: &[(&str, i64)]) -> RecordBatch {
        let fields: Vec<_> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Int64, true)).collect();
        let values = columns.iter().map(|(_, value)| Arc::new(Int64Array::from(vec![*value])) as ArrayRef);
        record_batch(Arc::new(Schema::new(fields)), values.collect(), 1).unwrap()
    }

    #[test]
    fn a_digest_goes_with_its_own_column_past_those_that_are_dropped_and_replaced() {
        let carried = Batch::created(rows(&[("a", 1), ("dropped", 2), ("b", 3), ("replaced", 4)]));
        let asked: Vec<u128> = (0..4).map(|column| carried.column_digest(column, 7)).collect();
        let written = rows(&[("new", 5), ("replaced", 6)]);
        let columns = vec![Origin::Input(0), Origin::Input(2), Origin::Written(1), Origin::Written(0)];
        let output = rows(&[("a", 0), ("b", 0), ("replaced", 0), ("new", 0)]).schema();
        let (reads, given) = (vec![Vec::new()], vec![Arc::new(Schema::empty())]);
        let bound = Bound { reads, given, writes: written.schema(), output, columns };
        let mut joined = bound.join(&carried, &written).unwrap();
        joined.known = bound.known(&carried, None);
        assert_eq!([joined.column_digest(0, 7), joined.column_digest(1, 7)], [asked[0], asked[2]]);
        for column in 0..4 {
            assert_eq!(joined.column_digest(column, 7), digest::of_values(joined.rows.column(column), 7));
        }
    }
}
