//! Thrift's compact protocol, as far as Parquet's metadata need it: what a footer's fields are, and a page's header.
//!
//! The library reads a field of a known number as the type that it expects there, whatever type the file says it has: a vendor's own
//! field under such a number shifts everything behind it. [`look`] leaves such fields out; other readers skip them too.

/// Types on the wire.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// How deep values may nest; Parquet's own go to about ten.
const DEEPEST: usize = 64;

/// What a field is expected to be.
#[derive(Clone, Copy)]
enum Kind {
    /// A value of this type on the wire, whatever it holds.
    Of(u8),
    /// True or false.
    Bool,
    /// An `i32` of at most this.
    UpTo(i64),
    Struct(&'static [(i16, Kind)]),
    /// A structure that is there where a column is encrypted.
    Crypto,
    List(&'static Kind),
}

const STATISTICS: &[(i16, Kind)] = &[
    (1, Kind::Of(BINARY)),
    (2, Kind::Of(BINARY)),
    (3, Kind::Of(I64)),
    (4, Kind::Of(I64)),
    (5, Kind::Of(BINARY)),
    (6, Kind::Of(BINARY)),
    (7, Kind::Bool),
    (8, Kind::Bool),
    (9, Kind::Of(I64)),
];
const KEY_VALUE: &[(i16, Kind)] = &[(1, Kind::Of(BINARY)), (2, Kind::Of(BINARY))];
const ENCODING_STATS: &[(i16, Kind)] = &[(1, Kind::Of(I32)), (2, Kind::Of(I32)), (3, Kind::Of(I32))];
const SIZE_STATISTICS: &[(i16, Kind)] =
    &[(1, Kind::Of(I64)), (2, Kind::List(&Kind::Of(I64))), (3, Kind::List(&Kind::Of(I64)))];
const COLUMN_METADATA: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::List(&Kind::Of(I32))),
    (3, Kind::List(&Kind::Of(BINARY))),
    (4, Kind::Of(I32)),
    (5, Kind::Of(I64)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I64)),
    (8, Kind::List(&Kind::Struct(KEY_VALUE))),
    (9, Kind::Of(I64)),
    (10, Kind::Of(I64)),
    (11, Kind::Of(I64)),
    (12, Kind::Struct(STATISTICS)),
    (13, Kind::List(&Kind::Struct(ENCODING_STATS))),
    (14, Kind::Of(I64)),
    (15, Kind::Of(I32)),
    (16, Kind::Struct(SIZE_STATISTICS)),
    (17, Kind::Struct(GEOSPATIAL_STATISTICS)),
];
const COLUMN_CHUNK: &[(i16, Kind)] = &[
    (1, Kind::Of(BINARY)),
    (2, Kind::Of(I64)),
    (3, Kind::Struct(COLUMN_METADATA)),
    (4, Kind::Of(I64)),
    (5, Kind::Of(I32)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I32)),
    (8, Kind::Crypto),
    (9, Kind::Of(BINARY)),
];
const SORTING_COLUMN: &[(i16, Kind)] = &[(1, Kind::Of(I32)), (2, Kind::Bool), (3, Kind::Bool)];
const ROW_GROUP: &[(i16, Kind)] = &[
    (1, Kind::List(&Kind::Struct(COLUMN_CHUNK))),
    (2, Kind::Of(I64)),
    (3, Kind::Of(I64)),
    (4, Kind::List(&Kind::Struct(SORTING_COLUMN))),
    (5, Kind::Of(I64)),
    (6, Kind::Of(I64)),
    (7, Kind::Of(I16)),
];
const SCHEMA_ELEMENT: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::Of(I32)),
    (3, Kind::Of(I32)),
    (4, Kind::Of(BINARY)),
    (5, Kind::Of(I32)),
    // The last is INTERVAL; parquet-cpp wrote 24 for columns of nulls, which the format then gave up.
    (6, Kind::UpTo(21)),
    (7, Kind::Of(I32)),
    (8, Kind::Of(I32)),
    (9, Kind::Of(I32)),
    (10, Kind::Struct(LOGICAL_TYPE)),
];
const NOTHING: Kind = Kind::Struct(&[]);
const TIME_UNIT: &[(i16, Kind)] = &[(1, NOTHING), (2, NOTHING), (3, NOTHING)];
const TIME: &[(i16, Kind)] = &[(1, Kind::Bool), (2, Kind::Struct(TIME_UNIT))];
const LOGICAL_TYPE: &[(i16, Kind)] = &[
    (1, NOTHING),
    (2, NOTHING),
    (3, NOTHING),
    (4, NOTHING),
    (5, Kind::Struct(&[(1, Kind::Of(I32)), (2, Kind::Of(I32))])),
    (6, NOTHING),
    (7, Kind::Struct(TIME)),
    (8, Kind::Struct(TIME)),
    (9, NOTHING),
    (10, Kind::Struct(&[(1, Kind::Of(BYTE)), (2, Kind::Bool)])),
    (11, NOTHING),
    (12, NOTHING),
    (13, NOTHING),
    (14, NOTHING),
    (15, NOTHING),
    (16, Kind::Struct(&[(1, Kind::Of(BYTE))])),
    (17, Kind::Struct(&[(1, Kind::Of(BINARY))])),
    (18, Kind::Struct(&[(1, Kind::Of(BINARY)), (2, Kind::Of(I32))])),
];
const BOUNDING_BOX: &[(i16, Kind)] = &[
    (1, Kind::Of(DOUBLE)),
    (2, Kind::Of(DOUBLE)),
    (3, Kind::Of(DOUBLE)),
    (4, Kind::Of(DOUBLE)),
    (5, Kind::Of(DOUBLE)),
    (6, Kind::Of(DOUBLE)),
    (7, Kind::Of(DOUBLE)),
    (8, Kind::Of(DOUBLE)),
];
const GEOSPATIAL_STATISTICS: &[(i16, Kind)] = &[(1, Kind::Struct(BOUNDING_BOX)), (2, Kind::List(&Kind::Of(I32)))];
const AES: &[(i16, Kind)] = &[(1, Kind::Of(BINARY)), (2, Kind::Of(BINARY)), (3, Kind::Bool)];
const FILE_METADATA: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::List(&Kind::Struct(SCHEMA_ELEMENT))),
    (3, Kind::Of(I64)),
    (4, Kind::List(&Kind::Struct(ROW_GROUP))),
    (5, Kind::List(&Kind::Struct(KEY_VALUE))),
    (6, Kind::Of(BINARY)),
    (7, Kind::List(&Kind::Struct(&[(1, NOTHING), (2, NOTHING)]))),
    (8, Kind::Struct(&[(1, Kind::Struct(AES)), (2, Kind::Struct(AES))])),
    (9, Kind::Of(BINARY)),
];
const PAGE_HEADER: &[(i16, Kind)] = &[
    (1, Kind::Of(I32)),
    (2, Kind::Of(I32)),
    (3, Kind::Of(I32)),
    (4, Kind::Of(I32)),
    (
        5,
        Kind::Struct(&[
            (1, Kind::Of(I32)),
            (2, Kind::Of(I32)),
            (3, Kind::Of(I32)),
            (4, Kind::Of(I32)),
            (5, Kind::Struct(STATISTICS)),
        ]),
    ),
    (6, NOTHING),
    (7, Kind::Struct(&[(1, Kind::Of(I32)), (2, Kind::Of(I32)), (3, Kind::Bool)])),
    (
        8,
        Kind::Struct(&[
            (1, Kind::Of(I32)),
            (2, Kind::Of(I32)),
            (3, Kind::Of(I32)),
            (4, Kind::Of(I32)),
            (5, Kind::Of(I32)),
            (6, Kind::Of(I32)),
            (7, Kind::Bool),
            (8, Kind::Struct(STATISTICS)),
        ]),
    ),
];

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

