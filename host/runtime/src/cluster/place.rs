//! The work place: a run's folder that tasks share.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use callboard_io::beneath::Dir;
use callboard_io::{BatchPolicy, Dataset, KnownFile, Mark, StoreFolder};
use callboard_plan::{Cut, Feed, FilePlace, Group, InputFile, Kind, Mode, Plan, PlannedStep, Slicing, TaskId};
use callboard_sandbox::cache_dir;
use callboard_words::Setting;
use callboard_words::address::split;
use serde::de::DeserializeOwned;

use super::work_place::WorkPlace;
use crate::error::{Class, RunError};
use crate::prepare::{Cuts, KnownInput, Prepared};
use crate::run::{Run, proven};
use crate::settings::Submitted;
use crate::stage::kept::Kept;
use crate::store::records::{Header, Sliced};
use crate::store::{Past, Quota, Recorded, folder};
use crate::tell::tasks::{TasksReport, appended_outputs};

pub(super) const WORK: &str = "work.json";
pub(super) const TASKS: &str = "tasks";
/// No file of a task is longer than this, bytes.
const LONGEST: u64 = 64 << 20;
/// The most slices of a group.
const MOST_SLICES: u64 = 9_999;

/// Into how many slices the rows are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slices {
    /// At most this many.
    Number(u32),
    /// Slices of about this many bytes of the files of all inputs; if there are several, as many for each of some workers.
    OfBytes(u64, u32),
}

impl Run {
    /// The tasks that the run would be cut into.
    ///
    /// # Errors
    ///
    /// The size of a file cannot be found.
    pub fn tasks(&self, slices: Slices) -> Result<TasksReport, RunError> {
        let run = self.prepared();
        let sliced = sliced(run, slices)?;
        let groups = groups(&run.plan, &sliced, run.settings.limit.is_some());
        Ok(TasksReport::of(&groups, &run.plan))
    }

    /// Makes the run's folder a work place: from then on its tasks can be carried out, by whoever has it. Gives what they need to know that this
    /// user began it, which takes the place of the user's key where that is not.
    ///
    /// # Errors
    ///
    /// The folder is not new, or cannot be written; an output that is a stream.
    pub fn place(self, slices: Slices) -> Result<u128, RunError> {
        let run = self.into_prepared();
        if let Some(output) = run.plan.outputs().iter().find(|output| output.is_standard_output()) {
            let message = "tasks have no standard output";
            return Err(RunError::new(Class::Pipeline, message).in_output(&output.name).help("write a file"));
        }
        if let Some(server) =
            run.plan.calls().iter().find_map(|(server, limits)| (limits.mode == Mode::Batch).then_some(server))
        {
            let message = format!("`{server}` is asked in offline batches, for which a run waits and tasks do not");
            return Err(
                RunError::new(Class::Pipeline, message).help("remove its `mode`, or run the pipeline in one process")
            );
        }
        let mut sliced = sliced(&run, slices)?;
        sliced.marks = marks(&run, &groups(&run.plan, &sliced, run.settings.limit.is_some()))?;
        let path = run.folder().to_owned();
        let kept = Kept::open(&run, None, &std::sync::Arc::new(Quota::new(run.settings.max_spill)))?;
        sliced.work = kept.headers();
        drop(kept);
        let unwritten = |error: io::Error| RunError::system("write to the work place", &path, &error);
        let dir = Dir::open(&path).map_err(unwritten)?;
        dir.make_dir(TASKS, 0o700).map_err(unwritten)?;
        let json = serde_json::to_vec_pretty(&sliced).expect("slices are JSON");
        dir.write_whole(WORK, &json, 0o600).map_err(unwritten)?;
        Ok(folder::begun(&dir)?.digest())
    }
}

