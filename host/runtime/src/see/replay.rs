//! A run again without its calls: their results come from its logs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use callboard_io::beneath::Dir;
use callboard_plan::Plan;
use callboard_sandbox::{CompileCommand, Declared, cache_dir};
use callboard_words::{Help, Setting};
use tokio_util::sync::CancellationToken;

use super::Looking;
use super::numbered::Numbered;
use crate::cluster::cuts;
use crate::error::{Class, RunError};
use crate::prepare::components::Components;
use crate::prepare::{Before, Cuts, Prepared};
use crate::rejects::Files;
use crate::rows::Tap;
use crate::settings::Settings;
use crate::stage::kept::Kept;
use crate::stage::live::Live;
use crate::store::{Begun, Contents, Key, Past, Quota, Recorded, folder};

/// A run that is looked at, its folder read and found to be this user's.
pub(super) struct Opened<'a> {
    looking: &'a Looking,
    pub(super) plan: Plan,
    pub(super) recorded: Recorded,
    declared: BTreeMap<String, Declared>,
    /// As of [`Prepared::cuts`].
    cuts: Option<Cuts>,
}

/// What a replay leaves beside what its tap saw.
pub(super) struct Replayed {
    /// By step, rows that it was given and of which the run keeps nothing.
    pub(super) lost: BTreeMap<String, u64>,
    /// Why it ended before its end, unless its tap had seen enough.
    pub(super) ended: Option<RunError>,
    /// What was found damaged.
    pub(super) damage: Vec<String>,
}

impl Replayed {
    /// The same in sentences.
    pub(super) fn notes(&self) -> Vec<String> {
        let lost = |(step, rows): (&String, &u64)| {
            format!("{rows} rows that reached `{step}` are not shown: the run does not keep what the step did to them")
        };
        self.lost.iter().map(lost).chain(self.damage.iter().cloned()).collect()
    }
}

impl<'a> Opened<'a> {
    /// Reads what the folder says.
    pub(super) fn of(looking: &'a Looking) -> Result<Opened<'a>, RunError> {
        let path = looking.folder()?;
        let dir = folder::open(path)?;
        let contents = Contents::of(&dir).map_err(|error| RunError::system("read", path, &error))?;
        if let Some((trap, what)) = contents.traps.first() {
            let trap = path.join(trap);
            let message = format!("`{}` is {what}: no run makes one in its folder", trap.display());
            return Err(RunError::new(Class::System, message).help(format!("remove it: rm {}", trap.display())));
        }
        let (begun, plan, recorded) = folder::recorded(&dir)?;
        proven(looking, &dir, &begun, &plan, &recorded)?;
        let declared = folder::declarations(&dir)?;
        let declared = declared.ok_or_else(|| {
            let message = format!("the run in `{}` keeps nothing that could be shown", path.display());
            let help =
                "it was begun so that it cannot be resumed, or by another version of Callboard: run the pipeline again";
            RunError::new(Class::Pipeline, message).help(help)
        })?;
        let declared = declared.declared().ok_or_else(|| {
            let message = format!("`{}` is damaged", path.join(folder::COLUMNS).display());
            RunError::new(Class::System, message).help("run the pipeline again")
        })?;
        let cuts = cuts(&dir).map_err(|error| RunError::system("read", path, &error))?;
        Ok(Opened { looking, plan, recorded, declared, cuts })
    }

    /// Reads the run again, to the end of the stage of a node, if one is given. `make` makes what looks on, and is given a token that ends
    /// the replay.
    pub(super) fn replay<T: Tap + 'static>(
        self,
        node: Option<&str>,
        make: impl FnOnce(&Seen<'_>) -> Result<T, RunError>,
    ) -> Result<(Arc<T>, Replayed), RunError> {
        self.prepared()?.replay(node, make)
    }

    /// Finds its inputs, which are those that the run had.
    pub(super) fn prepared(self) -> Result<Ready<'a>, RunError> {
        let Opened { looking, plan, recorded, declared, cuts } = self;
        let scratch = scratch(looking.folder()?)?;
        let compile = CompileCommand { program: "callboard".into(), arguments: Vec::new() };
        let enough = looking.cancel.child_token();
        let settings = Settings::new(&recorded.base, scratch.path().join("replay"), &looking.cache, compile)
            .limit(recorded.limit)
            .resumable(false)
            .cancel(enough.clone());
        let Recorded { inputs, digest_seed, .. } = recorded;
        let before = Before { inputs: Some(inputs), digest_seed, declared, replays: true, cuts, ..Before::default() };
        let prepared = Prepared::new(plan, Components::default(), settings, before, None)?;
        Ok(Ready { looking, prepared, enough, scratch })
    }
}