/// Bytes that are not yet read. Null wherever there are too few of them.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        self.varint().map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field's type and number; type 0 at the end of the structure.
    fn field(&mut self, last: i16) -> Option<(u8, i16)> {
        let head = self.byte()?;
        match (head & 0x0f, head >> 4) {
            (0, _) => Some((0, 0)),
            (of, 0) => Some((of, i16::try_from(self.integer()?).ok()?)),
            (of, delta) => Some((of, last.checked_add(delta.into())?)),
        }
    }

    /// The type of a list's values and how many there are.
    fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            length => length.into(),
        };
        // Each takes a byte at least.
        (length <= self.0.len() as u64).then_some((head & 0x0f, length))
    }

    fn skip(&mut self, of: u8, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match of {
            TRUE | FALSE => {}
            BYTE => drop(self.byte()?),
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => drop(self.take(8)?),
            BINARY => {
                let length = self.varint()?;
                self.take(length)?;
            }
            LIST | SET => {
                let (of, length) = self.list()?;
                for _ in 0..length {
                    self.item(of, depth)?;
                }
            }
            MAP => {
                let length = self.varint()?;
                let types = if length > 0 { self.byte()? } else { 0 };
                for _ in 0..length {
                    self.item(types >> 4, depth)?;
                    self.item(types & 0x0f, depth)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                loop {
                    match self.field(last)? {
                        (0, _) => break,
                        (of, number) => {
                            last = number;
                            self.skip(of, depth + 1)?;
                        }
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Parquet has no lists of booleans here. They take a byte each, and the library takes them to have none.
    fn item(&mut self, of: u8, depth: usize) -> Option<()> {
        match of {
            TRUE | FALSE => None,
            of => self.skip(of, depth + 1),
        }
    }
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

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What stands before a page: its sizes and what kind it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// Bytes of the header itself.
    pub(super) length: usize,
    pub(super) unpacked: u64,
    pub(super) packed: u64,
    /// Of a dictionary, its entries; of data, values with nulls.
    pub(super) values: u64,
    pub(super) dictionary: bool,
    pub(super) data: bool,
}

/// The header at the beginning of `bytes`; null if it is none, not whole, or not what the library reads in it.
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
