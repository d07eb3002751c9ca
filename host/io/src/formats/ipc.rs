//! Arrow IPC: the file format (`ARROW1`), and when read the stream format too. A record batch is read whole, then unfolded and cut
//! part by part. A compressed one may take what `limits.batch` allows, or several times what it takes in the file.
//!
//! Written as a file, by default uncompressed so that others may map it into memory, in record batches of up to 64 Ki rows or about 1 MiB that depend on the rows
//! alone: equal rows give equal bytes.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};

use super::announced::{self, Announced};
use super::unfolded::{More, Unfolded};
use super::{FileFormat, Format, Reading, RowWriter, Rows, Taken, guarded};
use crate::canonical;
use crate::codec::{Codec, Packing};
use crate::cut::{Cutter, heaviest_row, rows_bits};
use crate::error::{ErrorKind, InFile, IoError};
use crate::far::Far;
use crate::magic;
use crate::misfit::excerpt;
use crate::places::{First, Opened, Source, Witness};
use crate::spec::{BatchPolicy, InputSpec};
use crate::stop::Stop;
use crate::text::Sink;
use crate::values::{Anything, Rule};

pub(super) struct Ipc;

impl FileFormat for Ipc {
    fn schema(&self, files: &[Source], spec: &InputSpec) -> Result<Schema, IoError> {
        let read = |file: &Source| guarded(|| Ok(open(file, spec).map_err(|error| what_it_is(file, error, spec))?.1));
        let schema = canonical::one_schema(files, First::Tail, spec, read, |_, _| false)?;
        canonical::only_known(&schema, files, spec)?;
        Ok(schema)
    }

    fn first(&self) -> First {
        First::Tail
    }

    fn read(&self, of: Reading<'_>) -> Result<Rows, IoError> {
        let Reading { file, schema, spec, policy } = of;
        guarded(|| {
            let (batches, found, announced, witness) = open(file, spec)?;
            let unfolded = Unfolded::new(&found, schema, spec, policy)?;
            file.far.begin(announced.rows.unwrap_or(0));
            let (stop, far) = (spec.stop.clone(), file.far.clone());
            Ok(Box::new(IpcRows { batches, announced, unfolded, batch: 0, stop, witness, far }) as Rows)
        })
    }

    fn write(&self, sink: Sink, schema: &SchemaRef, _: &Path, packing: Packing) -> Result<Box<dyn RowWriter>, IoError> {
        let compression = match packing.codec {
            Codec::Lz4 => Some(CompressionType::LZ4_FRAME),
            Codec::Zstd => Some(CompressionType::ZSTD),
            _ => None,
        };
        let options = IpcWriteOptions::default().try_with_compression(compression).map_err(IoError::from_arrow)?;
        let writer = FileWriter::try_new_with_options(sink, schema, options).map_err(IoError::from_arrow)?;
        let cutter = Cutter::new(schema.clone(), BatchPolicy { rows: 64 << 10, bytes: 1 << 20 });
        Ok(Box::new(IpcWriter { writer, cutter }))
    }

    fn rule(&self) -> &'static dyn Rule {
        &Anything
    }

    fn doubt(&self, file: &Source, spec: &InputSpec) -> Option<&'static str> {
        let (_, _, announced, _) = guarded(|| open(file, spec)).ok()?;
        announced.is_unmarked.then_some(
            "an Arrow stream without an end mark: all its messages are read, but it may have been cut short behind one",
        )
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// The error, unless the file is something else altogether.
fn what_it_is(file: &Source, error: IoError, spec: &InputSpec) -> IoError {
    match error.kind() {
        ErrorKind::Data => magic::instead(file, Format::Arrow, &spec.stop).unwrap_or(error),
        _ => error,
    }
}

/// An open file, its schema, and what it announces.
fn open(source: &Source, spec: &InputSpec) -> Result<(Batches, SchemaRef, Announced, Witness), IoError> {
    let path = source.path();
    let file = source.open(&spec.stop).map_err(|error| IoError::system("cannot open", &error).in_file(path))?;
    let witness = file.witness();
    let read = read(file, path, spec).map_err(|error| witness.instead_of(error).in_file(path));
    read.map(|(batches, schema, announced)| (batches, schema, announced, witness))
}

