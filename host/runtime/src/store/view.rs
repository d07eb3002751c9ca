//! Rows that lie in other spills: put out without being written again, and read where somebody wants them.

use std::io;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{FilterBuilder, FilterPredicate};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::records::{Chosen, Column, Reference};
use super::spill::{HIDDEN, Spill};
use crate::rows::conform;
use crate::rows::{Batch, places, record_batch};

/// If reading the frames that rows lie in would read more than this many times the rows wanted, the rows are copied instead.
const SPARSE: u64 = 4;

/// Rows of sealed spills, beside columns of their own.
pub(crate) struct SpillView {
    pub(crate) bases: Vec<Arc<Spill>>,
    pub(crate) reference: Reference,
    /// The columns that do not lie in a spill.
    pub(crate) own: Vec<ArrayRef>,
    pub(crate) rows: usize,
    /// About what the rows take where they lie.
    pub(crate) bytes: u64,
}

impl SpillView {
    /// The rows of frames that are to be read for these.
    pub(crate) fn weight(&self) -> u64 {
        self.reference.picks.iter().map(|pick| self.bases[pick.base as usize].weight(pick.frame as usize)).sum()
    }

    /// Whether whoever reads the rows does not read much more for them.
    pub(crate) fn is_dense(&self) -> bool {
        self.weight() <= SPARSE * self.rows as u64
    }
}

/// Rows of a reference: of all columns, the hidden ones counted, those that are `wanted`, of which `own` are the frame's own,
/// already chosen from. With `chosen`, these rows alone. `None` if the reference does not fit what it refers to.
pub(super) fn assemble(
    bases: &[Arc<Spill>],
    schema: &SchemaRef,
    reference: &Reference,
    wanted: &[usize],
    own: &[ArrayRef],
    chosen: Option<&BooleanBuffer>,
) -> io::Result<Option<Batch>> {
    let is_picked = |column: &&usize| reference.columns[**column] == Column::Picked;
    let visible = wanted.iter().filter(|column| **column >= HIDDEN);
    let fields = visible.clone().filter(is_picked).map(|column| schema.fields()[column - HIDDEN].clone());
    let carried: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut pieces = Vec::with_capacity(reference.picks.len());
    let mut before = 0;
    for pick in &reference.picks {
        let base = bases.get(pick.base as usize).filter(|base| (pick.frame as usize) < base.frames());
        let Some(base) = base else { return Ok(None) };
        let frame = pick.frame as usize;
        let Some(picked) = pick.rows.bits(base.frame_rows(frame)) else { return Ok(None) };
        let count = picked.count_set_bits();
        let picked = match chosen {
            None => picked,
            Some(chosen) if before + count <= chosen.len() => among(&picked, &chosen.slice(before, count)),
            Some(_) => return Ok(None),
        };
        before += count;
        if picked.count_set_bits() > 0 {
            let at = places(base.schema());
            // Rows of side doors that were appended may lack a column, which is null then.
            let is_there = |field: &FieldRef| at.contains_key(field.name().as_str()) || field.is_nullable();
            if !carried.fields().iter().all(is_there) {
                return Ok(None);
            }
            let columns: Vec<usize> =
                carried.fields().iter().filter_map(|field| at.get(field.name().as_str()).copied()).collect();
            let rows = base.read_some(frame, Some(&columns), Some(&picked))?;
            pieces.push(conform(rows, &carried).map_err(broken)?);
        }
    }
    let picked = match pieces.len() {
        0 => return Ok(None),
        1 => pieces.remove(0),
        _ => Batch::concat(&carried, &pieces).map_err(broken)?,
    };
    drop(pieces);
    let hidden: [ArrayRef; HIDDEN] = [Arc::new(picked.file), Arc::new(picked.line)];
    let (mut own, mut carried) = (own.iter(), picked.rows.columns().iter());
    let mut columns = Vec::with_capacity(wanted.len());
    for column in wanted {
        let from = match reference.columns[*column] {
            Column::Own => own.next(),
            Column::Picked if *column < HIDDEN => Some(&hidden[*column]),
            Column::Picked => carried.next(),
            Column::Logged { .. } => return Ok(None),
        };
        columns.push(from.expect("as many columns were read as are wanted").clone());
    }
    let indices: Vec<usize> = visible.map(|column| column - HIDDEN).collect();
    let schema = Arc::new(schema.project(&indices).map_err(broken)?);
    batch(&schema, columns, picked.rows.num_rows()).map(Some)
}

