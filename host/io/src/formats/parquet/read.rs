//! Reading: row group by row group, each in batches of as many rows as take about what a batch may take.
//!
//! How many rows that is follows from the group's entry in the footer. If its pages turn out to hold more ([`Account`]), the group is
//! read again without the rows that were given already: first with its texts as views, so that a dictionary's entry that a million rows
//! have is in memory once, and is unfolded a part at a time ([`Unfolded`]); then in smaller batches. Texts of lists are views at once.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowSelection, RowSelector};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use super::super::Taken;
use super::super::unfolded::{More, Unfolded};
use super::int96::{Checked, Units};
use super::masks;
use super::pages::{Account, Counted, Views, width};
use super::{Reading, Rows, footer, guarded, logical, words, zones};
use crate::error::{InFile, IoError, arrow_words};
use crate::far::Far;
use crate::limits;
use crate::places::{Opened, Source, Witness};
use crate::section::{Mark, Marks, Section, Stretch};
use crate::spec::{BatchPolicy, InputSpec};

/// The schema of one file: as its library gives it, with what its own says beyond.
pub(super) fn schema(file: &Source, spec: &InputSpec, units: &mut Units) -> Result<SchemaRef, IoError> {
    guarded(|| {
        let (file, metadata) = footer::open(file, spec)?;
        let witness = file.witness();
        let about = metadata.metadata().file_metadata();
        let noted = logical::noted(metadata.schema(), about.schema_descr());
        let noted = zones::zoned(&noted, about);
        let looked = units.look(file, &metadata, noted, spec);
        looked.map(Arc::new).map_err(|error| witness.instead_of(error))
    })
}

/// The rows of one file, in the dataset's schema.
pub(super) fn rows(of: Reading<'_>, section: Section) -> Result<Rows, IoError> {
    let Reading { file: path, schema, spec, policy } = of;
    guarded(|| {
        let (file, metadata) = footer::open(path, spec)?;
        let fault = |error| IoError::data(format!("cannot be read: {}", words(error))).in_file(path);
        let (mut int96, metadata) = Checked::of(metadata, schema, spec).map_err(fault)?;
        let file_schema = metadata.metadata().file_metadata().schema_descr();
        let noted = logical::noted(metadata.schema(), file_schema);
        let read = Wanted::of(schema, &metadata);
        int96.keep(|leaf| read.mask.leaf_included(leaf));
        let found = noted.project(&read.fields).map_err(|error| IoError::from_arrow(error).in_file(path))?;
        let unfolded = Unfolded::new(&found, schema, spec, policy)?.behind(section.before + section.skip);
        let groups = Groups::new(file, metadata, read, int96, policy, spec).map_err(|error| error.in_file(path))?;
        let groups = groups.section(section);
        let witness = groups.file.witness();
        path.far.begin(groups.rows());
        Ok(Box::new(ParquetRows { groups, far: path.far.clone(), unfolded, witness }) as Rows)
    })
}

/// Finds where batches begin, by the footer alone.
pub(super) fn mark(of: Reading<'_>, marks: &mut Marks<'_>) -> Result<(), IoError> {
    let Reading { file, spec, policy, .. } = of;
    guarded(|| {
        let (opened, metadata) = footer::open(file, spec)?;
        let size = opened.size().map_err(|error| IoError::system("cannot open", &error).in_file(file))?;
        let metadata = metadata.metadata();
        let (mut byte, mut before) = (0, 0);
        for (at, begins) in begin_batches(metadata, policy).into_iter().enumerate() {
            let group = metadata.row_group(at);
            if begins {
                marks.begins(byte, at as u64, before);
            }
            before += group.num_rows().max(0) as u64;
            byte = size.min(byte.saturating_add(group.compressed_size().max(0) as u64));
        }
        Ok(())
    })
}