/// How a run is cut: by the sizes of its files as they are now.
fn sliced(run: &Prepared, slices: Slices) -> Result<Sliced, RunError> {
    let mut files = BTreeMap::new();
    for input in run.plan.inputs() {
        let dataset = dataset(run, &input.name);
        let sizes = dataset.sizes().map_err(|error| RunError::from(error).in_input(&input.name))?;
        let file = |(bytes, is_parted)| InputFile { bytes, is_parted };
        files.insert(input.name.clone(), sizes.into_iter().zip(dataset.are_parted()).map(file).collect::<Vec<_>>());
    }
    let bytes = files.values().flatten().fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    let slices = match slices {
        Slices::Number(number) => u64::from(number),
        Slices::OfBytes(size, workers) => match bytes.div_ceil(size.max(1)) {
            several @ 2.. => several.next_multiple_of(workers.max(1).into()),
            one => one,
        },
    };
    let slices = slices.clamp(1, MOST_SLICES) as u32;
    let is_keyed = |step: &&PlannedStep| step.kind == Kind::Global && run.bound(&step.name).gathered.is_grouped();
    let keyed = run.plan.steps().iter().filter(is_keyed).map(|step| step.name.clone()).collect();
    let (version, seed) = (env!("CARGO_PKG_VERSION").to_owned(), RandomState::new().hash_one(()));
    let (marks, work) = (BTreeMap::new(), BTreeMap::new());
    let formats = run.plan.inputs().iter().map(|input| &input.name);
    let formats = formats.map(|name| (name.clone(), dataset(run, name).format().to_string())).collect();
    let from = std::env::current_dir().map_err(|error| RunError::unread("the name of this folder", &error))?;
    Ok(Sliced { version, slices, files, marks, keyed, seed, formats, from, work })
}

fn dataset<'a>(run: &'a Prepared, input: &str) -> &'a Dataset {
    run.input(input).dataset.as_ref().expect("the inputs of a run that begins are open")
}

/// Finds where the slices of inputs begin that are cut, so that each has the batches and the lines that it has in the whole.
fn marks(run: &Prepared, groups: &[Group]) -> Result<BTreeMap<String, Vec<Mark>>, RunError> {
    let batch = run.plan.batch();
    let policy = BatchPolicy { rows: batch.rows as usize, bytes: batch.bytes as usize };
    let marks = cut_inputs(groups).map(|(name, slices)| {
        let mut marks = Vec::with_capacity(slices.len());
        // Those of one file are found together.
        for begin in slices[1..].chunk_by(|a, b| a.start.file == b.start.file) {
            let file = begin[0].start.file;
            let whole = begin.iter().filter(|slice| slice.start.byte == 0);
            marks.extend(whole.map(|_| Mark::beginning(file)));
            let bytes: Vec<u64> = begin.iter().map(|slice| slice.start.byte).filter(|byte| *byte > 0).collect();
            if !bytes.is_empty() {
                let found = dataset(run, name).marks(policy, file, &bytes);
                marks.extend(found.map_err(|error| RunError::from(error).in_input(name))?);
            }
        }
        Ok((name.to_owned(), marks))
    });
    marks.collect()
}

/// The inputs of which each task reads a part, and these parts as they are wanted.
fn cut_inputs(groups: &[Group]) -> impl Iterator<Item = (&str, &[Range<FilePlace>])> {
    groups.iter().filter_map(|group| match &group.cut {
        Cut::Files(slices) => Some((group.inputs.iter().chain(&group.intakes).next()?.as_str(), &slices[..])),
        _ => None,
    })
}

fn groups(plan: &Plan, sliced: &Sliced, limited: bool) -> Vec<Group> {
    let Sliced { slices, files, keyed, .. } = sliced.clone();
    plan.groups(&Slicing { slices, files, keyed, appended: appended_outputs(plan), limited })
}

/// The tasks of a work place, which were decided when it was made, and what [`Run::place`] gave then. `trusted` is that, where this user's key is
/// not on this machine.
///
/// # Errors
///
/// It is no work place, is of another version, or nothing proves that this user made it.
pub fn tasks_of(work: &WorkPlace, cache: &Path, trusted: Option<u128>) -> Result<(TasksReport, u128), RunError> {
    let looked = work.look()?;
    let place = Place::open(work, looked.folder(), cache, trusted)?;
    Ok((TasksReport::of(&place.groups, &place.plan), folder::begun(&place.dir)?.digest()))
}

