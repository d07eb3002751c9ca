//! Thrift's compact protocol, as far as Parquet's metadata need it: what a footer's fields are, and a page's header.
//!
//! The library reads a field of a known number as the type that it expects there, whatever type the file says it has: a vendor's own
//! field under such a number shifts everything behind it. It fails at a list of booleans under any number, at an enumeration's value that is
//! newer than it, at a statistic that makes no sense. So [`look`] writes a footer again with what is read of it alone, each field of the type
//! that is expected; other readers skip the rest too.

mod known;
mod page;
mod wire;

pub(super) use page::{PageHeader, page_header};

use known::{FILE_METADATA, Fields, Kind};
use wire::{BINARY, Bytes, FALSE, I32, LIST, SET, STRUCT, TRUE, varint};

/// What a look through a footer finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The footer with the fields that are read, each of the type that its number has.
    pub(super) footer: Vec<u8>,
    /// Whether a column is encrypted, which the library does not notice.
    pub(super) encrypted: bool,
    /// The first name of a column that is not UTF-8, as far as it can be read.
    pub(super) misnamed: Option<String>,
}

/// Looks through a footer. Null for what is none, and what must not be read: the library skips lists by counting up to what
/// they say, past their end too.
pub(super) fn look(footer: &[u8]) -> Option<Found> {
    let found = Found { footer: Vec::with_capacity(footer.len()), ..Found::default() };
    let mut walk = Walk { from: Bytes(footer), found, names: 0 };
    walk.structure(FILE_METADATA, 0)?;
    Some(walk.found)
}

/// Goes through a footer, and writes it again.
struct Walk<'a> {
    from: Bytes<'a>,
    found: Found,
    /// Elements of the schema so far.
    names: u64,
}

impl<'a> Walk<'a> {
    fn structure(&mut self, known: Fields, depth: usize) -> Option<()> {
        let (mut last, mut written) = (0, 0);
        loop {
            let (of, number) = self.from.field(last)?;
            if of == 0 {
                self.found.footer.push(0);
                return Some(());
            }
            last = number;
            let kind = known.iter().find(|(known, _)| *known == number).map(|(_, kind)| *kind);
            let Some(kind) = kind.filter(|kind| kind.fits(of, &self.from)) else {
                self.from.skip(of, depth)?;
                continue;
            };
            // A set is written as a list is.
            let of = if of == SET { LIST } else { of };
            let out = &mut self.found.footer;
            match number.checked_sub(written) {
                Some(delta @ 1..=15) => out.push((delta as u8) << 4 | of),
                _ => {
                    out.push(of);
                    varint(out, (i64::from(number) << 1 ^ i64::from(number) >> 63) as u64);
                }
            }
            written = number;
            self.value(of, kind, depth)?;
        }
    }

    fn value(&mut self, of: u8, kind: Kind, depth: usize) -> Option<()> {
        match kind {
            Kind::Struct(known) | Kind::Union(known) => self.structure(known, depth + 1),
            Kind::List(items) => {
                let (_, length) = self.from.list()?;
                self.list(items.on_the_wire(), length);
                (0..length).try_for_each(|_| self.value(items.on_the_wire(), *items, depth + 1))
            }
            // What is in it nobody reads, but a list must be there.
            Kind::Emptied => {
                self.list(I32, 0);
                self.from.skip(of, depth)
            }
            Kind::Text | Kind::Name => self.text(matches!(kind, Kind::Name)),
            Kind::Crypto => {
                self.found.encrypted = true;
                self.copy(of, depth)
            }
            Kind::Of(_) | Kind::Bool | Kind::UpTo(_) => self.copy(of, depth),
        }
    }

    /// Writes a value as it stands.
    fn copy(&mut self, of: u8, depth: usize) -> Option<()> {
        let before = self.from.0;
        self.from.skip(of, depth)?;
        self.found.footer.extend_from_slice(&before[..before.len() - self.from.0.len()]);
        Some(())
    }

    fn list(&mut self, of: u8, length: u64) {
        let out = &mut self.found.footer;
        match length {
            0..15 => out.push((length as u8) << 4 | of),
            _ => {
                out.push(0xf0 | of);
                varint(out, length);
            }
        }
    }

