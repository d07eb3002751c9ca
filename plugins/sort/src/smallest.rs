//! The smallest keys of many, in bounded memory.
//!
//! As many as have room; when there is no more, the larger half is given up, and nothing above it is taken any more. What was
//! given up is for another pass, which takes only what is above all that this one gave.

use std::cmp::Ordering;

use crate::key::LEAST;

/// A row and the beginning of its key, filled with zeros; what the key has beyond that is in `Smallest::rests`.
#[derive(Clone, Copy)]
struct Entry {
    first: u64,
    second: u32,
    rest: u32,
    length: u32,
    row: u32,
}

/// A place in the order: equal keys are told apart by their rows.
struct Place {
    key: Vec<u8>,
    row: u32,
}

impl Place {
    fn order(&self, key: &[u8], row: u32) -> Ordering {
        self.key.as_slice().cmp(key).then(self.row.cmp(&row))
    }
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    entries: usize,
    rests: usize,
}

impl Room {
    /// So many bytes, for keys that are all of this width or of different ones.
    pub(crate) fn new(bytes: u64, width: Option<usize>) -> Self {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(u32::MAX as usize);
        let entry = size_of::<Entry>();
        match width.map(|width| width.saturating_sub(LEAST)) {
            Some(rest) => {
                let entries = (bytes / (entry + rest)).max(2);
                Room { entries, rests: entries * rest }
            }
            None => Room { entries: (bytes / 2 / entry).max(2), rests: bytes / 2 },
        }
    }
}

pub(crate) struct Smallest {
    room: Room,
    entries: Vec<Entry>,
    rests: Vec<u8>,
    /// Up to here, everything was given.
    after: Option<Place>,
    /// From here on, nothing is taken.
    up_to: Option<Place>,
    gave_up: bool,
}

impl Smallest {
    /// Nothing yet, and room for so many rows if that is less than there is.
    pub(crate) fn new(room: Room, rows: usize) -> Self {
        // Made at once: growing it would hold the old and the new.
        let entries = Vec::with_capacity(rows.min(room.entries));
        Smallest { room, entries, rests: vec![], after: None, up_to: None, gave_up: false }
    }

    /// Takes a key, if it is among the smallest.
    pub(crate) fn push(&mut self, key: &[u8], row: u32) {
        if self.after.as_ref().is_some_and(|after| after.order(key, row).is_ge()) {
            return;
        }
        let (near, rest) = key.split_first_chunk::<LEAST>().expect("a key is as long as that");
        while self.is_full(rest.len()) {
            self.give_up_half();
        }
        if self.up_to.as_ref().is_some_and(|up_to| up_to.order(key, row).is_lt()) {
            self.gave_up = true;
            return;
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *near;
        let (first, second) = (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u32::from_be_bytes([i, j, k, l]));
        self.entries.push(Entry { first, second, rest: self.rests.len() as u32, length: rest.len() as u32, row });
        self.make_room(rest.len());
        self.rests.extend_from_slice(rest);
    }

    /// Whether a key with so many bytes beyond the near ones has no room. Two keys have, however long they are.
    fn is_full(&self, rest: usize) -> bool {
        let full = self.entries.len() == self.room.entries || self.rests.len() + rest > self.room.rests;
        full && self.entries.len() > 1
    }

    /// Grows the rests by doubling, as a vector does, but not beyond the room for them.
    fn make_room(&mut self, rest: usize) {
        let needed = self.rests.len() + rest;
        if needed > self.rests.capacity() {
            let doubled = (2 * self.rests.capacity()).min(self.room.rests).max(needed);
            self.rests.reserve_exact(doubled - self.rests.len());
        }
    }

    fn give_up_half(&mut self) {
        let kept = self.entries.len() / 2;
        let rests = &self.rests;
        let (_, largest, _) = self.entries.select_nth_unstable_by(kept - 1, |a, b| order(rests, a, b));
        let largest = *largest;
        self.up_to = Some(self.place(&largest));
        self.gave_up = true;
        self.entries.truncate(kept);
        // The rests that stay move together, in place: none moves backwards over another.
        self.entries.sort_unstable_by_key(|entry| entry.rest);
        let mut end = 0;
        for entry in &mut self.entries {
            let start = entry.rest as usize;
            self.rests.copy_within(start..start + entry.length as usize, end);
            entry.rest = end as u32;
            end += entry.length as usize;
        }
        self.rests.truncate(end);
    }

    fn place(&self, entry: &Entry) -> Place {
        let mut key = [entry.first.to_be_bytes().as_slice(), &entry.second.to_be_bytes()].concat();
        key.extend_from_slice(rest(&self.rests, entry));
        Place { key, row: entry.row }
    }

    /// The rows of the keys that were taken, in order.
    pub(crate) fn rows(&mut self) -> impl Iterator<Item = u32> {
        let rests = &self.rests;
        self.entries.sort_unstable_by(|a, b| order(rests, a, b));
        self.entries.iter().map(|entry| entry.row)
    }

    /// Begins another pass, for what is above all that was [given](Self::rows). False if that is nothing.
    pub(crate) fn go_on(&mut self) -> bool {
        self.after = self.entries.last().map(|last| self.place(last));
        self.entries.clear();
        self.rests.clear();
        self.up_to = None;
        std::mem::take(&mut self.gave_up)
    }
}

fn rest<'a>(rests: &'a [u8], entry: &Entry) -> &'a [u8] {
    &rests[entry.rest as usize..entry.rest as usize + entry.length as usize]
}

