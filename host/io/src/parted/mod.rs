//! An output of several files: parted by the values of columns, and into numbered parts; whole or absent for whoever reads its manifest.
//!
//! - [`Parted`] writes the files into the run's folder, a writer for each partition as long as there are few; rows of further partitions
//!   [wait](waiting) until the others are written. Files are cut by rows and by their bytes in memory, so how many cores there are, and how
//!   rows came in batches, does not show.
//! - [`names`] — what they are called; [`manifest`] — the list of them, which is staged as any output is.
//! - [`sending`] — files that go to a store while others are written; [`commit`] — all of them into their places, the manifest last;
//!   [`folder`] — what is there.
//! - [`listed`](self::listed()) — how an input reads them.

mod commit;
mod folder;
mod listed;
mod manifest;
mod names;
mod sending;
mod turn;
mod waiting;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use callboard_words::template::Template;

pub use commit::{Commit, Placed};
pub(crate) use listed::listed;
pub use manifest::{Manifest, Part};
pub use sending::Sending;

use crate::beneath::Dir;
use crate::cut::rows_bits;
use crate::digesting::Digesting;
use crate::error::{ErrorKind, IoError};
use crate::format::Format;
use crate::output::{Finished, OutputSpec, Parts, Staged, Writer};
use crate::place::FILE_MODE;
use crate::sha256::sha256_of;
use crate::stop::Stop;
use crate::values::{Text, first_fault};
use names::{Name, Namer};
use sending::ToSend;
use waiting::Waiting;

/// The most files of an output.
const MOST_FILES: usize = 1_000_000;

/// How many partitions are written at once: a Parquet file has up to 16 MiB of rows in memory.
fn at_once(format: Format) -> usize {
    if format == Format::Parquet { 2 } else { 8 }
}

/// Columns of the rows that are in the files: of the first `chosen` those that no folder's name has.
fn written(template: &Template, schema: &Schema, chosen: usize) -> Vec<usize> {
    let in_folders = template.in_folders();
    (0..chosen).filter(|at| !in_folders.contains(&schema.field(*at).name().as_str())).collect()
}

/// The schema of the files of an output whose rows have this one. Their first `chosen` columns are the output's; others are there for its
/// path alone.
///
/// # Errors
/// A column of the path that is not there, or of a type that no name is made of; no column that is left for the files.
pub fn schema_of_parts(spec: &OutputSpec, schema: &SchemaRef, chosen: usize) -> Result<SchemaRef, IoError> {
    let Some(template) = spec.template()? else { return Ok(schema.clone()) };
    let wrong = |message: String, help: &str| Err(IoError::spec(message).in_file(&spec.path).with_help(help));
    for column in template.columns() {
        let Ok(field) = schema.field_with_name(column) else {
            return wrong(
                format!("its path names the column `{column}`, which is not there"),
                "name a column of the rows",
            );
        };
        let named = field.data_type().is_integer()
            || matches!(field.data_type(), DataType::Utf8 | DataType::Boolean | DataType::Date32 | DataType::Null);
        if !named {
            let message = format!(
                "its path names the column `{column}` of type {}: names are made of strings, integers, booleans and dates",
                crate::types::words(field.data_type())
            );
            return wrong(message, "make a column of text before: use = \"compute\"");
        }
    }
    match written(&template, schema, chosen).as_slice() {
        [] => wrong(
            "folders have all of its columns, and none is left for the files".to_owned(),
            "write `{NAME}` in place of `NAME={NAME}`",
        ),
        written => Ok(Arc::new(schema.project(written).map_err(IoError::from_arrow)?)),
    }
}

/// An output of several files, being written.
pub struct Parted {
    spec: OutputSpec,
    parts: Parts,
    at_once: usize,
    folder: Dir,
    name: String,
    /// Where the files will be, as the path names it.
    prefix: String,
    /// The columns that the path names.
    columns: Vec<String>,
    keys: Vec<usize>,
    written: Vec<usize>,
    schema: SchemaRef,
    namer: Namer,
    partitions: Vec<Partition>,
    known: HashMap<Box<[u8]>, usize>,
    /// Partitions with a writer.
    open: usize,
    waiting: Waiting,
    files: Vec<Done>,
    rows: u64,
    sending: Option<Arc<Sending>>,
    stop: Stop,
}