/// What the tasks of a work place were submitted to, if that is known. `trusted` and the errors are those of [`tasks_of`].
pub fn submitted_to(work: &WorkPlace, cache: &Path, trusted: Option<u128>) -> Result<Option<Submitted>, RunError> {
    Ok(Place::open(work, work.look()?.folder(), cache, trusted)?.recorded.submitted.map(Into::into))
}

/// The files of each input that begin a slice of it; `None` if the run in a folder is not cut into tasks.
pub(crate) fn cuts(dir: &Dir) -> io::Result<Option<Cuts>> {
    let sliced = read::<Sliced>(dir, WORK)?.flatten();
    let files = |marks: Vec<Mark>| marks.into_iter().filter(|mark| mark.at == 0).map(|mark| mark.file).collect();
    Ok(sliced.map(|sliced| sliced.marks.into_iter().map(|(input, marks)| (input, files(marks))).collect()))
}

/// Whether a folder is a work place.
pub(super) fn is_work_place(path: &Path) -> bool {
    Dir::open(path).and_then(|dir| dir.kind(WORK)).is_ok_and(|kind| kind.is_some())
}

/// A work place that is open.
pub(super) struct Place {
    /// As it is named.
    pub(super) name: PathBuf,
    /// Itself, or a copy of what this process needs of it.
    pub(super) dir: Dir,
    pub(super) store: Option<StoreFolder>,
    pub(super) plan: Plan,
    pub(super) recorded: Recorded,
    pub(super) groups: Vec<Group>,
    /// As of [`Sliced`].
    marks: BTreeMap<String, Vec<Mark>>,
    pub(super) seed: u64,
    /// As of [`Sliced`].
    pub(super) work: BTreeMap<String, Header>,
    files: BTreeMap<String, Vec<InputFile>>,
    formats: BTreeMap<String, String>,
    from: PathBuf,
    /// Whether the run has finished.
    pub(super) finished: bool,
    /// The length of its journal, and whether all that tasks do is in it.
    pub(super) journal: (u64, bool),
}

impl Place {
    /// Opens a work place that this user's key seals, or that is `trusted`; `folder` is it, or a copy.
    pub(super) fn open(
        work: &WorkPlace,
        folder: &Path,
        cache: &Path,
        trusted: Option<u128>,
    ) -> Result<Place, RunError> {
        let (dir, path) = (folder::open(folder)?, work.name());
        let unread = |error: io::Error| RunError::system("read", folder, &error);
        let damaged = |what: &str| {
            let message = format!("`{}` is damaged: {what}", path.join(WORK).display());
            RunError::new(Class::System, message).help("submit the pipeline again, with another work place")
        };
        let Some(sliced) = read::<Sliced>(&dir, WORK).map_err(unread)? else {
            let message = format!("the run in `{}` is not cut into tasks", path.display());
            return Err(RunError::new(Class::Pipeline, message).help("`callboard submit` makes a work place"));
        };
        let sliced = sliced.ok_or_else(|| damaged("it is not what a work place has"))?;
        let version = env!("CARGO_PKG_VERSION");
        if sliced.version != version {
            let message = format!(
                "this is Callboard {version}, and the work place `{}` was made by {}",
                path.display(),
                sliced.version
            );
            return Err(RunError::new(Class::System, message).help("install the same version on every machine"));
        }
        let (begun, plan, recorded) = folder::recorded(&dir)?;
        proven(&dir, path, &begun, &plan, &recorded.base, &cache_dir(cache)?, trusted, Setting::LookTrusted)?;
        let past = Past::read(&dir, &plan)?;
        let counts = |name: &str| recorded.inputs.get(name).map(|input| input.files.len());
        let fits = plan.inputs().iter().all(|input| counts(&input.name) == sliced.files.get(&input.name).map(Vec::len));
        if !fits || !(1..=MOST_SLICES).contains(&u64::from(sliced.slices)) {
            return Err(damaged("it does not fit the plan"));
        }
        let groups = groups(&plan, &sliced, recorded.limit.is_some());
        let marks_of = |name: &str| sliced.marks.get(name).filter(|marks| marks.is_sorted());
        let are_marked = |marks: &Vec<Mark>, slices: &[Range<FilePlace>]| marks.len() + 1 == slices.len();
        if !cut_inputs(&groups).all(|(name, slices)| marks_of(name).is_some_and(|marks| are_marked(marks, slices))) {
            return Err(damaged("it does not fit its slices"));
        }
        let journal = (past.length, past.stages.len() == plan.stages().len());
        let (name, store) = (path.to_owned(), work.store.clone());
        let Sliced { marks, seed, work, files, formats, from, .. } = sliced;
        Ok(Place {
            name,
            dir,
            store,
            groups,
            marks,
            seed,
            work,
            files,
            formats,
            from,
            recorded,
            finished: past.finished,
            journal,
            plan,
        })
    }