fn order(rests: &[u8], a: &Entry, b: &Entry) -> Ordering {
    let near = (a.first, a.second).cmp(&(b.first, b.second));
    near.then_with(|| if a.length | b.length == 0 { Ordering::Equal } else { rest(rests, a).cmp(rest(rests, b)) })
        .then(a.row.cmp(&b.row))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, as keys of 12 bytes and, for every third, up to 40 more.
    fn keys(count: u32) -> Vec<Vec<u8>> {
        let key = |i: u32| {
            let number = i.wrapping_mul(0x9e37_79b9) >> 20;
            let long = if number.is_multiple_of(3) { number as usize % 40 } else { 0 };
            let mut key = number.to_be_bytes().to_vec();
            key.resize(LEAST + long, b'x');
            key
        };
        (0..count).map(key).collect()
    }

    fn sorted(keys: &[Vec<u8>], room: Room) -> (Vec<u32>, usize) {
        let mut smallest = Smallest::new(room, keys.len());
        let (mut rows, mut passes) = (vec![], 0);
        loop {
            passes += 1;
            keys.iter().zip(0..).for_each(|(key, row)| smallest.push(key, row));
            assert!(smallest.entries.len() <= room.entries && smallest.rests.capacity() <= room.rests.max(2 * 40));
            rows.extend(smallest.rows());
            if !smallest.go_on() {
                return (rows, passes);
            }
        }
    }

    #[test]
    fn any_room_gives_one_order() {
        let keys = keys(2000);
        let mut expected: Vec<u32> = (0..2000).collect();
        expected.sort_by_key(|row| &keys[*row as usize]);
        for entries in [2, 3, 50, 999, 1999, 2000] {
            for rests in [0, 100, 100_000] {
                let (rows, passes) = sorted(&keys, Room { entries, rests });
                assert!(rows == expected, "{entries} entries, {rests} bytes");
                assert!(rests < 100_000 || passes <= 1 + 2 * 2000 / entries, "{passes} passes for {entries} entries");
            }
        }
        assert_eq!(sorted(&keys, Room::new(1 << 20, None)).1, 1);
    }

    #[test]
    fn equal_keys_take_passes_and_keep_their_order() {
        let keys = vec![vec![7; LEAST]; 1000];
        assert_eq!(sorted(&keys, Room { entries: 10, rests: 0 }).0, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn room_is_what_keys_take() {
        let room = Room::new(2400, Some(9));
        assert_eq!((room.entries, room.rests), (100, 0));
        let room = Room::new(3000, Some(18));
        assert_eq!((room.entries, room.rests), (100, 600));
        let room = Room::new(4800, None);
        assert_eq!((room.entries, room.rests), (100, 2400));
        assert_eq!(Room::new(0, None).entries, 2);
    }
}
