//! `callboard run`: a pipeline from its inputs to its outputs, and the report.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use callboard_bundled::BUNDLED;
use callboard_io::FilePlace;
use callboard_plan::{Pipeline, Plan};
use callboard_runtime::{
    Allowed, AlsoWritten, CancellationToken, Class, Observer, Profile, Report, Run, RunError, RunFailed, Settings,
};

use super::onlookers::Onlookers;
use crate::arguments::{RunArguments, ServeArguments, ShownArguments};
use crate::exit::Failure;
use crate::last_words;
use crate::pipeline::{Planned, interruptible, planned, settings};
use crate::show::progress::{Detail, Progress};
use crate::show::{err, print, report, says_json};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    if let Some(parent) = arguments.end_with {
        end_with(parent)?;
    }
    let Planned { pipeline, mut plan, components, base, file } = planned(&arguments.pipeline, arguments.load.into())?;
    if let Some(folder) = &arguments.outputs_to {
        let doing = "open the folder for outputs";
        let folder = folder.canonicalize().map_err(|error| Failure::system(doing, &error))?;
        let folder =
            folder.to_str().ok_or_else(|| Failure::system(doing, &std::io::ErrorKind::InvalidFilename.into()))?;
        plan = plan.with_outputs_in(folder);
    }
    let watched = Watched::begin(&arguments.shown)?.seen_by(&arguments.serve)?;
    let run_folder = arguments.run_dir.clone().unwrap_or_else(|| new_folder(plan.name()));
    let earlier = match arguments.fresh || arguments.no_resume {
        true => Vec::new(),
        false => earlier(&run_folder)?,
    };
    let cancel = interruptible()?;
    let settings = settings(base, run_folder, cancel.clone())?
        .pipeline(file)
        .overwrite(arguments.overwrite)
        .limit(arguments.limit)
        .resumable(!arguments.no_resume)
        .earlier(earlier)
        .fresh_replies(arguments.fresh)
        .batch_grace(arguments.batch_grace)
        .max_spill(arguments.max_spill)
        .profile(arguments.profile.clone().map(|step| Profile { step, path: arguments.profile_out.clone() }))
        .also_written(watched.report_place())
        .standard_output(standard_output())
        .confined(watched.is_confined())
        .observer(watched.observer());
    let folder = settings.run_folder.clone();
    let prepared = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
    let prepared = watched.watching(prepared);
    if !arguments.no_resume {
        last_words::running_in(&folder);
    }
    let plan = prepared.plan().clone();
    let mut done = prepared.execute();
    if arguments.wait {
        let again = |settings: Settings| settings.max_spill(arguments.max_spill).overwrite(arguments.overwrite);
        done = watched.wait(done, &folder, &cancel, again)?;
    }
    watched.end(done, &folder, Some(&pipeline), Some(&plan))
}

/// Standard output, for an output whose path is `-`.
pub(crate) fn standard_output() -> Option<Arc<File>> {
    std::io::stdout().as_fd().try_clone_to_owned().ok().map(|stream| Arc::new(File::from(stream)))
}

/// Dies when its parent does, also where that is killed and can hand nothing on.
pub(crate) fn end_with(parent: u32) -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| Failure::system("follow the process that started this one", &error.into()))?;
    // It may have ended before that.
    match rustix::process::getppid().is_some_and(|now| now.as_raw_pid().unsigned_abs() == parent) {
        true => Ok(()),
        false => Err(Failure::other(Class::Interrupted, "the process that started this one has ended")),
    }
}

/// Runs that lie beside this one.
fn earlier(run_folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let parent = run_folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let doing = format!("read the folder of runs `{}`", parent.display());
    let folders = callboard_runtime::run_folders(parent).map_err(|error| Failure::system(&doing, &error))?;
    Ok(folders.into_iter().filter(|folder| folder != run_folder).collect())
}

/// A run that is being shown.
pub(crate) struct Watched<'a> {
    arguments: &'a ShownArguments,
    report: Option<ReportFile>,
    html: Option<ReportFile>,
    pub(crate) progress: Progress,
    onlookers: Onlookers,
}

