//! Places that belong to the run or to its user. No output replaces one of them, and no step may be granted to write where one lies:
//! what the host reads and writes there is then what nobody else put there.

use callboard_words::template::{MANIFEST, Template};
use callboard_words::{Help, Setting, address};
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use callboard_files::{resolved, way};
use callboard_io::can_match_below;
use callboard_plan::{FileGrant, Origin, Plan};

use crate::error::{Class, RunError};
use crate::prepare::input::Input;
use crate::settings::{AlsoWritten, Settings};
use crate::store::replies::replies_folder;

/// A place, and what it is.
pub(crate) struct Reserved {
    /// `the pipeline file`, `a file of input \`docs\``.
    what: String,
    /// As the user named it.
    path: PathBuf,
    way: Vec<PathBuf>,
    of: Of,
}

/// Whose a place is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// A file that the user made.
    User,
    /// A file that the run makes.
    Output,
    /// A folder of Callboard's own: rows of all steps and compiled code lie there.
    Host,
}

impl Reserved {
    fn new(what: impl Into<String>, path: &Path, of: Of) -> Reserved {
        Reserved { what: what.into(), path: path.to_owned(), way: way(path), of }
    }

    fn resolved(&self) -> &Path {
        self.way.last().map_or(&self.path, PathBuf::as_path)
    }
}

/// All places of a run but its outputs'.
pub(crate) fn reserved<'a>(
    plan: &Plan,
    settings: &Settings,
    pipelines: &[PathBuf],
    inputs: impl Iterator<Item = (&'a String, &'a Input)>,
) -> Vec<Reserved> {
    let mut reserved = Vec::new();
    if let Some(pipeline) = &settings.pipeline {
        reserved.push(Reserved::new("the pipeline file", pipeline, Of::User));
    }
    reserved
        .extend(pipelines.iter().map(|file| Reserved::new("the file of a pipeline that is a step", file, Of::User)));
    for step in plan.steps().iter().filter(|step| matches!(step.origin, Origin::Path(_))) {
        let what = format!("the component of step `{}`", step.name);
        reserved.push(Reserved::new(what.clone(), &settings.base.join(&step.uses), Of::User));
        if let Origin::Path(path) = &step.origin {
            reserved.push(Reserved::new(what, Path::new(path), Of::User));
        }
    }
    // Files that lie together are held by the same folders: of thousands one stands for all.
    let mut seen = HashSet::new();
    for (name, input) in inputs {
        for file in &input.on_disk {
            let is_link = file.symlink_metadata().is_ok_and(|found| found.is_symlink());
            if seen.insert(file.parent()) || is_link {
                reserved.push(Reserved::new(format!("a file of input `{name}`"), file, Of::User));
            }
        }
    }
    if !settings.run_folder.as_os_str().is_empty() {
        reserved.push(Reserved::new("the run's folder", &settings.run_folder, Of::Host));
    }
    reserved.extend(
        settings.earlier.iter().map(|earlier| Reserved::new("the folder of an earlier run", earlier, Of::Host)),
    );
    if !settings.run_folder.as_os_str().is_empty() && plan.steps().iter().any(|step| !step.grants.http.is_empty()) {
        let replies = replies_folder(&settings.run_folder);
        reserved.push(Reserved::new("the folder of replies", &replies, Of::Host));
    }
    reserved.push(Reserved::new("the cache of compiled components", &settings.cache_folder, Of::Host));
    reserved
}

/// The files of all inputs by what they are, each with its input.
pub(crate) fn input_files<'a>(inputs: impl Iterator<Item = (&'a String, &'a Input)>) -> HashMap<(u64, u64), &'a str> {
    let mut files = HashMap::new();
    for (name, input) in inputs {
        let ids: Vec<_> = match &input.dataset {
            Some(dataset) => dataset.ids_on_disk().collect(),
            None => input.on_disk.iter().map(|file| id(file)).collect(),
        };
        files.extend(ids.into_iter().flatten().map(|id| (id, name.as_str())));
    }
    files
}

