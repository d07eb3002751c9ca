//! Thrift's compact protocol, as far as Parquet's metadata need it: what a footer's fields are, and a page's header.
//!
//! The library reads a field of a known number as the type that it expects there, whatever type the file says it has: a vendor's own
//! field under such a number shifts everything behind it. [`look`] leaves such fields out; other readers skip them too.

mod known;
mod wire;

use known::{FILE_METADATA, Kind, PAGE_HEADER};
use wire::{Bytes, FALSE, I32, LIST, STRUCT, TRUE, varint};

/// What a look through a footer finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The footer without the fields that are not of the type that their numbers have, if there are any.
    pub(super) repaired: Option<Vec<u8>>,
    /// Whether a column is encrypted, which the library does not notice.
    pub(super) encrypted: bool,
}

/// Looks through a footer. Null for what is none, and what must not be read: the library skips lists by counting up to what
/// they say, past their end too.
pub(super) fn look(footer: &[u8]) -> Option<Found> {
    let walk = |out| {
        let mut walk = Walk { from: Bytes(footer), out, left_out: false, encrypted: false };
        walk.structure(FILE_METADATA, 0).map(|()| walk)
    };
    let Walk { left_out, encrypted, .. } = walk(None)?;
    let repaired = if left_out { walk(Some(Vec::with_capacity(footer.len())))?.out } else { None };
    Some(Found { repaired, encrypted })
}

/// Goes through a footer, and writes it again if there is `out`.
struct Walk<'a> {
    from: Bytes<'a>,
    out: Option<Vec<u8>>,
    left_out: bool,
    encrypted: bool,
}

impl<'a> Walk<'a> {
    /// Writes what was read since there were `before`.
    fn copy(&mut self, before: &'a [u8]) {
        if let Some(out) = &mut self.out {
            out.extend_from_slice(&before[..before.len() - self.from.0.len()]);
        }
    }

    fn structure(&mut self, known: &'static [(i16, Kind)], depth: usize) -> Option<()> {
        let (mut last, mut written) = (0, 0);
        loop {
            let (of, number) = self.from.field(last)?;
            if of == 0 {
                if let Some(out) = &mut self.out {
                    out.push(0);
                }
                return Some(());
            }
            last = number;
            let kind = known.iter().find(|(known, _)| *known == number).map(|(_, kind)| *kind);
            let fits = match kind {
                None => true,
                Some(Kind::Bool) => of == TRUE || of == FALSE,
                Some(Kind::Of(expected)) => of == expected,
                Some(Kind::UpTo(most)) => {
                    of == I32 && Bytes(self.from.0).integer().is_some_and(|value| (0..=most).contains(&value))
                }
                Some(Kind::Struct(_)) => of == STRUCT,
                Some(Kind::Crypto) => {
                    self.encrypted |= of == STRUCT;
                    of == STRUCT
                }
                Some(Kind::List(items)) => of == LIST && list_fits(Bytes(self.from.0), items),
            };
            if !fits {
                self.left_out = true;
                self.from.skip(of, depth)?;
                continue;
            }
            if let Some(out) = &mut self.out {
                match number.checked_sub(written) {
                    Some(delta @ 1..=15) => out.push((delta as u8) << 4 | of),
                    _ => {
                        out.push(of);
                        varint(out, (i64::from(number) << 1 ^ i64::from(number) >> 63) as u64);
                    }
                }
            }
            written = number;
            self.value(of, kind, depth)?;
        }
    }

    fn value(&mut self, of: u8, kind: Option<Kind>, depth: usize) -> Option<()> {
        match kind {
            Some(Kind::Struct(known)) => self.structure(known, depth + 1),
            Some(Kind::List(Kind::Struct(known))) => {
                let before = self.from.0;
                let (_, length) = self.from.list()?;
                self.copy(before);
                (0..length).try_for_each(|_| self.structure(known, depth + 1))
            }
            _ => {
                let before = self.from.0;
                self.from.skip(of, depth)?;
                self.copy(before);
                Some(())
            }
        }
    }
}

/// Whether a list's values are of the expected type; of an empty one it does not matter.
fn list_fits(mut list: Bytes<'_>, items: &Kind) -> bool {
    let expected = match items {
        Kind::Of(of) => *of,
        Kind::Struct(_) => STRUCT,
        Kind::Bool | Kind::UpTo(_) | Kind::Crypto | Kind::List(_) => return true,
    };
    list.list().is_some_and(|(of, length)| of == expected || length == 0)
}

/// What stands before a page: its sizes and what kind it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// Bytes of the header itself.
    pub(super) length: usize,
    pub(super) unpacked: u64,
    pub(super) packed: u64,
    /// The entries of a dictionary; the values of a data page, with nulls.
    pub(super) values: u64,
    pub(super) dictionary: bool,
    pub(super) data: bool,
}