impl<'a> Watched<'a> {
    pub(crate) fn begin(arguments: &'a ShownArguments) -> Result<Watched<'a>, Failure> {
        // Sooner than at the end of a long run.
        let report = arguments.report.as_deref().map(ReportFile::find).transpose()?;
        let html = arguments.html.as_deref().map(ReportFile::find).transpose()?;
        let detail = match (arguments.quiet, arguments.verbose) {
            (true, _) => Detail::Errors,
            (_, true) => Detail::All,
            _ => Detail::Progress,
        };
        let progress = Progress::new(detail, arguments.progress);
        Ok(Watched { arguments, report, html, progress, onlookers: Onlookers::default() })
    }

    /// The same, seen by others too.
    pub(crate) fn seen_by(self, others: &ServeArguments) -> Result<Watched<'a>, Failure> {
        let onlookers = Onlookers::begin(others, &self.progress)?;
        Ok(Watched { onlookers, ..self })
    }

    /// The observer of the run's events.
    pub(crate) fn observer(&self) -> Observer {
        self.onlookers.over(self.progress.observer())
    }

    /// A run whose page is kept, and which is seen while it goes on.
    pub(crate) fn watching(&self, run: Run) -> Run {
        run.with_page(crate::pipeline::page).with_window(self.onlookers.window())
    }

    /// Where the report goes, if it is a file.
    pub(crate) fn report_place(&self) -> Vec<AlsoWritten> {
        let report = self.report.iter().filter_map(|file| file.also_written("the report (`--report`)"));
        report.chain(self.html.iter().filter_map(|file| file.also_written("the page (`--html`)"))).collect()
    }

    /// Whether Landlock is to keep the run to the places that it writes.
    pub(crate) fn is_confined(&self) -> bool {
        !self.arguments.no_landlock
    }

    /// Resumes a run until it waits for no offline batches any more. `again` are settings that the run began with.
    pub(crate) fn wait(
        &self,
        mut done: Result<Report, Box<RunFailed>>,
        folder: &Path,
        cancel: &CancellationToken,
        again: impl Fn(Settings) -> Settings,
    ) -> Result<Result<Report, Box<RunFailed>>, Failure> {
        while let Err(failed) = &done
            && failed.error.class == Class::Waiting
            && failed.report.resumable
        {
            // It is confined already, as the first one was.
            let settings = settings(PathBuf::new(), folder.to_owned(), cancel.clone())?
                .wait(true)
                .also_written(self.report_place())
                .standard_output(standard_output())
                .observer(self.observer());
            let run = Run::resume(BUNDLED, again(settings), Allowed::default())?;
            done = self.watching(run).execute();
        }
        Ok(done)
    }

    /// Shows the result of the run.
    pub(crate) fn end(
        mut self,
        done: Result<Report, Box<RunFailed>>,
        folder: &Path,
        pipeline: Option<&Pipeline>,
        plan: Option<&Plan>,
    ) -> Result<ExitCode, Failure> {
        self.progress.finish();
        let (done, error) = match done {
            Ok(report) => (report, None),
            Err(failed) => (failed.report, Some(failed.error)),
        };
        self.progress.ended(&done);
        self.onlookers.ended(&done, plan);
        let written = self.report.as_ref().map_or(Ok(()), |report| report.write(serde_json::to_string_pretty(&done)));
        let page = |file: &ReportFile| file.write_text(&callboard_page::page(&done, plan, &[]));
        let written = written.and(self.html.as_ref().map_or(Ok(()), page));
        let resumable = done.resumable;
        let shown = match error {
            Some(mut error) => {
                let mut beside = |note: String| {
                    error.help = Some(match error.help.take() {
                        Some(help) => help.and("\n").and(note),
                        None => note.into(),
                    });
                };
                if std::fs::metadata(&done.rejects.path).is_ok_and(|file| file.len() > 0) {
                    beside(format!("the rows rejected until then are in {}", done.rejects.path));
                }
                if let Some(profile) = &done.profile {
                    beside(format!("the profile of `{}` until then: {}", profile.step, report::profile(profile)));
                }
                let failure = match pipeline {
                    Some(pipeline) => Failure::of(error, pipeline),
                    None => error.into(),
                };
                return Err(if resumable { failure.resumable(folder) } else { failure });
            }
            None if self.arguments.quiet => Ok(ExitCode::SUCCESS),
            None if done.outputs.values().any(|output| output.path == "-") && says_json() => Ok(ExitCode::SUCCESS),
            // Rows are on standard output.
            None if done.outputs.values().any(|output| output.path == "-") => {
                err(&report::table(&done));
                Ok(ExitCode::SUCCESS)
            }
            None => print(&report::table(&done))
                .map_err(|failure| failure.help("the run has finished, and its outputs are in their places")),
        };
        written.and(shown)
    }
}