struct Partition {
    values: Vec<Option<String>>,
    name: Name,
    /// Whether its rows wait.
    waits: bool,
    writer: Option<Writer>,
    /// The number of the next part.
    next: u64,
    /// Rows, and bits of them, of the part that is being written.
    rows: u64,
    bits: u64,
}

/// A file that is complete, and staged under this number.
struct Done {
    staged: usize,
    partition: usize,
    part: u64,
    rows: u64,
    bytes: u64,
    sha256: String,
}

impl Parted {
    /// Begins to write files called `NAME.…` into a folder, in place of all that are called so. The first `chosen` of the rows' columns are
    /// the output's, the others are there for its path.
    ///
    /// # Errors
    /// As [`schema_of_parts`]; the system's.
    pub fn create(
        spec: &OutputSpec,
        schema: &SchemaRef,
        chosen: usize,
        folder: &Dir,
        name: &str,
    ) -> Result<Parted, IoError> {
        let Some(template) = spec.template()? else {
            return Err(IoError::spec("this is one file").in_file(&spec.path));
        };
        let file_schema = schema_of_parts(spec, schema, chosen)?;
        let cannot = |error: &io::Error| IoError::system("cannot write", error).in_file(folder.path());
        let of_this = format!("{name}.");
        for (left, _) in folder.entries().map_err(|error| cannot(&error))? {
            if left.as_encoded_bytes().starts_with(of_this.as_bytes()) {
                folder.remove_file(&left).map_err(|error| cannot(&error))?;
            }
        }
        let columns: Vec<String> = template.columns().into_iter().map(str::to_owned).collect();
        let keys = columns.iter().map(|column| schema.index_of(column).map_err(IoError::from_arrow));
        let mut parted = Parted {
            spec: spec.clone(),
            parts: spec.parts,
            at_once: at_once(Format::of(&spec.path, spec.format)?),
            folder: folder.clone(),
            name: name.to_owned(),
            prefix: template.folder.clone(),
            keys: keys.collect::<Result<_, _>>()?,
            written: written(&template, schema, chosen),
            waiting: Waiting::new(file_schema.clone()),
            schema: file_schema,
            namer: Namer::new(template),
            columns,
            partitions: Vec::new(),
            known: HashMap::new(),
            open: 0,
            files: Vec::new(),
            rows: 0,
            sending: None,
            stop: Stop::default(),
        };
        if parted.keys.is_empty() {
            parted.begin(Vec::new())?;
        }
        Ok(parted)
    }

    /// The same, whose files are sent to a store as they are complete. Those that are added to a folder are not: what they are called
    /// depends on all of them.
    #[must_use]
    pub fn sent_by(mut self, sending: Option<Arc<Sending>>) -> Parted {
        self.sending = sending.filter(|_| !self.parts.append);
        self
    }

    /// Rows that were written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that are held of the rows written so far, beside a few MiB.
    pub fn held(&self) -> u64 {
        self.writers().map(Writer::held).sum::<u64>() + self.waiting.held()
    }

    /// Bytes of rows on the disk that wait until their partition is written.
    pub fn waiting(&self) -> u64 {
        self.waiting.on_disk()
    }

    /// Bytes that [`write`](Parted::write) would hold at its peak with these rows, about.
    pub fn takes(&self, rows: &RecordBatch) -> u64 {
        let bytes = rows.get_array_memory_size() as u64;
        match self.keys.is_empty() {
            true => self.writers().next().map_or(bytes, |writer| writer.takes(rows)),
            false => self.held() + 2 * bytes,
        }
    }

    fn writers(&self) -> impl Iterator<Item = &Writer> {
        self.partitions.iter().filter_map(|partition| partition.writer.as_ref())
    }

