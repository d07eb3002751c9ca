//! A run that was begun before, taken up where it stopped.

use callboard_words::{Help, Setting};
use std::path::Path;

use callboard_io::beneath::Dir;
use callboard_io::{Commit, OutputPlace, Stop, UploadRecords};
use callboard_plan::{Grants, MaxRejects, Origin, Plan};

use super::Run;
use crate::error::{Class, RunError};
use crate::events::Event;
use crate::prepare::components::{Bundled, Components};
use crate::prepare::input::access;
use crate::prepare::output::output_place;
use crate::prepare::{Before, Prepared};
use crate::settings::Settings;
use crate::store::kept_component;
use crate::store::{Begun, Digested, Folder, InPlace, Key, Past, Recorded, folder};
use callboard_sandbox::cache_dir;

/// What may be allowed a run that is taken up, in place of what it was begun with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allowed {
    /// The most rows that all steps together may reject, in place of every such budget.
    pub max_rejects: Option<MaxRejects>,
    /// The most memory that a stage may take, in bytes. Stages and instances stay as they are.
    pub budget: Option<u64>,
    /// The [digest](crate::RunSummary::trust) of a run that nothing proves to be this user's, and that is resumed all the same: whoever
    /// has it has seen what its steps may reach and where its outputs go.
    pub trusted: Option<u128>,
}

impl Run {
    /// Takes up the run of a folder, [`Settings::run_folder`]. What was begun stands there: of `settings`, `base` (unless it is empty),
    /// `max_spill` (unless there is none), `overwrite` (if it is set) and what concerns this machine and this process counts, and what is `allowed`.
    ///
    /// A component that has changed since the run began is used as it is now, and everything behind it runs again.
    ///
    /// # Errors
    ///
    /// No such run; one that has finished, or goes on in another process; inputs that are still to be read and have changed;
    /// and those of [`Run::prepare`].
    pub fn resume(bundled: &[Bundled], settings: Settings, allowed: Allowed) -> Result<Run, RunError> {
        let path = settings.run_folder.clone();
        let locked = Folder::lock(&path)?;
        locked.no_traps()?;
        let (begun, mut plan, recorded) = folder::recorded(locked.dir())?;
        let mut past = Past::read(locked.dir(), &plan)?;
        if past.finished {
            let message = format!("the run in `{}` has finished", path.display());
            return Err(RunError::new(Class::Pipeline, message)
                .help(format!("see its report: callboard runs show {}", path.display())));
        }
        let base = match settings.base.as_os_str().is_empty() {
            true => recorded.base.clone(),
            false => settings.base.clone(),
        };
        // What follows reads what the plan names.
        let resumed = |digits| Setting::ResumeTrusted(path.clone(), digits);
        proven(
            locked.dir(),
            &path,
            &begun,
            &plan,
            &base,
            &cache_dir(&settings.cache_folder)?,
            allowed.trusted,
            resumed,
        )?;
        if !base.is_dir() {
            let message = format!("the folder that the pipeline's paths start from, `{}`, is not here", base.display());
            let help = Help::from("say where it is: ").set(Setting::ResumeBase(path.to_owned()));
            return Err(RunError::new(Class::Pipeline, message).help(help));
        }
        if let Some(most) = allowed.max_rejects {
            plan = plan.with_max_rejects(most);
        }
        if let Some(budget) = allowed.budget {
            plan = plan.with_budget(budget).map_err(|why| {
                RunError::new(Class::Pipeline, format!("this run cannot be resumed within that budget: {why}"))
                    .help("run the pipeline again: it is planned for the budget, and what is done is not done twice")
            })?;
        }
        let (plan, components) = components_now(plan, bundled, &base, locked.dir(), &mut past)?;
        let is_in_place = |name: &str, file: &Digested| {
            let Some(output) = plan.output(name) else { return false };
            let place = OutputPlace::find(&output_place(output, &base), &access(&output.access));
            let digest = file.number().filter(|_| output.is_parted());
            place.is_ok_and(|place| match digest {
                Some(digest) => place.has_manifest(file.bytes, digest, &Stop::default()),
                None => file.is_in(&place, &Stop::default()),
            })
        };
        let outputs = locked.dir().dir("outputs");
        let committing = past.committing;
        let missing = |name: &str| {
            let output = plan.output(name).filter(|output| output.is_parted())?;
            let place = OutputPlace::find(&output_place(output, &base), &access(&output.access));
            let (Ok(folder), Ok(place)) = (&outputs, place) else { return Some("its folder".to_owned()) };
            // What has been sent is not asked.
            let (records, stop) = (UploadRecords::of(folder), Stop::default());
            let commit = Commit { folder, name, place: &place, replace: false, records: &records, stop: &stop };
            commit.missing(committing).unwrap_or_else(|error| Some(error.to_string()))
        };
        past.settle(&plan, locked.path(), &InPlace { is_in_place: &is_in_place, missing: &missing });
        past.notes.iter().for_each(|note| settings.observer.tell(Event::Note { message: note.clone() }));
        let settings = Settings {
            base,
            pipeline: recorded.pipeline.clone(),
            submitted: recorded.submitted.clone().map(Into::into),
            overwrite: recorded.overwrite || settings.overwrite,
            limit: recorded.limit,
            max_spill: settings.max_spill.or(recorded.max_spill),
            resumable: true,
            ..settings
        };
        let Recorded { inputs, digest_seed, .. } = recorded;
        let before = Before { past, inputs: Some(inputs), digest_seed, begun: Some(begun), ..Before::default() };
        let prepared = Prepared::new(plan, components, settings, before, Some(&locked))?;
        Ok(Run { prepared, locked: Some(locked), page: None, window: super::Window::default(), of: None })
    }
}

