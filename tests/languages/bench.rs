//! A folder to run a pipeline in, with the binary that users have.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

/// Far beyond what anything here takes: what lasts so long hangs.
const HANGS: Duration = Duration::from_secs(900);

/// A folder, gone when this is dropped.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("languages-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Bench { folder }
    }

    /// Writes rows to `NAME.arrow`.
    pub(crate) fn put(&self, name: &str, rows: &RecordBatch) {
        let file = File::create(self.folder.path().join(name).with_extension("arrow")).unwrap();
        let mut writer = FileWriter::try_new(file, &rows.schema()).unwrap();
        writer.write(rows).unwrap();
        writer.finish().unwrap();
    }

    /// Writes a file of text, in a folder that is made if need be.
    pub(crate) fn put_text(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a pipeline, and gives its report; outputs are replaced.
    pub(crate) fn run(&self, pipeline: &str) -> Value {
        self.try_run(pipeline).unwrap_or_else(|said| panic!("{said}\n{pipeline}"))
    }

    /// Likewise; if it fails, what is said.
    pub(crate) fn try_run(&self, pipeline: &str) -> Result<Value, String> {
        let arguments = ["run", "pipeline.toml", "--overwrite", "--no-resume", "--quiet", "--report", "report.json"];
        self.callboard(pipeline, &arguments)?;
        Ok(serde_json::from_slice(&self.bytes("report.json")).unwrap())
    }

    /// What is said against a pipeline, by `callboard check`.
    pub(crate) fn refused(&self, pipeline: &str) -> String {
        match self.callboard(pipeline, &["check", "pipeline.toml"]) {
            Ok(said) => panic!("it was taken:\n{pipeline}\n{said}"),
            Err(said) => said,
        }
    }

    fn callboard(&self, pipeline: &str, arguments: &[&str]) -> Result<String, String> {
        fs::write(self.folder.path().join("pipeline.toml"), pipeline).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
        command.args(arguments).current_dir(self.folder.path());
        // Shared, so that each component is compiled once.
        command.env("NO_COLOR", "1").env("CALLBOARD_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-cache"));
        said(&mut command)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The rows of a `.jsonl` file.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        let text = String::from_utf8(self.bytes(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The rows of an `.arrow` file, as one batch.
    pub(crate) fn rows(&self, name: &str) -> RecordBatch {
        let reader = FileReader::try_new(std::io::Cursor::new(self.bytes(name)), None).unwrap();
        let schema = reader.schema();
        concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
    }
}

/// What a program says, if it succeeds; if it fails, that is the error. One that hangs is killed, with all that it started.
pub(crate) fn said(command: &mut Command) -> Result<String, String> {
    let (mut reader, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer).process_group(0);
    let mut child = command.spawn().unwrap();
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let words = format!("{command:?}");
    let reading = std::thread::spawn(move || std::io::read_to_string(&mut reader).unwrap());
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > HANGS {
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            panic!("`{words}` had not ended after {HANGS:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = reading.join().unwrap();
    if status.success() { Ok(text) } else { Err(format!("{text}({status})")) }
}
