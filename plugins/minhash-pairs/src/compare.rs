//! Pairs are compared.
//!
//! Rows are any number, and pairs lead from anywhere to anywhere. So what one row is compared by is put beside the pair while the rows
//! pass in order, the pairs are sorted by the other row, and the rows pass once more.

use callboard_sdk::prelude::*;
use step_minhash_dedup::columns::{COMPARED, LENGTH, writes_only};
use step_minhash_dedup::{Config as Options, Judge};

use crate::AT_ONCE;
use crate::candidates;
use crate::ids::Lookup;

/// Bytes handed to the host in one call, about.
const BYTES_AT_ONCE: usize = 1 << 20;

/// Beside each pair, what its second row is compared by. A pair that several bands found is put out once.
pub(crate) fn beside(inputs: &[Schema]) -> Result<BoundGlobal> {
    let (of_row, length) = (inputs[0].column::<Bytes>(COMPARED)?, inputs[0].column::<u32>(LENGTH)?);
    let (a, b) = (inputs[1].column::<u64>("a")?, inputs[1].column::<u64>("b")?);
    let mut written = candidates::written();
    written.extend([Field::uint32(LENGTH).not_null(), Field::binary(COMPARED).not_null()]);
    let shape = writes_only(&inputs[0], written).reads(&of_row).reads(&length).reads(&a).reads(&b);
    Ok(shape.run(move |inputs, output| {
        let [rows, pairs, ..] = inputs else { return Err(StepError::failed("rows and pairs are expected")) };
        let mut rows = Lookup::new(rows, None);
        let mut out = Attached::new();
        // Pairs of one second row follow one another: few, so they are sorted here.
        let mut at_hand: (u64, Vec<u64>) = (0, vec![]);
        let mut attach = |(second, firsts): &mut (u64, Vec<u64>), out: &mut Attached, output: &mut Writer| {
            firsts.sort_unstable();
            firsts.dedup();
            if firsts.is_empty() {
                return Ok::<_, StepError>(());
            }
            let (batch, i) = rows.find(*second)?;
            let (compared, length) = (batch.get(&of_row)?.value(i), batch.get(&length)?.value(i));
            for first in firsts.drain(..) {
                out.push(first, *second, length, compared);
                out.put_out(BYTES_AT_ONCE, output)?;
            }
            Ok(())
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
        out.put_out(0, output)
    }))
}

struct Attached {
    a: Vec<u64>,
    b: Vec<u64>,
    lengths: Vec<u32>,
    compared: BinaryBuilder,
    bytes: usize,
}

impl Attached {
    fn new() -> Self {
        Attached { a: vec![], b: vec![], lengths: vec![], compared: BinaryBuilder::with_capacities(0, 0), bytes: 0 }
    }

    fn push(&mut self, a: u64, b: u64, length: u32, compared: &[u8]) {
        self.a.push(a);
        self.b.push(b);
        self.lengths.push(length);
        self.compared.push(compared);
        self.bytes += compared.len();
    }

    fn put_out(&mut self, least: usize, output: &mut Writer) -> Result<()> {
        if self.a.is_empty() || self.bytes < least && self.a.len() < AT_ONCE {
            return Ok(());
        }
        let Attached { a, b, lengths, compared, bytes: _ } = std::mem::replace(self, Attached::new());
        output.write(vec![a.into(), b.into(), lengths.into(), compared.finish()])
    }
}

/// The pairs that are alike.
pub(crate) fn compared(options: &Options, inputs: &[Schema]) -> Result<BoundGlobal> {
    let (of_row, length) = (inputs[0].column::<Bytes>(COMPARED)?, inputs[0].column::<u32>(LENGTH)?);
    let (a, b) = (inputs[1].column::<u64>("a")?, inputs[1].column::<u64>("b")?);
    let (of_other, other_length) = (inputs[1].column::<Bytes>(COMPARED)?, inputs[1].column::<u32>(LENGTH)?);
    let mut shape = writes_only(&inputs[0], PairColumns::written()).reads(&of_row).reads(&length);
    shape = shape.reads(&a).reads(&b).reads(&of_other).reads(&other_length);
    if inputs.len() > 2 {
        shape = shape.reads((2, COMPARED)).reads((2, LENGTH));
    }
    let (_, threshold) = options.search()?;
    let judge = Judge::new(threshold, options.verify);
    Ok(shape.gather(Gather::all().input_sorted_by(1, &a)).run(move |inputs, output| {
        let [rows, pairs, known @ ..] = inputs else {
            return Err(StepError::failed("rows and pairs are expected"));
        };
        let mut rows = Lookup::new(rows, known.first_mut());
        let mut out = Alike::default();
        let (mut at_hand, mut own, mut own_length) = (None, vec![], 0);
        for batch in pairs.batches() {
            let (firsts, seconds) = (batch.get(&a)?, batch.get(&b)?);
            let (others, lengths) = (batch.get(&of_other)?, batch.get(&other_length)?);
            for i in 0..batch.rows() {
                let pair = (firsts.value(i), seconds.value(i));
                if at_hand != Some(pair.0) {
                    let (batch, at) = rows.find(pair.0)?;
                    own.clear();
                    own.extend_from_slice(batch.get(&of_row)?.value(at));
                    own_length = batch.get(&length)?.value(at);
                    at_hand = Some(pair.0);
                }
                if judge.alike(&own, others.value(i)) {
                    out.push(pair, (own_length, lengths.value(i)));
                    out.put_out(AT_ONCE, output)?;
                }
            }
        }
        out.put_out(1, output)
    }))
}

/// Pairs that are alike, as [`PairColumns::written`] has them.
#[derive(Default)]
struct Alike {
    a: Vec<u64>,
    b: Vec<u64>,
    length_a: Vec<u32>,
    length_b: Vec<u32>,
}

impl Alike {
    fn push(&mut self, (a, b): (u64, u64), (length_a, length_b): (u32, u32)) {
        self.a.push(a);
        self.b.push(b);
        self.length_a.push(length_a);
        self.length_b.push(length_b);
    }

    fn put_out(&mut self, least: usize, output: &mut Writer) -> Result<()> {
        if self.a.len() < least {
            return Ok(());
        }
        let Alike { a, b, length_a, length_b } = std::mem::take(self);
        output.write(vec![a.into(), b.into(), length_a.into(), length_b.into()])
    }
}

const LENGTH_A: &str = "length_a";
const LENGTH_B: &str = "length_b";

/// The columns of pairs that are alike.
pub(crate) struct PairColumns {
    a: Column<u64>,
    b: Column<u64>,
    length_a: Column<u32>,
    length_b: Column<u32>,
}

impl PairColumns {
    /// The pair, and how long the two texts are.
    fn written() -> Vec<Field> {
        let lengths = [LENGTH_A, LENGTH_B].map(|name| Field::uint32(name).not_null());
        candidates::written().into_iter().chain(lengths).collect()
    }

    pub(crate) fn of(input: &Schema) -> Result<Self> {
        let [a, b] = ["a", "b"].map(|name| input.column(name));
        let [length_a, length_b] = [LENGTH_A, LENGTH_B].map(|name| input.column(name));
        Ok(PairColumns { a: a?, b: b?, length_a: length_a?, length_b: length_b? })
    }

    pub(crate) fn reads(&self) -> [callboard_sdk::Read; 4] {
        [(&self.a).into(), (&self.b).into(), (&self.length_a).into(), (&self.length_b).into()]
    }

    /// A pair, and the lengths of its texts.
    pub(crate) fn at(&self, batch: &Batch, i: usize) -> Result<((u64, u64), (u32, u32))> {
        let pair = (batch.get(&self.a)?.value(i), batch.get(&self.b)?.value(i));
        Ok((pair, (batch.get(&self.length_a)?.value(i), batch.get(&self.length_b)?.value(i))))
    }
}
