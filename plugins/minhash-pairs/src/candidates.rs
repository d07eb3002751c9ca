//! Rows that agree in a band become pairs.
//!
//! Not all of them: a band that many rows share would give the square of their number. Each row is paired with the first ones of
//! its group and with the one before it, so with a few. What is near a row and not among those is found in another band, or by way of
//! a third row.

use callboard_sdk::prelude::*;
use step_minhash_dedup::columns::{BANDS, writes_only};

use crate::AT_ONCE;
use crate::ids::ROWS;

/// Rows of a group that each later one is paired with.
const FIRSTS: usize = 2;
/// Known rows that each row of a group is paired with.
const KNOWN: usize = 4;

/// What a pair is called: the row that comes first, and the other.
pub(crate) fn written() -> Vec<Field> {
    vec![Field::uint64("a").not_null(), Field::uint64("b").not_null()]
}

pub(crate) fn bind(inputs: &[Schema]) -> Result<BoundGlobal> {
    let mut gather = Gather::by_each(BANDS);
    if inputs.len() > 1 {
        gather = gather.with([BANDS]);
    }
    // A pair comes out in the place of its second row, so pairs are in the order of those.
    Ok(writes_only(&inputs[0], written()).gather(gather).run(|inputs, output| {
        let (rows, known) = inputs.split_at_mut(1);
        let mut known = known.first_mut().map(Members::new);
        let mut pairs = Pairs::default();
        let mut group = Group::default();
        while let Some(batch) = rows[0].next() {
            let positions = rows[0].positions(batch.first_row(), batch.rows() as u32);
            for (number, members) in batch.groups() {
                if group.number != Some(number) {
                    // Most rows are alone in their group, and there is nothing that they could be paired with.
                    if known.is_none() && members.len() == 1 && members.end < batch.rows() {
                        continue;
                    }
                    let known = known.as_mut().map(|known| known.of(number)).unwrap_or_default();
                    group = Group { number: Some(number), known, ..Group::default() };
                }
                for row in members {
                    group.pair(ROWS + positions[row], batch.first_row() + row as u64, &mut pairs);
                }
            }
            if pairs.at.len() >= AT_ONCE {
                pairs.put_out(output)?;
            }
        }
        pairs.put_out(output)
    }))
}

/// The group whose rows are at hand.
#[derive(Default)]
struct Group {
    number: Option<u32>,
    known: Vec<u64>,
    firsts: Vec<u64>,
    last: Option<u64>,
}

impl Group {
    /// Pairs a row, which is `index` among the rows of this call, with rows before it.
    fn pair(&mut self, id: u64, index: u64, pairs: &mut Pairs) {
        let before = self.last.filter(|last| !self.firsts.contains(last));
        for other in self.known.iter().chain(&self.firsts).chain(&before) {
            pairs.push(*other, id, index);
        }
        if self.firsts.len() < FIRSTS {
            self.firsts.push(id);
        }
        self.last = Some(id);
    }
}

#[derive(Default)]
struct Pairs {
    a: Vec<u64>,
    b: Vec<u64>,
    at: Vec<u64>,
}

impl Pairs {
    fn push(&mut self, a: u64, b: u64, at: u64) {
        self.a.push(a);
        self.b.push(b);
        self.at.push(at);
    }

    fn put_out(&mut self, output: &mut Writer) -> Result<()> {
        let Pairs { a, b, at } = std::mem::take(self);
        output.write_at(&at, vec![a.into(), b.into()])
    }
}

/// A known row of a group.
struct Member {
    group: u32,
    /// In the whole input.
    position: u64,
}

/// The known rows, group after group.
struct Members<'r> {
    reader: &'r mut Reader,
    /// What was read, in reverse.
    read: Vec<Member>,
}

impl<'r> Members<'r> {
    fn new(reader: &'r mut Reader) -> Self {
        Members { reader, read: vec![] }
    }

    fn peek(&mut self) -> Option<&Member> {
        if self.read.is_empty() {
            let batch = self.reader.next()?;
            let positions = self.reader.positions(batch.first_row(), batch.rows() as u32);
            let groups = batch.groups().flat_map(|(group, rows)| rows.map(move |row| (group, row)));
            let member = |(group, row): (u32, usize)| Member { group, position: positions[row] };
            self.read = groups.map(member).collect();
            self.read.reverse();
        }
        self.read.last()
    }

    fn next(&mut self) -> Option<Member> {
        self.peek()?;
        self.read.pop()
    }

    /// The first rows of a group, where it has any. Groups are asked for in their order.
    fn of(&mut self, group: u32) -> Vec<u64> {
        let mut found = vec![];
        while self.peek().is_some_and(|member| member.group <= group) {
            match self.next() {
                Some(member) if member.group == group && found.len() < KNOWN => found.push(member.position),
                _ => {}
            }
        }
        found
    }
}
