//! The step that is tried: where its component is, and what it is given.

use callboard_words::{Help, Setting};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use callboard_author::{PROJECT_FILE, StepFile};
use callboard_plan::{COMPONENT_BYTES, Problems, is_path};
use callboard_runtime::{Bundled, Class, ComponentUnread, read_component};
use serde_json::{Map, Value};

use crate::{Result, error};

/// A step to try.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What it is called: as `step.toml` says, else its file without `.wasm`.
    pub name: String,
    /// The folder that its golden files are in, and that granted paths start from.
    pub folder: PathBuf,
    /// A path, or the name of a bundled step.
    pub(crate) uses: String,
    /// The language that it is written in, as `step.toml` calls it; `None` if it has no `step.toml`.
    pub language: Option<String>,
    config: Map<String, Value>,
    /// As a pipeline's `limits`.
    pub(crate) limits: Option<Value>,
    /// What it is granted, as a pipeline's `grant`: nothing, unless the user says it.
    pub(crate) grant: Map<String, Value>,
    /// What `step.toml` asks for, likewise.
    asks: Map<String, Value>,
    /// The most bytes that its component may have. Its `step.toml` does not say it: whoever made the component may have written that.
    pub(crate) component_bytes: u64,
    /// Types of columns that the rows do not say.
    pub(crate) types: BTreeMap<String, String>,
}

impl Subject {
    /// The bundled step of this name, whatever lies in the current folder.
    pub fn bundled(name: &str) -> Subject {
        Subject::of(name.to_owned(), PathBuf::new(), name.to_owned(), None)
    }

