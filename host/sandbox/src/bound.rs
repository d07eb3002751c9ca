//! A step bound to the rows it will get: what crosses to it, what it writes, what is carried past it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, NullArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::columns::{display, record_batch};
use crate::error::{Class, SandboxError};
use crate::gathering::Gathered;
use callboard_words::text::{excerpt, in_a_line};

/// The step's names of columns and, for each, the name that the rows have.
pub type Renamed = BTreeMap<String, String>;

/// What a component declared, its schema already checked.
#[derive(Clone, Debug)]
pub struct Declared {
    /// For each input, the columns to be given.
    pub reads: Vec<Vec<String>>,
    /// The columns that it writes, under its names.
    pub writes: Schema,
    /// Columns of the first input that go no further.
    pub drops: Vec<String>,
    /// For a global step: how its rows are brought together.
    pub gathered: Gathered<String>,
}

impl Declared {
    /// For rows that are not brought together.
    pub fn new(reads: Vec<Vec<String>>, writes: Schema, drops: Vec<String>) -> Declared {
        Declared { reads, writes, drops, gathered: Gathered::plain() }
    }
}

/// A declaration, resolved against the schemas of the inputs.
#[derive(Debug)]
pub struct Bound {
    /// For each input, the indices of the columns that cross.
    pub reads: Vec<Vec<usize>>,
    /// For each input, the columns that cross, under the step's names.
    pub given: Vec<SchemaRef>,
    /// What the step returns, under its names.
    pub writes: SchemaRef,
    /// What is put out, under the pipeline's names.
    pub output: SchemaRef,
    /// Where each column that is put out is from.
    pub columns: Vec<Origin>,
    /// For a global step: how its rows are brought together.
    pub gathered: Gathered,
}

/// Where a column that is put out is from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// The column of this index of the first input.
    Input(usize),
    /// The column of this index of what the step writes.
    Written(usize),
}

/// The columns of an input under a step's names: those it renames, and the others unless a renamed one hides them.
pub struct View {
    /// The columns that the step sees.
    pub schema: Schema,
    /// The index in the input of each column seen, by the name the step knows it by.
    index: HashMap<String, usize>,
}

/// How the names of columns begin that say from which row of a fork a row comes. No step sees them, and they go wherever the row goes.
const STAMP: &str = "\0row of ";

/// What the column is called that says from which row of a fork a row comes.
pub fn stamp_name(fork: &str) -> String {
    format!("{STAMP}{fork}")
}

/// Whether no step and no file sees the column of this name.
pub fn is_hidden(column: &str) -> bool {
    column.starts_with(STAMP)
}

impl View {
    /// What `schema` looks like under the names that `columns` gives.
    pub fn of(schema: &Schema, columns: &Renamed) -> View {
        let renamed: BTreeMap<&str, &str> =
            columns.iter().map(|(theirs, ours)| (ours.as_str(), theirs.as_str())).collect();
        let mut fields = Vec::new();
        let mut index = HashMap::with_capacity(schema.fields().len());
        for (at, field) in schema.fields().iter().enumerate().filter(|(_, field)| !is_hidden(field.name())) {
            let name = match renamed.get(field.name().as_str()) {
                Some(theirs) => *theirs,
                None if columns.contains_key(field.name()) => continue,
                None => field.name(),
            };
            fields.push(field.as_ref().clone().with_name(name));
            index.entry(name.to_owned()).or_insert(at);
        }
        View { schema: Schema::new(fields), index }
    }

    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }
}

