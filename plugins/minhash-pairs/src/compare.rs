//! Pairs are compared: by their signatures, and where these leave it open by the shingles of their texts.
//!
//! Rows are any number, and pairs lead from anywhere to anywhere. So what one row has is put beside the pair while the rows pass in order,
//! the pairs are sorted by the other row, and the rows pass once more.

use callboard_sdk::prelude::*;
use step_minhash_dedup::columns::{LENGTH, SIGNATURE, signature, writes_only};
use step_minhash_dedup::{Config as Options, Judge, Shingler, Verdict};

use crate::AT_ONCE;
use crate::candidates;
use crate::ids::Lookup;
use crate::jaccard::{jaccard, shingles};

/// Columns of the pairs that were compared.
const SURE: &str = "sure";
const LENGTH_A: &str = "length_a";
const LENGTH_B: &str = "length_b";

/// A pair that was compared: whether it is known to be alike, and how long the two texts are.
fn compared_fields() -> Vec<Field> {
    let lengths = [LENGTH_A, LENGTH_B].map(|name| Field::uint32(name).not_null());
    candidates::written().into_iter().chain([Field::boolean(SURE).not_null()]).chain(lengths).collect()
}

/// What [`compared_fields`] says, row by row.
#[derive(Default)]
struct Compared {
    a: Vec<u64>,
    b: Vec<u64>,
    sure: Vec<bool>,
    length_a: Vec<u32>,
    length_b: Vec<u32>,
}

impl Compared {
    fn push(&mut self, (a, b): (u64, u64), sure: bool, (length_a, length_b): (u32, u32)) {
        self.a.push(a);
        self.b.push(b);
        self.sure.push(sure);
        self.length_a.push(length_a);
        self.length_b.push(length_b);
    }

    fn put_out(&mut self, least: usize, output: &mut Writer) -> Result<()> {
        if self.a.len() < least {
            return Ok(());
        }
        let Compared { a, b, sure, length_a, length_b } = std::mem::take(self);
        output.write(vec![a.into(), b.into(), sure.into_iter().collect(), length_a.into(), length_b.into()])
    }
}

/// Beside each pair, the signature of its second row. A pair that several bands found is put out once.
pub(crate) fn signatures(options: &Options, inputs: &[Schema]) -> Result<BoundGlobal> {
    let (of_row, length) = (inputs[0].column::<[u8]>(SIGNATURE)?, inputs[0].column::<u32>(LENGTH)?);
    let (a, b) = (inputs[1].column::<u64>("a")?, inputs[1].column::<u64>("b")?);
    let lengths = Field::uint32(LENGTH).not_null();
    let mut written = candidates::written();
    written.extend([lengths, signature(options).not_null()]);
    let width = u32::from(options.permutations.get()) * 2;
    let shape = writes_only(&inputs[0], written).reads(&of_row).reads(&length).reads(&a).reads(&b);
    Ok(shape.run(move |inputs, output| {
        let [rows, pairs, ..] = inputs else { return Err(StepError::failed("rows and pairs are expected")) };
        let mut rows = Lookup::new(rows, None);
        let mut out = Attached::default();
        // Pairs of one second row follow one another: few, so they are sorted here.
        let mut at_hand: (u64, Vec<u64>) = (0, vec![]);
        let mut attach = |(second, firsts): &mut (u64, Vec<u64>), out: &mut Attached, output: &mut Writer| {
            firsts.sort_unstable();
            firsts.dedup();
            if !firsts.is_empty() {
                let (batch, i) = rows.find(*second)?;
                let (signature, length) = (batch.get(&of_row)?.value(i), batch.get(&length)?.value(i));
                firsts.drain(..).for_each(|first| out.push(first, *second, length, signature));
            }
            out.put_out(AT_ONCE, width, output)
        };
        for batch in pairs.batches() {
            let (firsts, seconds) = (batch.get(&a)?, batch.get(&b)?);
            for (first, second) in firsts.values().iter().zip(seconds.values()) {
                if at_hand.0 != *second {
                    attach(&mut at_hand, &mut out, output)?;
                    at_hand.0 = *second;
                }
                at_hand.1.push(*first);
            }
        }
        attach(&mut at_hand, &mut out, output)?;
        out.put_out(1, width, output)
    }))
}

#[derive(Default)]
struct Attached {
    a: Vec<u64>,
    b: Vec<u64>,
    lengths: Vec<u32>,
    signatures: Vec<u8>,
}