    /// Finds a step: a folder with a `step.toml` (the current one where none is named), a component's file, or the name of a bundled step.
    /// A component that lies in its step's folder is given what `step.toml` says.
    ///
    /// # Errors
    ///
    /// A folder without `step.toml`, one that cannot be read, a component that is not there.
    pub fn find(step: Option<&Path>, bundled: &[Bundled]) -> Result<Subject> {
        let path = step.unwrap_or(Path::new("."));
        let text = path.display().to_string();
        if let Some(file) = if path.is_dir() { step_file(path)? } else { None } {
            let component = path.join(format!("{}.wasm", file.name()));
            return Subject::built(file.name().to_owned(), path.to_owned(), &component, Some(file), Some(path));
        }
        // As in a pipeline, whatever else has that name here.
        if bundled.iter().any(|step| step.name == text) || !is_path(&text) && !path.exists() {
            return Ok(Subject::bundled(&text));
        }
        if path.is_dir() {
            let help = "name the component, or the folder of a step: callboard step new NAME makes one";
            return Err(error(Class::Pipeline, format!("there is no `step.toml` in `{text}`"), Some(help.into())));
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let beside = step_file(&folder)?.filter(|file| file.name() == stem);
        Subject::built(stem, folder, path, beside, None)
    }

    /// The step of a component's file. `build` is the folder in which it would be made.
    fn built(
        name: String,
        folder: PathBuf,
        component: &Path,
        file: Option<StepFile>,
        build: Option<&Path>,
    ) -> Result<Subject> {
        if !component.is_file() {
            let help = build.map(|folder| format!("build it: callboard step build {}", folder.display()));
            let message = format!("there is no component `{}`", component.display());
            return Err(error(Class::Pipeline, message, help.map(Into::into)));
        }
        // A pipeline tells a path from a bundled step's name by its slash, or its ending.
        let uses = component.display().to_string();
        let uses = if is_path(&uses) { uses } else { format!("./{uses}") };
        Ok(Subject::of(name, folder, uses, file))
    }

    fn of(name: String, folder: PathBuf, uses: String, file: Option<StepFile>) -> Subject {
        let language = file.as_ref().map(|file| file.language().to_owned());
        let (config, limits, asks, types) =
            file.map(|file| (file.config, file.limits, file.grant, file.types)).unwrap_or_default();
        let asks = match asks {
            Some(Value::Object(asks)) => asks,
            _ => Map::new(),
        };
        Subject {
            name,
            folder,
            uses,
            language,
            config,
            limits,
            grant: Map::new(),
            asks,
            component_bytes: COMPONENT_BYTES,
            types,
        }
    }

    /// Lets its component have that many bytes; the planner refuses more than a component can have.
    pub fn allow_component(&mut self, bytes: u64) {
        self.component_bytes = bytes;
    }

    /// Grants it what the user named: a table as a pipeline's `grant`, whose paths start from the step's folder. The file that lies beside a
    /// component grants nothing: whoever made the component may have written it.
    pub fn grant(&mut self, grant: Map<String, Value>) {
        self.grant = grant;
    }

    /// What its `step.toml` asks for: a table as a pipeline's `grant`, of which nothing has been checked.
    pub fn asks(&self) -> &Map<String, Value> {
        &self.asks
    }

    /// What its `step.toml` asks for and it is not granted, as lines of a pipeline file.
    pub fn asks_in_vain(&self) -> Vec<String> {
        let left = |(key, asked): (&String, &Value)| {
            let rest = match (asked, self.grant.get(key)) {
                (asked, None) => asked.clone(),
                (Value::Array(asked), Some(Value::Array(granted))) => {
                    asked.iter().filter(|item| !granted.contains(item)).cloned().collect::<Vec<_>>().into()
                }
                (Value::Object(asked), Some(Value::Object(granted))) => {
                    let rest = asked.iter().filter(|(key, value)| granted.get(*key) != Some(value));
                    rest.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into()
                }
                (asked, Some(granted)) if asked == granted => return None,
                (asked, Some(_)) => asked.clone(),
            };
            let nothing = match &rest {
                Value::Array(items) => items.is_empty(),
                Value::Object(entries) => entries.is_empty(),
                other => *other == Value::Bool(false),
            };
            (!nothing).then(|| format!("grant.{key} = {}", toml(&rest)))
        };
        self.asks.iter().filter_map(left).collect()
    }

    /// Gives it another configuration than `step.toml` says: a JSON object.
    ///
    /// # Errors
    ///
    /// What is not JSON object.
    pub fn configure(&mut self, json: &str) -> Result<()> {
        let refused = |why: String| {
            let help = Help::from("for instance: ").set(Setting::Config("'{\"min\": 3}'".to_owned()));
            error(Class::Pipeline, format!("the configuration is not JSON object: {why}"), Some(help))
        };
        match serde_json::from_str::<Value>(json).map_err(|wrong| refused(wrong.to_string()))? {
            Value::Object(config) => self.config = config,
            other => return Err(refused(format!("found `{other}`"))),
        }
        Ok(())
    }

    /// What a pipeline would say it uses: a bundled step, or a file.
    pub fn uses(&self) -> &str {
        &self.uses
    }

    /// What it is given.
    pub fn config(&self) -> Value {
        Value::Object(self.config.clone())
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its component.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, a bundled step that does not exist.
    pub fn bytes(&self, bundled: &[Bundled]) -> Result<Cow<'static, [u8]>> {
        if is_path(&self.uses) {
            let path = Path::new(&self.uses);
            return read_component(path, self.component_bytes).map(Cow::Owned).map_err(|unread| match unread {
                ComponentUnread::System(said) => {
                    let message = format!("cannot read the component `{}`: {said}", path.display());
                    error(Class::System, message, None)
                }
                ComponentUnread::TooLarge(said) => {
                    // A pipeline has a key for it, a step alone a setting.
                    let help = said.help();
                    let help = match help.split('"').nth(1) {
                        Some(size) => Help::from("raise it: ").set(Setting::MaxComponent(size.to_owned())),
                        None => help.into(),
                    };
                    error(Class::Pipeline, format!("`{}` {said}", path.display()), Some(help))
                }
            });
        }
        match bundled.iter().find(|step| step.name == self.uses) {
            Some(Bundled { bytes: Some(bytes), .. }) => Ok(Cow::Borrowed(bytes())),
            Some(Bundled { pipeline: Some(_), .. }) => {
                let message =
                    format!("`{}` is a pipeline of several steps, and has no component of its own", self.uses);
                Err(error(
                    Class::Pipeline,
                    message,
                    Some(format!("use it in a pipeline: use = \"{}\"", self.uses).into()),
                ))
            }
            Some(_) => {
                Err(error(Class::Pipeline, format!("the bundled step `{}` is not in this build", self.uses), None))
            }
            None => {
                let help = format!("a component is named by its path: ./{}.wasm", self.uses);
                let message = format!("there is no file and no bundled step `{}`", self.uses);
                Err(error(Class::Pipeline, message, Some(help.into())))
            }
        }
    }
}

/// A value as a pipeline file has it, in one line.
pub fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let bare = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            let entry = |(key, value): (&String, &Value)| match bare(key) && !key.is_empty() {
                true => format!("{key} = {}", toml(value)),
                false => format!("{} = {}", Value::from(key.as_str()), toml(value)),
            };
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// What the `step.toml` of a folder says, if it has one.
fn step_file(folder: &Path) -> Result<Option<StepFile>> {
    if !folder.join(PROJECT_FILE).exists() {
        return Ok(None);
    }
    let refused = |problems: Problems| {
        let help = problems.problems.first().and_then(|problem| problem.help.clone());
        error(Class::Pipeline, problems.to_string(), help)
    };
    StepFile::read(folder).map(Some).map_err(refused)
}