    /// The folder in which it is, or its copy.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What a slice of an input is that is cut.
    pub(super) fn part(&self, input: &str, slice: u32) -> Range<Mark> {
        let end = Mark::beginning(self.recorded.inputs.get(input).map_or(0, |input| input.files.len()));
        let begin = |slice: u32| match slice.checked_sub(1) {
            None => Mark::beginning(0),
            Some(before) => self.marks[input].get(before as usize).copied().unwrap_or(end),
        };
        begin(slice)..begin(slice + 1)
    }

    /// An input as it was found when the run was cut, and which slice of it is read, if not all; `None` if that does not say where its files are.
    pub(super) fn known(&self, input: &str, slice: Option<u32>) -> Option<KnownInput> {
        let (recorded, sizes) = (self.recorded.inputs.get(input)?, self.files.get(input)?);
        let format = self.formats.get(input)?.parse().ok()?;
        // The names are sealed, and so is the folder that the pipeline's paths start from.
        let from = Some(&self.from).filter(|from| from.is_absolute() && self.recorded.base.starts_with(from));
        let absolute = |name: &PathBuf| match name.is_absolute() || name.to_str().and_then(split).is_some() {
            true => Some(name.clone()),
            false => from.map(|from| from.join(name)),
        };
        let files = recorded.files.iter().zip(sizes).enumerate().map(|(at, (name, file))| {
            let version = recorded.versions.get(at).cloned().flatten();
            Some(KnownFile { path: absolute(name)?, bytes: file.bytes, version })
        });
        let files: Vec<KnownFile> = files.collect::<Option<_>>()?;
        let all = Mark::beginning(0)..Mark::beginning(files.len());
        let part = slice.map_or(all, |slice| self.part(input, slice));
        Some(KnownInput { format, files, part })
    }

    /// The group of a task.
    pub(super) fn group(&self, id: TaskId) -> Result<&Group, RunError> {
        let group = self.groups.iter().find(|group| group.index == id.group && id.slice < group.slices());
        group.ok_or_else(|| {
            let last = self.groups.iter().flat_map(Group::tasks).last();
            let last = last.map_or_else(String::new, |last| format!(", from 1.0000 to {last}"));
            let message = format!("`{}` has no task {id}", self.name.display());
            RunError::new(Class::Pipeline, message).help(format!("`callboard tasks` shows those that there are{last}"))
        })
    }

    /// The group that puts out rows under this name.
    pub(super) fn writer(&self, feed: &Feed) -> Option<&Group> {
        self.groups.iter().find(|group| group.writes(&feed.node))
    }
}

/// A file of JSON: `None` if it is not there, `Some(None)` if it is not what it should be.
pub(super) fn read<T: DeserializeOwned>(dir: &Dir, name: &str) -> io::Result<Option<Option<T>>> {
    let mut bytes = Vec::new();
    match dir.file(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?.take(LONGEST).read_to_end(&mut bytes)?,
    };
    Ok(Some(serde_json::from_slice(&bytes).ok()))
}
