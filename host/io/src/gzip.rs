//! gzip as the `gzip` command reads it: members one behind the other, and zeros behind the last, which tapes and block devices leave.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What gzip data hold, of all members.
pub(crate) struct Members<R> {
    /// None only while a member is exchanged for the next, and when all have been read.
    member: Option<GzDecoder<R>>,
}

/// What follows the last member is neither another nor zeros.
#[derive(Debug, thiserror::Error)]
#[error("other bytes follow the compressed data")]
pub(crate) struct Trailing;

impl<R: BufRead> Members<R> {
    pub(crate) fn new(raw: R) -> Members<R> {
        Members { member: Some(GzDecoder::new(raw)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            match member.read(bytes)? {
                0 => {}
                read => return Ok(read),
            }
            let Some(mut raw) = self.member.take().map(GzDecoder::into_inner) else { break };
            match raw.fill_buf()? {
                [] => {}
                // Its second byte may be in the next block: the decoder checks it.
                [0x1f, ..] => self.member = Some(GzDecoder::new(raw)),
                _ => only_zeros(&mut raw)?,
            }
        }
        Ok(0)
    }
}

/// Refuses what follows the last member, if it is not zeros.
pub(crate) fn only_zeros(raw: &mut impl BufRead) -> io::Result<()> {
    loop {
        let there = raw.fill_buf()?;
        let length = there.len();
        if length == 0 {
            return Ok(());
        }
        if there.iter().any(|byte| *byte != 0) {
            return Err(trailing());
        }
        raw.consume(length);
    }
}

pub(crate) fn trailing() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Trailing)
}

/// Whether a read ended because of what follows the last member.
pub(crate) fn is_trailing(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Trailing>())
}