impl Bound {
    /// Resolves what `step` declared for inputs of these schemas (none for a source).
    pub fn new(renamed: &Renamed, inputs: &[SchemaRef], declared: Declared) -> Result<Bound, SandboxError> {
        let views = inputs.iter().map(|schema| View::of(schema, renamed)).collect::<Vec<_>>();
        let fault = |what: String| SandboxError::new(Class::Data, what);
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
        let gathered = declared.gathered.resolve(&views, inputs).map_err(fault)?;
        let (carried, view) = match (inputs.first(), views.first()) {
            (Some(input), Some(view)) => (input.clone(), Some(view)),
            _ => (Arc::new(Schema::empty()), None),
        };
        let dropped: HashSet<usize> = match view {
            Some(view) => resolve(&declared.drops, view, "drops").map_err(fault)?.into_iter().collect(),
            None => HashSet::new(),
        };

        let ours = |name: &str| renamed.get(name).cloned().unwrap_or_else(|| name.to_owned());
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
            let message = format!("it would return two columns named `{}`", twice.name());
            return Err(fault(message)
                .help(format!("rename one in the step: columns = {{ {0} = \"{0}_2\" }}", in_a_line(twice.name()))));
        }
        let (writes, output) = (Arc::new(declared.writes), Arc::new(Schema::new(fields)));
        Ok(Bound { reads, given, writes, output, columns, gathered })
    }

    /// As it is for a global step, whose rows name a row of the input only if they carry a column of it: without one, nothing says where
    /// they come from.
    #[must_use]
    pub fn of_global(mut self) -> Bound {
        let is_hidden_at = |at: &usize| is_hidden(self.output.field(*at).name());
        let all = 0..self.columns.len();
        let carries = all.clone().any(|at| matches!(self.columns[at], Origin::Input(_)) && !is_hidden_at(&at));
        if !carries {
            let kept: Vec<usize> = all.filter(|at| !is_hidden_at(at)).collect();
            self.output =
                Arc::new(Schema::new(kept.iter().map(|at| self.output.fields()[*at].clone()).collect::<Vec<_>>()));
            self.columns = kept.into_iter().map(|at| self.columns[at]).collect();
        }
        self
    }

    /// The columns of input `port` that cross, under the step's names.
    ///
    /// # Errors
    ///
    /// Rows of another schema.
    pub fn give(&self, port: usize, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = self.reads[port].iter().map(|at| rows.column(*at).clone()).collect();
        record_batch(self.given[port].clone(), columns, rows.num_rows())
    }

    /// The rows of the first input with nothing in the columns that are not put out: those of a row that is repeated would be
    /// copied, and counted, for nothing.
    ///
    /// # Errors
    ///
    /// Rows of another schema.
    pub fn only_carried(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut is_carried = vec![false; rows.num_columns()];
        for origin in &self.columns {
            if let Origin::Input(at) = origin {
                is_carried[*at] = true;
            }
        }
        let nothing: ArrayRef = Arc::new(NullArray::new(rows.num_rows()));
        let schema = rows.schema_ref();
        let of = |(at, field): (usize, &FieldRef)| match is_carried[at] {
            true => (field.clone(), rows.column(at).clone()),
            false => (Arc::new(Field::new(field.name(), DataType::Null, true)), nothing.clone()),
        };
        let (fields, columns): (Vec<FieldRef>, Vec<ArrayRef>) = schema.fields().iter().enumerate().map(of).unzip();
        record_batch(Arc::new(Schema::new(fields)), columns, rows.num_rows())
    }

    /// What is put out: columns of `carried`, rows of the first input, beside what was written for them.
    ///
    /// # Errors
    ///
    /// Rows of another schema, or columns of another length.
    pub fn join(&self, carried: &RecordBatch, written: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter().map(|origin| match origin {
            Origin::Input(at) => carried.column(*at).clone(),
            Origin::Written(at) => written.column(*at).clone(),
        });
        record_batch(self.output.clone(), columns.collect(), carried.num_rows())
    }

    /// For each column that is put out, which of those that the step writes it is; `None` for one that is carried.
    pub fn written(&self) -> Vec<Option<usize>> {
        let written = |origin: &Origin| match origin {
            Origin::Input(_) => None,
            Origin::Written(at) => Some(*at),
        };
        self.columns.iter().map(written).collect()
    }

    /// Whether what is carried of `input`, the first, is a good part of it: some column of values that may be long, if it has any.
    pub fn carries_much(&self, input: &Schema) -> bool {
        let is_long = |at: usize| input.field(at).data_type().primitive_width().is_none();
        let carried = self.columns.iter().filter_map(|origin| match origin {
            Origin::Input(at) => Some(*at),
            Origin::Written(_) => None,
        });
        let any_is_long = (0..input.fields().len()).any(is_long);
        carried.into_iter().any(|at| !any_is_long || is_long(at))
    }

    /// Whether rows put out carry columns of the first input.
    pub fn carries(&self) -> bool {
        self.columns.iter().any(|origin| matches!(origin, Origin::Input(_)))
    }
}

fn resolve(names: &[String], view: &View, doing: &str) -> Result<Vec<usize>, String> {
    let mut seen = HashSet::new();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let Some(at) = view.find(name) else {
            let name = excerpt(name, 200);
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
pub fn some_columns_of(schema: &Schema) -> String {
    columns_up_to(schema, IN_A_MESSAGE)
}

fn columns_up_to(schema: &Schema, most: usize) -> String {
    let seen = || schema.fields().iter().filter(|field| !is_hidden(field.name()));
    let count = seen().count();
    if count == 0 {
        return "no columns".to_owned();
    }
    let mut columns: Vec<_> =
        seen().take(most).map(|f| format!("`{}` {}", in_a_line(f.name()), display(f.data_type()))).collect();
    if let Some(more @ 1..) = count.checked_sub(most) {
        columns.push(format!("and {more} more"));
    }
    columns.join(", ")
}