/// A batch of columns, the hidden ones first.
pub(super) fn batch(schema: &SchemaRef, mut columns: Vec<ArrayRef>, rows: usize) -> io::Result<Batch> {
    if columns.len() < HIDDEN
        || [0, 1].map(|at| columns[at].data_type().clone()) != [DataType::UInt32, DataType::UInt64]
    {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the rows that it refers to do not precede it"));
    }
    let visible = columns.split_off(HIDDEN);
    Ok(Batch::new(
        record_batch(schema.clone(), visible, rows).map_err(broken)?,
        UInt32Array::from(columns[0].to_data()),
        UInt64Array::from(columns[1].to_data()),
    ))
}

/// What chooses these rows of a column.
pub(super) fn filter(chosen: &BooleanBuffer) -> FilterPredicate {
    FilterBuilder::new(&BooleanArray::new(chosen.clone(), None)).optimize().build()
}

/// The rows that were picked and are chosen, too; `chosen` has a bit for each picked one.
fn among(picked: &BooleanBuffer, chosen: &BooleanBuffer) -> BooleanBuffer {
    if chosen.count_set_bits() == chosen.len() {
        return picked.clone();
    }
    let mut bits = vec![0; picked.len().div_ceil(8)];
    let both = picked.set_indices().zip(chosen.iter()).filter(|(_, chosen)| *chosen);
    both.for_each(|(row, _)| bits[row / 8] |= 1 << (row % 8));
    Chosen::Some(bits).bits(picked.len()).expect("there are as many bits as rows")
}