/// The header at the beginning of `bytes`; `None` if there is no whole header, or not what the library reads in it.
pub(super) fn page_header(bytes: &[u8]) -> Option<PageHeader> {
    let mut walk = Walk { from: Bytes(bytes), out: None, left_out: false, encrypted: false };
    walk.structure(PAGE_HEADER, 0)?;
    if walk.left_out {
        return None;
    }
    let mut from = Bytes(bytes);
    let mut header = PageHeader::default();
    let mut last = 0;
    loop {
        let (of, number) = from.field(last)?;
        last = number;
        match (number, of) {
            (_, 0) => break,
            (2, I32) => header.unpacked = u64::try_from(from.integer()?).ok()?,
            (3, I32) => header.packed = u64::try_from(from.integer()?).ok()?,
            (5 | 7 | 8, STRUCT) => {
                header.dictionary |= number == 7;
                header.data |= number != 7;
                let mut last = 0;
                loop {
                    let (of, number) = from.field(last)?;
                    last = number;
                    match (number, of) {
                        (_, 0) => break,
                        (1, I32) => header.values = u64::try_from(from.integer()?).ok()?,
                        _ => from.skip(of, 1)?,
                    }
                }
            }
            _ => from.skip(of, 0)?,
        }
    }
    header.length = bytes.len() - from.0.len();
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::wire::{BINARY, BYTE, MAP};
    use super::*;

    fn repair(footer: &[u8]) -> Option<Vec<u8>> {
        look(footer).and_then(|found| found.repaired)
    }

    /// `num_rows` 7, `created_by` "x", and what is between them.
    fn footer(between: &[u8]) -> Vec<u8> {
        [&[0x36, 14][..], between, &[0x08, 12, 1, b'x', 0]].concat()
    }

    #[test]
    fn a_footer_of_known_fields_is_left_alone() {
        assert_eq!(repair(&footer(&[])), None);
        // A number that nobody knows is the library's to skip: 100, a double.
        assert_eq!(repair(&footer(&[&[0x07, 200, 1][..], &[0; 8]].concat())), None);
    }

    #[test]
    fn a_field_of_another_type_is_left_out_wherever_it_stands() {
        // Field 4 is a list of row groups: here it is text, and an integer.
        assert_eq!(repair(&footer(&[0x18, 3, b'a', b'b', b'c'])), Some(vec![0x36, 14, 0x38, 1, b'x', 0]));
        assert_eq!(repair(&footer(&[0x16, 200, 1])), Some(vec![0x36, 14, 0x38, 1, b'x', 0]));
        // In a row group's first column's metadata, field 15 is an `i32`: here it is a struct, before field 16.
        let metadata = |inner: &[u8]| {
            let column = [&[0x3c][..], inner, &[0, 0]].concat();
            footer(&[&[0x19, 0x1c, 0x19, 0x1c][..], &column, &[0]].concat())
        };
        let with = metadata(&[0x56, 2, 0xac, 0x15, 6, 0, 0x1c, 0]);
        let mut without = metadata(&[0x56, 2, 0xbc, 0]);
        // What is written again has the short form wherever it can.
        let end = without.len() - 5;
        without.splice(end..end + 2, [0x28]);
        assert_eq!(repair(&with), Some(without));
    }

    #[test]
    fn an_encrypted_column_is_noticed() {
        let column = |more: &[u8]| footer(&[&[0x19, 0x1c, 0x19, 0x1c, 0x26, 8][..], more, &[0, 0]].concat());
        assert_eq!(look(&column(&[])), Some(Found::default()));
        assert_eq!(look(&column(&[0x6c, 0x1c, 0, 0])), Some(Found { repaired: None, encrypted: true }));
    }

    #[test]
    fn a_converted_type_that_is_none_is_left_out() {
        let element =
            |converted: &[u8]| [&[0x29, 0x1c, 0x48, 1, b'n'][..], converted, &[0], &[0x16, 14, 0x19, 0x0c, 0]].concat();
        assert_eq!(repair(&element(&[0x25, 42])), None);
        assert_eq!(repair(&element(&[0x25, 48])), Some(element(&[])));
    }

    #[test]
    fn no_bytes_do_more_than_nothing() {
        let whole = footer(&[0x18, 3, b'a', b'b', b'c']);
        for cut in 0..whole.len() {
            assert_eq!(repair(&whole[..cut]), None, "{cut}");
        }
        for bytes in [vec![0xff; 100], vec![0x1c; 10_000], vec![0x19; 10_000], vec![0x1b; 10_000]] {
            assert_eq!(repair(&bytes), None);
            assert_eq!(page_header(&bytes), None);
        }
    }

    /// The library would count to two billion for each of these, and past the end of the bytes.
    #[test]
    fn lists_that_say_more_than_there_is_are_not_left_to_the_library() {
        let many = [0xff, 0xff, 0xff, 0xff, 0x07];
        // A field of number 10, which Parquet does not have, and one of number 1 that should be an integer.
        for field in [0xa9, 0x19] {
            for of in [TRUE, FALSE, BYTE, BINARY, LIST, STRUCT] {
                let list = [&[field, 0xf0 | of][..], &many, &[0; 40]].concat();
                assert_eq!(look(&list), None, "a list of {of}");
                assert_eq!(page_header(&list), None, "a list of {of}");
            }
            let booleans = [&[field, 0x80 | TRUE, 0x99, 0xf8][..], &many, &[0; 40]].concat();
            assert_eq!((look(&booleans), page_header(&booleans)), (None, None));
            let map = [&[field & 0xf0 | MAP][..], &many, &[TRUE << 4 | TRUE], &[0; 40]].concat();
            assert_eq!((look(&map), page_header(&map)), (None, None));
        }
        // Where the library expects a number it reads one, of whatever type the file says that it is.
        assert_eq!(page_header(&[0x15, 0, 0x19, 0x15, 2, 0x15, 0, 0]), None);
    }

    #[test]
    fn a_page_header_is_read_past_its_statistics() {
        let header =
            [0x15, 0, 0x15, 200, 1, 0x15, 40, 0x2c, 0x15, 20, 0x15, 0, 0x15, 6, 0x15, 6, 0x1c, 0x18, 1, 9, 0, 0, 0];
        let expected =
            PageHeader { length: header.len(), unpacked: 100, packed: 20, values: 10, dictionary: false, data: true };
        assert_eq!(page_header(&header), Some(expected));
    }
}
