//! An input: many files, one schema, an iterator of chunks.

mod reader;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::datatypes::{Schema, SchemaRef};

use crate::added::Additions;
use crate::bad_row::BadRow;
use crate::files::{self, Asked};
use crate::format::Format;
use crate::formats::{Reading, Rows, implementation};
use crate::lines::Lines;
use crate::places::{First, Source, in_order};
use crate::section::{Mark, Marks, Section};
use crate::spec::{BatchPolicy, InputSpec, OnBadRow, TextRow};
use crate::text::Compression;
use crate::unchanged::Before;
use crate::{IoError, canonical};

pub use reader::Reader;

/// Some rows of one file.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Index into [`Dataset::files`].
    pub file: u32,
    /// The line (JSON Lines, CSV) or the number (Parquet, Arrow) of each row in the file, from 1.
    pub origin: UInt64Array,
    /// The rows, in the dataset's schema.
    pub rows: RecordBatch,
    /// Rows of the file that lie between these and cannot be read, where the input [rejects](crate::OnBadRow::Reject) them. There may be
    /// no others.
    pub bad: Vec<BadRow>,
    /// From where in its file these rows are the next to be read: of JSON Lines and CSV, unless they are compressed.
    pub from: Option<Mark>,
    /// What part of all files has been read when these were, from 0 to 1.
    pub part: f64,
}

/// An input whose files are looked for while other things are done: places that are far are asked.
pub struct Opening {
    spec: InputSpec,
    asked: Asked,
}

impl Opening {
    /// Begins to look for the files.
    ///
    /// # Errors
    /// An address that is none; credentials that are not there.
    pub fn begin(spec: InputSpec) -> Result<Opening, IoError> {
        let asked = Asked::begin(&spec)?;
        Ok(Opening { spec, asked })
    }

    /// Whether an answer is still waited for: none is if all files are on the disk.
    pub fn is_waited_for(&self) -> bool {
        self.asked.is_waited_for()
    }

    /// Opens the input.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn finish(self) -> Result<Dataset, IoError> {
        Dataset::found(&self.spec, self.asked)
    }
}

/// The files of an input, and what they hold.
#[derive(Debug, Clone)]
pub struct Dataset {
    pub(crate) spec: Arc<InputSpec>,
    pub(crate) format: Format,
    pub(crate) files: Arc<[Source]>,
    /// What is read of them, as far as before a mark.
    part: Range<Mark>,
    /// Rows at the beginning of that which are passed over, if the format can.
    skip: u64,
    /// What they are called.
    names: Arc<[PathBuf]>,
    bytes: u64,
    /// The schema of the files, as far as they are read.
    pub(crate) read: SchemaRef,
    /// Whether they have other columns.
    is_part: bool,
    additions: Additions,
    /// The columns that are read, and those that are added.
    whole: SchemaRef,
    /// Which of these are wanted, if not all.
    only: Option<Arc<[usize]>>,
    /// The schema of the rows.
    schema: SchemaRef,
}

impl Dataset {
    /// Resolves the files and learns their schema: reads the head of text files, the footers of binary ones.
    ///
    /// # Errors
    /// A path or pattern that matches nothing, an unknown format or type, files that cannot be read, are malformed, or
    /// do not have one schema; being stopped.
    pub fn open(spec: &InputSpec) -> Result<Dataset, IoError> {
        Dataset::found(spec, Asked::begin(spec)?)
    }