/// The row groups of a file, by the footer alone.
pub(super) fn stretches(file: &Source, place: usize, spec: &InputSpec) -> Result<Vec<Stretch>, IoError> {
    guarded(|| {
        let (_, metadata) = footer::open(file, spec)?;
        let mut before = 0;
        let stretches = metadata.metadata().row_groups().iter().enumerate().map(|(at, group)| {
            let (from, rows) = (Mark { file: place, at: at as u64, before }, group.num_rows().max(0) as u64);
            before = before.saturating_add(rows);
            Stretch { from, skip: 0, rows }
        });
        Ok(stretches.collect())
    })
}

/// Row groups that hold less than this many batches are cut into batches together.
const TOGETHER: u64 = 32;

/// Whether a batch begins with each row group, whatever was read before: a batch goes on from one to the next, unless those before hold enough
/// of them. So large files can be read in parts, and no part of it depends on which columns are read.
fn begin_batches(metadata: &ParquetMetaData, policy: BatchPolicy) -> Vec<bool> {
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    let (most_rows, most_bytes) = [policy.rows, policy.bytes].map(|most| TOGETHER.saturating_mul(most as u64)).into();
    let mut begins = true;
    let group = |group: &RowGroupMetaData| {
        let this = begins;
        let here = group.num_rows().max(0) as u64;
        rows = rows.saturating_add(here);
        bytes = bytes.saturating_add(row_bytes(group, group.columns().iter()).saturating_mul(here));
        begins = rows >= most_rows || bytes >= most_bytes;
        if begins {
            (rows, bytes) = (0, 0);
        }
        this
    };
    metadata.row_groups().iter().map(group).collect()
}

/// How many row groups are fetched at the same time, at most.
const GROUPS_AHEAD: usize = 32;

/// Which columns of a file are read.
struct Wanted {
    /// Their places among the columns of the file.
    fields: Vec<usize>,
    mask: ProjectionMask,
    /// How many columns without members these are.
    leaves: usize,
    /// Whether the file has more columns.
    is_part: bool,
}

impl Wanted {
    /// Those of a schema. If the file has none of them, its narrowest column tells how many rows there are.
    fn of(schema: &SchemaRef, metadata: &ArrowReaderMetadata) -> Wanted {
        let file = metadata.parquet_schema();
        let wanted: HashSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let all = metadata.schema().fields();
        let mut fields: Vec<usize> = (0..all.len()).filter(|at| wanted.contains(all[*at].name().as_str())).collect();
        if fields.is_empty() {
            fields.extend(
                (0..all.len()).min_by_key(|at| (all[*at].data_type().is_nested(), least(all[*at].data_type()))),
            );
        }
        let names: HashSet<&str> = fields.iter().map(|at| all[*at].name().as_str()).collect();
        let roots = file.root_schema().get_fields().iter().enumerate();
        let roots = roots.filter(|(_, root)| names.contains(root.name())).map(|(at, _)| at);
        let mask = ProjectionMask::roots(file, roots);
        let leaves = (0..file.num_columns()).filter(|leaf| mask.leaf_included(*leaf)).count();
        let is_part = leaves < file.num_columns();
        Wanted { fields, mask, leaves, is_part }
    }

    /// The chunks of a row group that are read.
    fn chunks<'a>(&'a self, group: &'a RowGroupMetaData) -> impl Iterator<Item = &'a ColumnChunkMetaData> {
        let columns = group.columns().iter().enumerate();
        columns.filter(|(leaf, _)| self.mask.leaf_included(*leaf)).map(|(_, column)| column)
    }
}

/// The same column with its texts as views, or those of its lists alone.
fn as_views(field: &Field, all: bool) -> FieldRef {
    Arc::new(field.clone().with_data_type(type_as_views(field.data_type(), all)))
}

