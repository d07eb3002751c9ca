//! The step that is tried: where its component is, and what it is given.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use callboard_plan::is_path;
use callboard_runtime::{Bundled, Class};
use serde_json::{Map, Value};

use crate::project::Project;
use crate::{Result, error, unread};

/// A step to try.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What it is called: as `step.toml` says, else its file without `.wasm`.
    pub name: String,
    /// The folder that its golden files are in, and that granted paths start from.
    pub folder: PathBuf,
    /// A path, or the name of a bundled step.
    pub(crate) uses: String,
    pub(crate) project: Project,
}

impl Subject {
    /// Finds a step: a folder with a `step.toml` (the current one where none is named), a component's file, or the name of a bundled step.
    /// A component that lies in its step's folder is given what `step.toml` says.
    ///
    /// # Errors
    ///
    /// A folder without `step.toml`, one that cannot be read, a component that is not there.
    pub fn find(step: Option<&Path>) -> Result<Subject> {
        let path = step.unwrap_or(Path::new("."));
        let text = path.display().to_string();
        if path.is_dir() {
            let Some(project) = Project::of(path)? else {
                let help = "name the component, or the folder of a step: callboard step new NAME makes one";
                return Err(error(Class::Pipeline, format!("there is no `step.toml` in `{text}`"), Some(help.into())));
            };
            let component = path.join(format!("{}.wasm", project.name));
            return Subject::of(project, path.to_owned(), &component, Some(path));
        }
        if !is_path(&text) && !path.exists() {
            let project = Project { name: text.clone(), ..Project::default() };
            return Ok(Subject { name: text.clone(), folder: PathBuf::new(), uses: text, project });
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let beside = Project::of(&folder)?.filter(|project| project.name == stem);
        let project = beside.unwrap_or_else(|| Project { name: stem, ..Project::default() });
        Subject::of(project, folder, path, None)
    }

    fn of(project: Project, folder: PathBuf, component: &Path, build: Option<&Path>) -> Result<Subject> {
        if !component.is_file() {
            let help = build.map(|folder| format!("build it: callboard step build {}", folder.display()));
            let message = format!("there is no component `{}`", component.display());
            return Err(error(Class::Pipeline, message, help));
        }
        // A pipeline tells a path from a bundled step's name by its slash, or its ending.
        let uses = component.display().to_string();
        let uses = if is_path(&uses) { uses } else { format!("./{uses}") };
        Ok(Subject { name: project.name.clone(), folder, uses, project })
    }

    /// Gives it another configuration than `step.toml` says: a JSON object.
    ///
    /// # Errors
    ///
    /// What is no JSON object.
    pub fn configure(&mut self, json: &str) -> Result<()> {
        let refused = |why: String| {
            let help = "for instance: --config '{\"min\": 3}'".to_owned();
            error(Class::Pipeline, format!("the configuration is no JSON object: {why}"), Some(help))
        };
        match serde_json::from_str::<Value>(json).map_err(|wrong| refused(wrong.to_string()))? {
            config @ Value::Object(_) => self.project.config = Some(config),
            other => return Err(refused(format!("found `{other}`"))),
        }
        Ok(())
    }

    /// The language that it is written in, as `step.toml` calls it.
    pub fn language(&self) -> Option<&str> {
        self.project.language.as_deref()
    }

    /// What it is given.
    pub fn config(&self) -> Value {
        self.project.config.clone().unwrap_or_else(|| Value::Object(Map::new()))
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its component.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, a bundled step that there is not.
    pub fn bytes(&self, bundled: &[Bundled]) -> Result<Cow<'static, [u8]>> {
        if is_path(&self.uses) {
            let path = Path::new(&self.uses);
            return std::fs::read(path).map(Cow::Owned).map_err(|said| unread("read the component", path, &said));
        }
        match bundled.iter().find(|step| step.name == self.uses) {
            Some(Bundled { bytes: Some(bytes), .. }) => Ok(Cow::Borrowed(bytes)),
            Some(_) => {
                Err(error(Class::Pipeline, format!("the bundled step `{}` is not in this build", self.uses), None))
            }
            None => {
                let help = format!("a component is named by its path: ./{}.wasm", self.uses);
                let message = format!("there is no file and no bundled step `{}`", self.uses);
                Err(error(Class::Pipeline, message, Some(help)))
            }
        }
    }
}