    /// Writes a text, which the library takes as UTF-8 alone.
    fn text(&mut self, is_name: bool) -> Option<()> {
        let bytes = self.from.binary()?;
        let text = String::from_utf8_lossy(bytes);
        // The first element of the schema is its root, whose name says nothing.
        if is_name && self.names > 0 && text.as_bytes() != bytes {
            self.found.misnamed.get_or_insert_with(|| text.clone().into_owned());
        }
        self.names += u64::from(is_name);
        varint(&mut self.found.footer, text.len() as u64);
        self.found.footer.extend_from_slice(text.as_bytes());
        Some(())
    }
}

impl Kind {
    /// The type that values have on the wire.
    fn on_the_wire(self) -> u8 {
        match self {
            Kind::Of(of) => of,
            Kind::Bool => TRUE,
            Kind::UpTo(_) => I32,
            Kind::Text | Kind::Name => BINARY,
            Kind::Struct(_) | Kind::Union(_) | Kind::Crypto => STRUCT,
            Kind::List(_) | Kind::Emptied => LIST,
        }
    }

    /// Whether a field with this type on the wire, and what follows as its value, is of this kind.
    fn fits(self, of: u8, value: &Bytes<'_>) -> bool {
        let mut value = Bytes(value.0);
        match self {
            Kind::Bool => of == TRUE || of == FALSE,
            Kind::UpTo(most) => of == I32 && value.integer().is_some_and(|value| (0..=most).contains(&value)),
            Kind::Union(known) => of == STRUCT && value.is_union(known).is_some_and(|is_union| is_union),
            Kind::Emptied => of == LIST || of == SET,
            // An empty list may name any type for what it does not have.
            Kind::List(items) => {
                let expected = items.on_the_wire();
                (of == LIST || of == SET) && value.list().is_some_and(|(of, length)| of == expected || length == 0)
            }
            _ => of == self.on_the_wire(),
        }
    }
}

