//! `callboard diff`: two runs, and what is different between them.

use std::process::ExitCode;

use callboard_runtime::{Looking, default_cache_folder, diff_runs};

use crate::arguments::{DiffArguments, FigureFormat};
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::{err, inline, print_json, print_paged, runs_diff};

pub(crate) fn diff(arguments: &DiffArguments) -> Result<ExitCode, Failure> {
    let DiffArguments { before, after, examples, format, trust } = arguments;
    let cancel = interruptible()?;
    let looking = |run| Looking::at(run, default_cache_folder()).trusted(*trust).cancel(cancel.clone());
    let diff = diff_runs(&looking(before), &looking(after), *examples as usize)?;
    match format {
        FigureFormat::Json => print_json(&diff),
        FigureFormat::Table => {
            diff.notes.iter().for_each(|note| err(&format!("note: {}", inline(note))));
            print_paged(&runs_diff::text(&diff))
        }
    }
}