    /// Lets what takes long end with an error of [`ErrorKind::Interrupted`] as soon as `stop` says so.
    pub fn stop_when(&mut self, stop: Stop) {
        self.stop = stop;
    }

    /// Appends rows.
    ///
    /// # Errors
    /// More partitions than are allowed; and those of [`Writer::write`].
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        let of = self.partitions_of(rows)?;
        let rows = rows.project(&self.written).map_err(IoError::from_arrow)?;
        self.rows += rows.num_rows() as u64;
        let Some(first) = of.first().copied() else { return Ok(()) };
        if of.iter().all(|partition| *partition == first) && !self.partitions[first].waits {
            return self.append(first, &rows);
        }
        let mut ways: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let (mut waits, mut waiting) = (Vec::new(), Vec::new());
        for (row, partition) in of.iter().enumerate() {
            match self.partitions[*partition].waits {
                true => {
                    waits.push(row as u32);
                    waiting.push(*partition);
                }
                false => ways.entry(*partition).or_default().push(row as u32),
            }
        }
        for (partition, picked) in ways {
            self.append(partition, &picked_of(&rows, picked)?)?;
        }
        if !waits.is_empty() {
            let rows = picked_of(&rows, waits)?;
            let (folder, name) = (&self.folder, format!("{}.rows", self.name));
            let pushed = self.waiting.push(rows, &waiting, || folder.create(&name, FILE_MODE));
            pushed.map_err(|error| IoError::system("cannot write", &error).in_file(folder.path().join(&name)))?;
        }
        Ok(())
    }

    /// The partition of each row.
    fn partitions_of(&mut self, rows: &RecordBatch) -> Result<Vec<usize>, IoError> {
        if self.keys.is_empty() {
            return Ok(vec![0; rows.num_rows()]);
        }
        let keys = rows.project(&self.keys).map_err(IoError::from_arrow)?;
        if let Some(fault) = first_fault(&keys, &Text) {
            let help = "the value is to be part of a path: drop such rows in a step, or name another column";
            return Err(fault.into_error(self.rows).with_help(help).in_file(&self.spec.path));
        }
        let texts = keys.columns().iter().map(|column| cast(column, &DataType::Utf8));
        let texts: Vec<ArrayRef> = texts.collect::<Result<_, _>>().map_err(IoError::from_arrow)?;
        let value =
            |text: &ArrayRef, row: usize| text.is_valid(row).then(|| text.as_string::<i32>().value(row).to_owned());
        let (mut of, mut key, mut last) = (Vec::with_capacity(rows.num_rows()), Vec::new(), (Vec::new(), usize::MAX));
        for row in 0..rows.num_rows() {
            key.clear();
            for text in &texts {
                match text.is_valid(row) {
                    true => {
                        let value = text.as_string::<i32>().value(row).as_bytes();
                        key.extend_from_slice(&(value.len() as u64 + 1).to_le_bytes());
                        key.extend_from_slice(value);
                    }
                    false => key.extend_from_slice(&0_u64.to_le_bytes()),
                }
            }
            if last.1 == usize::MAX || last.0 != key {
                let partition = match self.known.get(key.as_slice()) {
                    Some(known) => *known,
                    None => {
                        let values = texts.iter().map(|text| value(text, row)).collect();
                        let begun = self.begin(values).map_err(|error| error.in_file(&self.spec.path))?;
                        self.known.insert(key.as_slice().into(), begun);
                        begun
                    }
                };
                last = (key.clone(), partition);
            }
            of.push(last.1);
        }
        Ok(of)
    }

    /// Begins a partition.
    fn begin(&mut self, values: Vec<Option<String>>) -> Result<usize, IoError> {
        if self.partitions.len() as u64 >= self.parts.max_partitions {
            let most = self.parts.max_partitions;
            let message = format!(
                "rows have more than {most} different values of what its path names; the next is {}",
                self.namer.shown(&values)
            );
            let help = format!(
                "allow more: max_partitions = {}\nor name a column of fewer values",
                most.saturating_mul(10).min(100_000)
            );
            return Err(IoError::new(ErrorKind::Limit, message).with_help(help));
        }
        let name = self.namer.name(&values)?;
        let waits = self.partitions.len() >= self.at_once;
        self.partitions.push(Partition { values, name, waits, writer: None, next: 0, rows: 0, bits: 0 });
        Ok(self.partitions.len() - 1)
    }

    /// Writes rows of a partition, cut into parts.
    fn append(&mut self, partition: usize, rows: &RecordBatch) -> Result<(), IoError> {
        let mut start = 0;
        while start < rows.num_rows() {
            self.stop.check()?;
            let of = &self.partitions[partition];
            let left = self.parts.max_rows.map_or(u64::MAX, |most| most - of.rows);
            let most = (rows.num_rows() - start).min(usize::try_from(left).unwrap_or(usize::MAX));
            let mut fits = most;
            if let Some(bytes) = self.parts.max_bytes {
                let room = bytes.saturating_mul(8).saturating_sub(of.bits);
                // The most rows that have room: sizes grow with rows, so halving finds them.
                let (mut low, mut high) = (0, most);
                while low < high {
                    let middle = (low + high).div_ceil(2);
                    if rows_bits(rows, start, start + middle) <= room { low = middle } else { high = middle - 1 }
                }
                fits = if of.rows == 0 { low.max(1) } else { low };
            }
            if fits > 0 {
                let slice = rows.slice(start, fits);
                let bits = if self.parts.max_bytes.is_some() { rows_bits(rows, start, start + fits) } else { 0 };
                if self.partitions[partition].writer.is_none() {
                    self.open_part(partition)?;
                }
                let of = &mut self.partitions[partition];
                if let Some(writer) = &mut of.writer {
                    writer.write(&slice)?;
                }
                (of.rows, of.bits, start) = (of.rows + fits as u64, of.bits.saturating_add(bits), start + fits);
            }
            let of = &self.partitions[partition];
            if start < rows.num_rows() || self.parts.max_rows.is_some_and(|most| of.rows >= most) {
                self.close(partition)?;
            }
        }
        Ok(())
    }

    fn open_part(&mut self, partition: usize) -> Result<(), IoError> {
        if self.files.len() + self.open >= MOST_FILES {
            let message = format!("its rows make more than {MOST_FILES} files");
            return Err(IoError::new(ErrorKind::Limit, message)
                .in_file(&self.spec.path)
                .with_help("let files be larger: max_rows, max_bytes"));
        }
        let of = &self.partitions[partition];
        let path = PathBuf::from(format!("{}{}", self.prefix, of.name.path(None, of.next)));
        let spec = OutputSpec { path, ..self.spec.clone() };
        let staged = Staged::new(&self.folder, format!("{}.w{partition}", self.name));
        let mut writer = Writer::create(&spec, self.schema.clone(), &staged)?;
        writer.stop_when(self.stop.clone());
        self.open += 1;
        self.partitions[partition].writer = Some(writer);
        Ok(())
    }

    /// Completes the part that is being written.
    fn close(&mut self, partition: usize) -> Result<(), IoError> {
        let of = &mut self.partitions[partition];
        let Some(writer) = of.writer.take() else { return Ok(()) };
        let part = of.next;
        (of.next, of.rows, of.bits) = (part + 1, 0, 0);
        self.open -= 1;
        let Finished { rows, bytes, staged, .. } = writer.finish()?;
        let number = self.files.len();
        let cannot = |error: &io::Error| IoError::system("cannot read", error).in_file(staged.path());
        let (sha256, _) = self.folder.file(&staged.name).and_then(sha256_of).map_err(|error| cannot(&error))?;
        let done = format!("{}.d{number}", self.name);
        self.folder.rename(&staged.name, &self.folder, &done).map_err(|error| cannot(&error))?;
        if let Some(sending) = &self.sending {
            let path = self.partitions[partition].name.path(None, part);
            sending.push(ToSend { staged: done, path, bytes, sha256: sha256.clone() })?;
        }
        self.files.push(Done { staged: number, partition, part, rows, bytes, sha256 });
        Ok(())
    }

    /// Completes all files and the manifest, all of them still staged: the manifest as `staged`, the files beside it in the order that it
    /// has. They are durable when this returns.
    ///
    /// # Errors
    /// Those of [`Writer::finish`]; two files of one name.
    pub fn finish(mut self, staged: &Staged) -> Result<Finished, IoError> {
        if self.keys.is_empty() && self.files.is_empty() && self.partitions[0].writer.is_none() && !self.parts.append {
            // A file of no rows has their columns.
            self.open_part(0)?;
        }
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].waits {
                let mut waiting = std::mem::replace(&mut self.waiting, Waiting::new(self.schema.clone()));
                let rows = self.folder.path().join(format!("{}.rows", self.name));
                let taken = waiting.take(
                    partition,
                    |rows| self.append(partition, rows),
                    |error| IoError::system("cannot read", &error).in_file(&rows),
                );
                self.waiting = waiting;
                taken?;
            }
            self.close(partition)?;
        }
        let cannot = |error: &io::Error| IoError::system("cannot write", error).in_file(staged.path());
        self.folder.remove_file(format!("{}.rows", self.name)).map_err(|error| cannot(&error))?;
        // What was added is known by what it is.
        let key = self.parts.append.then(|| self.manifest(None).1.key());
        let (order, mut manifest) = self.manifest(key.as_deref());
        manifest.added = key;
        let mut seen = HashSet::new();
        if let Some(twice) = manifest.files.iter().find(|part| !seen.insert(part.path.to_lowercase())) {
            let message = format!("two of its files would be called `{}`", twice.path);
            return Err(IoError::data(message)
                .in_file(&self.spec.path)
                .with_help("put a `-` or a `/` between what is filled in"));
        }
        let names = order.iter().enumerate().map(|(nth, at)| {
            let from = format!("{}.d{}", self.name, self.files[*at].staged);
            (from, staged_name(&self.name, nth))
        });
        let names: Vec<(String, String)> = names.collect();
        let rename = || {
            let renamed = names.iter().try_for_each(|(from, to)| self.folder.rename(from, &self.folder, to));
            renamed.map_err(|error| cannot(&error))
        };
        match &self.sending {
            Some(sending) => sending.renamed(&names, rename)?,
            None => rename()?,
        }
        let file = self.folder.create(&staged.name, FILE_MODE).map_err(|error| cannot(&error))?;
        let mut file = staged.followed(Digesting::new(file))?;
        file.write_all(manifest.to_text().as_bytes()).map_err(|error| cannot(&error))?;
        let (file, digest) = file.finish().map_err(|error| cannot(&error))?;
        let bytes = file.metadata().map_err(|error| cannot(&error))?.len();
        Ok(Finished { rows: self.rows, bytes, digest, path: self.spec.path.clone(), staged: staged.clone() })
    }

    /// The manifest of all files, and which of them stands where in it.
    fn manifest(&self, key: Option<&str>) -> (Vec<usize>, Manifest) {
        let part = |done: &Done| {
            let of = &self.partitions[done.partition];
            let partition = self.columns.iter().cloned().zip(of.values.iter().cloned()).collect();
            let path = of.name.path(key, done.part);
            Part { path, rows: done.rows, bytes: done.bytes, sha256: done.sha256.clone(), partition }
        };
        let mut files: Vec<(usize, Part)> = self.files.iter().map(part).enumerate().collect();
        files.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path));
        let order = files.iter().map(|(at, _)| *at).collect();
        (order, Manifest::of(files.into_iter().map(|(_, part)| part).collect()))
    }
}

/// The name under which the file at this place of a manifest is staged.
fn staged_name(output: &str, nth: usize) -> String {
    format!("{output}.{nth}")
}

fn picked_of(rows: &RecordBatch, picked: Vec<u32>) -> Result<RecordBatch, IoError> {
    take_record_batch(rows, &UInt32Array::from(picked)).map_err(IoError::from_arrow)
}
