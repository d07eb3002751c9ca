//! What a step may reach outside of its sandbox: the plan's grants, found in this machine's files and environment.
//!
//! A granted folder is opened for the step under the name that the pipeline file gives it. WASI opens folders only, so granted
//! files of one folder are put together in a private folder, by a link or, on another file system, by a copy; the step opens
//! that under their folder's name, and finds nothing else in it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use callboard_plan::{FileGrant, Plan, PlannedStep};
use tempfile::TempDir;
use wasmtime_wasi::FsPerms;

use super::http::Requests;
use crate::error::{Class, RunError, plain};
use crate::events::Observer;

/// What one step may reach.
pub(crate) struct Reach {
    pub(super) folders: Vec<Folder>,
    /// Names and values.
    pub(super) variables: Vec<(String, String)>,
    pub(super) clock: bool,
    pub(super) requests: Requests,
    /// Holds the folders of single files for as long as the step may open them.
    _private: Vec<TempDir>,
}

/// A folder of this machine, and the name under which the step opens it.
pub(super) struct Folder {
    pub(super) name: String,
    pub(super) permissions: FsPerms,
    /// Open from the moment it was checked: what another step with a grant puts in its place is not what was granted.
    open: File,
}

impl Folder {
    fn open(name: String, path: &Path, permissions: FsPerms) -> Result<Folder, RunError> {
        let open = File::open(path).map_err(|error| RunError::system("open the folder", path, &error))?;
        Ok(Folder { name, permissions, open })
    }

    /// The path of the open folder itself, wherever it is by now.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.open.as_raw_fd()).into()
    }
}

/// Every step's grants, by its name. `base` is the pipeline's folder, `private` one that only this user can write.
pub(crate) fn resolve(
    plan: &Plan,
    base: &Path,
    private: &Path,
    observer: &Observer,
) -> Result<HashMap<String, Arc<Reach>>, RunError> {
    let of_step = |step: &PlannedStep| {
        let reach = Reach::of(step, base, private, observer).map_err(|error| error.in_step(&step.name))?;
        Ok((step.name.clone(), Arc::new(reach)))
    };
    plan.steps.iter().map(of_step).collect()
}

impl Reach {
    fn of(step: &PlannedStep, base: &Path, private: &Path, observer: &Observer) -> Result<Reach, RunError> {
        let grants = &step.grants;
        let (mut folders, mut files) = (Vec::new(), BTreeMap::new());
        for grant in &grants.files {
            match find(grant, base)? {
                Found::Folder(folder) => folders.push(folder),
                Found::File { folder, name, path } => {
                    files.entry(folder).or_insert_with(BTreeMap::new).insert(name, path);
                }
            }
        }
        // A file in a granted folder is there already.
        files.retain(|folder, _| !folders.iter().any(|granted| is_within(folder, &granted.name)));
        let mut held = Vec::new();
        for (folder, files) in files {
            let gathered = gather(&files, private)?;
            folders.push(Folder::open(folder, gathered.path(), FsPerms::ReadOnly)?);
            held.push(gathered);
        }
        let variable = |name: &String| Ok((name.clone(), variable(name, "grant.env")?));
        Ok(Reach {
            folders,
            variables: grants.env.iter().map(variable).collect::<Result<_, RunError>>()?,
            clock: grants.clock,
            requests: Requests::granted(step, observer)?,
            _private: held,
        })
    }
}

/// What a grant of files names.
enum Found {
    Folder(Folder),
    File { folder: String, name: String, path: PathBuf },
}

fn find(grant: &FileGrant, base: &Path) -> Result<Found, RunError> {
    let shown = &grant.path;
    let refused = |message: String| RunError::new(Class::Pipeline, message);
    let Some(name) = plain_name(shown) else {
        let message = format!("`grant.files` names `{shown}`, which is not in the pipeline's folder");
        return Err(refused(message).help("grant a path below the pipeline file's folder, without `..`"));
    };
    let path = base.join(&name);
    if grant.write && !path.exists() && path.symlink_metadata().is_err() {
        outside(&path, base, shown)?;
        std::fs::create_dir_all(&path).map_err(|error| RunError::system("make the folder", &path, &error))?;
    }
    let real = path.canonicalize().map_err(|error| {
        let message = format!("`grant.files` names `{shown}`, which cannot be opened: {}", plain(&error));
        refused(message).help("put it there, or take the grant away")
    })?;
    outside(&path, base, shown)?;
    if real.is_dir() {
        let permissions = if grant.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        return Ok(Found::Folder(Folder::open(name, &real, permissions)?));
    }
    if !real.is_file() {
        return Err(refused(format!("`grant.files` names `{shown}`, which is neither a file nor a folder")));
    }
    let (folder, file) = name.rsplit_once('/').unwrap_or((".", &name));
    if grant.write {
        let message = format!("`grant.files` lets the step write `{shown}`, and only folders can be written");
        let help = format!("put it into a folder of its own: grant.files = [{{ path = \"{folder}\", write = true }}]");
        return Err(refused(message).help(help));
    }
    Ok(Found::File { folder: folder.to_owned(), name: file.to_owned(), path: real })
}

/// A relative path without `.` and `..`; `.` alone for the pipeline's folder itself. `None` where it leads elsewhere.
fn plain_name(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// Refuses a path that a link leads out of the pipeline's folder. Of one that is not there yet, what is there of it is looked at.
fn outside(path: &Path, base: &Path, shown: &str) -> Result<(), RunError> {
    let cannot = |error| RunError::system("open the pipeline's folder", base, &error);
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let base = base.canonicalize().map_err(cannot)?;
    let there = path.ancestors().find_map(|path| path.canonicalize().ok());
    match there {
        Some(there) if !there.starts_with(&base) => {
            let message = format!("`grant.files` names `{shown}`, which is a link out of the pipeline's folder");
            let help = "copy what it leads to into the pipeline's folder, and grant that";
            Err(RunError::new(Class::Pipeline, message).help(help))
        }
        _ => Ok(()),
    }
}

fn is_within(folder: &str, granted: &str) -> bool {
    granted == "." || Path::new(folder).starts_with(granted)
}

/// A private folder that holds these files.
fn gather(files: &BTreeMap<String, PathBuf>, private: &Path) -> Result<TempDir, RunError> {
    let cannot = |path: &Path, error| RunError::system("give the step", path, &error);
    let owners_alone = Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix(".granted-").permissions(owners_alone).tempdir_in(private);
    let folder = folder.map_err(|error| cannot(private, error))?;
    for (name, path) in files {
        let place = folder.path().join(name);
        std::fs::hard_link(path, &place)
            .or_else(|_| std::fs::copy(path, &place).map(drop))
            .map_err(|error| cannot(path, error))?;
    }
    Ok(folder)
}

/// A variable of the environment that the pipeline file needs under this key.
pub(super) fn variable(name: &str, key: &str) -> Result<String, RunError> {
    std::env::var(name).map_err(|error| {
        let why = match error {
            std::env::VarError::NotPresent => "is not set",
            std::env::VarError::NotUnicode(_) => "is not valid UTF-8",
        };
        let message = format!("`{key}` needs the environment's variable `{name}`, which {why}");
        RunError::new(Class::Pipeline, message).help(format!("set it before the run: export {name}=…"))
    })
}