impl Bytes<'_> {
    /// Whether the structure that begins here has one member, which is known and is what it should be; null if it is not whole.
    fn is_union(&mut self, known: Fields) -> Option<bool> {
        let (mut last, mut members, mut fits) = (0, 0, true);
        loop {
            let (of, number) = self.field(last)?;
            if of == 0 {
                return Some(members == 1 && fits);
            }
            last = number;
            members += 1;
            match known.iter().find(|(known, _)| *known == number) {
                Some((_, Kind::Struct(inner))) if of == STRUCT => {
                    fits &= self.is_structure(inner)?;
                }
                _ => {
                    fits = false;
                    self.skip(of, 0)?;
                }
            }
        }
    }

    /// Whether no known field of the structure that begins here is other than it should be; null if it is not whole.
    fn is_structure(&mut self, known: Fields) -> Option<bool> {
        let (mut last, mut fits) = (0, true);
        loop {
            let (of, number) = self.field(last)?;
            if of == 0 {
                return Some(fits);
            }
            last = number;
            if let Some((_, kind)) = known.iter().find(|(known, _)| *known == number) {
                fits &= kind.fits(of, self);
            }
            self.skip(of, 0)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::wire::{BINARY, BYTE, MAP};
    use super::*;

    fn repair(footer: &[u8]) -> Option<Vec<u8>> {
        look(footer).map(|found| found.footer)
    }

    /// `num_rows` 7, `created_by` "x", and what is between them.
    fn footer(between: &[u8]) -> Vec<u8> {
        [&[0x36, 14][..], between, &[0x08, 12, 1, b'x', 0]].concat()
    }

    /// As [`footer`] is written again, in the short form wherever it can be.
    fn plain() -> Vec<u8> {
        vec![0x36, 14, 0x38, 1, b'x', 0]
    }

    #[test]
    fn what_nobody_reads_is_left_out() {
        assert_eq!(repair(&footer(&[])), Some(plain()));
        // A number that nobody knows, 100, of every type: a double, lists of booleans and of UUIDs, maps, structures.
        let number = [200, 1];
        for value in [
            &[0x07, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[0x09, 0x31, 1, 0, 2],
            &[0x09, 0x00],
            &[0x0a, 0x22, 1, 1],
            &[0x09, 0x1d, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            &[0x0b, 0],
            &[0x0b, 1, 0x11, 1, 2],
            &[0x0c, 0x19, 0x11, 1, 0],
        ] {
            let field = [&value[..1], &number, &value[1..]].concat();
            assert_eq!(repair(&footer(&field)), Some(plain()), "{value:?}");
        }
    }

    #[test]
    fn an_empty_list_is_of_any_type() {
        // No row groups: as fastparquet writes them, as a set, and of integers.
        for none in [[0x19, 0x00], [0x1a, 0x00], [0x19, 0x05], [0x19, 0x0c]] {
            let written = [&[0x36, 14, 0x19, 0x0c][..], &[0x28, 1, b'x', 0]].concat();
            assert_eq!(repair(&footer(&none)), Some(written));
        }
    }

    #[test]
    fn a_field_of_another_type_is_left_out_wherever_it_stands() {
        // Field 4 is a list of row groups: here it is text, and an integer.
        assert_eq!(repair(&footer(&[0x18, 3, b'a', b'b', b'c'])), Some(plain()));
        assert_eq!(repair(&footer(&[0x16, 200, 1])), Some(plain()));
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
        let encrypted = |more: &[u8]| look(&column(more)).map(|found| found.encrypted);
        assert_eq!((encrypted(&[]), encrypted(&[0x6c, 0x1c, 0, 0])), (Some(false), Some(true)));
    }

    /// A schema of one element of this name, and these fields behind its name.
    fn element(name: u8, fields: &[u8]) -> Vec<u8> {
        [&[0x29, 0x1c, 0x48, 1, name][..], fields, &[0], &[0x16, 14, 0x19, 0x0c, 0]].concat()
    }

    #[test]
    fn a_type_that_is_none_is_left_out() {
        for known in [&[0x25, 42][..], &[0x6c, 0x1c, 0, 0]] {
            assert_eq!(repair(&element(b'n', known)), Some(element(b'n', known)));
        }
        // A converted type of 24; logical types of number 40, of none, of two, and a timestamp in a unit of number 9.
        for unknown in [
            &[0x25, 48][..],
            &[0x6c, 0x0c, 80, 0, 0],
            &[0x6c, 0],
            &[0x6c, 0x1c, 0, 0x1c, 0, 0],
            &[0x6c, 0x8c, 0x11, 0x1c, 0x9c, 0, 0, 0, 0],
        ] {
            assert_eq!(repair(&element(b'n', unknown)), Some(element(b'n', &[])), "{unknown:?}");
        }
    }

    #[test]
    fn text_that_is_not_utf8_matters_in_names_of_columns_alone() {
        let found = look(&element(0xe9, &[])).unwrap();
        assert_eq!(found.misnamed, None);
        let two = [&[0x29, 0x2c, 0x48, 1, b'n', 0, 0x48, 1, 0xe9, 0][..], &[0x16, 14, 0x19, 0x0c, 0]].concat();
        assert_eq!(look(&two).unwrap().misnamed, Some("\u{fffd}".to_owned()));
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
            // It would take the values of this one for fields.
            let booleans = [&[field, 0x80 | TRUE, 0x99, 0xf8][..], &many, &[0; 2]].concat();
            assert_eq!(repair(&booleans), Some(vec![0]));
            assert!(
                page_header(&booleans).is_none_or(|header| header.patched.is_some_and(|patched| patched[0] == 0xa8))
            );
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
        let length = header.len();
        let expected =
            PageHeader { length, unpacked: 100, packed: 20, values: 10, data: true, ..PageHeader::default() };
        assert_eq!(page_header(&header), Some(expected));
    }

    #[test]
    fn what_the_library_cannot_read_of_a_page_header_is_patched_in_its_place() {
        let page = |kind: &[u8], more: &[u8]| [&[0x15][..], kind, &[0x15, 8, 0x15, 8], more, &[0]].concat();
        let patched = |bytes: &[u8]| page_header(&[bytes, &[9, 9]].concat()).unwrap();
        // A page of a type of number 9, and one of number 300, are like one of an index.
        for (kind, index) in [(&[18][..], &[2][..]), (&[0xd8, 4], &[0x82, 0])] {
            let header = patched(&page(kind, &[]));
            assert_eq!(header.patched, Some(page(index, &[])));
            assert!(!header.data && !header.dictionary);
        }
        // A list of booleans under the number 50 becomes bytes, as long as it is.
        let header = patched(&page(&[0], &[0x09, 100, 0x31, 1, 0, 2]));
        assert_eq!(header.patched, Some(page(&[0], &[0x08, 100, 3, 1, 0, 2])));
        let long = |of: u8, bytes: &[u8]| [&[of, 100][..], bytes, &[1; 127]].concat();
        let header = patched(&page(&[0], &long(0x09, &[0xf1, 127])));
        assert_eq!(header.patched, Some(page(&[0], &long(0x08, &[0xff, 0]))));
    }
}
