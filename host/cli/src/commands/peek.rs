//! `callboard peek`: rows of data files, as an input of a pipeline has them.

use std::process::ExitCode;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use callboard_cel::{Expression, Truth};
use callboard_io::{BatchPolicy, Dataset, InputSpec, IoError, compact, marked_rows};
use callboard_runtime::{Class, RunError};
use callboard_sandbox::{native, native_schema};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::arguments::{PeekArguments, RowFormat};
use crate::exit::Failure;
use crate::show::{print_paged, print_rows, rows};

/// Rows are looked at in batches of this many.
const POLICY: BatchPolicy = BatchPolicy { rows: 1024, bytes: 4 << 20 };

pub(crate) fn peek(arguments: &PeekArguments) -> Result<ExitCode, Failure> {
    let found = find(arguments)?;
    match arguments.format {
        RowFormat::Jsonl => print_rows(&found.json()?),
        RowFormat::Table => print_paged(&rows::table(&found.json()?, &found.places, &found.names())),
        RowFormat::Text => print_paged(&rows::text(&found.json()?, &found.places)),
    }
}

/// The rows that are to be shown.
struct Found {
    rows: RecordBatch,
    /// Where each is from: `docs.jsonl:12`.
    places: Vec<String>,
}

impl Found {
    fn json(&self) -> Result<Vec<String>, Failure> {
        Ok(marked_rows(&self.rows).map_err(RunError::from)?)
    }

    fn names(&self) -> Vec<String> {
        self.rows.schema_ref().fields().iter().map(|field| field.name().clone()).collect()
    }
}

fn find(arguments: &PeekArguments) -> Result<Found, Failure> {
    let PeekArguments { files, rows: most, condition, seed, columns, .. } = arguments;
    let spec = InputSpec { name: "peek".to_owned(), paths: files.clone(), ..InputSpec::default() };
    let dataset = Dataset::open(&spec).map_err(RunError::from)?;
    let schema = dataset.schema();
    let shown = shown(&schema, columns)?;
    let condition = condition.as_deref().map(|condition| Expression::new(condition, &native_schema(&schema)));
    let condition = condition.transpose().map_err(|error| Failure::other(Class::Pipeline, error.message))?;
    let files: Vec<String> = dataset.files().iter().map(|file| file.display().to_string()).collect();
    let mut picked = Picked::new(*most as usize, *seed);
    for chunk in dataset.read(POLICY) {
        let chunk = chunk.map_err(RunError::from)?;
        let origins = chunk.origin.values().iter().copied();
        let file = &files[chunk.file as usize];
        let wanted = match &condition {
            None => vec![true; chunk.rows.num_rows()],
            Some(condition) => decide(condition, &chunk.rows, file, chunk.origin.values())?,
        };
        let rows = chunk.rows.project(&shown).expect("the columns are there");
        for (at, origin) in origins.enumerate().filter(|(at, _)| wanted[*at]) {
            picked.offer(|| Ok((compact(&rows.slice(at, 1))?, format!("{file}:{origin}")))).map_err(RunError::from)?;
        }
        if picked.is_full() {
            break;
        }
    }
    let (rows, places): (Vec<_>, Vec<_>) = picked.rows().into_iter().unzip();
    let schema = schema.project(&shown).expect("the columns are there").into();
    let rows = concat_batches(&schema, &rows).map_err(|error| Failure::other(Class::Limit, error.to_string()))?;
    Ok(Found { rows, places })
}

/// The columns that are to be shown, by their places.
fn shown(schema: &SchemaRef, columns: &[String]) -> Result<Vec<usize>, Failure> {
    if columns.is_empty() {
        return Ok((0..schema.fields().len()).collect());
    }
    let place = |name: &String| {
        schema.index_of(name).map_err(|_| {
            let names: Vec<_> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
            Failure::other(Class::Pipeline, format!("there is no column `{name}`; there are {}", names.join(", ")))
        })
    };
    columns.iter().map(place).collect()
}

/// Which rows a condition holds for.
fn decide(condition: &Expression, rows: &RecordBatch, file: &str, origins: &[u64]) -> Result<Vec<bool>, Failure> {
    let decided = condition.decide(&native(rows)).map_err(|error| Failure::other(Class::Data, error.message))?;
    match decided.failed.first() {
        Some((row, why)) => {
            let message = format!("{file}:{}: the condition fails: {why}", origins[*row]);
            Err(Failure::other(Class::Data, message))
        }
        None => Ok(decided.truths.iter().map(|truth| *truth == Truth::TRUE).collect()),
    }
}

/// A row, and where it is from.
type Row = (RecordBatch, String);

/// The first rows that are offered, or, with a seed, as many drawn from all of them: each is as likely as any other, and they stay in order.
struct Picked {
    rows: Vec<(u64, Row)>,
    most: usize,
    offered: u64,
    random: Option<Pcg64Mcg>,
}

impl Picked {
    fn new(most: usize, seed: Option<u64>) -> Picked {
        Picked { rows: Vec::new(), most, offered: 0, random: seed.map(Pcg64Mcg::seed_from_u64) }
    }

    /// Whether no other row can be among them.
    fn is_full(&self) -> bool {
        self.random.is_none() && self.rows.len() == self.most
    }

    fn offer(&mut self, row: impl FnOnce() -> Result<Row, IoError>) -> Result<(), IoError> {
        let number = self.offered;
        self.offered += 1;
        if self.rows.len() < self.most {
            self.rows.push((number, row()?));
        } else if let Some(random) = &mut self.random {
            // Its place among all that were offered; the first of these are those that stay.
            let place = ((u128::from(random.next_u64()) * u128::from(self.offered)) >> 64) as usize;
            if let Some(picked) = self.rows.get_mut(place) {
                *picked = (number, row()?);
            }
        }
        Ok(())
    }

    fn rows(mut self) -> Vec<Row> {
        self.rows.sort_by_key(|(number, _)| *number);
        self.rows.into_iter().map(|(_, row)| row).collect()
    }
}
