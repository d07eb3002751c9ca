//! The components that a pipeline uses: found, scanned, digested.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::path::{Path, PathBuf};

use callboard_plan::pipeline::{Step, Text, TextLimits, is_pipeline};
use callboard_plan::{
    COMPONENT_BYTES, Catalog, Component, Kind, Missing, Origin, Pipeline, PlannedStep, Problem, Problems, ScanError,
    Source, is_path, scan,
};
use callboard_words::{Help, Setting};
use sha2::{Digest, Sha256};

use callboard_sandbox::hex;
use callboard_sandbox::plain;

/// A step that the binary carries.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// What a pipeline calls it.
    pub name: &'static str,
    /// Gives its component, which a binary may carry compressed: called only for a step that is used. `None` in a
    /// build that was made before the guests.
    pub bytes: Option<fn() -> &'static [u8]>,
    /// The SHA-256 of the component, hexadecimal: known when the binary is made, it need not be computed in each run.
    pub digest: &'static str,
    /// The pipeline that it is, if it is one.
    pub pipeline: Option<BundledPipeline>,
    /// Whether it is only a part of such a pipeline, which lists of bundled steps leave out.
    pub part: bool,
}

/// The pipeline that a bundled step is.
#[derive(Clone, Copy, Debug)]
pub struct BundledPipeline {
    /// The text of its file.
    pub text: &'static str,
    /// The step is this pipeline only where its configuration holds something under this key, and its component elsewhere; without a
    /// key it is always this pipeline, and has no component.
    pub key: Option<&'static str>,
}

impl Bundled {
    /// The text of the pipeline that the step is with this configuration, if it is one.
    pub fn pipeline_for(&self, config: &serde_json::Value) -> Option<&'static str> {
        let pipeline = self.pipeline.as_ref()?;
        let asked_for = |key| match config.get(key) {
            None | Some(serde_json::Value::Null) => false,
            Some(serde_json::Value::Object(keys)) => !keys.is_empty(),
            Some(_) => true,
        };
        pipeline.key.is_none_or(asked_for).then_some(pipeline.text)
    }
}

/// Replaces each step that is a pipeline by the steps of that pipeline, to the last: a bundled one, or a file relative to `base`. All
/// files together may take what `limits` allow one.
///
/// # Errors
///
/// What is wrong with such a pipeline, or with how it is used, with its place.
pub fn compose(
    mut pipeline: Pipeline,
    bundled: &[Bundled],
    base: &Path,
    limits: TextLimits,
) -> Result<Pipeline, Problems> {
    let carried = |step: &Step| {
        let bundled = bundled.iter().find(|bundled| bundled.name == *step.uses)?;
        bundled.pipeline_for(&step.config)
    };
    let mut room = limits.text as u64;
    loop {
        let mut texts: BTreeMap<String, Text> = BTreeMap::new();
        for step in &pipeline.steps {
            let uses = &step.uses.value;
            let text = match carried(step) {
                Some(text) => Ok(Source::new(uses.as_str(), text)),
                None if is_pipeline(uses) && !texts.contains_key(uses) => text_of(uses, base, &mut room),
                None => continue,
            };
            texts.insert(uses.clone(), text);
        }
        if texts.is_empty() {
            return Ok(pipeline);
        }
        let is_one = |step: &Step| carried(step).is_some() || is_pipeline(&step.uses);
        pipeline = pipeline.expanded(|step| texts.get(&step.uses.value).filter(|_| is_one(step)), limits)?;
    }
}

/// The text of a pipeline that is used as a step: of a regular file, of no more than `room` bytes, which it takes.
fn text_of(uses: &str, base: &Path, room: &mut u64) -> Result<Source, Problem> {
    let bytes = callboard_io::read_regular(&base.join(uses), *room).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => Problem {
            message: "it is too large, with the other pipelines that are used".to_owned(),
            at: None,
            help: Some(Help::from("keep data in files; or allow it: ").set(Setting::MaxPipeline("64MiB".to_owned()))),
        },
        _ => Problem {
            message: plain(&error),
            at: None,
            help: Some("paths are relative to the pipeline file's folder".into()),
        },
    })?;
    *room -= bytes.len() as u64;
    Source::from_bytes(uses, &bytes).map_err(|mut problems| Problem { at: None, ..problems.problems.remove(0) })
}

/// Why the bytes of a component's file are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentUnread {
    /// The system's words.
    System(String),
    /// It has more bytes than a component may have.
    TooLarge(ScanError),
}

/// The bytes of a component's file: of a regular one, of no more than `limit` bytes.
///
/// # Errors
///
/// See [`ComponentUnread`].
pub fn read_component(path: &Path, limit: u64) -> Result<Vec<u8>, ComponentUnread> {
    callboard_io::read_regular(path, limit).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            let size = path.metadata().map_or(0, |file| file.len()).max(limit + 1);
            ComponentUnread::TooLarge(ScanError::TooLarge { size, limit })
        }
        _ => ComponentUnread::System(plain(&error)),
    })
}

