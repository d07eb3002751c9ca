//! What is read back from a run's folder, as a fuzzer drives it: any bytes stand for a file.

use std::io::Write;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use super::frames::{FrameFile, FrameWriter};
use super::reference::Reference;
use super::{ipc, journal, work};

/// Takes bytes for a journal, for a file of frames, and for the body of a frame, of rows and of work.
///
/// # Panics
///
/// Where bytes that are no journal or no frames are read past their end, or more is read than is there.
pub fn fuzz_disk(bytes: &[u8]) {
    let read = journal::records(bytes);
    assert_eq!(read.length + read.torn, bytes.len() as u64);

    let mut file = tempfile::NamedTempFile::new().expect("there is room for a small file");
    file.write_all(bytes).expect("there is room for a small file");
    let frames = FrameFile::open(file.path().to_owned()).expect("it was just written");
    let (headers, torn) = frames.scan().expect("it can be read");
    assert!(torn <= bytes.len() as u64);
    for frame in &headers {
        if let Ok(body) = frames.read(frame) {
            assert!(body.len() <= bytes.len());
        }
    }

    // A body with the checksum that it should have: what a file that was made on purpose may hold.
    let made = tempfile::tempdir().expect("there is room for a folder");
    let mut writer = FrameWriter::create(made.path().join("frames")).expect("the folder is empty");
    let frame = writer.append(1, 0, 0, &[bytes]).expect("there is room for a small file");
    let body = writer.reader().read(&frame).expect("it was just written");
    let fields = [("n", DataType::Int64), ("text", DataType::Utf8), ("flag", DataType::Boolean)];
    let schema = Arc::new(Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()));
    let _ = ipc::decode(&schema, &body, None);
    let _ = work::decode(&schema, &body);
    let _ = Reference::decode(&body);
}