/// A run whose rows can be read again.
pub(super) struct Ready<'a> {
    looking: &'a Looking,
    prepared: Prepared,
    enough: CancellationToken,
    /// For rows between stages; it goes with this.
    scratch: tempfile::TempDir,
}

impl Ready<'_> {
    /// Does something with rows that are found by their numbers.
    pub(super) fn numbered<T>(
        &self,
        find: impl FnOnce(&Numbered<'_>, &Prepared) -> Result<Option<T>, RunError>,
    ) -> Result<Option<T>, RunError> {
        let run = self.looking.folder()?;
        // What is not in order is reported by the replay.
        let past = folder::open(run).and_then(|dir| Past::read(&dir, &self.prepared.plan));
        let Ok(past) = past else { return Ok(None) };
        let kept = Kept::bare(&self.scratch.path().join("numbered"), "write to a folder for rows")?;
        let live = Live::new(&self.prepared, CancellationToken::new(), Arc::new(Quota::new(None)), kept);
        find(&Numbered::of(&live, run, &|step, schema| self.looking.work(step, schema), &past), &self.prepared)
    }

    /// As [`Opened::replay`].
    pub(super) fn replay<T: Tap + 'static>(
        self,
        node: Option<&str>,
        make: impl FnOnce(&Seen<'_>) -> Result<T, RunError>,
    ) -> Result<(Arc<T>, Replayed), RunError> {
        let Ready { looking, prepared, enough, scratch: _scratch } = self;
        let plan = &prepared.plan;
        let stage = |node| plan.step(node).map(|step| step.stage).or_else(|| Some(plan.input(node)?.stage));
        let until = node.and_then(stage);
        let tap = Arc::new(make(&Seen { prepared: &prepared, enough: &enough })?);
        let kept = Kept::replay(&prepared, &|step, schema| looking.work(step, schema), until)?;
        let quota = Arc::new(Quota::new(None));
        let live = Live::new(&prepared, CancellationToken::new(), quota, kept).tapped_by(tap.clone(), until);
        let ended = live.stages(&mut Vec::new());
        let lost = live.take_lost();
        let damage = live.into_kept().take_damage();
        let ended = match ended {
            Err(error) if error.class == Class::Interrupted && !looking.cancel.is_cancelled() => None,
            Err(error) if error.class == Class::Interrupted => return Err(error),
            ended => ended.err(),
        };
        Ok((tap, Replayed { lost, ended, damage }))
    }
}

/// What is known before rows are read.
pub(super) struct Seen<'a> {
    pub(super) prepared: &'a Prepared,
    /// Cancelled to end the replay.
    pub(super) enough: &'a CancellationToken,
}

impl Seen<'_> {
    pub(super) fn files(&self) -> Arc<Files> {
        self.prepared.files().clone()
    }
}

/// A folder for rows between stages: beside the run, where there is room for its like.
pub(super) fn scratch(run: &Path) -> Result<tempfile::TempDir, RunError> {
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".callboard-look-");
    let beside = run.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = builder.tempdir_in(beside).or_else(|_| builder.tempdir());
    made.map_err(|error| RunError::system("make a folder for rows between stages in", &std::env::temp_dir(), &error))
}

/// Refuses a run that others may have had a hand in: what is shown of it is read from wherever its plan says.
fn proven(looking: &Looking, dir: &Dir, begun: &Begun, plan: &Plan, recorded: &Recorded) -> Result<(), RunError> {
    let key = Key::read(&cache_dir(&looking.cache)?)?;
    if key.is_some_and(|key| key.has_sealed(begun, dir)) || looking.trusted == Some(begun.digest()) {
        return Ok(());
    }
    let inputs = plan.inputs().iter().flat_map(|input| &input.paths);
    let read: Vec<String> = inputs.map(|path| format!("read {}", recorded.base.join(path).display())).collect();
    let message = format!("nothing proves that you began the run in `{}`", looking.run.display());
    let help = Help::from(format!("to look at it would\n  {}\nif that is what you want, add: ", read.join("\n  ")));
    let help = help.set(Setting::LookTrusted(format!("{:032x}", begun.digest())));
    Err(RunError::new(Class::Pipeline, message).help(help))
}
