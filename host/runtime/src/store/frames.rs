//! Frames: the one form in which rows and work lie on the disk.
//!
//! A frame is a header ([`Frame`]) and a body. A frame is whole, or it is not read: where a header does not match, a file ends for us.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::buffer::Buffer;
use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use twox_hash::XxHash3_64;

use super::folder::alone;
use super::records::{Frame, HEADER};
use callboard_sandbox::plain;

/// The longest body, bytes: a length beyond that in a file is not believed.
const LONGEST: u64 = 4 << 30;

/// How much of a file that lies elsewhere is brought here at once, bytes.
pub(crate) const COMING: u64 = 4 << 20;

/// Bytes that are read for a header, and perhaps for those behind it.
const WINDOW: u64 = 4 << 10;

/// What a frame is to hold, in parts, with its length and checksum.
pub(crate) struct Body<'a, B> {
    parts: &'a [B],
    length: u64,
    checksum: u64,
}

impl<'a, B: AsRef<[u8]>> Body<'a, B> {
    pub(crate) fn of(parts: &'a [B]) -> Body<'a, B> {
        let mut checksum = XxHash3_64::new();
        parts.iter().for_each(|part| checksum.write(part.as_ref()));
        let length = parts.iter().map(|part| part.as_ref().len() as u64).sum();
        Body { parts, length, checksum: checksum.finish() }
    }

    /// Its length, bytes.
    pub(super) fn len(&self) -> u64 {
        self.length
    }
}

/// A file that frames are appended to.
pub(crate) struct FrameWriter {
    file: Arc<File>,
    path: PathBuf,
    at: u64,
}

impl FrameWriter {
    /// Makes the file, which must not be there.
    pub(crate) fn create(path: PathBuf) -> io::Result<FrameWriter> {
        let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = Arc::new(file.map_err(|error| named(&path, &error))?);
        Ok(FrameWriter { file, path, at: 0 })
    }

    /// Opens the file for more, or makes it; gives the frames that it has. What stands behind them is cut off.
    pub(crate) fn reopen(path: PathBuf) -> io::Result<(FrameWriter, Vec<Frame>)> {
        let file = regular(&path, File::options().read(true).append(true).create(true).mode(0o600)).and_then(alone);
        let file = Arc::new(file.map_err(|error| named(&path, &error))?);
        let (frames, torn) = FrameFile { file: Some(file.clone()), path: path.clone(), coming: None }.scan()?;
        let at = frames.last().and_then(Frame::end).unwrap_or(0);
        // A file that was ever cut to nothing, ext4 brings to the disk when it is closed, even one that is removed then.
        if torn > 0 {
            file.set_len(at).map_err(|error| named(&path, &error))?;
        }
        Ok((FrameWriter { file, path, at }, frames))
    }

    /// Appends a frame.
    pub(crate) fn append<B: AsRef<[u8]>>(&mut self, kind: u8, rows: u32, tag: u128, body: &[B]) -> io::Result<Frame> {
        self.append_sealed(kind, rows, tag, &Body::of(body))
    }

    /// Appends a frame whose body has its checksum: who shares the file makes it before it is their turn.
    pub(crate) fn append_sealed<B: AsRef<[u8]>>(
        &mut self,
        kind: u8,
        rows: u32,
        tag: u128,
        body: &Body<'_, B>,
    ) -> io::Result<Frame> {
        let Body { parts, length, checksum } = *body;
        let offset = self.at + HEADER as u64;
        let frame = Frame { kind, rows, tag, length, checksum, offset };
        if length > LONGEST {
            let words =
                format!("a record of {length} bytes is too long: at most {LONGEST} are kept; make batches smaller");
            return Err(named(&self.path, &io::Error::new(io::ErrorKind::FileTooLarge, words)));
        }
        let header = frame.header();
        let mut all: Vec<IoSlice<'_>> = vec![IoSlice::new(&header)];
        all.extend(parts.iter().map(|part| IoSlice::new(part.as_ref())));
        write_all(&mut &*self.file, &mut all).map_err(|error| named(&self.path, &error))?;
        self.at = offset + length;
        Ok(frame)
    }

    /// The size of the file.
    pub(crate) fn len(&self) -> u64 {
        self.at
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The file, to read what has been appended.
    pub(crate) fn reader(&self) -> FrameFile {
        FrameFile { file: Some(self.file.clone()), path: self.path.clone(), coming: None }
    }
}

/// A file of frames, to be read.
pub(crate) struct FrameFile {
    /// `None` of one that is opened whenever something is read of it.
    file: Option<Arc<File>>,
    path: PathBuf,
    /// What brings bytes here before they are read, if they lie elsewhere.
    coming: Option<Coming>,
}

impl FrameFile {
    pub(crate) fn open(path: PathBuf) -> io::Result<FrameFile> {
        let file = FrameFile { file: None, path, coming: None };
        let open = file.file().map_err(|error| named(&file.path, &error))?;
        Ok(FrameFile { file: Some(open), ..file })
    }

    /// The same, opened again whenever something is read of it: there may be more than a process may have open.
    pub(crate) fn at_rest(self) -> FrameFile {
        FrameFile { file: None, ..self }
    }

