//! A page's header: what it says, and how it is given to the library so that it skips what it should skip.

use super::known::{Fields, Kind, PAGE_HEADER};
use super::wire::{BINARY, Bytes, I32, LIST, MAP, SET, STRUCT, varint};

/// What stands before a page: its sizes and what kind it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::formats::parquet) struct PageHeader {
    /// Bytes of the header itself.
    pub(in crate::formats::parquet) length: usize,
    pub(in crate::formats::parquet) unpacked: u64,
    pub(in crate::formats::parquet) packed: u64,
    /// The entries of a dictionary; the values of a data page, with nulls.
    pub(in crate::formats::parquet) values: u64,
    pub(in crate::formats::parquet) dictionary: bool,
    pub(in crate::formats::parquet) data: bool,
    /// The header as the library can read it, as long as it is, if it could not.
    pub(in crate::formats::parquet) patched: Option<Vec<u8>>,
}

/// Types of pages.
const DATA: i64 = 0;
const INDEX: u64 = 1;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// The header at the beginning of `bytes`; `None` if there is no whole header, or not what the library reads in it.
pub(in crate::formats::parquet) fn page_header(bytes: &[u8]) -> Option<PageHeader> {
    let mut walk = Walk { whole: bytes, from: Bytes(bytes), patched: None };
    walk.structure(PAGE_HEADER, 0)?;
    let mut from = Bytes(bytes);
    let mut header = PageHeader { patched: walk.patched, ..PageHeader::default() };
    let (mut last, mut kind) = (0, None);
    loop {
        let (of, number) = from.field(last)?;
        last = number;
        match (number, of) {
            (_, 0) => break,
            (1, I32) => {
                let begin = bytes.len() - from.0.len();
                kind = Some(from.integer()?);
                if !(DATA..=DATA_V2).contains(&kind?) {
                    // The format: pages of unknown types are skipped. Those of an index the library skips.
                    let patched = header.patched.get_or_insert_with(|| bytes.to_vec());
                    padded(INDEX << 1, &mut patched[begin..bytes.len() - from.0.len()]);
                }
            }
            (2, I32) => header.unpacked = u64::try_from(from.integer()?).ok()?,
            (3, I32) => header.packed = u64::try_from(from.integer()?).ok()?,
            (5 | 7 | 8, STRUCT) => {
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
    header.dictionary = kind == Some(DICTIONARY);
    header.data = kind == Some(DATA) || kind == Some(DATA_V2);
    header.length = bytes.len() - from.0.len();
    if let Some(patched) = &mut header.patched {
        patched.truncate(header.length);
    }
    Some(header)
}

struct Walk<'a> {
    whole: &'a [u8],
    from: Bytes<'a>,
    patched: Option<Vec<u8>>,
}

impl Walk<'_> {
    fn at(&self) -> usize {
        self.whole.len() - self.from.0.len()
    }

    fn structure(&mut self, known: Fields, depth: usize) -> Option<()> {
        let mut last = 0;
        loop {
            let begin = self.at();
            let (of, number) = self.from.field(last)?;
            if of == 0 {
                return Some(());
            }
            last = number;
            let value = self.at();
            match known.iter().find(|(known, _)| *known == number) {
                Some((_, kind)) if !kind.fits(of, &self.from) => return None,
                Some((_, Kind::Struct(known))) => self.structure(known, depth + 1)?,
                Some(_) => self.from.skip(of, depth)?,
                None => {
                    self.from.skip(of, depth)?;
                    if [LIST, SET, MAP, STRUCT].contains(&of) {
                        self.hide(begin, value);
                    }
                }
            }
        }
    }

    /// Makes bytes without a meaning of a field that the library may not skip as a whole.
    fn hide(&mut self, begin: usize, value: usize) {
        let end = self.at();
        let patched = self.patched.get_or_insert_with(|| self.whole.to_vec());
        patched[begin] = patched[begin] & 0xf0 | BINARY;
        // The number of bytes that are left takes some of them.
        let fits = |taken: &usize| (end - value - taken) as u64 >> (7 * taken) == 0;
        let taken = (1..end - value).find(fits).unwrap_or(1);
        padded((end - value - taken) as u64, &mut patched[value..value + taken]);
    }
}

/// Writes a number of variable length in as many bytes as there are.
fn padded(value: u64, into: &mut [u8]) {
    let mut bytes = Vec::new();
    varint(&mut bytes, value);
    bytes.resize(bytes.len().max(into.len()), 0);
    let last = into.len() - 1;
    for (at, (to, byte)) in into.iter_mut().zip(bytes).enumerate() {
        *to = byte & 0x7f | if at < last { 0x80 } else { 0 };
    }
}
