//! What a run writes down while it goes on, so that it can be resumed and its work taken over.

use callboard_words::{Help, Setting};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::datatypes::{Schema, SchemaRef};
use callboard_io::beneath::Dir;
use callboard_plan::{Kind, Origin};

use crate::error::{Class, RunError};
use crate::events::Event;
use crate::prepare::Prepared;
use crate::store::folder::{COLUMNS, LONGEST};
use crate::store::journal::Journal;
use crate::store::kept_component;
use crate::store::lengths::{LENGTHS, Lengths};
use crate::store::positions::Positions;
use crate::store::records::Record;
use crate::store::records::Status;
use crate::store::records::StepKey;
use crate::store::records::{Declarations, FORMAT, Header};
use crate::store::seen::Seen;
use crate::store::sync::{Syncer, Syncing};
use crate::store::work::{WORK, read_header};
use crate::store::{
    Folder, Key, Quota, Recorded, RecordedInput, Work, folder, granted, limits_of, make_dir, schema_digest, schema_text,
};

/// The folder of a run that is going on.
pub(crate) struct Kept {
    folder: Folder,
    /// Where outputs lie until all are complete.
    outputs: Dir,
    /// What has been sent of those that go to a store.
    uploads: Dir,
    /// `None` if the run cannot be resumed.
    log: Option<Log>,
    works: HashMap<String, Arc<Work>>,
    /// Whether it is noted how many rows batches have.
    notes_lengths: bool,
}

struct Log {
    journal: Journal,
    digest_seed: u64,
    syncing: Syncing,
}

impl Kept {
    /// Makes the run's folder, or continues in one that was `locked` for it. `quota` is for the work of steps that may do any amount.
    pub(crate) fn open(run: &Prepared, locked: Option<Folder>, quota: &Arc<Quota>) -> Result<Kept, RunError> {
        let folder = match locked {
            Some(folder) => folder,
            None => Folder::create(run.folder())?,
        };
        let unwritten = |error: io::Error| {
            let unwritten = RunError::unwritten("write to the run's folder", &error);
            match run.past.attempts {
                0 if unwritten.help.is_none() => unwritten.help(Help::from("name another: ").set(Setting::RunFolder)),
                _ => unwritten,
            }
        };
        let sealing = Key::read_or_make(run.cache.dir())?;
        let begun = run.begun.as_ref();
        let record =
            |recorded: &Recorded| folder.record(&run.plan, recorded, begun, &sealing).map(drop).map_err(unwritten);
        let outputs = || folder.dir().make_dir("outputs", 0o700).map_err(unwritten);
        let uploads = || folder.dir().make_dir("uploads", 0o700).map_err(unwritten);
        if !run.settings.resumable {
            record(&recorded(run, None))?;
            let (outputs, uploads) = (outputs()?, uploads()?);
            return Ok(Kept { folder, outputs, uploads, log: None, works: HashMap::new(), notes_lengths: false });
        }
        let earlier = Earlier::of(run);
        // What is done needs no log of its work to be opened.
        let steps = run.plan.steps().iter().filter(|step| !run.past.stages.contains_key(&step.stage));
        let steps = steps.map(|step| Ok((step, key(run, &step.name).map_err(|error| error.in_step(&step.name))?)));
        let steps = steps.collect::<Result<Vec<_>, RunError>>()?;
        // One for all steps, where it can be: what two of them digest is then read once.
        let known = || earlier.digest_seed(&steps.iter().map(|(_, key)| key).collect::<Vec<_>>());
        let digest_seed = run.digest_seed.or_else(known).unwrap_or_else(any_seed);
        let recorded = recorded(run, Some(digest_seed));
        if begun.is_none() {
            // Before anything else: what follows is a run's.
            record(&recorded)?;
        }
        let journal = Journal::open(folder.dir(), run.past.length).map_err(unwritten)?;
        if let Some(stage) = run.past.changed {
            // In this order: as long as the plan is the old one, whoever comes after us sees the change again.
            journal.append(&Record::Changed { stage }).and_then(|()| journal.file().sync_data()).map_err(unwritten)?;
            folder.dir().remove_all("positions").map_err(unwritten)?;
        }
        if begun.is_some() {
            record(&recorded)?;
        }
        let (outputs, uploads) = (outputs()?, uploads()?);
        keep_components(run, &folder).map_err(unwritten)?;
        keep_columns(run, &folder).map_err(unwritten)?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        journal.append(&Record::Begun { at, version }).map_err(unwritten)?;
        let syncing = Syncing::begin()?;
        syncing.syncer.watch(journal.file());
        let mut works = HashMap::new();
        for (step, key) in steps {
            let header = Header { format: FORMAT, key, limits: limits_of(step), seed: digest_seed };
            // What a step writes is not in its log: without the call it would not be written. Nor would it be sampled.
            let profiled = run.profile.as_ref().is_some_and(|profile| profile.taken.step() == step.name);
            let from =
                if step.grants.writes() || profiled { Vec::new() } else { earlier.with_key(&step.name, &header.key) };
            let place = folder.join(WORK).join(&step.name);
            // A transform is called once for each batch; any other step calls, or gives pages, as often as it likes.
            let quota = (step.kind != Kind::Transform).then(|| quota.clone());
            let writes = run.bound(&step.name).writes.clone();
            let work = Work::open(place, header, writes, &from, Some(&syncing.syncer), quota);
            let work = work.map_err(|error| RunError::unwritten("keep the work of a step", &error))?;
            work.take_damage().into_iter().for_each(|message| run.observer().tell(Event::Note { message }));
            works.insert(step.name.clone(), Arc::new(work));
        }
        let log = Some(Log { journal, digest_seed, syncing });
        Ok(Kept { folder, outputs, uploads, log, works, notes_lengths: true })
    }