fn type_as_views(data_type: &DataType, all: bool) -> DataType {
    use DataType::*;
    match data_type {
        Utf8 | LargeUtf8 if all => Utf8View,
        Binary | LargeBinary if all => BinaryView,
        LargeUtf8 => Utf8,
        LargeBinary => Binary,
        Utf8View if !all => Utf8,
        BinaryView if !all => Binary,
        Dictionary(_, values) => type_as_views(values, all),
        List(item) => List(as_views(item, true)),
        LargeList(item) => LargeList(as_views(item, true)),
        ListView(item) => ListView(as_views(item, true)),
        LargeListView(item) => LargeListView(as_views(item, true)),
        FixedSizeList(item, size) => FixedSizeList(as_views(item, true), *size),
        Map(entries, sorted) => Map(as_views(entries, true), *sorted),
        Struct(fields) => Struct(fields.iter().map(|field| as_views(field, all)).collect()),
        other => other.clone(),
    }
}

/// The least that a row of the column takes once it is decoded: a list of a fixed size takes as much where it is null.
fn least(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeList(item, size) => least(item.data_type()).saturating_mul((*size).max(0) as u64),
        DataType::FixedSizeBinary(size) => (*size).max(0) as u64,
        DataType::Struct(fields) => fields.iter().fold(0, |sum, field| least(field.data_type()).saturating_add(sum)),
        other => other.primitive_width().unwrap_or(8) as u64,
    }
}

struct ParquetRows {
    groups: Groups,
    far: Arc<Far>,
    unfolded: Unfolded,
    witness: Witness,
}

/// The row groups of a file, one after another.
struct Groups {
    file: Arc<Opened>,
    size: u64,
    metadata: ArrowReaderMetadata,
    read: Wanted,
    /// With texts as views in lists alone, and everywhere; or, where the library takes no such wish, as it decodes them.
    levels: Vec<(Views, FieldLevels)>,
    int96: Checked,
    least: u64,
    policy: BatchPolicy,
    spec: InputSpec,
    /// Whether a batch begins with each of the file's groups.
    begins: Vec<bool>,
    next: usize,
    /// Behind the last group that is read.
    end: usize,
    /// Groups whose place in the file is announced to it, and those of them that have been read.
    announced: usize,
    forgotten: usize,
    open: Option<Group>,
    /// Rows of the groups before.
    before: u64,
    /// Rows at the beginning of the next group that are passed over.
    skip: u64,
}

/// A row group that is being read.
struct Group {
    reader: ParquetRecordBatchReader,
    account: Arc<Account>,
    /// Those of [`Groups::levels`] that it is read by.
    way: usize,
    given: u64,
}

impl Groups {
    fn new(
        file: Opened,
        metadata: ArrowReaderMetadata,
        read: Wanted,
        int96: Checked,
        policy: BatchPolicy,
        spec: &InputSpec,
    ) -> Result<Groups, IoError> {
        let size = file.size().map_err(|error| IoError::system("cannot open", &error))?;
        let levels = |views: Views| {
            let hint: Fields =
                metadata.schema().fields().iter().map(|field| as_views(field, views == Views::All)).collect();
            let hint = (views != Views::None).then_some(&hint);
            parquet_to_arrow_field_levels(metadata.parquet_schema(), read.mask.clone(), hint)
                .map(|levels| (views, levels))
                .map_err(|error| IoError::data(format!("cannot be read: {}", words(error))))
        };
        // A group without members is in no Arrow schema, and the hint is compared with what is there by position.
        let levels = match [Views::OfLists, Views::All].into_iter().map(levels).collect::<Result<Vec<_>, _>>() {
            Ok(levels) => levels,
            Err(_) => vec![levels(Views::None)?],
        };
        let fields = metadata.schema().fields();
        let least = read.fields.iter().fold(0, |sum: u64, at| least(fields[*at].data_type()).saturating_add(sum));
        if least > spec.limits.batch {
            let allowed = limits::size(spec.limits.batch);
            let message = format!("a row takes {} MiB in memory, more than the {allowed} allowed", least >> 20);
            let otherwise = "write the file with lists of fewer items";
            // What lies beside the values, nobody knows yet.
            let wanted = (least > limits::LARGEST_BATCH).then_some(least);
            return Err(limits::indivisible(spec, message, wanted, otherwise));
        }
        let (file, spec) = (Arc::new(file), spec.clone());
        let begins = begin_batches(metadata.metadata(), policy);
        Ok(Groups {
            file,
            size,
            metadata,
            read,
            levels,
            int96,
            least,
            policy,
            spec,
            end: begins.len(),
            begins,
            next: 0,
            announced: 0,
            forgotten: 0,
            open: None,
            before: 0,
            skip: 0,
        })
    }

