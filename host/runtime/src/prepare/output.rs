//! An output of a plan as the edge writes it: its place, and the columns of its rows.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use callboard_io::{Codec, Format, IoError, OutputSpec, PARTITIONS, Parts};
use callboard_plan::{PlannedOutput, nearest};
use callboard_sandbox::{in_a_line, is_hidden, some_columns_of};
use callboard_words::address;
use callboard_words::template::Template;

use crate::error::{Class, RunError};
use crate::prepare::input::access;
use crate::rows::places;
use crate::settings::Settings;

/// An output whose columns were found.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) spec: OutputSpec,
    pub(crate) schema: SchemaRef,
    /// Indices of its columns in the rows it is given.
    pub(crate) columns: Vec<usize>,
    /// How many of them, from the first on, are the output's; the others are for its path alone.
    pub(crate) chosen: usize,
}

impl Output {
    /// The columns of an output that is given `rows`; its path is relative to `base`.
    pub(super) fn of(output: &PlannedOutput, rows: &SchemaRef, base: &Path) -> Result<Output, RunError> {
        let (schema, columns) = chosen(output, rows)?;
        let spec = output_spec(output, base)?;
        let chosen = columns.len();
        let (schema, columns) = with_named(output, rows, schema, columns)?;
        let refused = |error: IoError| RunError { class: Class::Pipeline, ..error.into() }.in_output(&output.name);
        let of_files = callboard_io::schema_of_parts(&spec, &schema, chosen).map_err(refused)?;
        callboard_io::check_schema(&spec, &of_files).map_err(refused)?;
        Ok(Output { spec, schema, columns, chosen })
    }

    /// Whether it is made of several files.
    pub(crate) fn is_parted(&self) -> bool {
        self.spec.path.to_str().is_some_and(|path| Template::of(path).is_some())
    }
}

fn chosen(output: &PlannedOutput, schema: &SchemaRef) -> Result<(SchemaRef, Vec<usize>), RunError> {
    let Some(columns) = &output.columns else {
        let seen: Vec<usize> = (0..schema.fields().len()).filter(|at| !is_hidden(schema.field(*at).name())).collect();
        let fields: Vec<_> = seen.iter().map(|at| schema.fields()[*at].clone()).collect();
        let schema = if seen.len() == schema.fields().len() { schema.clone() } else { Arc::new(Schema::new(fields)) };
        return Ok((schema, seen));
    };
    let mut fields = Vec::new();
    let mut indices = Vec::new();
    let at = places(schema);
    let renames = columns.iter().any(|column| column.name != column.column);
    for (nth, column) in columns.iter().enumerate() {
        let Some(index) = at.get(column.column.as_str()).copied() else {
            let message =
                format!("there is no column `{}`; the columns are {}", column.column, some_columns_of(schema));
            let near = nearest(&column.column, schema.fields().iter().map(|field| field.name().as_str()));
            let mut error = RunError::new(Class::Pipeline, message).in_output(&output.name);
            let key = if renames { column.name.replace('~', "~0").replace('/', "~1") } else { nth.to_string() };
            error.place.key = Some(format!("/columns/{key}"));
            return Err(match near {
                Some(near) => error.help(format!("did you mean `{}`?", in_a_line(near))),
                None => error,
            });
        };
        fields.push(schema.field(index).clone().with_name(&column.name));
        indices.push(index);
    }
    Ok((Arc::new(Schema::new(fields)), indices))
}

/// The columns of an output, and behind them those that its path alone names.
fn with_named(
    output: &PlannedOutput,
    rows: &SchemaRef,
    schema: SchemaRef,
    mut columns: Vec<usize>,
) -> Result<(SchemaRef, Vec<usize>), RunError> {
    let Some(Ok(template)) = Template::of(&output.path) else { return Ok((schema, columns)) };
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    for column in template.columns() {
        if schema.index_of(column).is_ok() {
            continue;
        }
        let Some(at) = places(rows).get(column).copied().filter(|at| !is_hidden(rows.field(*at).name())) else {
            let message = format!(
                "its path names the column `{}`, which is not there; the columns are {}",
                in_a_line(column),
                some_columns_of(rows)
            );
            let near = nearest(column, rows.fields().iter().map(|field| field.name().as_str()));
            let error = RunError::new(Class::Pipeline, message).in_output(&output.name);
            return Err(match near {
                Some(near) => error.help(format!("did you mean `{{{}}}`?", in_a_line(near))),
                None => error.help("`{…}` is the value of a column, and `{n}` the number of a part"),
            });
        };
        fields.push(rows.fields()[at].clone());
        columns.push(at);
    }
    Ok((Arc::new(Schema::new(fields)), columns))
}

/// Refuses standard output where there is none, and what is no text on a terminal.
pub(super) fn check_stream(spec: &OutputSpec, settings: &Settings) -> Result<(), RunError> {
    let refused = |message: String, help: &str| Err(RunError::new(Class::Pipeline, message).help(help));
    let Some(stream) = &settings.standard_output else {
        return refused(
            "`-` is standard output, and there is none here".to_owned(),
            "write to a file: path = \"out/rows.jsonl\"",
        );
    };
    match Format::of_output(&spec.path, spec.format)? {
        format if !format.is_text() && stream.is_terminal() => refused(
            format!("{format} is not for a terminal"),
            "write it to a file, or into a pipe: callboard run … > rows.parquet",
        ),
        _ => Ok(()),
    }
}

/// The path of an output, or its address.
pub(crate) fn output_path(output: &PlannedOutput, base: &Path) -> PathBuf {
    match address::split(&output.path) {
        _ if output.is_standard_output() => PathBuf::from(&output.path),
        Some(_) => PathBuf::from(&output.path),
        None => base.join(&output.path),
    }
}

/// The path or address where an output goes: of several files, that of their manifest.
pub(crate) fn output_place(output: &PlannedOutput, base: &Path) -> PathBuf {
    let path = output_path(output, base);
    let template = path.to_str().and_then(Template::of).and_then(Result::ok);
    template.map_or(path, |template| template.manifest().into())
}

pub(super) fn output_spec(output: &PlannedOutput, base: &Path) -> Result<OutputSpec, RunError> {
    let in_output = |error: IoError| RunError::from(error).in_output(&output.name);
    let format = output.format.as_deref().map(Format::from_str).transpose().map_err(in_output)?;
    let compression = output.compression.as_deref().map(Codec::from_str).transpose().map_err(in_output)?;
    let path = output_path(output, base);
    let access = access(&output.access);
    let parts = Parts {
        max_rows: output.parts.max_rows,
        max_bytes: output.parts.max_bytes,
        max_partitions: output.parts.max_partitions.unwrap_or(PARTITIONS),
        append: output.parts.append,
    };
    Ok(OutputSpec { name: output.name.clone(), path, access, format, compression, level: output.level, parts })
}
