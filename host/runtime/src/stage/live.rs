//! What lives as long as a run goes on: memory that is counted, the folder that is written, the first failure.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use callboard_io::{
    BatchPolicy, Chunk, Commit, Finished, IoError, OutputPlace, Sending, Staged, Stop, Upload, UploadRecords,
};
use callboard_plan::{Edge, Feed, PlannedStep, Reader, Stage, Transport};
use callboard_sandbox::InstanceConfig;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use super::kept::Kept;
use super::reject_limits::RejectLimits;
use crate::error::{Class, RunError};
use crate::events::Event;
use crate::figures::Gathering;
use crate::global::Shared;
use crate::ports::Note;
use crate::prepare::Prepared;
use crate::rejects::Rejects;
use crate::rows::flight::Admission;
use crate::rows::memory::Memory;
use crate::rows::{Tap, Tapped};
use crate::store::lengths::Lengths;
use crate::store::positions::Positions;
use crate::store::records::Joined;
use crate::store::records::Record;
use crate::store::seen::Seen;
use crate::store::sync::Syncer;
use crate::store::{Deed, Quota, Work};

/// A run that goes on.
pub(crate) struct Live<'a> {
    pub(crate) prepared: &'a Prepared,
    pub(crate) memory: Memory,
    pub(crate) quota: Arc<Quota>,
    pub(crate) reject_limits: RejectLimits,
    pub(crate) rejects: Arc<Mutex<Rejects>>,
    /// Cancelled when everything is to stop at once: a node failed, or there is no more time.
    pub(crate) stop: CancellationToken,
    /// Cancelled from outside, to end what is being done and do no more.
    pub(crate) interrupt: CancellationToken,
    /// When a transform was first called with rows.
    pub(crate) first_call: OnceLock<Instant>,
    /// Whether the steps that ask servers have read all their rows.
    pub(crate) asked: Arc<Asked>,
    kept: Kept,
    failure: Mutex<Option<RunError>>,
    finished: Mutex<BTreeMap<String, Finished>>,
    /// What looks on at rows.
    tap: Option<Arc<dyn Tap>>,
    /// The same, where it gathers figures for the report.
    pub(crate) gathering: Option<Arc<Gathering>>,
    /// The last stage that is run, if it is not the plan's.
    pub(crate) until: Option<usize>,
    /// The part of a stage that is carried out alone, if it is not the whole run.
    part: Option<Stage>,
    /// What is done of the part's one step, if other processes do the rest.
    pub(crate) shared: Option<Shared>,
    /// Whether other processes write the rest of the part's outputs.
    writes_slices: bool,
    /// In a replay, by step: rows of which nothing is kept.
    lost: Mutex<BTreeMap<String, u64>>,
    /// What sends outputs to stores, by output; of those of several files their manifests, and their files.
    uploads: OnceLock<BTreeMap<String, Arc<Upload>>>,
    sending: OnceLock<BTreeMap<String, Arc<Sending>>>,
    /// What reads inputs of which something was asked for already.
    readers: Mutex<BTreeMap<String, callboard_io::Reader>>,
    /// What was read of the branches of each zip of the stage.
    zipped: Arc<Mutex<BTreeMap<Reader, Vec<Joined>>>>,
}

impl<'a> Live<'a> {
    /// A run that begins, in the folder that is kept for it.
    pub(crate) fn new(prepared: &'a Prepared, stop: CancellationToken, quota: Arc<Quota>, kept: Kept) -> Live<'a> {
        Live {
            memory: Memory::of(&prepared.plan),
            quota,
            reject_limits: RejectLimits::new(prepared.past.stages.values().map(|ended| &ended.cost), prepared.replays),
            rejects: Arc::new(Mutex::new(Rejects::new(prepared.folder().join("rejects")))),
            stop,
            interrupt: prepared.settings.cancel.clone(),
            first_call: OnceLock::new(),
            asked: Arc::default(),
            kept,
            failure: Mutex::default(),
            finished: Mutex::default(),
            tap: None,
            gathering: None,
            until: None,
            part: None,
            shared: None,
            writes_slices: false,
            lost: Mutex::default(),
            uploads: OnceLock::new(),
            sending: OnceLock::new(),
            readers: Mutex::default(),
            zipped: Arc::default(),
            prepared,
        }
    }

    /// The same with something that looks on, until a stage has ended.
    pub(crate) fn tapped_by(self, tap: Arc<dyn Tap>, until: Option<usize>) -> Live<'a> {
        Live { tap: Some(tap), until, ..self }
    }