    /// Rows of all groups that are read.
    fn rows(&self) -> u64 {
        let groups = &self.metadata.metadata().row_groups()[self.next..self.end];
        groups.iter().map(|group| group.num_rows().max(0) as u64).fold(0, u64::saturating_add)
    }

    /// Those of a part of the file.
    fn section(self, Section { from, before, to, skip }: Section) -> Groups {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(self.begins.len());
        let (from, end) = (place(from), place(to.unwrap_or(u64::MAX)));
        Groups { next: from, end, announced: from, forgotten: from, before, skip, ..self }
    }

    /// Rows as the library gives them, or null at the end. What each weighs where batches are cut is said if not all columns are read: that is of all
    /// columns of the file, so batches do not end elsewhere because some other column is read.
    fn next(&mut self) -> Result<Option<More>, IoError> {
        loop {
            // Rows that are read again and left out are many batches, too.
            self.spec.stop.check()?;
            let Some(group) = &mut self.open else {
                if self.next >= self.end {
                    return Ok(None);
                }
                self.announce(self.next)?;
                self.int96.look(&self.file, &self.metadata, self.next, self.before)?;
                self.next += 1;
                let skip = std::mem::take(&mut self.skip);
                self.open = Some(self.open(self.rows_of_batch(), 0, skip)?);
                continue;
            };
            group.account.begin();
            let announced = self.metadata.metadata().row_group(self.next - 1).num_rows().max(0) as u64;
            match group.reader.next() {
                Some(Ok(rows)) => {
                    let is_first = group.given == 0;
                    group.given += rows.num_rows() as u64;
                    if group.given > announced {
                        return Err(differs(announced, &format!("{} or more", group.given)));
                    }
                    if rows.num_rows() > 0 {
                        let group = self.metadata.metadata().row_group(self.next - 1);
                        let all = || row_bytes(group, group.columns().iter()).saturating_mul(8);
                        let begins_batch = is_first && self.begins[self.next - 1];
                        return Ok(Some(More { rows, weight: self.read.is_part.then(all), begins_batch }));
                    }
                }
                Some(Err(_)) if group.account.exceeded() => {
                    let (rows, way, given) = (group.account.rows, group.way, group.given);
                    let last = way + 1 == self.levels.len();
                    if rows == 1 && last {
                        let row = self.before + given + 1;
                        let allowed = limits::size(self.spec.limits.batch);
                        let message =
                            format!("row {row}, or one soon after it, takes more than the {allowed} allowed in memory");
                        return Err(limits::indivisible(&self.spec, message, None, limits::SPLIT));
                    }
                    // What it holds is let go of before there is more.
                    self.open = None;
                    let (rows, way) = if last { ((rows / 8).max(1), way) } else { (rows, way + 1) };
                    self.open = Some(self.open(rows, way, given)?);
                }
                Some(Err(error)) => {
                    let refused = group.account.refused(&self.spec);
                    let words = arrow_words(error);
                    let words = words.strip_prefix("Parquet error: ").unwrap_or(&words);
                    let unread = || IoError::data(format!("cannot be read: {words}"));
                    return Err(refused.unwrap_or_else(unread));
                }
                None if group.given != announced => return Err(differs(announced, &group.given.to_string())),
                None => {
                    self.before += group.given;
                    self.open = None;
                }
            }
        }
    }

