//! What a step may reach outside of its sandbox: the plan's grants, found in this machine's files and environment.
//!
//! A granted folder is opened for the step under the name that the pipeline file gives it. WASI opens folders only, so granted
//! files of one folder are put together in a private folder, by a link or, on another file system, by a copy; the step opens
//! that under their folder's name, and finds nothing else in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use callboard_files::{Dir, Kind, Temporary, resolved};
use callboard_plan::{FileGrant, Grants};
use wasmtime_wasi::FsPerms;

use crate::error::{Class, SandboxError};
use crate::events::Observer;
use crate::http::{Calls, Requests};
use callboard_words::text::plain;

/// What one step may reach.
#[derive(Default)]
pub struct Reach {
    pub(crate) folders: Vec<Folder>,
    /// Names and values.
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) clock: bool,
    pub(crate) requests: Requests,
    /// Holds the folders of single files for as long as the step may open them.
    _private: Vec<Temporary>,
}

/// A folder of this machine, and the name under which the step opens it.
pub(crate) struct Folder {
    pub(crate) name: String,
    pub(crate) permissions: FsPerms,
    /// Open from the moment it was checked: what another step with a grant puts in its place is not what was granted.
    open: Dir,
}

impl Folder {
    /// The path of the open folder itself, wherever it is by now.
    pub(crate) fn path(&self) -> PathBuf {
        self.open.magic()
    }
}

impl Reach {
    /// The instances of the step that wait for replies of servers; one that sends several requests by `wasi:http` counts for each.
    pub fn waiting(&self) -> u32 {
        self.requests.waiting()
    }

    /// Whether more requests of the step would be sent at once, or soon, if there were any.
    pub fn servers_have_room(&self) -> bool {
        self.requests.have_room()
    }

    /// The folders that the step may write.
    pub fn writable(&self) -> impl Iterator<Item = &Dir> {
        self.folders.iter().filter(|folder| folder.permissions == FsPerms::ReadWrite).map(|folder| &folder.open)
    }

    /// What a step is granted. `base` is the pipeline's folder, `private` one that only this user can write.
    /// Its requests are among `calls`.
    ///
    /// # Errors
    ///
    /// Files, variables and secrets that are not there, and grants that lead out of the pipeline's folder.
    pub fn of(
        step: &str,
        grants: &Grants,
        base: &Path,
        private: &Path,
        calls: &Calls,
        observer: &Observer,
    ) -> Result<Reach, SandboxError> {
        let (mut folders, mut files) = (Vec::new(), BTreeMap::new());
        for grant in &grants.files {
            match find(grant, base)? {
                Found::Folder(folder) => folders.push(folder),
                Found::File { folder, name, file } => {
                    files.entry(folder).or_insert_with(BTreeMap::new).insert(name, file);
                }
            }
        }
        // A file in a granted folder is there already.
        files.retain(|folder, _| !folders.iter().any(|granted| is_within(folder, &granted.name)));
        let mut held = Vec::new();
        for (folder, files) in files {
            let (gathered, open) = gather(&files, private)?;
            folders.push(Folder { name: folder, permissions: FsPerms::ReadOnly, open });
            held.push(gathered);
        }
        let variable = |name: &String| Ok((name.clone(), variable(name, "grant.env")?));
        Ok(Reach {
            folders,
            variables: grants.env.iter().map(variable).collect::<Result<_, SandboxError>>()?,
            clock: grants.clock,
            requests: Requests::granted(step, grants, calls, observer)?,
            _private: held,
        })
    }
}

/// What a grant of files names.
enum Found {
    Folder(Folder),
    File { folder: String, name: String, file: Granted },
}

/// A file that is granted, alone of its folder.
struct Granted {
    folder: Dir,
    name: OsString,
}