    fn found(spec: &InputSpec, asked: Asked) -> Result<Dataset, IoError> {
        let mut files = files::resolve(spec, asked)?;
        // Readers of each file have a copy: thousands of paths are not copied for each of them.
        let spec = &InputSpec { paths: Vec::new(), ..spec.clone() };
        let format = match files::format(&files, spec.format)? {
            Format::Json if spec.format.is_none() && spec.at.is_none() && are_lines(&files[0], spec) => Format::Jsonl,
            format => format,
        };
        if spec.delimiter.is_some_and(|byte| !byte.is_ascii() || b"\"\r\n".contains(&byte)) {
            return Err(IoError::spec("`delimiter` is not a character of ASCII other than a quote and a line end"));
        }
        let only_for = |key: &str, of: Format, is_set: bool| match is_set && format != of {
            true => Err(IoError::spec(format!("`{key}` is for {of} only, and this is {format}")).in_file(&files[0])),
            false => Ok(()),
        };
        only_for("delimiter", Format::Csv, spec.delimiter.is_some())?;
        only_for("at", Format::Json, spec.at.is_some())?;
        only_for("members", Format::Tar, spec.members.is_some())?;
        only_for("row", Format::Text, spec.row != TextRow::default())?;
        if spec.on_bad_row == OnBadRow::Reject
            && !matches!(format, Format::Jsonl | Format::Json | Format::Csv | Format::Text | Format::Tar)
        {
            let message = format!("`on_bad_row` is for JSON, CSV, text and tar, and this is {format}");
            return Err(IoError::spec(message).in_file(&files[0]).with_help("remove `on_bad_row`"));
        }
        let mut bytes = 0;
        for file in &mut files {
            spec.stop.check()?;
            bytes += file.find_size()?;
        }
        let read = implementation(format).schema(&files, spec)?;
        Dataset::of(spec, format, files, bytes, read)
    }

    /// The dataset of files whose columns are known.
    pub(crate) fn of(
        spec: &InputSpec,
        format: Format,
        files: Vec<Source>,
        bytes: u64,
        read: Schema,
    ) -> Result<Dataset, IoError> {
        let additions = Additions::of(spec, &files)?;
        let schema = additions.schema(&read)?;
        canonical::check_names(&schema).map_err(|error| error.in_file(&files[0]))?;
        let (read, schema) = (Arc::new(read), Arc::new(schema));
        let names = files.iter().map(|file| file.path().to_owned()).collect();
        let (part, spec) = (Mark::beginning(0)..Mark::beginning(files.len()), Arc::new(spec.clone()));
        let (files, whole, only) = (files.into(), schema.clone(), None);
        Ok(Dataset {
            spec,
            format,
            files,
            part,
            skip: 0,
            names,
            bytes,
            read,
            is_part: false,
            additions,
            whole,
            only,
            schema,
        })
    }

    /// The same rows with some of their columns alone, by their places in [`schema`](Self::schema), in ascending order. Where batches end does not
    /// depend on them. The others are not read if the format is Parquet, so what is wrong with their data is no error.
    ///
    /// # Errors
    /// Columns that are not there, or are not in order.
    pub fn only(&self, columns: &[usize]) -> Result<Dataset, IoError> {
        if !columns.is_sorted_by(|a, b| a < b) || columns.last().is_some_and(|at| *at >= self.schema.fields().len()) {
            return Err(IoError::spec("columns of an input are chosen by places that it does not have"));
        }
        if columns.len() == self.schema.fields().len() {
            return Ok(self.clone());
        }
        let at = |column: &usize| self.only.as_ref().map_or(*column, |only| only[*column]);
        let mut places: Vec<usize> = columns.iter().map(at).collect();
        let (mut read, mut whole) = (self.read.clone(), self.whole.clone());
        if implementation(self.format).skips_columns() {
            let of_files = places.iter().copied().filter(|at| *at < self.read.fields().len()).collect::<Vec<_>>();
            read = Arc::new(self.read.project(&of_files).map_err(IoError::from_arrow)?);
            whole = Arc::new(self.additions.schema(&read)?);
            let left_out = self.read.fields().len() - of_files.len();
            places = (0..of_files.len()).chain(places[of_files.len()..].iter().map(|at| at - left_out)).collect();
        }
        let schema = Arc::new(whole.project(&places).map_err(IoError::from_arrow)?);
        let only = (places.len() < whole.fields().len()).then(|| places.into());
        let is_part = self.is_part || read.fields().len() < self.read.fields().len();
        Ok(Dataset { read, is_part, whole, only, schema, ..self.clone() })
    }