    /// For a part of a run: a folder for its rows and outputs, and for the work of the steps that it does, which depends on what is said here; and
    /// nothing that says how it was begun. Nothing of it is resumed.
    pub(crate) fn part(run: &Prepared, steps: BTreeMap<String, Header>, quota: &Arc<Quota>) -> Result<Kept, RunError> {
        let mut kept = Kept::bare(run.folder(), "write to a task's folder")?;
        kept.notes_lengths = true;
        for (name, header) in steps {
            let quota = (run.step(&name).kind != Kind::Transform).then(|| quota.clone());
            let (place, writes) = (kept.folder.join(WORK).join(&name), run.bound(&name).writes.clone());
            let work = Work::open(place, header, writes, &[], None, quota);
            let work = work.map_err(|error| RunError::unwritten("keep the work of a step", &error))?;
            kept.works.insert(name, Arc::new(work));
        }
        Ok(kept)
    }

    /// What the work of each step depends on.
    pub(crate) fn headers(&self) -> BTreeMap<String, Header> {
        self.works.iter().map(|(step, work)| (step.clone(), work.header.clone())).collect()
    }

    /// A folder for what lies between stages, and nothing else.
    pub(crate) fn bare(folder: &Path, doing: &str) -> Result<Kept, RunError> {
        let folder = Folder::create(folder)?;
        let unwritten = |error: io::Error| RunError::unwritten(doing, &error);
        let outputs = folder.dir().make_dir("outputs", 0o700).map_err(unwritten)?;
        let uploads = folder.dir().make_dir("uploads", 0o700).map_err(unwritten)?;
        Ok(Kept { folder, outputs, uploads, log: None, works: HashMap::new(), notes_lengths: false })
    }

    /// For a replay of a run: its work, to be read, and a folder for what lies between stages. Nothing is read of steps behind the stage `until`.
    pub(crate) fn replay(run: &Prepared, works: &Works<'_>, until: Option<usize>) -> Result<Kept, RunError> {
        let mut kept = Kept::bare(run.folder(), "write to a folder for rows between stages")?;
        for step in run.plan.steps().iter().filter(|step| until.is_none_or(|until| step.stage <= until)) {
            kept.works.extend(replayed(run, works, &step.name)?.map(|work| (step.name.clone(), work)));
        }
        Ok(kept)
    }

    /// Where outputs lie until all are complete.
    pub(crate) fn outputs(&self) -> &Dir {
        &self.outputs
    }

    /// What has been sent of outputs that go to a store.
    pub(crate) fn uploads(&self) -> &Dir {
        &self.uploads
    }

    pub(crate) fn journal(&self, record: &Record) -> Result<(), RunError> {
        let appended = self.log.as_ref().map_or(Ok(()), |log| log.journal.append(record));
        appended.map_err(|error| RunError::unwritten("write the journal", &error))
    }

    pub(crate) fn syncer(&self) -> Option<Syncer> {
        self.log.as_ref().map(|log| log.syncing.syncer.clone())
    }

    pub(crate) fn work(&self, step: &str) -> Option<&Arc<Work>> {
        self.works.get(step)
    }