/// The components of a pipeline: what planning needs of them, and their bytes.
#[derive(Debug, Default)]
pub struct Components {
    /// For planning.
    pub catalog: Catalog,
    /// The files of pipelines that are used as steps.
    pub(crate) pipelines: Vec<PathBuf>,
    bytes: HashMap<String, Cow<'static, [u8]>>,
}

impl Components {
    /// Finds each `use` of a pipeline: among the bundled steps, or as a file relative to `base`. What is not found is in
    /// the catalog too, with the reason; planning makes an error of it, with its place.
    pub fn of(pipeline: &Pipeline, bundled: &[Bundled], base: &Path) -> Components {
        let mut components = Components {
            catalog: Catalog {
                bundled: bundled.iter().filter(|step| !step.part).map(|step| step.name.to_owned()).collect(),
                formats: callboard_io::Format::names().map(str::to_owned).collect(),
                components: BTreeMap::new(),
            },
            pipelines: pipeline.pipelines.iter().map(|file| base.join(file)).collect(),
            bytes: HashMap::new(),
        };
        // If several steps use the same file, the most generous limit counts.
        let mut limits: HashMap<&str, u64> = HashMap::new();
        for step in &pipeline.steps {
            let limit = step.limits.component_bytes.unwrap_or(COMPONENT_BYTES);
            limits.entry(&step.uses.value).and_modify(|most| *most = limit.max(*most)).or_insert(limit);
        }
        for step in &pipeline.steps {
            let uses: &str = &step.uses.value;
            if !components.catalog.components.contains_key(uses) {
                let found = components.find(uses, bundled, base, limits[uses]);
                components.catalog.components.insert(uses.to_owned(), found);
            }
        }
        components
    }

    /// Finds what a plan used, as it is now: its digest and kind. An error is a phrase.
    pub(crate) fn find_again(
        &mut self,
        step: &PlannedStep,
        bundled: &[Bundled],
        base: &Path,
    ) -> Result<(String, Kind), String> {
        let uses = &step.uses;
        match self.find(uses, bundled, base, step.limits.component_bytes) {
            Ok(component) => Ok((component.digest, component.facts.kind)),
            Err(Missing::Unreadable { path, error }) => Err(format!("`{path}`: {error}")),
            Err(Missing::Unfit { path, error }) => Err(format!("`{path}` {error}")),
            Err(Missing::NotBuilt(how)) => Err(format!("the bundled step `{uses}` is not in this build: {how}")),
            Err(Missing::Unknown) => Err(format!("this callboard has no bundled step `{uses}`")),
        }
    }

    /// The copy of a component that a run kept: the one of this digest, and no other.
    pub(crate) fn kept(&mut self, mut file: File, digest: &str) -> Result<(String, Kind), String> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| format!("the copy in the run's folder: {}", plain(&error)))?;
        if hex(&Sha256::digest(&bytes)) != digest {
            return Err("the copy in the run's folder is not what the run began with".to_owned());
        }
        let added = self.add(Cow::Owned(bytes), digest.to_owned(), Origin::Bundled, digest);
        let component = added.map_err(|_| "the copy in the run's folder is not a step".to_owned())?;
        Ok((component.digest, component.facts.kind))
    }

    fn find(&mut self, uses: &str, bundled: &[Bundled], base: &Path, limit: u64) -> Result<Component, Missing> {
        if is_path(uses) {
            let path = base.join(uses).display().to_string();
            let bytes = read_component(Path::new(&path), limit).map_err(|error| match error {
                ComponentUnread::System(error) => Missing::Unreadable { path: path.clone(), error },
                ComponentUnread::TooLarge(error) => Missing::Unfit { path: path.clone(), error },
            })?;
            let digest = hex(&Sha256::digest(&bytes));
            return self.add(Cow::Owned(bytes), digest, Origin::Path(path.clone()), &path);
        }
        match bundled.iter().find(|step| step.name == uses) {
            Some(Bundled { bytes: Some(bytes), digest, .. }) => {
                self.add(Cow::Borrowed(bytes()), (*digest).to_owned(), Origin::Bundled, uses)
            }
            Some(Bundled { bytes: None, .. }) => {
                Err(Missing::NotBuilt("cargo xtask guests && cargo build --release".to_owned()))
            }
            None => Err(Missing::Unknown),
        }
    }

    fn add(
        &mut self,
        bytes: Cow<'static, [u8]>,
        digest: String,
        origin: Origin,
        path: &str,
    ) -> Result<Component, Missing> {
        let facts = scan(&bytes).map_err(|error| Missing::Unfit { path: path.to_owned(), error })?;
        self.bytes.insert(digest.clone(), bytes);
        Ok(Component { facts, digest, origin })
    }

    /// The bytes of the component of a digest, if it is one of these.
    pub(crate) fn bytes(&self, digest: &str) -> Option<&[u8]> {
        self.bytes.get(digest).map(|bytes| bytes.as_ref())
    }
}
