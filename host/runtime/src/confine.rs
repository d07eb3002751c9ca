//! What the host itself may write while a run goes on, where the kernel has Landlock: a second wall behind the first.
//!
//! Everything that writes opens files below folders that are open already. Should that ever fail, this keeps the thread that carries the run
//! out, and all that it starts, to the same folders. What was opened before stays open.

use std::os::fd::AsFd;
use std::path::Path;

use callboard_io::FilePlace;
use callboard_io::beneath::Dir;
use landlock::{
    ABI, AccessFs, BitFlags, PathBeneath, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus,
};

use crate::error::{Class, RunError};
use crate::run::Run;

/// What newer kernels know besides is of no use to whoever writes files.
const KNOWN: ABI = ABI::V3;

/// Said where nothing keeps the host to its folders.
pub(crate) const ABSENT: &str =
    "this kernel has no Landlock: beyond its own checks, nothing keeps the run from writing elsewhere";

/// Confines the calling thread, and all that it starts from now on, for good: the run's folder, the cache, the folders of outputs, those that
/// steps may write, and those of `more` may be written, and nothing else. False where the kernel does not know how.
pub(crate) fn confine(run: &Run, run_folder: &Path, more: &[FilePlace]) -> Result<bool, RunError> {
    let of_system = |path: &Path| Dir::open(path).map_err(|error| RunError::system("open the folder", path, &error));
    let mut folders = vec![of_system(run_folder)?, of_system(&run.settings.cache_folder)?];
    let outputs = run.checked.places.values().map(|(place, _)| place);
    folders.extend(outputs.chain(more).chain(run.profile_place()).map(|place| place.nearest_folder().clone()));
    folders.extend(run.reach.values().flat_map(|reach| reach.writable()).cloned());
    rules(&folders)
        .map_err(|error| RunError::new(Class::System, format!("cannot confine the run by Landlock: {error}")))
}

fn rules(folders: &[Dir]) -> Result<bool, RulesetError> {
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