    /// The same with what gathers figures, where the plan asks for some.
    pub(crate) fn gathering(self) -> Live<'a> {
        match Gathering::of(&self.prepared.plan) {
            Some(gathering) => Live { tap: Some(gathering.clone()), gathering: Some(gathering), ..self },
            None => self,
        }
    }

    /// The same, of which one part of a stage is carried out alone, on a slice of its rows. What all parts reject is counted by whoever puts
    /// them together.
    pub(crate) fn of_part(self, part: Stage, shared: Option<Shared>, is_slice: bool) -> Live<'a> {
        let reject_limits = RejectLimits::new(std::iter::empty(), true);
        Live { part: Some(part), shared, writes_slices: is_slice, reject_limits, ..self }
    }

    /// Whether a part of a stage is carried out alone.
    pub(crate) fn is_part(&self) -> bool {
        self.part.is_some()
    }

    /// How the rows of an edge travel: as the plan has it, but between a part of a stage and the rest in spills.
    pub(crate) fn transport(&self, edge: &Edge) -> Transport {
        let is_inside = |part: &Stage| {
            let from = [&part.inputs, &part.intakes, &part.steps].iter().any(|names| names.contains(&edge.from.node));
            let to = match &edge.to {
                Reader::Step(name) => part.steps.contains(name),
                Reader::Output(name) => part.outputs.contains(name),
            };
            from && to
        };
        if self.part.as_ref().is_none_or(is_inside) { edge.transport } else { Transport::Spill }
    }

    /// What looks on at a feed, if anything does.
    pub(crate) fn tapped(&self, feed: &Feed) -> Option<Tapped> {
        let tap = self.tap.as_ref().filter(|tap| tap.wants(feed))?;
        Some(Tapped { feed: feed.clone(), tap: tap.clone() })
    }

    /// What looks on, if anything does.
    pub(crate) fn tap(&self) -> Option<&Arc<dyn Tap>> {
        self.tap.as_ref()
    }

    /// Notes rows that a step was given and of which nothing is kept.
    pub(crate) fn lose(&self, step: &str, rows: u64) {
        *self.lost.lock().expect("no holder panics").entry(step.to_owned()).or_default() += rows;
    }

    /// By step, the rows of which nothing is kept.
    pub(crate) fn take_lost(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.lost.lock().expect("no holder panics"))
    }

    /// Whether rows wait for offline batches, so that what follows them is incomplete.
    pub(crate) fn waits(&self) -> bool {
        self.prepared.calls.deferred().batches > 0
    }

    pub(crate) fn tell(&self, event: Event) {
        self.prepared.observer().tell(event);
    }

    /// Keeps the first failure, and stops everybody.
    pub(crate) fn fail(&self, error: RunError) {
        self.failure.lock().expect("no holder panics").get_or_insert(error);
        self.stop.cancel();
    }

    /// Notes that a node stopped because it was asked to; others finish what they are doing.
    pub(crate) fn interrupted(&self, error: RunError) {
        self.failure.lock().expect("no holder panics").get_or_insert(error);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().expect("no holder panics").is_some()
    }

    /// The first failure; where no node owned up to one, the fault is ours.
    pub(crate) fn take_failure(&self) -> RunError {
        let failure = self.failure.lock().expect("no holder panics").take();
        failure.unwrap_or_else(|| RunError::new(Class::Bug, "a node stopped without a reason"))
    }

    /// Whether nothing more is to be begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.stop.is_cancelled() || self.interrupt.is_cancelled()
    }

    /// What ends a long write to a file.
    pub(crate) fn stop_writing(&self) -> Stop {
        let (stop, interrupt) = (self.stop.clone(), self.interrupt.clone());
        Stop::when(move || stop.is_cancelled() || interrupt.is_cancelled())
    }

    /// An error, where the run is to end.
    pub(crate) fn go_on(&self) -> Result<(), RunError> {
        if let Some(error) = self.kept.failure() {
            return Err(RunError::unwritten("write to the run's folder", &error));
        }
        if self.is_ending() { Err(RunError::interrupted()) } else { Ok(()) }
    }

    /// What an instance of a step is made with.
    pub(crate) fn instance_config(&self, step: &PlannedStep) -> InstanceConfig {
        let mut config = self.prepared.instance_config(step, &self.memory);
        config.cancel = self.stop.clone();
        config.interrupt = self.interrupt.clone();
        let profile = self.prepared.profile.as_ref().map(|profile| &profile.taken);
        config.profiles = profile.filter(|profiles| profiles.step() == step.name).cloned();
        config
    }

    /// Where a node that reads waits for room.
    pub(crate) fn admission(&self, node: &str) -> Admission {
        Admission::new(self.memory.flight.clone(), &self.prepared.plan, node, self.prepared.observer().clone())
    }

    /// Notes what was read of the branches of a zip, when they have ended.
    pub(crate) fn note_zip(&self, reader: &Reader) -> Note {
        let (zipped, reader) = (self.zipped.clone(), reader.clone());
        Box::new(move |joined| drop(zipped.lock().expect("no holder panics").insert(reader.clone(), joined)))
    }

    /// What was noted of zips.
    pub(crate) fn take_zipped(&self) -> BTreeMap<Reader, Vec<Joined>> {
        std::mem::take(&mut *self.zipped.lock().expect("no holder panics"))
    }

    pub(crate) fn rejects(&self) -> MutexGuard<'_, Rejects> {
        self.rejects.lock().expect("no holder panics")
    }

    pub(crate) fn finish_output(&self, output: &str, finished: Finished) {
        self.finished().insert(output.to_owned(), finished);
    }

    /// The outputs that this process finished.
    pub(crate) fn finished(&self) -> MutexGuard<'_, BTreeMap<String, Finished>> {
        self.finished.lock().expect("no holder panics")
    }

    /// Begins to send the outputs that go to stores, or continues to. Before any work, so that a store which refuses ends the run at once.
    /// While stores are waited for, it does something else, too.
    pub(crate) fn begin_uploads(&self, meanwhile: impl FnOnce()) -> Result<(), RunError> {
        let (mut to_begin, mut sending) = (Vec::new(), BTreeMap::new());
        for (name, (place, _)) in &self.prepared.checked.places {
            let staged = self.staged(name);
            let unread = |error: io::Error| RunError::system("open", &staged.path(), &error);
            let ended = self.prepared.past.stages.values().any(|ended| ended.outputs.contains_key(name));
            let is_here = place.on_disk().is_some() || place.is_stream();
            if is_here || (ended && staged.folder.kind(&staged.name).map_err(unread)?.is_none()) {
                // It stays on this machine, or is in its place already.
                continue;
            }
            if !ended && self.prepared.output(name).is_parted() {
                let files = place.sending(name, &staged.folder, &self.upload_records(), &self.stop_writing());
                sending.extend(files.map(|files| (name.clone(), Arc::new(files))));
            }
            to_begin.push((name, place));
        }
        let _ = self.sending.set(sending);
        // Each waits for its store; all of them together.
        let begun: Vec<_> = std::thread::scope(|scope| {
            let begin = |(name, place): (&'a String, &'a OutputPlace)| move || (name, self.begin_upload(name, place));
            let begun: Vec<_> = to_begin.into_iter().map(|output| scope.spawn(begin(output))).collect();
            meanwhile();
            begun.into_iter().map(|begun| begun.join().expect("no upload panics")).collect()
        });
        let (mut uploads, mut failed) = (BTreeMap::new(), None);
        for (name, begun) in begun {
            match begun {
                Ok(begun) => uploads.extend(begun.map(|upload| (name.clone(), Arc::new(upload)))),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        // If one was refused, the others are ended with the run.
        let _ = self.uploads.set(uploads);
        failed.map_or(Ok(()), Err)
    }

    fn begin_upload(&self, name: &str, place: &OutputPlace) -> Result<Option<Upload>, RunError> {
        let records = self.upload_records();
        let kept = records.kept(name).map_err(|error| RunError::unwritten("read the run's folder", &error))?;
        let begun = place.begin(kept.as_deref(), records.keep(name), &self.stop_writing());
        begun.map_err(|error| RunError::from(error).in_output(name))
    }

    /// Begins to fetch what the first stage reads, while other things are waited for.
    pub(crate) fn begin_inputs(&self) {
        let stages = self.prepared.plan.stages();
        let Some(first) = stages.iter().find(|stage| !self.prepared.past.stages.contains_key(&stage.index)) else {
            return;
        };
        for name in &first.inputs {
            let dataset = self.prepared.input(name).dataset.as_ref();
            // If rows are limited, few may be wanted.
            let Some(dataset) = dataset.filter(|_| self.prepared.settings.limit.is_none()) else { continue };
            let mut reader = dataset.read(self.policy());
            reader.begin();
            self.readers.lock().expect("no holder panics").insert(name.clone(), reader);
        }
    }

    /// The rows of an input; where a run is tried, at most this many of all files, if it says so.
    pub(crate) fn rows_of(&self, input: &str, limit: u64) -> Box<dyn Iterator<Item = Result<Chunk, IoError>>> {
        let spread = self.prepared.settings.spread.filter(|_| self.prepared.tries);
        match (spread, &self.prepared.input(input).dataset) {
            (Some(seed), Some(dataset)) => Box::new(dataset.sample(limit, seed, self.policy())),
            _ => Box::new(self.reader(input)),
        }
    }

    /// What reads an input of which rows are wanted.
    fn reader(&self, input: &str) -> callboard_io::Reader {
        let begun = self.readers.lock().expect("no holder panics").remove(input);
        let dataset =
            || self.prepared.input(input).dataset.as_ref().expect("an input that is still to be read was opened");
        begun.unwrap_or_else(|| dataset().read(self.policy()))
    }

    fn policy(&self) -> BatchPolicy {
        let batch = self.prepared.plan.batch();
        BatchPolicy { rows: batch.rows as usize, bytes: batch.bytes as usize }
    }

    /// Whether the run can be resumed if it does not finish.
    pub(crate) fn can_be_resumed(&self) -> bool {
        self.kept.is_logged()
    }

    /// Ends the uploads of a run that cannot be resumed. What went wrong with that, in words.
    pub(crate) fn abort_uploads(&self) -> Vec<String> {
        let uploads = self.uploads.get().into_iter().flat_map(BTreeMap::values).map(|upload| upload.abort());
        self.end_sending();
        let files = self.sending.get().into_iter().flat_map(BTreeMap::keys).map(|output| {
            // What was stopped is still to be cleared away.
            self.commit_of(output, &self.upload_records(), &Stop::default(), |commit| commit.end_uploads())
        });
        let ended = uploads.chain(files);
        ended.filter_map(Result::err).map(|error| format!("an upload is left: {error}")).collect()
    }

    /// What sends the files of an output of several to a store, if it goes to one.
    pub(crate) fn sending(&self, output: &str) -> Option<Arc<Sending>> {
        self.sending.get()?.get(output).cloned()
    }

    /// Waits for files of outputs that are on their way to stores, and begins to send no others.
    pub(crate) fn end_sending(&self) {
        self.sending.get().into_iter().flat_map(BTreeMap::values).for_each(|sending| sending.end());
    }

    /// Does something with the files of an output of several that are staged.
    pub(crate) fn commit_of<T>(
        &self,
        output: &str,
        records: &UploadRecords,
        stop: &Stop,
        work: impl FnOnce(Commit<'_>) -> T,
    ) -> T {
        let (place, replace) = &self.prepared.checked.places[output];
        work(Commit { folder: self.kept.outputs(), name: output, place, replace: *replace, records, stop })
    }

    /// Where an output lies until all are complete.
    pub(crate) fn staged(&self, output: &str) -> Staged {
        let upload = self.uploads.get().and_then(|uploads| uploads.get(output)).cloned();
        Staged::new(self.kept.outputs(), output).sent_by(upload).slice(self.writes_slices)
    }

    /// Where it is written down what has been sent of outputs.
    pub(crate) fn upload_records(&self) -> UploadRecords {
        UploadRecords::of(self.kept.uploads())
    }

    pub(crate) fn journal(&self, record: &Record) -> Result<(), RunError> {
        self.kept.journal(record)
    }

    pub(crate) fn syncer(&self) -> Option<Syncer> {
        self.kept.syncer()
    }

    pub(crate) fn seen(&self, input: &str) -> Result<Option<Seen>, RunError> {
        let columns = self.prepared.schema(&Feed::node(input));
        self.kept.seen(input, columns).map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    pub(crate) fn positions(&self, output: &str) -> Result<Option<Positions>, RunError> {
        self.kept.positions(output).map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    /// What notes how many rows the batches of an input or a transform have.
    pub(crate) fn lengths(&self, node: &str) -> Result<Option<Lengths>, RunError> {
        self.kept.lengths(node).map_err(|error| RunError::unwritten("write to the run's folder", &error))
    }

    pub(crate) fn work(&self, step: &str) -> Option<&Arc<Work>> {
        self.kept.work(step)
    }

    /// Whether a step's work may be there already, so that its component need not be loaded before that is known.
    pub(crate) fn may_reuse(&self, step: &str) -> bool {
        self.work(step).is_some_and(|work| !work.is_empty())
    }

    /// Where a source that was stopped goes on.
    pub(crate) fn cursor(&self, source: &str) -> Option<Vec<u8>> {
        let deeds = self.work(source)?.in_order(0, None);
        let cursors = deeds.filter_map(|(deed, _)| match deed {
            Deed::Page { cursor, .. } => Some(cursor),
            _ => None,
        });
        cursors.last()
    }

    /// The run's folder, to be closed.
    pub(crate) fn into_kept(self) -> Kept {
        self.kept
    }
}
