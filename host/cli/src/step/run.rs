//! `callboard step run`: JSON Lines from standard input through one step to standard output.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use arrow::array::RecordBatch;
use callboard_io::beneath::Temporary;
use callboard_plan::{Kind, scan};
use callboard_runtime::{RemovedRow, RunError};
use callboard_trial::Trial;
use callboard_trial::pipe::{Out, pipe};

use crate::arguments::StepRunArguments;
use crate::exit::Failure;
use crate::show::progress::{Detail, Progress};
use crate::show::{err, inline};
use callboard_bundled::BUNDLED;

pub(crate) fn run(arguments: &StepRunArguments) -> Result<ExitCode, Failure> {
    let mut subject = super::subject(&arguments.tried)?;
    let pipeline =
        BUNDLED.iter().find(|step| step.name == subject.uses()).and_then(|step| step.pipeline_for(&subject.config()));
    if let (Some(text), []) = (pipeline, &arguments.input[..]) {
        return super::pipeline::run(&subject, text, arguments.verbose);
    }
    // A file that is not a step is reported by the code that opens it.
    let is_source = scan(&subject.bytes(BUNDLED)?).is_ok_and(|facts| facts.kind == Kind::Source);
    let scratch = Temporary::create(&std::env::temp_dir(), "callboard-step-")
        .map_err(|error| Failure::system("make a folder for scratch", &error))?;
    let mut inputs: Vec<PathBuf> = Vec::new();
    if !is_source {
        inputs.push(scratch.path().join("standard input.jsonl"));
        let copied =
            std::fs::File::create(&inputs[0]).and_then(|mut file| io::copy(&mut io::stdin().lock(), &mut file));
        copied.map_err(|error| Failure::system("read standard input", &error))?;
    }
    inputs.extend(arguments.input.iter().cloned());
    let detail = if arguments.verbose { Detail::All } else { Detail::Warnings };
    let settings = super::settings(Progress::plain(detail).observer())?;
    super::grants::grant(&mut subject, &arguments.grants, &settings.observer);
    let trial = Trial::begin(subject, inputs.len(), BUNDLED, settings)?;
    let mut lines = Lines(BufWriter::new(io::stdout()));
    pipe(&trial, &inputs, &mut lines).map_err(|mut error| {
        // Nobody knows the copy's name.
        let name = scratch.path().join("standard input.jsonl").display().to_string();
        error.message = error.message.replace(&name, "<stdin>");
        error
    })?;
    lines.0.flush().or_else(gone).map_err(|error| Failure::system("write rows", &error))?;
    Ok(ExitCode::SUCCESS)
}

/// A reader that has gone away (`| head`) is no failure.
pub(super) fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// Writes rows to standard output, and why the others are missing to standard error.
struct Lines(BufWriter<Stdout>);

impl Out for Lines {
    fn rows(&mut self, rows: &RecordBatch) -> Result<bool, RunError> {
        for line in callboard_io::json_rows(rows)? {
            match writeln!(self.0, "{line}") {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                Err(error) => {
                    let message = format!("cannot write rows: {error}");
                    let class = callboard_runtime::Class::System;
                    return Err(RunError::new(class, message));
                }
            }
        }
        Ok(true)
    }

    fn removed(&mut self, removed: &RemovedRow) {
        let fate = if removed.rejected { "rejected" } else { "dropped" };
        let reason = if removed.reason.is_empty() { "no reason given" } else { &removed.reason };
        err(&format!("{fate:8}  row {}: {}", removed.row + 1, inline(reason)));
    }
}
