//! Thrift's compact protocol: the types on the wire, and how values are read from bytes.

/// Types on the wire.
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const BYTE: u8 = 3;
const I16: u8 = 4;
pub(super) const I32: u8 = 5;
pub(super) const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
pub(super) const SET: u8 = 10;
pub(super) const MAP: u8 = 11;
pub(super) const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// How deep values may nest; Parquet's own go to about ten.
pub(super) const DEEPEST: usize = 64;

/// Bytes that are not yet read. `None` wherever there are too few of them.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

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

    pub(super) fn integer(&mut self) -> Option<i64> {
        self.varint().map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Bytes behind their length.
    pub(super) fn binary(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        self.take(length)
    }

    /// The next field's type and number; type 0 at the end of the structure.
    pub(super) fn field(&mut self, last: i16) -> Option<(u8, i16)> {
        let head = self.byte()?;
        match (head & 0x0f, head >> 4) {
            (0, _) => Some((0, 0)),
            (of, 0) => Some((of, i16::try_from(self.integer()?).ok()?)),
            (of, delta) => Some((of, last.checked_add(delta.into())?)),
        }
    }

    /// The type of a list's values and how many there are.
    pub(super) fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let length = match head >> 4 {
            15 => self.varint()?,
            length => length.into(),
        };
        // Each takes a byte at least.
        (length <= self.0.len() as u64).then_some((head & 0x0f, length))
    }

    pub(super) fn skip(&mut self, of: u8, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match of {
            TRUE | FALSE => {}
            BYTE => drop(self.byte()?),
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => drop(self.take(8)?),
            BINARY => drop(self.binary()?),
            UUID => drop(self.take(16)?),
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

    /// A value of a list, where booleans take a byte each: the library takes them to have none.
    fn item(&mut self, of: u8, depth: usize) -> Option<()> {
        match of {
            TRUE | FALSE => self.byte().map(drop),
            of => self.skip(of, depth + 1),
        }
    }
}

/// Writes a number of variable length.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