impl Attached {
    fn push(&mut self, a: u64, b: u64, length: u32, signature: &[u8]) {
        self.a.push(a);
        self.b.push(b);
        self.lengths.push(length);
        self.signatures.extend_from_slice(signature);
    }

    fn put_out(&mut self, least: usize, width: u32, output: &mut Writer) -> Result<()> {
        if self.a.len() < least {
            return Ok(());
        }
        let Attached { a, b, lengths, signatures } = std::mem::take(self);
        let signatures = ArrayBuf::fixed(width, signatures.chunks_exact(width as usize).map(Some));
        output.write(vec![a.into(), b.into(), lengths.into(), signatures])
    }
}

/// The pairs whose signatures are alike, or leave it open.
pub(crate) fn compared(options: &Options, inputs: &[Schema]) -> Result<BoundGlobal> {
    let (of_row, length) = (inputs[0].column::<[u8]>(SIGNATURE)?, inputs[0].column::<u32>(LENGTH)?);
    let (a, b) = (inputs[1].column::<u64>("a")?, inputs[1].column::<u64>("b")?);
    let (of_other, other_length) = (inputs[1].column::<[u8]>(SIGNATURE)?, inputs[1].column::<u32>(LENGTH)?);
    let mut shape = writes_only(&inputs[0], compared_fields()).reads(&of_row).reads(&length);
    shape = shape.reads(&a).reads(&b).reads(&of_other).reads(&other_length);
    if inputs.len() > 2 {
        shape = shape.reads((2, SIGNATURE)).reads((2, LENGTH));
    }
    let (_, threshold) = options.search()?;
    let judge = Judge::new(threshold, usize::from(options.permutations.get()), options.verify);
    Ok(shape.gather(Gather::all().input_sorted_by(1, &a)).run(move |inputs, output| {
        let (mut rows, pairs) = rows_and_pairs(inputs)?;
        let mut out = Compared::default();
        let (mut at_hand, mut signature, mut row_length) = (None, vec![], 0);
        for batch in pairs.batches() {
            let (firsts, seconds) = (batch.get(&a)?, batch.get(&b)?);
            let (others, lengths) = (batch.get(&of_other)?, batch.get(&other_length)?);
            for i in 0..batch.rows() {
                let pair = (firsts.value(i), seconds.value(i));
                if at_hand != Some(pair.0) {
                    let (batch, at) = rows.find(pair.0)?;
                    signature.clear();
                    signature.extend_from_slice(batch.get(&of_row)?.value(at));
                    row_length = batch.get(&length)?.value(at);
                    at_hand = Some(pair.0);
                }
                let verdict = judge.verdict(&signature, others.value(i));
                if verdict != Verdict::Unlike {
                    out.push(pair, verdict == Verdict::Alike, (row_length, lengths.value(i)));
                    out.put_out(AT_ONCE, output)?;
                }
            }
        }
        out.put_out(1, output)
    }))
}

/// Beside each pair that is open, the text of its first row.
pub(crate) fn texts(options: &Options, inputs: &[Schema]) -> Result<BoundGlobal> {
    let text = inputs[0].column::<Bytes>(&options.column)?;
    let pairs = PairColumns::of(&inputs[1])?;
    let written = compared_fields().into_iter().filter(|field| field.name != SURE);
    let written = written.chain([Field::utf8(TEXT).not_null()]);
    let mut shape = writes_only(&inputs[0], written).reads(&text).reads_all(pairs.reads());
    if inputs.len() > 2 {
        shape = shape.reads((2, options.column.as_str()));
    }
    Ok(shape.run(move |inputs, output| {
        let (mut rows, input) = rows_and_pairs(inputs)?;
        let mut out = Open::default();
        let (mut at_hand, mut first_text) = (None, String::new());
        for batch in input.batches() {
            for i in pairs.open(&batch)? {
                let (pair, lengths) = pairs.at(&batch, i)?;
                if at_hand != Some(pair.0) {
                    let (batch, at) = rows.find(pair.0)?;
                    first_text.clear();
                    first_text.push_str(std::str::from_utf8(batch.get(&text)?.value(at))?);
                    at_hand = Some(pair.0);
                }
                out.pairs.push(pair, false, lengths);
                out.texts.push(first_text.clone());
                out.bytes += first_text.len();
                out.put_out(TEXTS_AT_ONCE, output)?;
            }
        }
        out.put_out(0, output)
    }))
}

/// Pairs that are open, and the texts of their first rows.
#[derive(Default)]
struct Open {
    pairs: Compared,
    texts: Vec<String>,
    bytes: usize,
}

