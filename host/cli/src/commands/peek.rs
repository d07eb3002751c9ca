//! `callboard peek`: rows of data files, or of a run at any of its nodes.

use std::path::Path;
use std::process::ExitCode;

use callboard_runtime::{Looking, RowsWanted, Shown, default_cache_folder, peek_files, peek_run};

use crate::arguments::{PeekArguments, RowFormat};
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::{err, inline, print_paged, print_rows, rows};

pub(crate) fn peek(arguments: &PeekArguments) -> Result<ExitCode, Failure> {
    let PeekArguments { places, rows: most, condition, seed, columns, format, trust } = arguments;
    let look = RowsWanted { rows: *most as usize, condition: condition.clone(), seed: *seed, columns: columns.clone() };
    let shown = match &places[..] {
        [run, node] if is_run(run) => {
            let looking = Looking::at(Path::new(run), default_cache_folder()).trusted(*trust).cancel(interruptible()?);
            peek_run(&looking, node, &look)?
        }
        [run, ..] if is_run(run) => return Err(which_node(run)),
        files => peek_files(files, &look)?,
    };
    print(&shown, *format)
}

/// Whether a place is a run's folder.
pub(super) fn is_run(place: &str) -> bool {
    Path::new(place).join("run.json").is_file()
}

pub(super) fn which_node(run: &str) -> Failure {
    let message = format!("`{}` is a run: name one input, step or output of it, and no more", inline(run));
    Failure::other(callboard_runtime::Class::Pipeline, message)
}

fn print(shown: &Shown, format: RowFormat) -> Result<ExitCode, Failure> {
    shown.notes.iter().for_each(|note| err(&format!("note: {}", inline(note))));
    let json = shown.json()?;
    match format {
        RowFormat::Jsonl => print_rows(&json),
        RowFormat::Table => print_paged(&rows::table(&json, &shown.places, &shown.columns())),
        RowFormat::Text => print_paged(&rows::text(&json, &shown.places)),
    }
}
