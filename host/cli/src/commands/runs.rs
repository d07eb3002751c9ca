//! `callboard runs`: the runs in a folder, how each ended, and the disk space that they take.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use callboard_page::Example;
use callboard_runtime::{
    CancellationToken, Class, RunError, RunState, RunSummary, WorkPlace, default_cache_folder, forget_replies,
    run_plan, run_report,
};
use callboard_words::sizes::bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::run::ReportFile;

use crate::arguments::RunsCommand;
use crate::exit::{Failure, quoted, resume_command};
use crate::show::figures::count;
use crate::show::report::{aligned, table};
use crate::show::{inline, print, print_json, with_margin};

pub(crate) fn runs(command: &RunsCommand) -> Result<ExitCode, Failure> {
    match command {
        RunsCommand::List { dir, json } => list(dir, *json),
        RunsCommand::Show { run_dir, html: None, examples: _ } => show(run_dir),
        RunsCommand::Show { run_dir, html: Some(html), examples } => page(run_dir, html, *examples),
        RunsCommand::Remove { run_dirs } => {
            let (mut freed, mut left) = (0, String::new());
            for run in run_dirs {
                let removed = found(run)?.remove()?;
                freed += removed.freed;
                let strange = removed.left.iter().map(|strange| inline(&run.join(strange).display().to_string()));
                left.extend(strange.map(|strange| format!("\nleft, since no run makes it: {strange}")));
            }
            print(&format!("removed {}, {}{left}", number_of_runs(run_dirs.len()), bytes(freed)))
        }
        RunsCommand::Forget { dir, older_than } => forget(dir, *older_than),
    }
}

fn list(dir: &Path, json: bool) -> Result<ExitCode, Failure> {
    let doing = format!("read the folder of runs `{}`", dir.display());
    let runs = RunSummary::all(dir).map_err(|error| Failure::system(&doing, &error))?;
    if json {
        return print_json(&runs);
    }
    let replies = callboard_runtime::replies_size(dir).map_err(|error| Failure::system(&doing, &error))?;
    let replies = replies.map_or_else(String::new, |size| {
        format!(
            "\n replies of servers, for all runs here: {} in {}",
            bytes(size),
            inline(&dir.join(".replies").display().to_string())
        )
    });
    if runs.is_empty() {
        return print(&format!("no runs in {}{replies}", inline(&dir.display().to_string())));
    }
    let heads = ["run", "state", "began", "stages", "size"].map(str::to_owned).to_vec();
    let rows = runs.iter().map(|run| {
        let stages = format!("{} of {}", run.stages_done, run.stages);
        vec![
            inline(&run.folder.display().to_string()),
            run.state.as_str().to_owned(),
            began(run),
            stages,
            bytes(run.bytes),
        ]
    });
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let total = runs.iter().map(|run| run.bytes).sum();
    print(&format!("{}\n {}, {} in all{replies}", aligned(&rows, 3), number_of_runs(runs.len()), bytes(total)))
}

fn forget(dir: &Path, older_than: Option<Duration>) -> Result<ExitCode, Failure> {
    let forgotten = forget_replies(dir, older_than, &default_cache_folder())?;
    let left = match forgotten.in_use {
        0 => "",
        _ => "\nleft, since a run still writes them: replies of runs that go on",
    };
    print(&format!("forgot replies of servers, {}{left}", bytes(forgotten.freed)))
}

fn number_of_runs(runs: usize) -> String {
    format!("{} {}", count(runs as u64), if runs == 1 { "run" } else { "runs" })
}

/// The folder or address of a run.
fn found(run: &Path) -> Result<WorkPlace, Failure> {
    Ok(WorkPlace::find(run, &default_cache_folder(), &CancellationToken::new())?)
}

fn show(run_dir: &Path) -> Result<ExitCode, Failure> {
    let work = found(run_dir)?;
    let looked = work.look()?;
    let run = work.summary(&looked)?;
    let mut text = format!(
        "{}  {}   began {}, {} of {} stages done, {}\n",
        inline(&run.name),
        run.state.as_str(),
        began(&run),
        run.stages_done,
        run.stages,
        bytes(run.bytes),
    );
    if let Some(error) = &run.error {
        text.push_str(&format!("error: {}\n", with_margin(error)));
    }
    match run.state {
        RunState::Finished => {
            if let Some(report) = run_report(looked.folder()) {
                text = table(&report);
            }
        }
        RunState::Running => {}
        RunState::Failed | RunState::Interrupted | RunState::Waiting | RunState::Killed => {
            text.push_str(&format!("to resume:\n  {}", resume_command(run_dir)));
        }
        RunState::Begun => {
            let folder = quoted(run_dir.display().to_string());
            text.push_str(&format!("nothing is done; to begin again:\n  callboard run FILE --run-dir {folder}"));
        }
        RunState::Removing | RunState::Damaged => {
            let folder = quoted(run_dir.display().to_string());
            text.push_str(&format!("to remove what is left:\n  callboard runs remove {folder}"));
        }
    }
    print(&text)
}

/// Examples are no longer than this, bytes.
const EXAMPLES: u64 = 64 << 20;

/// Writes the report as a page, with the first of the rejected rows where these are asked for.
fn page(run_dir: &Path, html: &Path, examples: u32) -> Result<ExitCode, Failure> {
    let work = found(run_dir)?;
    let looked = work.look()?;
    let run = work.summary(&looked)?;
    let Some(report) = run_report(looked.folder()) else {
        let message = format!("run `{}` has no report yet: it is {}", run_dir.display(), run.state.as_str());
        let help = "a report is written when a run ends";
        return Err(RunError::new(Class::Pipeline, message).help(help).into());
    };
    let file = ReportFile::find(html)?.replacing("<!DOCTYPE html>", "a page")?;
    let rejects = looked.folder().join("rejects.jsonl");
    let examples = match examples {
        0 => Vec::new(),
        rows => rejected(&rejects, rows)
            .map_err(|error| Failure::system(&format!("read `{}`", rejects.display()), &error))?,
    };
    file.write_text(&callboard_page::page(&report, run_plan(looked.folder()).as_ref(), &examples))?;
    print(&format!("wrote {}", inline(&html.display().to_string())))
}

/// The first rejected rows of a run.
fn rejected(path: &Path, rows: u32) -> io::Result<Vec<Example>> {
    #[derive(Deserialize)]
    struct Reject {
        step: Option<String>,
        input: Option<String>,
        #[serde(default)]
        reason: String,
        row: Option<Box<RawValue>>,
        text: Option<String>,
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?.take(EXAMPLES),
    };
    let lines = BufReader::new(file).lines().take(rows as usize);
    let example = |line: io::Result<String>| -> io::Result<Option<Example>> {
        // The last line may be cut off.
        let Ok(reject) = serde_json::from_str::<Reject>(&line?) else { return Ok(None) };
        let row = reject.row.map(|row| row.get().to_owned()).or(reject.text).unwrap_or_default();
        Ok(Some(Example { node: reject.step.or(reject.input).unwrap_or_default(), reason: reject.reason, row }))
    };
    lines.map(example).filter_map(Result::transpose).collect()
}

fn began(run: &RunSummary) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(run.began);
    humantime::format_rfc3339_seconds(at).to_string().replace('T', " ").replace('Z', " UTC")
}