    /// The rows from one of the dataset's [marks](Self::marks) to before another, or from one file's [beginning](Mark::beginning) to before another's.
    /// All else stays as it is: names, schema, numbers of lines, and where batches end.
    #[must_use]
    pub fn between(self, part: Range<Mark>) -> Dataset {
        let end = Mark::beginning(self.files.len());
        Dataset { part: part.start.min(end)..part.end.min(end), ..self }
    }

    /// Without this many rows at the beginning, where the format passes over rows.
    pub(crate) fn behind(self, skip: u64) -> Dataset {
        Dataset { skip, ..self }
    }

    /// Which of the files can be read in parts.
    pub fn are_parted(&self) -> Vec<bool> {
        let is_parted = |file| implementation(self.format).is_parted(file, &self.read);
        self.files.iter().map(|file| self.spec.rows_per_file.is_none() && is_parted(file)).collect()
    }

    /// Which of the files can be read from where one of their chunks [is from](Chunk::from).
    pub fn are_indexed(&self) -> Vec<bool> {
        let is_indexed = |file| implementation(self.format).is_indexed(file, &self.read);
        self.files.iter().map(|file| self.spec.rows_per_file.is_none() && is_indexed(file)).collect()
    }

    /// For bytes of a file that [can be read in parts](Self::are_parted), in ascending order, the first place at or behind each where a batch of this
    /// policy begins whatever was read before; and if there is none, the beginning of the next file. Text is read as far as that.
    ///
    /// # Errors
    /// Those of reading; a file that is not read in parts.
    pub fn marks(&self, policy: BatchPolicy, file: usize, bytes: &[u64]) -> Result<Vec<Mark>, IoError> {
        let (source, mut marks) = (&self.files[file], Marks::new(file, bytes));
        let policy = self.policy_of(source, policy, u64::MAX);
        let of = Reading { file: source, schema: &self.read, spec: &self.spec, policy };
        let marked = implementation(self.format).mark(of, &mut marks);
        marked.map_err(|error| error.in_file(source))?;
        Ok(marks.end())
    }

    /// The size of each file, in bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn sizes(&self) -> Result<Vec<u64>, IoError> {
        self.files.iter().map(Source::size).collect()
    }

    /// The columns of every chunk, in canonical types.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The files, in the order they are read.
    pub fn files(&self) -> &[PathBuf] {
        &self.names
    }

    /// For each file, what changes when its bytes do, if its place says so: an ETag. Empty if all are on the disk, which says nothing.
    pub fn versions(&self) -> Vec<Option<String>> {
        match self.files.iter().all(Source::is_on_disk) {
            true => Vec::new(),
            false => self.files.iter().map(|file| file.version().map(str::to_owned)).collect(),
        }
    }

    /// The files that are on this machine's disk.
    pub fn on_disk(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().filter(|file| file.is_on_disk()).map(Source::path)
    }

    /// The device and the number of each of these.
    pub fn ids_on_disk(&self) -> impl Iterator<Item = Option<(u64, u64)>> {
        self.files.iter().filter(|file| file.is_on_disk()).map(Source::id)
    }

    /// Files that are read more than once, since they are named twice or have two names: the first name and the other, for each.
    pub fn twice(&self) -> Vec<(PathBuf, PathBuf)> {
        files::twice(&self.files)
    }

    /// Files that are read and may not be whole, with what they are: an Arrow stream without an end mark.
    pub fn doubts(&self) -> Vec<(PathBuf, &'static str)> {
        if self.format != Format::Arrow {
            return Vec::new();
        }
        let doubt =
            |file: &Source| Some((file.path().to_owned(), implementation(self.format).doubt(file, &self.spec)?));
        in_order(&self.files).filter_map(doubt).collect()
    }

    /// The format of all files.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether the files are lines on this machine's disk that are not compressed, so that what a part of them takes says what the rest does.
    pub fn is_open_text(&self) -> bool {
        let is_open = |file: &Source| file.is_on_disk() && Compression::split(file.path()).1 == Compression::None;
        matches!(self.format, Format::Jsonl | Format::Csv) && self.files.iter().all(is_open)
    }

    /// The size of the files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads from the first row on.
    pub fn read(&self, policy: BatchPolicy) -> Reader {
        Reader::of(self.clone(), policy)
    }
}

