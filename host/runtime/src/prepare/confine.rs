//! What the host itself may write while a run goes on, where the kernel has Landlock: a second wall behind the first.
//!
//! Everything that writes opens files below folders that are open already. Should that ever fail, this keeps the thread that carries the run
//! out, and all that it starts, to the same folders. What was opened before stays open.

use std::io;
use std::os::fd::AsFd;

use callboard_io::beneath::Dir;
use landlock::{
    ABI, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus,
};

use crate::error::{Class, RunError};
use crate::prepare::Prepared;
use crate::store::Folder;
use crate::store::replies::replies_folder;

/// What newer kernels know besides is of no use to whoever writes files.
const KNOWN: ABI = ABI::V3;

/// Said where nothing keeps the host to its folders.
pub(crate) const ABSENT: &str =
    "this kernel has no Landlock: beyond its own checks, nothing keeps the run from writing elsewhere";

/// Whether this kernel has Landlock, and so can keep a run to the folders that it writes.
pub fn has_landlock() -> bool {
    let wanted = AccessFs::from_write(ABI::V1);
    let required = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    required.handle_access(wanted).and_then(Ruleset::create).is_ok()
}

/// Confines the calling thread, and all that it starts from now on, for good: the run's folder, the cache, the folders of outputs and of what
/// is written beside them, and those that steps may write may be written, and nothing else. Where the run's folder is still to be made, that
/// is the nearest folder that it will lie in. False where the kernel does not know how.
pub(crate) fn confine(run: &Prepared, locked: Option<&Folder>) -> Result<bool, RunError> {
    let locked = locked.map(|folder| folder.dir().clone());
    let opened = |found: io::Result<(Dir, _)>| {
        found.map(|(dir, _)| dir).map_err(|error| RunError::in_run_folder(run.folder(), &error))
    };
    rules(&places(run, locked.map_or_else(|| opened(Dir::nearest(run.folder())), Ok)?))
}

/// As [`confine`], when the run's folder is there.
pub(crate) fn confine_further(run: &Prepared) -> Result<bool, RunError> {
    let folder = Dir::open(run.folder()).map_err(|error| RunError::system("open the folder", run.folder(), &error))?;
    rules(&places(run, folder))
}

fn places(run: &Prepared, run_folder: Dir) -> Vec<Dir> {
    let outputs = run.checked.places.values().filter_map(|(place, _)| place.on_disk());
    let also = run
        .settings
        .also_written
        .iter()
        .map(|file| &file.place)
        .chain(run.profile.as_ref().and_then(|profile| profile.place()));
    let files = outputs.chain(also).map(|place| place.nearest_folder());
    let steps = run.reach.values().flat_map(|reach| reach.writable());
    let replies = Dir::open(&replies_folder(run.folder())).ok().filter(|_| run.sends_requests());
    [&run_folder, run.cache.dir()].into_iter().chain(files).chain(steps).cloned().chain(replies).collect()
}

fn rules(folders: &[Dir]) -> Result<bool, RunError> {
    restricted(folders)
        .map_err(|error| RunError::new(Class::System, format!("cannot confine the run by Landlock: {error}")))
}

fn restricted(folders: &[Dir]) -> Result<bool, RulesetError> {
    let writes = AccessFs::from_write(KNOWN);
    let nodes: BitFlags<AccessFs> =
        AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeFifo | AccessFs::MakeSock | AccessFs::MakeSym;
    let mut rules: RulesetCreated = Ruleset::default().handle_access(writes)?.create()?;
    for folder in folders {
        rules = rules.add_rule(PathBeneath::new(folder.as_fd(), writes & !nodes))?;
    }
    // Where the compiling child's output goes, and that of nobody else.
    if let Ok(null) = std::fs::File::open("/dev/null") {
        rules = rules.add_rule(PathBeneath::new(null.as_fd(), AccessFs::WriteFile))?;
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}
