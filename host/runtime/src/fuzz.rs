//! What is read back from a run's folder, as a fuzzer drives it: any bytes stand for a file.

use std::io::Write;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};

use crate::run::doubted;
use crate::store::folder::{self, parsed};
use crate::store::frames::{FrameFile, FrameWriter};
use crate::store::records::Reference;
use crate::store::seal::{Begun, Key};
use crate::store::{InPlace, Past, ipc, journal, work};
use crate::tell::runs::{RunSummary, remove_run, run_report};

/// Takes bytes for a journal, for a file of frames, and for the body of a frame, of rows and of work.
///
/// # Panics
///
/// If bytes that are not journal or no frames are read past their end, or more is read than is there.
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

/// What parts the files of a run's folder.
const PARTS: &[u8] = b"\n----\n";

/// Takes bytes for `plan.json`, `run.json` and the lines of a journal, parted by lines of four hyphens; the journal's checksums are made
/// here, so that they are right.
///
/// # Panics
///
/// If a folder that holds them is not read, refused and removed without a panic, or is resumed without having been sealed.
pub fn fuzz_folder(bytes: &[u8]) {
    let mut rest = bytes;
    let mut next = || match rest.windows(PARTS.len()).position(|window| window == PARTS) {
        Some(at) => {
            let part = &rest[..at];
            rest = &rest[at + PARTS.len()..];
            part
        }
        None => std::mem::take(&mut rest),
    };
    let (plan, run, lines) = (next(), next(), next());
    let mut journal = Vec::new();
    for line in lines.split(|byte| *byte == b'\n') {
        journal.extend(journal::sealed(line));
    }

    let scratch = tempfile::tempdir().expect("there is room for a folder");
    let path = scratch.path().join("run");
    std::fs::create_dir(&path).expect("there is room for a folder");
    let files: [(&str, &[u8]); 6] = [
        ("lock", b"1\n"),
        ("plan.json", plan),
        ("run.json", run),
        ("journal", &journal),
        ("report.json", run),
        ("seal", lines),
    ];
    for (name, bytes) in files {
        std::fs::write(path.join(name), bytes).expect("there is room for a small file");
    }
    if let Ok(summary) = RunSummary::of(&path) {
        assert!(summary.stages_done <= summary.stages);
    }
    let _ = run_report(&path);
    let dir = folder::open(&path).expect("it has a lock, and `run.json`");
    let begun = Begun { plan: plan.to_vec(), run: run.to_vec() };
    assert!(!Key::nobodys().has_sealed(&begun, &dir), "it passes for sealed");
    if let Ok((plan, recorded)) = parsed(&begun, &path) {
        let said = doubted("", &path, &begun, &plan, &recorded.base, callboard_words::Setting::LookTrusted);
        assert!(said.help.is_some_and(|help| help.ends_with(&format!("{:032x}", begun.digest()))));
        if let Ok(mut past) = Past::read(&dir, &plan) {
            past.settle(&plan, &path, &InPlace { is_in_place: &|_, _| false, missing: &|_| None });
            let here = |name: &String| plan.output(name).is_some();
            assert!(past.stages.values().all(|ended| ended.outputs.keys().all(here)), "an output of no plan");
            assert!(past.stages.keys().all(|stage| (1..=plan.stages().len()).contains(stage)), "a stage of no plan");
        }
    }
    drop(dir);
    let removed = remove_run(&path).expect("a run can be removed, whatever it holds");
    assert!(removed.left.is_empty() && !path.exists());
}