/// The components of a plan as they are now; those that are not there any more as they were kept. Stages from the first on that uses
/// another component than before are to be run again.
fn components_now(
    mut plan: Plan,
    bundled: &[Bundled],
    base: &Path,
    folder: &Dir,
    past: &mut Past,
) -> Result<(Plan, Components), RunError> {
    let mut components = Components::default();
    for step in plan.steps().to_vec() {
        let found = match &step.origin {
            Origin::Path(_) => components.find_again(&step, bundled, base).or_else(|missing| {
                let kept = folder.file(kept_component(&step.digest)).map_err(|_| missing)?;
                components.kept(kept, &step.digest)
            }),
            Origin::Bundled => components.find_again(&step, bundled, base),
        };
        let (digest, kind) = found.map_err(|what| {
            RunError::new(Class::Pipeline, format!("its component was not found: {what}")).in_step(&step.name)
        })?;
        if kind != step.kind {
            let (now, then) = (kind.as_str(), step.kind.as_str());
            let message = format!("its component is a {now} step now, and was a {then} step when the run began");
            let help = "run the pipeline again: what did not change is not done twice";
            return Err(RunError::new(Class::Pipeline, message).help(help).in_step(&step.name));
        }
        if digest != step.digest {
            past.notes.push(format!("`{}` has changed since the run began: it and what follows run again", step.name));
            past.change(step.stage);
            plan = plan.with_component(&step.name, digest);
        }
    }
    Ok((plan, components))
}

/// Why a run without a seal of this user's is not resumed.
const UNPROVEN: &str = "nothing proves that you began the run as its `plan.json` and `run.json` say: it was begun by another user or on \
                        another machine, or they were altered";

/// Refuses a run that neither this user's key nor what is `trusted` proves to be this user's; `fix` allows it, with the digits of what is trusted.
#[expect(clippy::too_many_arguments, reason = "all that there is to be known of a run")]
pub(crate) fn proven(
    dir: &Dir,
    path: &Path,
    begun: &Begun,
    plan: &Plan,
    base: &Path,
    cache: &Dir,
    trusted: Option<u128>,
    fix: impl Fn(String) -> Setting,
) -> Result<(), RunError> {
    let doubt = match Key::read(cache)?.is_some_and(|key| key.has_sealed(begun, dir)) {
        true => folder::shared(dir).map_err(|error| RunError::system("open", path, &error))?,
        false => Some(UNPROVEN.to_owned()),
    };
    match doubt.filter(|_| trusted != Some(begun.digest())) {
        Some(doubt) => Err(doubted(&doubt, path, begun, plan, base, fix)),
        None => Ok(()),
    }
}

/// The refusal of a run that others may have had a hand in, with all that resuming it would allow.
pub(crate) fn doubted(
    doubt: &str,
    path: &Path,
    begun: &Begun,
    plan: &Plan,
    base: &Path,
    fix: impl Fn(String) -> Setting,
) -> RunError {
    let shown = path.display();
    let place = |path: &str| base.join(path).display().to_string();
    let mut would: Vec<String> = Vec::new();
    would.extend(plan.inputs().iter().flat_map(|input| &input.paths).map(|path| format!("read {}", place(path))));
    for step in plan.steps() {
        let name = &step.name;
        if matches!(step.origin, Origin::Path(_)) {
            would.push(format!("run {} as step `{name}`", place(&step.uses)));
        }
        // All of them: a grant that is not shown would be given unseen.
        let Grants { files, http, env, secrets, clock } = &step.grants;
        would.extend(files.iter().map(|file| {
            let how = if file.write { "read and write" } else { "read" };
            format!("let `{name}` {how} {}", place(&file.path))
        }));
        would.extend(http.iter().map(|http| format!("let `{name}` send {http}")));
        would.extend(env.iter().map(|variable| format!("let `{name}` read ${variable}")));
        would.extend(
            secrets
                .iter()
                .map(|(host, secret)| format!("send {} to {host} for `{name}`: {}", secret.header, secret.value)),
        );
        would.extend(clock.then(|| format!("let `{name}` read the clock")));
    }
    would.extend(plan.outputs().iter().map(|output| format!("write {}", place(&output.path))));
    let message = format!("the run in `{shown}` is not resumed: {doubt}");
    let trusted = fix(format!("{:032x}", begun.digest()));
    let help = Help::from(format!("resuming it would\n  {}\nif that is what you want: ", would.join("\n  ")));
    let help = help.set(trusted);
    RunError::new(Class::Pipeline, message).help(help)
}
