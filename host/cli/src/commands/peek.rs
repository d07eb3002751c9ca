//! `callboard peek`: rows of data files, or of a run at any of its nodes.

use std::path::Path;
use std::process::ExitCode;

use callboard_io::Format;
use callboard_runtime::{
    CancellationToken, Looking, RowsWanted, Shown, WorkPlace, default_cache_folder, peek_files, peek_run,
};
use callboard_words::address::split;

use crate::arguments::{PeekArguments, RowFormat};
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::{err, inline, print_paged, print_rows, rows};

pub(crate) fn peek(arguments: &PeekArguments) -> Result<ExitCode, Failure> {
    let PeekArguments { places, rows: most, condition, seed, columns, format, trust } = arguments;
    let look = RowsWanted { rows: *most as usize, condition: condition.clone(), seed: *seed, columns: columns.clone() };
    let shown = match &places[..] {
        [run, rest @ ..] if is_run(run) => {
            let node = node_of(run, rest)?;
            let looking = Looking::at(Path::new(run), default_cache_folder()).trusted(*trust).cancel(interruptible()?);
            peek_run(&looking, node, &look)?
        }
        files => peek_files(files, &look)?,
    };
    print(&shown, *format)
}

/// Whether a place is a run's folder, or the address of a work place.
pub(super) fn is_run(place: &str) -> bool {
    let path = Path::new(place);
    if split(place).is_none() {
        return path.join("run.json").is_file();
    }
    // Nothing is asked for about what is called as data are.
    let is_data = Format::of(path, None).is_ok() || place.contains(['*', '?', '[']);
    let work = || WorkPlace::find(path, &default_cache_folder(), &CancellationToken::new());
    !is_data && work().is_ok_and(|work| work.is_there())
}

/// The node that is named behind a run, empty if there is none.
pub(super) fn node_of<'a>(run: &str, rest: &'a [String]) -> Result<&'a str, Failure> {
    if rest.len() > 1 {
        let message = format!("`{}` is a run: name one input, step or output of it, and no more", inline(run));
        return Err(Failure::other(callboard_runtime::Class::Pipeline, message));
    }
    Ok(rest.first().map_or("", String::as_str))
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
