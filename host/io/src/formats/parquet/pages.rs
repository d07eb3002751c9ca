//! The pages of a row group on their way to the library's decoders: each is looked at before it is unpacked and before it is decoded, so
//! that what a batch holds is known before there is room made for it.
//!
//! What counts, over all columns:
//! - *standing*: one unpacked page and one dictionary of each column, which whoever reads by rows must hold;
//! - *windows*: what the rows of a batch take of pages that say less than they hold: lists as runs of levels, texts as differences;
//! - *behind*: pages that the batch has gone through, which its texts still point into.

use std::io::{Chain, Cursor, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescriptor;

use super::super::announced::LARGEST_RATIO;
use super::footer::{self, Chunk};
use super::{scan, thrift, words};
use crate::error::IoError;
use crate::limits::{self, size};
use crate::places::Opened;
use crate::spec::InputSpec;

/// Which texts are decoded as views into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Views {
    None,
    OfLists,
    All,
}

/// What the readers of a row group's columns hold together.
pub(super) struct Account {
    /// Rows of a batch.
    pub(super) rows: u64,
    /// Which texts are decoded as views.
    pub(super) views: Views,
    /// What a batch may take beside what stands.
    allowed: u64,
    /// A page that takes less is not looked at more closely.
    small: u64,
    standing: AtomicU64,
    /// What stands takes this in the file.
    packed: AtomicU64,
    windows: AtomicU64,
    behind: AtomicU64,
    exceeded: AtomicBool,
    /// What may stand, however small it is in the file.
    largest: u64,
    /// Pages that may not stand: the column of the last, with bytes unpacked and in the file.
    refused: OnceLock<(String, u64, u64)>,
}

impl Account {
    /// For batches of `rows` rows, which should take `bytes`; one row, and what must stand, may take `largest`.
    pub(super) fn new(rows: u64, views: Views, bytes: usize, columns: usize, largest: u64) -> Account {
        let allowed = if rows == 1 { largest } else { (4 * bytes as u64).max(32 << 20) };
        let zero = || AtomicU64::new(0);
        Account {
            rows,
            views,
            allowed,
            small: allowed / (4 * columns.max(1) as u64),
            standing: zero(),
            packed: zero(),
            windows: zero(),
            behind: zero(),
            exceeded: AtomicBool::new(false),
            largest,
            refused: OnceLock::new(),
        }
    }

    /// The next batch begins: what the last one held is given back.
    pub(super) fn begin(&self) {
        self.behind.store(0, Relaxed);
    }

    /// Refuses what a batch would take beyond what is allowed.
    fn fits(&self) -> Result<()> {
        let taken = self.windows.load(Relaxed).saturating_add(self.behind.load(Relaxed));
        if taken <= self.allowed.saturating_add(self.standing.load(Relaxed)) {
            return Ok(());
        }
        self.exceeded.store(true, Relaxed);
        Err(fault("a batch takes too much".into()))
    }

    /// Whether a batch would have taken more than is allowed: fewer rows may not.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Relaxed)
    }

    /// What is said if pages were refused.
    pub(super) fn refused(&self, spec: &InputSpec) -> Option<IoError> {
        let (column, standing, packed) = self.refused.get()?;
        let message = format!(
            "pages of {packed} bytes unpack to {} MiB (column `{column}`); allowed are {}, or {LARGEST_RATIO} times their bytes in the file",
            standing >> 20,
            size(self.largest)
        );
        let otherwise = "write the file with smaller pages or row groups";
        Some(limits::indivisible(spec, message, Some(*standing), otherwise))
    }
}

/// A row group whose pages are counted.
pub(super) struct Counted {
    pub(super) file: Arc<Opened>,
    pub(super) size: u64,
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) group: usize,
    pub(super) account: Arc<Account>,
}