/// `.callboard/runs/NAME-TIME`, the time in milliseconds and base 36.
pub(crate) fn new_folder(name: &str) -> PathBuf {
    let mut time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut digits = Vec::new();
    while time > 0 {
        digits.push(char::from_digit((time % 36) as u32, 36).expect("a digit of base 36"));
        time /= 36;
    }
    let id: String = digits.into_iter().rev().collect();
    Path::new(".callboard/runs").join(format!("{name}-{id}"))
}

/// Where a report goes, found before the run begins.
pub(crate) enum ReportFile {
    /// A file that appears whole.
    Place(FilePlace),
    /// What the system has there already, such as `/dev/stdout`: the report is written into it.
    Stream(std::fs::File),
}

impl ReportFile {
    pub(crate) fn find(path: &Path) -> Result<ReportFile, Failure> {
        // What is there under these names stays as it is, whoever it belongs to. Anything else is a file, in `/dev/shm` too.
        let streams = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/dev/pts", "/dev/null", "/dev/tty", "/dev/full"];
        if streams.iter().any(|stream| path.starts_with(stream)) {
            let doing = format!("open `{}` for the report", path.display());
            let opened = std::fs::File::options().write(true).open(path);
            return opened.map(ReportFile::Stream).map_err(|error| Failure::system(&doing, &error));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let doing = format!("open the folder `{}`", folder.display());
            folder.read_dir().map_err(|error| Failure::system(&doing, &error))?;
        }
        Ok(ReportFile::Place(FilePlace::find(path).map_err(RunError::from)?))
    }

    /// The same, if what stands there begins as this does: a page or a drawing replaces no pipeline, and no data.
    pub(crate) fn replacing(self, begins: &str, what: &str) -> Result<ReportFile, Failure> {
        let ReportFile::Place(place) = &self else { return Ok(self) };
        let doing = || format!("read `{}`", place.path().display());
        let mut head = Vec::new();
        if let Some(file) = place.file().map_err(|error| Failure::system(&doing(), &error))? {
            let read = file.take(begins.len() as u64).read_to_end(&mut head);
            read.map_err(|error| Failure::system(&doing(), &error))?;
        }
        if head.is_empty() || head.eq_ignore_ascii_case(begins.as_bytes()) {
            return Ok(self);
        }
        let message = format!("`{}` is there, and is not {what}: it is not replaced", place.path().display());
        Err(Failure::other(Class::Pipeline, message).help("name another file, or remove that one"))
    }

    /// The file, as one that no step may write.
    pub(crate) fn also_written(&self, what: &str) -> Option<AlsoWritten> {
        match self {
            ReportFile::Place(place) => Some(AlsoWritten { what: what.to_owned(), place: place.clone() }),
            ReportFile::Stream(_) => None,
        }
    }

    /// Writes a report, or several, as JSON.
    pub(crate) fn write(&self, report: serde_json::Result<String>) -> Result<(), Failure> {
        self.write_text(&(report.expect("a report is JSON") + "\n"))
    }

    /// Writes a report of any form.
    pub(crate) fn write_text(&self, text: &str) -> Result<(), Failure> {
        match self {
            ReportFile::Place(place) => Ok(place.write(text.as_bytes()).map_err(RunError::from)?),
            ReportFile::Stream(stream) => {
                (&*stream).write_all(text.as_bytes()).map_err(|error| Failure::system("write the report", &error))
            }
        }
    }
}
