//! Begins a step: a folder that builds as it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::contract::Template;
use crate::language::Language;
use crate::name::{Name, NameError};
use crate::{carry, project, templates};

/// Why a step was not begun.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is something in the folder already.
    #[error("`{}` is there already, and not empty", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("cannot write `{}`", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
}

/// Writes a step of this name into `folder`, which is made; with the contract and the SDK in its `.callboard/`.
///
/// # Errors
/// If the name is none, the folder is there and not empty, or the system refuses.
pub fn new(name: &str, language: &Language, begins: Template, folder: &Path) -> Result<(), NewError> {
    let (name, template) = (Name::parse(name)?, Name::of_template(begins));
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(NewError::Exists(folder.to_owned()));
    }
    for (path, bytes) in templates::template(language, begins) {
        let path = folder.join(template.replaced_in_path(path, &name));
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) if path.ends_with(project::FILE) => {
                template.replaced(&text.replace("{language}", &language.id), &name).into_bytes()
            }
            Ok(text) => template.replaced(text, &name).into_bytes(),
            Err(_) => bytes.to_owned(),
        };
        carry::write(&path, &bytes).map_err(|error| NewError::Write(path, error))?;
    }
    carry::refresh(folder, language).map_err(|(path, error)| NewError::Write(path, error))
}
