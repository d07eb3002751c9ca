//! An answer, as it is written: whole, or broken as a test wants it.

use std::io::Write;
use std::sync::Mutex;

use super::content::Content;
use super::{Fault, State};

/// A body up to this size is written together with what stands before it, as servers do.
const SMALL: usize = 64 << 10;

pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Content,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        let body: Vec<u8> = body.into();
        Answer { status, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn of(status: u16, body: Content) -> Answer {
        Answer { body, ..Answer::new(status, "") }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn write(
        self,
        stream: &mut impl Write,
        head: bool,
        fault: Option<&Fault>,
        state: &Mutex<State>,
    ) -> Option<()> {
        let chunked = match fault {
            Some(Fault::Short(most)) if self.status < 300 => {
                Some(self.body.range(0..self.body.len().min(*most)).to_vec())
            }
            Some(Fault::Long(more)) if self.status < 300 => Some([self.body.to_vec(), vec![b'x'; *more]].concat()),
            _ => None,
        };
        let mut text = format!("HTTP/1.1 {} Said\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.status != 204 {
            match chunked {
                Some(_) => text += "transfer-encoding: chunked\r\n",
                None if !self.headers.iter().any(|(name, _)| name == "content-length") => {
                    text += &format!("content-length: {}\r\n", self.body.len());
                }
                None => {}
            }
        }
        let mut head_of = (text + "\r\n").into_bytes();
        let is_cut = matches!(fault, Some(Fault::Cut(_)));
        let is_whole = !head && chunked.is_none() && !is_cut && self.body.len() <= SMALL;
        if is_whole {
            self.body.parts().for_each(|part| head_of.extend_from_slice(part));
        }
        stream.write_all(&head_of).ok()?;
        if head {
            return stream.flush().ok();
        }
        if let Some(body) = chunked {
            stream.write_all(format!("{:x}\r\n", body.len()).as_bytes()).ok()?;
            stream.write_all(&body).ok()?;
            let end: &[u8] = if body.is_empty() { b"\r\n" } else { b"\r\n0\r\n\r\n" };
            stream.write_all(end).ok()?;
            return stream.flush().ok();
        }
        if let Some(Fault::Cut(most)) = fault
            && *most < self.body.len()
        {
            let _ = stream.write_all(&self.body.range(0..*most).to_vec());
            return None;
        }
        if !is_whole {
            self.body.parts().try_for_each(|part| stream.write_all(part)).ok()?;
        }
        stream.flush().ok()?;
        if self.status == 206 || self.headers.iter().any(|(name, _)| name == "etag") {
            state.lock().unwrap().sent += self.body.len() as u64;
        }
        Some(())
    }
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(
        status,
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"),
    )
}