    fn file(&self) -> io::Result<Arc<File>> {
        match &self.file {
            Some(file) => Ok(file.clone()),
            None => regular(&self.path, File::options().read(true)).map(Arc::new),
        }
    }

    /// Makes a file of which only the headers are here, as [`heads`](Self::heads) gave them: `bring` writes other ranges of it when they are read.
    pub(crate) fn coming(path: PathBuf, heads: &[u8], bring: Bring) -> io::Result<FrameFile> {
        let file = FrameWriter::create(path)?;
        let (file, path, mut at) = (file.file, file.path, 0);
        let damaged =
            || io::Error::new(io::ErrorKind::InvalidData, format!("`{}`: its headers are damaged", path.display()));
        for head in heads.chunks(HEADER) {
            let header = head.try_into().map_err(|_| damaged())?;
            let end = Frame::parse(header, at).filter(|frame| frame.length <= LONGEST).and_then(|frame| frame.end());
            file.write_all_at(head, at).map_err(|error| named(&path, &error))?;
            at = end.ok_or_else(damaged)?;
        }
        file.set_len(at).map_err(|error| named(&path, &error))?;
        let coming = Some(Coming { size: at, here: Mutex::default(), bring });
        Ok(FrameFile { file: Some(file), path, coming })
    }

    /// How long it is, bytes.
    pub(crate) fn size(&self) -> io::Result<u64> {
        let about = self.file().and_then(|file| file.metadata());
        Ok(about.map_err(|error| named(&self.path, &error))?.len())
    }

    /// The headers of all frames, one after another.
    pub(crate) fn heads(&self) -> io::Result<Vec<u8>> {
        Ok(self.scan()?.0.iter().flat_map(Frame::header).collect())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The frames of the file, by their headers, and how many bytes behind the last one are none.
    pub(crate) fn scan(&self) -> io::Result<(Vec<Frame>, u64)> {
        let size = self.size()?;
        let file = self.file().map_err(|error| named(&self.path, &error))?;
        let (mut frames, mut at) = (Vec::new(), 0);
        // Those of small frames are read together.
        let (mut window, mut from) = (Vec::new(), 0);
        while at + HEADER as u64 <= size {
            if at + HEADER as u64 > from + window.len() as u64 {
                (window, from) = (vec![0; WINDOW.min(size - at) as usize], at);
                file.read_exact_at(&mut window, at).map_err(|error| named(&self.path, &error))?;
            }
            let begin = (at - from) as usize;
            let header: [u8; HEADER] = window[begin..begin + HEADER].try_into().expect("it is that long");
            let frame = Frame::parse(&header, at).filter(|frame| frame.length <= LONGEST);
            let Some((frame, end)) = frame.and_then(|frame| Some((frame, frame.end()?))) else {
                break;
            };
            if end > size {
                break;
            }
            frames.push(frame);
            at = end;
        }
        Ok((frames, size - at))
    }

    /// The body of a frame, checked against its checksum.
    pub(crate) fn read(&self, frame: &Frame) -> io::Result<Buffer> {
        let mut body = Vec::new();
        self.check(frame, &mut body)?;
        Ok(Buffer::from_vec(body))
    }

    /// As [`FrameFile::read`], into memory that can be used again.
    pub(crate) fn check(&self, frame: &Frame, body: &mut Vec<u8>) -> io::Result<()> {
        body.clear();
        if let Some(coming) = &self.coming {
            coming.need(frame.span()).map_err(|error| named(&self.path, &error))?;
        }
        self.read_at(frame.offset, frame.length as usize, body).map_err(|error| named(&self.path, &error))?;
        match XxHash3_64::oneshot(body) == frame.checksum {
            true => Ok(()),
            false => Err(self.damaged(frame, "what is there does not match its checksum")),
        }
    }

    /// Bytes of the file, into memory that is not filled with zeros first: a spill is read at the speed of the page cache.
    fn read_at(&self, at: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let most = usize::try_from(LONGEST).unwrap_or(usize::MAX);
        if length > most || bytes.try_reserve_exact(length).is_err() {
            let words = format!("a record of {length} bytes does not fit the memory");
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, words));
        }
        let file = self.file()?;
        while bytes.len() < length {
            let at = at + bytes.len() as u64;
            match rustix::io::pread(&file, spare_capacity(bytes), at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        Ok(())
    }

    /// Damage to a frame.
    pub(crate) fn damaged(&self, frame: &Frame, what: &str) -> io::Error {
        let words = format!("`{}` is damaged at byte {}: {what}", self.path.display(), frame.offset);
        io::Error::new(io::ErrorKind::InvalidData, words)
    }
}

/// What writes ranges of a file's bytes to their places.
pub(crate) type Bring = Box<dyn Fn(&[Range<u64>]) -> io::Result<()> + Send + Sync>;

/// Bytes of a file that are brought here, a block at a time.
struct Coming {
    size: u64,
    /// The blocks that are here.
    here: Mutex<BTreeSet<u64>>,
    bring: Bring,
}

impl Coming {
    /// Brings what is not here yet of a range.
    fn need(&self, range: Range<u64>) -> io::Result<()> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: Vec<u64> =
            (range.start / COMING..range.end.div_ceil(COMING)).filter(|block| !here.contains(block)).collect();
        let runs = missing.chunk_by(|before, block| before + 1 == *block);
        let ranges = runs.map(|run| run[0] * COMING..((run[run.len() - 1] + 1) * COMING).min(self.size));
        let ranges: Vec<Range<u64>> = ranges.collect();
        if !ranges.is_empty() {
            (self.bring)(&ranges)?;
            here.extend(missing);
        }
        Ok(())
    }
}

/// Opens a regular file: no link, nor a pipe, which would be waited for, nor a device.
pub(crate) fn regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(flags.bits() as i32).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a regular file")),
    }
}

