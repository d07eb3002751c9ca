//! zstd as gzip is read: frames one behind the other, and zeros behind the last.

use std::io::{self, BufRead, Read};

use crate::gzip::{only_zeros, trailing};

/// What zstd data hold, of all frames.
pub(crate) struct Frames<R: BufRead> {
    /// None only while a frame is exchanged for the next, and when all have been read.
    frame: Option<zstd::Decoder<'static, R>>,
    window_log: u32,
    /// Whether nothing has been read of a frame that is not the first: it may be none.
    is_doubtful: bool,
}

impl<R: BufRead> Frames<R> {
    pub(crate) fn new(raw: R, window_log: u32) -> io::Result<Frames<R>> {
        Ok(Frames { frame: Some(decoder(raw, window_log)?), window_log, is_doubtful: false })
    }
}

fn decoder<R: BufRead>(raw: R, window_log: u32) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(raw)?.single_frame();
    decoder.window_log_max(window_log)?;
    Ok(decoder)
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        while let Some(frame) = &mut self.frame {
            let read = match frame.read(bytes) {
                // The name of zstd's error 10, `prefix_unknown`.
                Err(error) if self.is_doubtful && error.to_string().contains("Unknown frame") => Err(trailing()),
                read => read,
            }?;
            if read > 0 {
                self.is_doubtful = false;
                return Ok(read);
            }
            frame.finish_frame()?;
            let Some(mut raw) = self.frame.take().map(zstd::Decoder::into_inner) else { break };
            match raw.fill_buf()? {
                [] => {}
                // Its other bytes may be in the next block: the decoder checks them. The second is that of frames that are skipped.
                [0x28 | 0x50..=0x5f, ..] => {
                    self.frame = Some(decoder(raw, self.window_log)?);
                    self.is_doubtful = true;
                }
                _ => only_zeros(&mut raw)?,
            }
        }
        Ok(0)
    }
}