impl RowGroups for Counted {
    fn num_rows(&self) -> usize {
        self.metadata.row_group(self.group).num_rows() as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let group = self.metadata.row_group(self.group);
        let chunk = group.columns().get(column).ok_or_else(|| fault("a row group has too few columns".into()))?;
        if chunk.file_path().is_some_and(|path| !path.is_empty()) {
            return Err(fault(format!("the column `{}` is in another file", chunk.column_path().string())));
        }
        let Chunk { metadata: chunk, start, length, exact } = footer::chunk(&self.metadata, chunk, self.size)?;
        let rows = usize::try_from(group.num_rows())?;
        let file = Arc::new(Patched { file: self.file.clone(), patch: Mutex::default() });
        let pages = Pages {
            inner: SerializedPageReader::new(file.clone(), &chunk, rows, None)?,
            file,
            account: self.account.clone(),
            column: Column::of(&chunk, self.account.views),
            at: start,
            end: start + length,
            values: 0,
            announced: u64::try_from(chunk.num_values())?,
            exact,
            dictionary: (0, 0),
            page: (0, 0),
            window: 0,
        };
        Ok(Box::new(One(Some(Box::new(pages)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.metadata.row_group(self.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The only row group.
struct One(Option<Box<dyn PageReader>>);

impl Iterator for One {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for One {}

fn fault(message: String) -> ParquetError {
    ParquetError::General(message)
}

/// What a value of a column takes once it is decoded.
struct Column {
    name: String,
    rep: i16,
    def: i16,
    width: u64,
    /// How texts and similar values are decoded.
    bytes: Option<Decoded>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decoded {
    /// As views into pages and dictionary.
    Views,
    /// Copied out of them, once for each row.
    Copies,
    /// As decimals, copied first.
    Decimals,
}

impl Column {
    fn of(chunk: &ColumnChunkMetaData, views: Views) -> Column {
        let column = chunk.column_descr();
        let (rep, def) = (column.max_rep_level(), column.max_def_level());
        let decimal = column.converted_type() == ConvertedType::DECIMAL
            || matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. }));
        let bytes = (column.physical_type() == Type::BYTE_ARRAY).then_some(
            match (decimal, views == Views::All || (views == Views::OfLists && rep > 0)) {
                (true, _) => Decoded::Decimals,
                (false, true) => Decoded::Views,
                (false, false) => Decoded::Copies,
            },
        );
        Column { name: column.path().string(), rep, def, width: width(column), bytes }
    }
}

/// Bytes of a decoded value and its levels, without what a text or its like points to.
pub(super) fn width(column: &ColumnDescriptor) -> u64 {
    let value = match column.physical_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::BYTE_ARRAY => 16,
        Type::FIXED_LEN_BYTE_ARRAY => column.type_length().max(0) as u64,
    };
    value + 2 * u64::from(column.max_def_level() > 0) + 2 * u64::from(column.max_rep_level() > 0)
}

/// A file in which one header of a page may be other than it is.
struct Patched {
    file: Arc<Opened>,
    /// Where, and what stands there.
    patch: Mutex<(u64, Vec<u8>)>,
}

impl Patched {
    /// Has the header at this place read as it is, or as it is patched.
    fn set(&self, at: u64, header: Option<Vec<u8>>) {
        *self.patch.lock().unwrap_or_else(PoisonError::into_inner) = (at, header.unwrap_or_default());
    }
}

impl Length for Patched {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Patched {
    type T = Chain<Cursor<Vec<u8>>, <Opened as ChunkReader>::T>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let (at, header) = self.patch.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let header = if at == start { header } else { Vec::new() };
        let rest = self.file.get_read(start + header.len() as u64)?;
        Ok(Cursor::new(header).chain(rest))
    }

    /// What stands behind headers.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

/// The pages of a column chunk.
struct Pages {
    inner: SerializedPageReader<Patched>,
    file: Arc<Patched>,
    account: Arc<Account>,
    column: Column,
    /// Where the next page's header is, and where the chunk ends.
    at: u64,
    end: u64,
    /// Values in pages so far, and those that the footer announces.
    values: u64,
    announced: u64,
    /// Whether pages end with the chunk, not with the last value.
    exact: bool,
    /// Bytes unpacked and in the file.
    dictionary: (u64, u64),
    page: (u64, u64),
    window: u64,
}

impl Pages {
    /// The next page's header, if there is one that can be read.
    fn header(&self) -> Option<thrift::PageHeader> {
        let mut bytes = Vec::new();
        for most in [256, 4 << 10, 1 << 20, 16 << 20] {
            let length = most.min(self.end - self.at) as usize;
            let had = bytes.len();
            bytes.resize(length, 0);
            self.file.file.read_exact_at(&mut bytes[had..], self.at + had as u64).ok()?;
            match thrift::page_header(&bytes) {
                None if (length as u64) < self.end - self.at => {}
                header => return header,
            }
        }
        None
    }

    /// Whether all pages have been given.
    fn is_at_end(&self) -> bool {
        self.at == self.end || (!self.exact && self.values >= self.announced)
    }

    /// The next page's header, past pages that are neither data nor a dictionary; null at the end, and if it cannot be read.
    fn next_header(&mut self) -> Result<Option<thrift::PageHeader>> {
        while !self.is_at_end() {
            let Some(mut header) = self.header() else { break };
            self.file.set(self.at, header.patched.take());
            if header.data || header.dictionary || self.announced == 0 {
                return Ok(Some(header));
            }
            let end = self.at + header.length as u64 + header.packed;
            if end > self.end {
                return Err(fault(format!("a page of the column `{}` ends behind its chunk", self.column.name)));
            }
            self.inner.skip_next_page()?;
            self.at = end;
        }
        Ok(None)
    }

    /// Looks at the next page before it is unpacked. False at the end.
    fn enter(&mut self) -> Result<bool> {
        let header = self.next_header()?;
        let name = &self.column.name;
        if self.is_at_end() {
            if self.values != self.announced {
                let (announced, values) = (self.announced, self.values);
                return Err(fault(format!(
                    "the column `{name}` announces {announced} values, and its pages hold {values}"
                )));
            }
            return Ok(false);
        }
        let Some(header) = header else {
            // Where there are no values there need be no page. What this cannot read, the library might never end to read.
            return match self.announced {
                0 => Ok(false),
                _ => Err(fault(format!("the header of a page of the column `{name}` cannot be read"))),
            };
        };
        if self.announced == 0 && !header.data && !header.dictionary {
            return Ok(false);
        }
        self.at = (self.at + header.length as u64 + header.packed).min(self.end);
        let of = if header.dictionary { &mut self.dictionary } else { &mut self.page };
        let before = std::mem::replace(of, (header.unpacked, header.packed));
        let swap = |sum: &AtomicU64, before: u64, after: u64| {
            sum.fetch_add(after, Relaxed);
            sum.fetch_sub(before, Relaxed) - before
        };
        let standing = swap(&self.account.standing, before.0, header.unpacked);
        let packed = swap(&self.account.packed, before.1, header.packed);
        if standing > self.account.largest.max(packed.saturating_mul(LARGEST_RATIO)) {
            let _ = self.account.refused.set((name.clone(), standing, packed));
            return Err(fault("pages take too much".into()));
        }
        if header.dictionary {
            // For the others, a dictionary of no bytes is refused when it is decoded.
            let entry = if self.column.bytes.is_some() { 4 } else { 1 };
            if header.values.saturating_mul(entry) > header.unpacked.max(1) {
                let (values, bytes) = (header.values, header.unpacked);
                return Err(fault(format!(
                    "the dictionary of the column `{name}` announces {values} values in {bytes} bytes"
                )));
            }
        } else if header.data {
            self.values = self.values.saturating_add(header.values);
            if self.values > self.announced {
                let (announced, values) = (self.announced, self.values);
                return Err(fault(format!(
                    "the column `{name}` announces {announced} values, and its pages hold {values} or more"
                )));
            }
            if self.column.bytes.is_some() {
                self.account.behind.fetch_add(before.0, Relaxed);
            }
        }
        Ok(true)
    }

    /// Looks at a page before it is decoded.
    fn look(&mut self, page: &Page) -> Result<()> {
        let Column { name, rep, def, width, bytes } = &self.column;
        let account = &self.account;
        if page.is_dictionary_page() {
            match bytes {
                Some(Decoded::Decimals) if longest(page.buffer()) > 64 => {
                    return Err(fault(format!("the column `{name}` has decimals of more than 64 bytes")));
                }
                // Each row has a copy of one of its texts.
                Some(Decoded::Copies) => {
                    let copies = account.rows.saturating_mul(longest(page.buffer()) as u64);
                    account.windows.fetch_add(copies.min(u64::MAX >> 20), Relaxed);
                    return account.fits();
                }
                _ => {}
            }
            return Ok(());
        }
        if scan::announces_too_many(page, *rep, *def) {
            return Err(fault(format!("a page of the column `{name}` announces more values than it has")));
        }
        let values = u64::from(page.num_values());
        let mut window = 0;
        if *rep > 0 {
            window = values.saturating_mul(*width);
            if window > account.small {
                window = scan::values_of_records(page, *rep, account.rows).unwrap_or(values).saturating_mul(*width);
            }
        }
        if bytes.is_some() {
            let most = if *rep > 0 { values } else { values.min(account.rows) };
            if most.saturating_mul(page.buffer().len() as u64) > account.small {
                window = window.saturating_add(scan::bytes_of_values(page, *rep, *def, most).unwrap_or(0));
            }
        }
        let before = std::mem::replace(&mut self.window, window);
        // What the batch took of the page before it, it still has.
        account.behind.fetch_add(before, Relaxed);
        account.windows.fetch_add(window, Relaxed);
        account.windows.fetch_sub(before, Relaxed);
        account.fits()
    }
}

/// The longest text of a dictionary.
fn longest(dictionary: &[u8]) -> usize {
    let (mut rest, mut longest) = (dictionary, 0);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        longest = longest.max(length);
        rest = after.get(length..).unwrap_or_default();
    }
    longest
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        if !self.enter()? {
            return Ok(None);
        }
        let page = self.inner.get_next_page();
        let page =
            page.map_err(|error| fault(format!("a page of the column `{}`: {}", self.column.name, words(error))))?;
        if let Some(page) = &page {
            self.look(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        if self.next_header()?.is_none() && self.at < self.end {
            return Ok(None);
        }
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        match self.enter()? {
            true => self.inner.skip_next_page(),
            false => Ok(()),
        }
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.next_header()?;
        match !self.exact && self.values >= self.announced {
            true => Ok(true),
            false => self.inner.at_record_boundary(),
        }
    }
}
