//! `callboard stats`: what is in the columns of data files, or of a run's rows at any of its nodes.

use std::path::Path;
use std::process::ExitCode;

use callboard_io::Stop;
use callboard_runtime::{Looking, StatsWanted, default_cache_folder, stats_files, stats_run};

use super::peek::{is_run, node_of};
use crate::arguments::{FigureFormat, StatsArguments};
use crate::exit::Failure;
use crate::pipeline::interruptible;
use crate::show::{err, inline, print_json, print_paged, stats};

pub(crate) fn stats(arguments: &StatsArguments) -> Result<ExitCode, Failure> {
    let StatsArguments { places, by, columns, format, trust } = arguments;
    let wanted = StatsWanted { columns: columns.clone(), by: by.clone() };
    let cancel = interruptible()?;
    let found = match &places[..] {
        [run, rest @ ..] if is_run(run) => {
            let node = node_of(run, rest)?;
            let looking = Looking::at(Path::new(run), default_cache_folder()).trusted(*trust).cancel(cancel);
            stats_run(&looking, node, &wanted)?
        }
        files => stats_files(files, &wanted, Stop::when(move || cancel.is_cancelled()))?,
    };
    match format {
        FigureFormat::Json => print_json(&found),
        FigureFormat::Table => {
            found.notes.iter().for_each(|note| err(&format!("note: {}", inline(note))));
            print_paged(&stats::text(&found, by.as_deref()))
        }
    }
}