fn broken(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::Field;
    use callboard_plan::Feed;

    use super::super::records::Pick;
    use super::super::{Quota, SpillWriter};
    use super::*;

    fn schema(names: &[&str]) -> SchemaRef {
        let fields = names.iter().map(|name| match *name {
            "text" => Field::new("text", DataType::Utf8, true),
            name => Field::new(name, DataType::Int64, true),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn numbers(numbers: impl IntoIterator<Item = i64>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(numbers))
    }

    fn writer(folder: &Path, name: &str, names: &[&str]) -> SpillWriter {
        SpillWriter::create(
            Feed::node(name),
            folder.join(name),
            schema(names),
            BTreeSet::new(),
            Arc::new(Quota::new(None)),
            None,
        )
        .unwrap()
    }

    /// Frames of ten rows: `id` counts on, `text` is said by it.
    fn base(folder: &Path, name: &str, first: i64) -> Arc<Spill> {
        let mut spill = writer(folder, name, &["id", "text"]);
        for start in [first, first + 10] {
            let text = StringArray::from_iter_values((start..start + 10).map(|id| format!("row {id}")));
            spill.push(&rows(&["id", "text"], vec![numbers(start..start + 10), Arc::new(text)], 10)).unwrap();
        }
        Arc::new(spill.seal())
    }

    fn rows(names: &[&str], columns: Vec<ArrayRef>, count: usize) -> Batch {
        Batch::new(
            record_batch(schema(names), columns, count).unwrap(),
            UInt32Array::from_value(3, count),
            UInt64Array::from_iter_values(1..=count as u64),
        )
    }

    /// `own` says for each column whether it stands in the frame; its values count on from 100.
    fn view(bases: &[Arc<Spill>], own: &[bool], picks: &[(u32, u32, &[u32])]) -> SpillView {
        let count = picks.iter().map(|(.., rows)| rows.len()).sum();
        let of = |own: &bool| if *own { Column::Own } else { Column::Picked };
        let picks = picks.iter().map(|(base, frame, rows)| {
            let all = bases[*base as usize].frame_rows(*frame as usize) as u32;
            Pick { base: *base, frame: *frame, rows: Chosen::of(rows, all) }
        });
        let columns = [Column::Picked; 2].into_iter().chain(own.iter().map(of)).collect();
        let reference = Reference { columns, picks: picks.collect(), logged: Vec::new() };
        let own = own.iter().filter(|own| **own).map(|_| numbers(100..100 + count as i64)).collect();
        SpillView { bases: bases.to_vec(), reference, own, rows: count, bytes: 0 }
    }

    fn read(spill: &Spill, column: usize) -> Vec<String> {
        let frames = (0..spill.frames()).map(|frame| spill.read(frame, Some(&[column])).unwrap());
        let texts = frames.map(|batch| arrow::compute::cast(batch.rows.column(0), &DataType::Utf8).unwrap());
        let texts = texts.flat_map(|texts| {
            StringArray::from(texts.to_data()).iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
        });
        texts.collect()
    }

    #[test]
    fn rows_are_read_where_they_lie_however_far() {
        let folder = tempfile::tempdir().unwrap();
        let bases = [base(folder.path(), "a", 0), base(folder.path(), "b", 50)];
        let mut spill = writer(folder.path(), "first", &["id", "score", "text"]);
        let own = [false, true, false];
        spill.refer(&view(&bases, &own, &[(0, 1, &[2, 7]), (1, 0, &[0]), (0, 0, &[9])]), None).unwrap();
        spill.refer(&view(&bases, &own, &[(1, 1, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])]), None).unwrap();
        let first = Arc::new(spill.seal());
        let texts = ["row 12", "row 17", "row 50", "row 9"].into_iter().map(str::to_owned);
        let texts: Vec<String> = texts.chain((60..70).map(|id| format!("row {id}"))).collect();
        assert_eq!(read(&first, 2), texts);
        assert_eq!(read(&first, 1)[..5], ["100", "101", "102", "103", "100"]);
        let whole = first.read(0, None).unwrap();
        assert_eq!((whole.line.values().to_vec(), whole.file.value(0)), (vec![3, 8, 1, 10], 3));
        assert_eq!((first.weight(0), first.weight(1), first.frame_of(4)), (30, 10, 1));

        // Rows of rows: the written column from the one, the text from the other, each row chosen twice.
        let mut spill = writer(folder.path(), "second", &["text", "score"]);
        spill
            .refer(&view(std::slice::from_ref(&first), &[false, false], &[(0, 0, &[1, 3]), (0, 1, &[5])]), None)
            .unwrap();
        let sealed = spill.seal().sealed().clone();
        let quota = Arc::new(Quota::new(None));
        let names = schema(&["text", "score"]);
        let open = |bases: Vec<Arc<Spill>>| {
            Spill::open(
                Feed::node("second"),
                folder.path().join("second"),
                names.clone(),
                sealed.clone(),
                bases,
                quota.clone(),
            )
        };
        let second = open(vec![first]).unwrap();
        assert_eq!(
            (read(&second, 0), read(&second, 1)),
            (
                ["row 17", "row 9", "row 65"].map(str::to_owned).to_vec(),
                ["101", "103", "105"].map(str::to_owned).to_vec(),
            )
        );
        assert_eq!(second.weight(0), 40);
        let error = open(vec![bases[0].clone()]).err().unwrap().to_string();
        assert!(error.contains("not those that were there"), "{error}");
    }

    /// No flipped bit of what is referred to, nor of the reference, is read as data.
    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let bases = [base(folder.path(), "base", 0)];
        let mut spill = writer(folder.path(), "spill", &["id", "score", "text"]);
        spill.refer(&view(&bases, &[false, true, false], &[(0, 1, &[2, 7])]), None).unwrap();
        let spill = spill.seal();
        let whole = spill.read(0, None).unwrap();
        for name in ["base", "spill"] {
            let path = folder.path().join(name).join("00000.segment");
            let bytes = std::fs::read(&path).unwrap();
            let (mut noticed, mut unneeded) = (0, 0);
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x10;
                std::fs::write(&path, flipped).unwrap();
                match spill.read(0, None) {
                    Ok(read) => {
                        assert_eq!((read.rows, read.line), (whole.rows.clone(), whole.line.clone()));
                        unneeded += 1;
                    }
                    Err(error) => {
                        assert!(error.to_string().contains("/00000.segment` is damaged at byte"), "{error}");
                        noticed += 1;
                    }
                }
            }
            // Headers were read before, and the first frame of `base` is not referred to.
            assert!(noticed > bytes.len() / 3 && (name == "base" || unneeded == 48), "{name}: {noticed}, {unneeded}");
            std::fs::write(&path, bytes).unwrap();
        }
    }
}