    /// The batches of an input, of these columns, as they were seen before.
    pub(crate) fn seen(&self, input: &str, columns: &Schema) -> io::Result<Option<Seen>> {
        let Some(log) = &self.log else { return Ok(None) };
        let folder = self.folder.join("seen");
        make_dir(&folder)?;
        let name = format!("{input}.{}", schema_digest(columns));
        Seen::open(folder.join(name), log.digest_seed, &log.syncing.syncer).map(Some)
    }

    /// How far an output has been written.
    pub(crate) fn positions(&self, output: &str) -> io::Result<Option<Positions>> {
        let Some(log) = &self.log else { return Ok(None) };
        let folder = self.folder.join("positions");
        make_dir(&folder)?;
        Positions::open(folder.join(output), &log.syncing.syncer).map(Some)
    }

    /// What notes how many rows the batches of a node have.
    pub(crate) fn lengths(&self, node: &str) -> io::Result<Option<Lengths>> {
        if !self.notes_lengths {
            return Ok(None);
        }
        let folder = self.folder.join(LENGTHS);
        make_dir(&folder)?;
        Lengths::begin(folder.join(node)).map(Some)
    }

    /// Why the disk did not take what was written, if it did not.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.log.as_ref()?.syncing.failure()
    }

    /// Whether the run can be resumed if it does not finish.
    pub(crate) fn is_logged(&self) -> bool {
        self.log.is_some()
    }

    /// What was found damaged of earlier work since this was last asked.
    pub(crate) fn take_damage(&self) -> Vec<String> {
        self.works.values().flat_map(|work| work.take_damage()).collect()
    }

    /// Seals the folder: what ended well leaves its report and its work, what did not leaves all that resuming needs. `report` is a
    /// copy of the report for people.
    ///
    /// # Errors
    ///
    /// The journal could not be ended.
    pub(crate) fn close(
        self,
        status: Status,
        message: Option<String>,
        wall_ms: f64,
        report: &[u8],
        page: Option<&str>,
    ) -> io::Result<()> {
        let finished = status == Status::Finished;
        // It is there once the journal says that the run has ended.
        let _ = self.folder.put("report.json", report);
        if let Some(page) = page {
            let _ = self.folder.put("report.html", page.as_bytes());
        }
        let unlogged = self.log.is_none();
        let mut sealed = Ok(());
        if let Some(log) = self.log {
            if finished {
                self.works.values().for_each(|work| work.tidy());
            }
            let ended = log.journal.append(&Record::Ended { status, message, wall_ms });
            sealed = ended.and_then(|()| if finished { Ok(()) } else { log.syncing.syncer.sync() });
        }
        // Last: until the journal has the end, whoever resumes a killed run needs it.
        if finished || unlogged {
            for scratch in ["spill", "sorting", "outputs", "uploads", "rejects", "seen", "tasks"] {
                let _ = self.folder.dir().remove_all(scratch);
            }
        }
        sealed
    }
}

/// Finds the work of a step that writes these columns, to be read; `None` if there is none.
pub(crate) type Works<'a> = dyn Fn(&str, &SchemaRef) -> Result<Option<Arc<Work>>, RunError> + 'a;

/// Finds it in the folder of a run.
pub(crate) fn work_in(folder: &Path, step: &str, schema: &SchemaRef) -> Result<Option<Arc<Work>>, RunError> {
    let work = Work::kept(folder.join(WORK).join(step), schema.clone());
    Ok(work.map_err(|error| RunError::unread("the work of a step", &error).in_step(step))?.map(Arc::new))
}

/// The work of a step of a run that is looked at; `None` if there is none.
pub(crate) fn replayed(run: &Prepared, works: &Works<'_>, step: &str) -> Result<Option<Arc<Work>>, RunError> {
    let work = works(step, &run.bound(step).writes)?;
    // The work of a component that the step had before says nothing about these rows.
    Ok(work.filter(|work| work.header.key.component == run.step(step).digest))
}

fn recorded(run: &Prepared, digest_seed: Option<u64>) -> Recorded {
    let inputs = run.checked.inputs.iter().map(|(name, input)| {
        let (files, versions, bytes) = (input.names.clone(), input.versions.clone(), input.bytes);
        let schema = schema_text(&run.columns_of_files(name));
        (name.clone(), RecordedInput { files, versions, bytes, schema })
    });
    let absolute = |path: &Path| std::path::absolute(if path.as_os_str().is_empty() { Path::new(".") } else { path });
    Recorded {
        format: FORMAT,
        pipeline: run.settings.pipeline.clone(),
        base: absolute(&run.settings.base).unwrap_or_else(|_| run.settings.base.clone()),
        overwrite: run.settings.overwrite,
        limit: run.settings.limit,
        max_spill: run.settings.max_spill,
        inputs: inputs.collect(),
        digest_seed,
        submitted: run.settings.submitted.clone().map(Into::into),
    }
}