impl Dataset {
    /// How the rows of a file are cut, of which at most some are read.
    fn policy_of(&self, file: &Source, policy: BatchPolicy, rows: u64) -> BatchPolicy {
        let (most, bytes) = (usize::try_from(rows).unwrap_or(usize::MAX).max(1), policy.bytes.max(1));
        // What is added takes its part of a batch.
        let most = most.min((bytes / self.additions.width(&self.spec, file.path()).max(1)).max(1));
        BatchPolicy { rows: policy.rows.max(1).min(most), bytes }
    }

    /// The files of which anything is read, by their places.
    pub(crate) fn in_part(&self) -> Range<usize> {
        self.part.start.file.min(self.end())..self.end()
    }

    /// Behind the last file of which anything is read.
    fn end(&self) -> usize {
        self.part.end.file + usize::from(self.part.end.at > 0)
    }

    /// What is read of a file.
    fn section(&self, file: usize) -> Section {
        let Range { start, end } = &self.part;
        let (from, before, skip) = if file == start.file { (start.at, start.before, self.skip) } else { (0, 0, 0) };
        Section { from, before, to: (file == end.file).then_some(end.at), skip }
    }

    /// What of each file is fetched ahead of its turn: of one of which all is read, all.
    fn first(&self) -> First {
        match implementation(self.format).first() {
            First::Tail if !self.is_part => First::Whole,
            first => first,
        }
    }

    /// The rows of a file, of which at most some are read.
    fn open_file(&self, at: usize, policy: BatchPolicy, most: u64) -> Result<Rows, IoError> {
        let Dataset { format, read, spec, .. } = self;
        let (file, format) = (&self.files[at], implementation(*format));
        let policy = self.policy_of(file, policy, most);
        let before = if file.is_on_disk() { Before::of(file.path()) } else { None };
        let of = Reading { file, schema: read, spec, policy };
        let reads_through = self.reads_through();
        let rows = match self.section(at) {
            Section { from: 0, to: None, skip: 0, .. } if reads_through => {
                format.read(Reading { file: &file.read_through(), ..of })
            }
            Section { from: 0, to: None, skip: 0, .. } => format.read(of),
            section => format.read_section(of, section),
        };
        Ok(match before {
            Some(before) => before.watch(rows?),
            None => rows?,
        })
    }

    /// Whether all rows of the files are wanted.
    fn reads_through(&self) -> bool {
        self.spec.rows.is_none() && self.spec.rows_per_file.is_none()
    }

    /// The wanted columns of rows that have all.
    fn wanted(&self, rows: RecordBatch) -> RecordBatch {
        let Some(only) = &self.only else { return rows };
        let columns = only.iter().map(|at| rows.column(*at).clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let wanted = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        wanted.expect("the schema is that of these columns")
    }
}

/// Whether a `.json` file has an object on each line, as many tools write them, by its first two.
fn are_lines(file: &Source, spec: &InputSpec) -> bool {
    // What cannot be read is reported when it is read.
    let Ok(mut lines) = Lines::open(file, spec) else { return false };
    let mut objects = 0;
    while objects < 2 {
        let Ok(Some((_, line))) = lines.next_line() else { return false };
        match line.trim_ascii() {
            b"" => {}
            [b'{', .., b'}'] => objects += 1,
            _ => return false,
        }
    }
    true
}