impl Open {
    fn put_out(&mut self, least: usize, output: &mut Writer) -> Result<()> {
        if self.texts.is_empty() || self.bytes < least && self.texts.len() < AT_ONCE {
            return Ok(());
        }
        let Open { pairs: Compared { a, b, sure: _, length_a, length_b }, texts, bytes: _ } = std::mem::take(self);
        let texts = texts.into_iter().collect();
        output.write(vec![a.into(), b.into(), length_a.into(), length_b.into(), texts])
    }
}

const TEXT: &str = "text";
/// Bytes of texts handed to the host in one call, about.
const TEXTS_AT_ONCE: usize = 1 << 20;

/// The pairs whose shingles are alike.
pub(crate) fn counted(options: &Options, inputs: &[Schema]) -> Result<BoundGlobal> {
    let text = inputs[0].column::<Bytes>(&options.column)?;
    let pairs = PairColumns::of(&inputs[1])?;
    let of_other = inputs[1].utf8(TEXT)?;
    let shape = writes_only(&inputs[0], compared_fields()).reads(&text).reads_all(pairs.reads()).reads(&of_other);
    let (_, threshold) = options.search()?;
    let mut shingler = Shingler::new(options.ngram.get(), options.lowercase);
    Ok(shape.gather(Gather::all().input_sorted_by(1, &pairs.b)).run(move |inputs, output| {
        let (mut rows, input) = rows_and_pairs(inputs)?;
        let mut out = Compared::default();
        let (mut at_hand, mut own, mut other) = (None, vec![], vec![]);
        for batch in input.batches() {
            let others = batch.get(&of_other)?;
            for i in 0..batch.rows() {
                let (pair, lengths) = pairs.at(&batch, i)?;
                if at_hand != Some(pair.1) {
                    let (batch, at) = rows.find(pair.1)?;
                    shingles(&mut shingler, std::str::from_utf8(batch.get(&text)?.value(at))?, &mut own);
                    at_hand = Some(pair.1);
                }
                shingles(&mut shingler, others.value(i), &mut other);
                if jaccard(&own, &other) >= threshold {
                    out.push(pair, true, lengths);
                    out.put_out(AT_ONCE, output)?;
                }
            }
        }
        out.put_out(1, output)
    }))
}

/// The columns of pairs that were compared.
pub(crate) struct PairColumns {
    pub(crate) a: Column<u64>,
    pub(crate) b: Column<u64>,
    /// `None` if all of them are open.
    sure: Option<Column<bool>>,
    length_a: Column<u32>,
    length_b: Column<u32>,
}

impl PairColumns {
    pub(crate) fn of(input: &Schema) -> Result<Self> {
        Ok(PairColumns {
            a: input.column("a")?,
            b: input.column("b")?,
            sure: input.get(SURE).map(|_| input.column(SURE)).transpose()?,
            length_a: input.column(LENGTH_A)?,
            length_b: input.column(LENGTH_B)?,
        })
    }

    pub(crate) fn reads(&self) -> Vec<callboard_sdk::Read> {
        let numbers = [(&self.a).into(), (&self.b).into(), (&self.length_a).into(), (&self.length_b).into()];
        numbers.into_iter().chain(self.sure.as_ref().map(Into::into)).collect()
    }

    /// The rows of a batch whose pair is open, or is sure.
    fn which(&self, batch: &Batch, sure: bool) -> Result<Vec<usize>> {
        let Some(column) = &self.sure else { return Ok((0..batch.rows()).collect()) };
        let values = batch.get(column)?;
        Ok((0..batch.rows()).filter(|i| values.value(*i) == sure).collect())
    }

    fn open(&self, batch: &Batch) -> Result<Vec<usize>> {
        self.which(batch, false)
    }

    pub(crate) fn sure(&self, batch: &Batch) -> Result<Vec<usize>> {
        self.which(batch, true)
    }

    /// A pair, and the lengths of its texts.
    pub(crate) fn at(&self, batch: &Batch, i: usize) -> Result<((u64, u64), (u32, u32))> {
        let pair = (batch.get(&self.a)?.value(i), batch.get(&self.b)?.value(i));
        Ok((pair, (batch.get(&self.length_a)?.value(i), batch.get(&self.length_b)?.value(i))))
    }
}

/// Rows to look up, those of a third input among them, and the pairs of the second.
fn rows_and_pairs(inputs: &mut [Reader]) -> Result<(Lookup<'_>, &mut Reader)> {
    match inputs {
        [rows, pairs, known @ ..] => Ok((Lookup::new(rows, known.first_mut()), pairs)),
        _ => Err(StepError::failed("rows and pairs are expected")),
    }
}