fn read(file: Opened, path: &Path, spec: &InputSpec) -> Result<(Batches, SchemaRef, Announced), IoError> {
    let system = |error: io::Error| IoError::system("cannot open", &error).in_file(path);
    let mut file = BufReader::new(file);
    let mut head = Vec::new();
    file.by_ref().take(6).read_to_end(&mut head).map_err(system)?;
    let length = file.seek(SeekFrom::End(0)).map_err(system)?;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(8))).map_err(system)?;
    file.read_to_end(&mut tail).map_err(system)?;
    file.rewind().map_err(system)?;

    let fault = |error: ArrowError| announced::cut_short(crate::error::arrow_words(error)).in_file(path);
    if head.starts_with(b"FEA1") {
        let error = IoError::data("is Feather of version 1, which is not Arrow IPC");
        return Err(error.with_help("write it again as version 2: pyarrow.feather.write_feather(pyarrow.feather.read_table(\"OLD\"), \"NEW\")").in_file(path));
    }
    if head == b"ARROW1" {
        if !tail.ends_with(b"ARROW1") {
            return Err(announced::cut_short("the file has no footer").in_file(path));
        }
        let announced = announced::of_file(file.get_mut(), spec).map_err(|error| error.in_file(path))?;
        if announced.is_mixed {
            // Behind the mark there is a stream, whose messages say their versions themselves.
            file.seek(SeekFrom::Start(announced::FILE_MAGIC)).map_err(system)?;
            let reader = StreamReader::try_new(file, None).map_err(fault)?;
            let schema = reader.schema();
            return Ok((Box::new(reader), schema, announced));
        }
        let reader = FileReader::try_new(file, None).map_err(fault)?;
        let schema = reader.schema();
        return Ok((Box::new(reader), schema, announced));
    }
    let announced = announced::of_stream(file.get_mut(), &tail, spec).map_err(|error| error.in_file(path))?;
    let reader = StreamReader::try_new(file, None).map_err(fault)?;
    let schema = reader.schema();
    Ok((Box::new(reader), schema, announced))
}

/// The error of a record batch, of which the library says this.
fn unread(words: &str) -> IoError {
    let column = words.strip_prefix("Column '").and_then(|rest| rest.split_once("' is declared as non-nullable"));
    match column {
        Some((column, _)) => {
            let message = format!("the column `{}` is declared to have no nulls, and has some", excerpt(column));
            IoError::data(message).with_help("write the file again with a schema in which the column may be null")
        }
        None => IoError::data(format!("cannot be read: {words}")),
    }
}

struct IpcRows {
    batches: Batches,
    announced: Announced,
    unfolded: Unfolded,
    batch: u64,
    stop: Stop,
    witness: Witness,
    far: Arc<Far>,
}

impl Iterator for IpcRows {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let IpcRows { batches, announced, unfolded, batch, stop, .. } = self;
        let more = || {
            stop.check()?;
            *batch += 1;
            let fault = |error| unread(&crate::error::arrow_words(error));
            Ok(batches.next().transpose().map_err(fault)?.map(|rows| More { rows, weight: None, begins_batch: false }))
        };
        let rows = guarded(|| {
            stop.check()?;
            let rows = unfolded.next(more)?;
            let read = unfolded.given();
            match announced.rows.filter(|said| rows.is_none() && *said != read) {
                Some(said) => Err(IoError::data(format!("is corrupt: it announces {said} rows, and {read} were read"))),
                None => Ok(rows),
            }
        });
        let rows = rows.map(|rows| rows.map(Taken::from));
        if let Ok(Some(taken)) = &rows {
            self.far.add(taken.rows.num_rows() as u64);
        }
        rows.map_err(|error| self.witness.instead_of(error).at(InFile::Batch(self.batch))).transpose()
    }
}

/// What a column takes while a record batch is written, whatever its values are, bytes, about.
const COLUMN: u64 = 512;

struct IpcWriter {
    writer: FileWriter<Sink>,
    cutter: Cutter,
}

impl IpcWriter {
    fn drain(&mut self) -> Result<(), IoError> {
        while let Some(batch) = self.cutter.next() {
            let batch = crate::cut::compact(&batch)?;
            self.writer.write(&batch).map_err(IoError::from_arrow)?;
        }
        Ok(())
    }
}

impl RowWriter for IpcWriter {
    fn takes(&self, rows: &RecordBatch) -> u64 {
        // A copy of its own, the bytes of the record batch, and the description of many columns, beside what every writer has.
        let columns = (rows.num_columns() as u64 * COLUMN).saturating_sub(4 << 20);
        columns + 3 * heaviest_row(rows, rows_bits)
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<(), IoError> {
        self.cutter.push(rows)?;
        self.drain()
    }

    fn finish(mut self: Box<Self>) -> Result<Sink, IoError> {
        self.cutter.end()?;
        self.drain()?;
        self.writer.into_inner().map_err(IoError::from_arrow)
    }
}