    /// Says where a group is in the file, and those behind it as far as they are little.
    fn announce(&mut self, group: usize) -> Result<(), IoError> {
        self.file.will_not_read_again(group.saturating_sub(self.forgotten));
        self.forgotten = group;
        let end = self.end.min(group + GROUPS_AHEAD);
        for group in group.max(self.announced)..end {
            let (metadata, ahead) = (self.metadata.metadata(), group > self.forgotten);
            let range = |column| {
                let chunk = footer::chunk(metadata, column, self.size).ok()?;
                Some(chunk.start..chunk.start + chunk.length)
            };
            let ranges = || self.read.chunks(metadata.row_group(group)).filter_map(range).collect();
            let announced = self.file.will_read(ranges, ahead);
            if !announced.map_err(|error| IoError::system("cannot read", &error))? {
                break;
            }
            self.announced = group + 1;
        }
        Ok(())
    }

    fn rows_of_batch(&self) -> u64 {
        let group = self.metadata.metadata().row_group(self.next - 1);
        let bytes = row_bytes(group, self.read.chunks(group));
        (self.policy.bytes as u64 / bytes.max(self.least)).clamp(1, self.policy.rows as u64)
    }

    /// Opens the row group before the next, of which some rows were given already.
    fn open(&self, rows: u64, way: usize, given: u64) -> Result<Group, IoError> {
        let metadata = self.metadata.metadata().clone();
        let (views, bytes) = (self.levels[way].0, self.policy.bytes);
        let account = Arc::new(Account::new(rows, views, bytes, self.read.leaves, self.spec.limits.batch));
        let counted = Counted {
            file: self.file.clone(),
            size: self.size,
            metadata,
            group: self.next - 1,
            account: account.clone(),
        };
        let announced = counted.metadata.row_group(counted.group).num_rows().max(0) as u64;
        // One more than there are, so that it is noticed if there are more.
        let rest = announced.saturating_sub(given).saturating_add(1);
        let behind = || vec![RowSelector::skip(given as usize), RowSelector::select(rest as usize)];
        let behind = (given > 0).then(|| RowSelection::from(behind()));
        let reader =
            ParquetRecordBatchReader::try_new_with_row_groups(&self.levels[way].1, &counted, rows as usize, behind)
                .map_err(|error| IoError::data(format!("cannot be read: {}", words(error))))?;
        Ok(Group { reader, account, way, given })
    }
}

fn differs(announced: u64, found: &str) -> IoError {
    IoError::data(format!("is corrupt: it announces {announced} rows, and its pages hold {found}"))
}

/// What these columns of a row of the group take in memory, on average and at least 1: what pages hold, or where text repeats and a page's
/// dictionary holds it once, what the writer noted; and no less than its values take when they are decoded.
fn row_bytes<'a>(group: &RowGroupMetaData, chunks: impl Iterator<Item = &'a ColumnChunkMetaData>) -> u64 {
    let column = |column: &ColumnChunkMetaData| {
        let text = column.unencoded_byte_array_data_bytes().unwrap_or(0);
        let pages = column.uncompressed_size().max(text).max(0) as u64;
        pages.max((column.num_values().max(0) as u64).saturating_mul(width(column.column_descr())))
    };
    let bytes = chunks.fold(0u64, |sum, chunk| sum.saturating_add(column(chunk)));
    (bytes / group.num_rows().max(1) as u64).max(1)
}

impl Iterator for ParquetRows {
    type Item = Result<Taken, IoError>;

    fn next(&mut self) -> Option<Self::Item> {
        let ParquetRows { groups, far, unfolded, .. } = self;
        let rows = guarded(|| {
            groups.spec.stop.check()?;
            let rows = unfolded.next(|| groups.next())?;
            Ok(rows.map(|(places, rows)| {
                far.add(rows.num_rows() as u64);
                let rows = if masks::needed(rows.schema_ref()) { masks::masked(&rows) } else { rows };
                Taken::from((places, rows))
            }))
        });
        let at = InFile::RowGroup(self.groups.next as u64);
        rows.map_err(|error| self.witness.instead_of(error).at(at)).transpose()
    }
}