/// Refuses an output that is one of these places or files, or lies in a folder of Callboard's own.
pub(crate) fn check_output(
    path: &Path,
    reserved: &[Reserved],
    inputs: &HashMap<(u64, u64), &str>,
) -> Result<(), RunError> {
    let (shown, place, id) = (path.display(), resolved(path), id(path));
    let refused = |message: String, help: &str| Err(RunError::new(Class::Pipeline, message).help(help));
    const READ: &str = "write to another path: a run never alters what it reads";
    if let Some(input) = id.and_then(|id| inputs.get(&id)) {
        return refused(format!("`{shown}` is a file of input `{input}`"), READ);
    }
    for reserved in reserved {
        let is_it = reserved.resolved() == place || (id.is_some() && id == self::id(&reserved.path));
        match reserved.of {
            Of::Host if is_it || place.starts_with(reserved.resolved()) => {
                let message = format!("`{shown}` lies in {}, `{}`", reserved.what, reserved.path.display());
                return refused(message, "write to another path");
            }
            _ if is_it => return refused(format!("`{shown}` is {}", reserved.what), READ),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses an output in a store that is an object of an input.
pub(crate) fn check_remote<'a>(
    path: &Path,
    mut inputs: impl Iterator<Item = (&'a String, &'a Input)>,
) -> Result<(), RunError> {
    let Some((name, _)) = inputs.find(|(_, input)| input.files.iter().any(|file| file == path)) else { return Ok(()) };
    let message = format!("`{}` is a file of input `{name}`", path.display());
    Err(RunError::new(Class::Pipeline, message).help("write to another path: a run never alters what it reads"))
}

/// Refuses an output of several files, whose manifest is at `manifest`, where one of them may be a file of an input, or one of these places.
pub(crate) fn check_parts<'a>(
    manifest: &Path,
    template: &Template,
    reserved: &[Reserved],
    inputs: impl Iterator<Item = (&'a String, &'a Input)>,
) -> Result<(), RunError> {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let is_remote = address::split(&manifest.to_string_lossy()).is_some();
    let resolved_folder = if is_remote { folder.to_owned() } else { resolved(folder) };
    let may_be = |file: &Path| {
        let below = file.strip_prefix(&resolved_folder).ok().and_then(Path::to_str);
        below.is_some_and(|below| template.may_be(below) || below == MANIFEST)
    };
    let refused = |file: &Path, what: &str| {
        let message = format!("one of its files may be `{}`, {what}", file.display());
        let help = "write to a folder of its own: a run never alters what it reads";
        Err(RunError::new(Class::Pipeline, message).help(help))
    };
    for (name, input) in inputs {
        let files = if is_remote { &input.files } else { &input.on_disk };
        let mut folders: HashMap<&Path, PathBuf> = HashMap::new();
        for file in files {
            let parent = file.parent().unwrap_or(Path::new(""));
            let found = match is_remote {
                true => file.clone(),
                // Many files have few folders.
                false => {
                    folders.entry(parent).or_insert_with(|| resolved(parent)).join(file.file_name().unwrap_or_default())
                }
            };
            if may_be(&found) {
                return refused(file, &format!("a file of input `{name}`"));
            }
        }
    }
    match reserved.iter().find(|reserved| !is_remote && may_be(reserved.resolved())) {
        Some(reserved) => refused(&reserved.path, &reserved.what),
        None => Ok(()),
    }
}

/// Refuses a file that is written beside the outputs where it is an output, or one of these places or files.
pub(crate) fn check_also_written(
    file: &AlsoWritten,
    reserved: &[Reserved],
    inputs: &HashMap<(u64, u64), &str>,
) -> Result<(), RunError> {
    let checked = check_output(file.place.path(), reserved, inputs);
    checked.map_err(|error| RunError { message: format!("{}: {}", file.what, error.message), ..error })
}

/// Where an output goes, or a file that is written beside the outputs.
pub(crate) fn written(what: impl Into<String>, path: &Path) -> Reserved {
    Reserved::new(what, path, Of::Output)
}

/// Refuses grants of folders that hold such a place, or lie in one: for writing all of them, for reading those of Callboard's own.
pub(crate) fn check_grants(plan: &Plan, settings: &Settings, reserved: &[Reserved]) -> Result<(), RunError> {
    for step in plan.steps() {
        for grant in &step.grants.files {
            let of_grant = |error: RunError| error.in_grant(&grant.path).in_step(&step.name);
            let folder = resolved(&settings.base.join(&grant.path));
            let wanted = |reserved: &&Reserved| grant.write || reserved.of == Of::Host;
            if let Some((holds, reserved)) =
                reserved.iter().filter(wanted).find_map(|reserved| Some((overlap(&folder, reserved)?, reserved)))
            {
                return Err(of_grant(refusal(grant, holds, reserved)));
            }
            if grant.write {
                check_patterns(plan, settings, grant, &folder).map_err(of_grant)?;
            }
        }
    }
    Ok(())
}

/// A file that a step leaves may be one that an input's pattern finds in the next run.
fn check_patterns(plan: &Plan, settings: &Settings, grant: &FileGrant, folder: &Path) -> Result<(), RunError> {
    let base = resolved(&settings.base);
    for input in plan.inputs() {
        let mut here = input.paths.iter().filter(|path| address::split(path).is_none());
        if let Some(pattern) = here.find(|path| can_match_below(&base.join(path), folder)) {
            let message = format!(
                "`grant.files` lets the step write `{}`, where input `{}` looks for `{pattern}`",
                grant.path, input.name
            );
            return Err(RunError::new(Class::Pipeline, message).help(HELP));
        }
    }
    Ok(())
}

const HELP: &str = "grant a folder that holds nothing else: grant.files = [{ path = \"scratch\", write = true }]";

fn refusal(grant: &FileGrant, holds: bool, reserved: &Reserved) -> RunError {
    let does = if grant.write { "lets the step write" } else { "shows the step" };
    let where_it_is = if holds { "which holds" } else { "which is in" };
    let (what, path) = (&reserved.what, reserved.path.display());
    let message = format!("`grant.files` {does} `{}`, {where_it_is} {what}, `{path}`", grant.path);
    let help = match grant.write {
        true => Help::from(HELP),
        false => Help::from("rows of all steps lie there; grant the folders that the step needs, or run elsewhere: ")
            .set(Setting::RunFolder)
            .and(", CALLBOARD_CACHE=DIR"),
    };
    RunError::new(Class::Pipeline, message).help(help)
}

/// Whether a folder holds a place, a link on the way to it among it (`true`), or lies in it (`false`); `None` if they lie apart. Folders
/// are compared by what they are too, so that one which is mounted twice is one.
fn overlap(folder: &Path, reserved: &Reserved) -> Option<bool> {
    let ids = |path: &Path| path.ancestors().filter_map(id).collect::<Vec<_>>();
    if reserved.way.iter().any(|path| path.starts_with(folder)) {
        return Some(true);
    }
    if folder.starts_with(reserved.resolved()) {
        return Some(false);
    }
    let holds = id(folder).is_some_and(|folder| ids(reserved.resolved()).contains(&folder));
    let lies = || id(reserved.resolved()).is_some_and(|place| ids(folder).contains(&place));
    if holds { Some(true) } else { lies().then_some(false) }
}

/// What a path is, whatever it is called.
fn id(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}