/// Makes a folder, and what is missing above it, for this user alone.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| named(path, &error))
}

/// The system's words, and the file that they are about.
pub(crate) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {}", path.display(), plain(error)))
}

fn write_all(file: &mut impl Write, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut parts, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("frames");
        let mut writer = FrameWriter::create(path.clone()).unwrap();
        for body in ["first", "", "third"] {
            writer.append(7, 3, 1 << 100, &[body]).unwrap();
        }
        path
    }

    #[test]
    fn what_was_appended_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = FrameFile::open(written(folder.path())).unwrap();
        let (frames, torn) = file.scan().unwrap();
        let bodies: Vec<_> = frames.iter().map(|frame| file.read(frame).unwrap().to_vec()).collect();
        assert_eq!(bodies, [b"first".to_vec(), b"".to_vec(), b"third".to_vec()]);
        assert_eq!((frames[2].kind, frames[2].rows, frames[2].tag, torn), (7, 3, 1 << 100, 0));
    }

    /// What is read from a file that lies elsewhere is brought here, once; and what was not brought is not read as data.
    #[test]
    fn what_lies_elsewhere_is_brought_when_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("far");
        let mut writer = FrameWriter::create(path.clone()).unwrap();
        for byte in 0..8_u8 {
            writer.append(0, 1, 0, &[vec![byte; COMING as usize / 2]]).unwrap();
        }
        let (far, near) = (FrameFile::open(path.clone()).unwrap(), folder.path().join("near"));
        let heads = far.heads().unwrap();
        let brought: Arc<Mutex<Vec<Range<u64>>>> = Arc::default();
        let bring: Bring = Box::new({
            let (near, brought) = (near.clone(), brought.clone());
            move |ranges| {
                let (from, to) = (File::open(&path)?, File::options().write(true).open(&near)?);
                for range in ranges {
                    let mut bytes = vec![0; (range.end - range.start) as usize];
                    from.read_exact_at(&mut bytes, range.start)?;
                    to.write_all_at(&bytes, range.start)?;
                    brought.lock().unwrap().push(range.clone());
                }
                Ok(())
            }
        });
        let file = FrameFile::coming(near.clone(), &heads, bring).unwrap();
        let frames = file.scan().unwrap().0;
        assert_eq!((frames.clone(), 0), far.scan().unwrap());
        assert!(file.read(&frames[2]).unwrap().iter().all(|byte| *byte == 2));
        file.read(&frames[3]).unwrap();
        assert_eq!(*brought.lock().unwrap(), [COMING..2 * COMING, 2 * COMING..3 * COMING]);
        assert!(FrameFile::open(near.clone()).unwrap().read(&frames[7]).is_err(), "it was not brought");
        std::fs::remove_file(&near).unwrap();
        for damaged in [&heads[..HEADER - 1], &[heads.clone(), vec![7; HEADER]].concat()] {
            let found = FrameFile::coming(near.clone(), damaged, Box::new(|_| Ok(()))).map(drop);
            assert_eq!(found.unwrap_err().kind(), io::ErrorKind::InvalidData);
            std::fs::remove_file(&near).unwrap();
        }
    }

    /// A frame of which a part is missing is not a frame; and no flipped bit is read as data.
    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        let whole: Vec<Vec<u8>> = vec![b"first".to_vec(), b"".to_vec(), b"third".to_vec()];
        let read = || -> (Vec<Vec<u8>>, u64, bool) {
            let file = FrameFile::open(path.clone()).unwrap();
            let (frames, torn) = file.scan().unwrap();
            let bodies: Vec<_> = frames.iter().map(|frame| file.read(frame)).collect();
            let damaged = bodies.iter().any(Result::is_err);
            (bodies.into_iter().flatten().map(|body| body.to_vec()).collect(), torn, damaged)
        };
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (bodies, torn, damaged) = read();
            assert!(whole.starts_with(&bodies) && bodies.len() < 3 && !damaged, "cut at {cut}");
            assert_eq!(torn == 0, [0, 53, 101].contains(&cut), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            let (bodies, torn, damaged) = read();
            assert!(torn > 0 || damaged, "bit {bit} was not noticed");
            assert!(bodies.iter().all(|body| whole.contains(body)), "bit {bit} was read as data");
        }
    }
}