/// Copies the components that were files, for when they are not there any more.
fn keep_components(run: &Prepared, folder: &Folder) -> io::Result<()> {
    for step in run.plan.steps().iter().filter(|step| matches!(step.origin, Origin::Path(_))) {
        let name = kept_component(&step.digest);
        if let (Some(bytes), None) = (run.components.bytes(&step.digest), folder.dir().kind(&name)?) {
            folder.put(&name, bytes)?;
        }
    }
    Ok(())
}

/// Writes down what steps declared: with it, what they did can be read without them.
fn keep_columns(run: &Prepared, folder: &Folder) -> io::Result<()> {
    let declarations = Declarations::of(run.checked.declared.iter());
    let json = serde_json::to_vec(&declarations).expect("declarations are JSON");
    // A run with more columns than that is not shown.
    if json.len() as u64 > LONGEST { Ok(()) } else { folder.put(COLUMNS, &json) }
}

/// A seed that nobody can guess, so that nobody can make rows that pass for others: the standard library's own randomness.
fn any_seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// What a step's work depends on in this run.
pub(crate) fn key(run: &Prepared, step: &str) -> Result<StepKey, RunError> {
    let planned = run.step(step);
    let found = granted::found(&planned.grants, &run.settings.base, &|| run.settings.cancel.is_cancelled()).map_err(
        |error| match error.kind() == io::ErrorKind::Interrupted && run.settings.cancel.is_cancelled() {
            true => RunError::interrupted(),
            false => RunError::new(Class::System, format!("cannot read what it is granted: {error}")),
        },
    )?;
    if found.by_times > 0 {
        let message = format!(
            "`{step}` is granted more than 1 GiB: of {} of its files only sizes and times are compared with earlier runs",
            found.by_times
        );
        run.observer().tell(Event::Note { message });
    }
    Ok(StepKey::of(planned, &run.bound(step), run.plan.seed(), found.things))
}

/// The work that earlier runs have done.
pub(crate) struct Earlier(Vec<(PathBuf, Header)>);

impl Earlier {
    /// Reads the keys of all steps of the runs in [`Settings::earlier`](crate::Settings::earlier), the latest run first.
    pub(crate) fn of(run: &Prepared) -> Earlier {
        let mut found = Vec::new();
        let key = Key::read(run.cache.dir()).ok().flatten();
        let is_ours = |folder: &&PathBuf| {
            let begun = Dir::open(folder).ok().and_then(|dir| Some((folder::begun(&dir).ok()?, dir)));
            key.as_ref().zip(begun).is_some_and(|(key, (begun, dir))| key.has_sealed(&begun, &dir))
        };
        // What somebody else put beside this run is not a work of ours.
        for folder in run.settings.earlier.iter().filter(is_ours) {
            let steps = std::fs::read_dir(folder.join("work")).into_iter().flatten().flatten();
            found.extend(steps.filter_map(|step| Some((step.path(), read_header(&step.path())?))));
        }
        Earlier(found)
    }

    /// The work of a step of an equal key, the latest first: of a step of the same name where there is one, else of another one.
    pub(crate) fn with_key(&self, step: &str, key: &StepKey) -> Vec<&Path> {
        let equal: Vec<&Path> =
            self.0.iter().filter(|(_, header)| header.key == *key).map(|(path, _)| path.as_path()).collect();
        let is_named = |path: &&&Path| path.file_name().is_some_and(|name| name == step);
        match equal.iter().any(|path| is_named(&path)) {
            true => equal.iter().filter(is_named).copied().collect(),
            false => equal,
        }
    }

    /// The seed of the latest of them that has one of these keys; else of the latest.
    fn digest_seed(&self, keys: &[&StepKey]) -> Option<u64> {
        let wanted = self.0.iter().find(|(_, header)| keys.contains(&&header.key));
        wanted.or(self.0.first()).map(|(_, header)| header.seed)
    }

    /// The latest work of a step of this name, whatever it depended on.
    pub(crate) fn named(&self, step: &str) -> Option<(&Path, &Header)> {
        let named = self.0.iter().find(|(path, _)| path.file_name().is_some_and(|name| name == step));
        named.map(|(path, header)| (path.as_path(), header))
    }
}