fn find(grant: &FileGrant, base: &Path) -> Result<Found, SandboxError> {
    let shown = &grant.path;
    let refused = |message: String| SandboxError::new(Class::Pipeline, message).in_grant(shown);
    let Some(name) = plain_name(shown) else {
        let message = format!("`grant.files` names `{shown}`, which is not in the pipeline's folder");
        return Err(refused(message).help("grant a path below the pipeline file's folder, without `..`"));
    };
    let path = base.join(&name);
    let within = below(&path, base, shown)?;
    let cannot = |error: &io::Error| {
        let message = format!("`grant.files` names `{shown}`, which cannot be opened: {}", plain(error));
        refused(message).help("put it there, or take the grant away")
    };
    let opened = Dir::open(base).map_err(|error| SandboxError::system("open the pipeline's folder", base, &error))?;
    if within.as_os_str().is_empty() {
        return Ok(Found::Folder(Folder { name, permissions: permissions(grant), open: opened }));
    }
    // Links were followed to find where it is; on the way there is none any more, or somebody has just put it there.
    let kind = opened.kind(&within).map_err(|error| cannot(&error))?;
    match kind {
        Some(Kind::Folder) => {
            let open = opened.dir(&within).map_err(|error| cannot(&error))?;
            Ok(Found::Folder(Folder { name, permissions: permissions(grant), open }))
        }
        None if grant.write => {
            let made = opened.make_dir(&within, 0o777);
            let open = made.map_err(|error| SandboxError::system("make the folder", &path, &error))?;
            Ok(Found::Folder(Folder { name, permissions: permissions(grant), open }))
        }
        None => Err(cannot(&rustix::io::Errno::NOENT.into())),
        Some(Kind::File) => {
            let (folder, file) = name.rsplit_once('/').unwrap_or((".", &name));
            if grant.write {
                let message = format!("`grant.files` lets the step write `{shown}`, and only folders can be written");
                let help =
                    format!("put it into its own folder: grant.files = [{{ path = \"{folder}\", write = true }}]");
                return Err(refused(message).help(help));
            }
            let (above, last) = (within.parent().unwrap_or(Path::new("")), within.file_name().unwrap_or_default());
            let above = if above.as_os_str().is_empty() { Ok(opened) } else { opened.dir(above) };
            let granted = Granted { folder: above.map_err(|error| cannot(&error))?, name: last.to_owned() };
            Ok(Found::File { folder: folder.to_owned(), name: file.to_owned(), file: granted })
        }
        Some(other) => {
            let message = format!("`grant.files` names `{shown}`, which is {other}, neither a file nor a folder");
            Err(refused(message).help("grant a regular file, or a folder"))
        }
    }
}

fn permissions(grant: &FileGrant) -> FsPerms {
    if grant.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly }
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

/// Where a path leads, from the pipeline's folder, whose links it may use; refused where one leads out of it.
fn below(path: &Path, base: &Path, shown: &str) -> Result<PathBuf, SandboxError> {
    let base = resolved(base);
    resolved(path).strip_prefix(base).map(Path::to_owned).map_err(|_| {
        let message = format!("`grant.files` names `{shown}`, which is a link out of the pipeline's folder");
        let help = "copy what it leads to into the pipeline's folder, and grant that";
        SandboxError::new(Class::Pipeline, message).in_grant(shown).help(help)
    })
}

fn is_within(folder: &str, granted: &str) -> bool {
    granted == "." || Path::new(folder).starts_with(granted)
}

/// A private folder that holds these files.
fn gather(files: &BTreeMap<String, Granted>, private: &Path) -> Result<(Temporary, Dir), SandboxError> {
    let folder = Temporary::create(private, ".granted-");
    let folder = folder.map_err(|error| SandboxError::system("give the step", private, &error))?;
    let open = Dir::open(folder.path()).map_err(|error| SandboxError::system("give the step", private, &error))?;
    for (name, granted) in files {
        let copy = || {
            let mut file = granted.folder.file(&granted.name)?;
            io::copy(&mut file, &mut open.create_new(name, 0o600)?).map(drop)
        };
        let given = granted.folder.hard_link(&granted.name, &open, name).or_else(|_| copy());
        let given = given.and_then(|()| open.file(name).map(drop));
        given.map_err(|error| {
            SandboxError::system("give the step", &granted.folder.path().join(&granted.name), &error)
        })?;
    }
    Ok((folder, open))
}

/// A variable of the environment that the pipeline file needs under this key.
pub(crate) fn variable(name: &str, key: &str) -> Result<String, SandboxError> {
    std::env::var(name).map_err(|error| {
        let why = match error {
            std::env::VarError::NotPresent => "is not set",
            std::env::VarError::NotUnicode(_) => "is not valid UTF-8",
        };
        let message = format!("`{key}` needs the environment's variable `{name}`, which {why}");
        SandboxError::new(Class::Pipeline, message).help(format!("set it before the run: export {name}=…"))
    })
}
