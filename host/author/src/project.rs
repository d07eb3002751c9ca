//! A step's own folder: `step.toml` says what it is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use callboard_files::read_regular;
use callboard_plan::{Problem, Problems, Source, nearest};
use serde::Deserialize;

use crate::contract::Kind;
use crate::language::{Build, Language};
use crate::name::Name;
use crate::templates;

/// What `step.toml` is called.
pub const FILE: &str = "step.toml";

/// A step's folder.
#[derive(Clone, Debug)]
pub struct Project {
    /// Where it is.
    pub folder: PathBuf,
    /// What the step is called.
    pub name: Name,
    /// What it is written in.
    pub language: &'static Language,
    /// What it is.
    pub kind: Kind,
}

/// What a `step.toml` says, key by key. Its language need not be one that this callboard knows: a component is tried without building it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    name: toml::Spanned<String>,
    language: toml::Spanned<String>,
    kind: Kind,
    /// What the step is given when it is tried.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Stands in for a language that this callboard does not know.
    build: Option<Build>,
    /// The SDK that is carried for it, if any.
    sdk: Option<String>,
    /// As a pipeline's `limits`.
    pub limits: Option<serde_json::Value>,
    /// As a pipeline's `grant`.
    pub grant: Option<serde_json::Value>,
    /// Types of columns that rows do not say, as an input's `types`.
    #[serde(default)]
    pub types: BTreeMap<String, String>,
}

impl StepFile {
    /// Reads the `step.toml` of a folder.
    ///
    /// # Errors
    /// With the place, where the file is not there, has other keys or other values than it may.
    pub fn read(folder: &Path) -> Result<Self, Problems> {
        Self::parse(&source(folder)?)
    }

    fn parse(source: &Source) -> Result<Self, Problems> {
        toml::from_str(&source.text)
            .map_err(|error: toml::de::Error| problems(source, error.message().replace('\n', " "), error.span(), None))
    }

    /// What the step is called.
    pub fn name(&self) -> &str {
        self.name.get_ref()
    }

    /// What it is written in.
    pub fn language(&self) -> &str {
        self.language.get_ref()
    }
}

/// The most that a `step.toml` may have, bytes.
const LONGEST: u64 = 1 << 20;

fn source(folder: &Path) -> Result<Source, Problems> {
    let file = folder.join(FILE);
    let shown = file.strip_prefix(".").unwrap_or(&file).display().to_string();
    let read = read_regular(&file, LONGEST).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    let text = read.map_err(|error| {
        let help = "a step's folder has one, as `callboard step new` makes it".to_owned();
        problems(&Source::new(&*shown, ""), crate::said(&error), None, Some(help))
    })?;
    Ok(Source::new(&*shown, text))
}

fn problems(source: &Source, message: String, at: Option<std::ops::Range<usize>>, help: Option<String>) -> Problems {
    let problem = Problem { message, at: at.map(|at| source.span(at)), help: help.map(Into::into) };
    Problems { source: source.clone(), problems: vec![problem] }
}

impl Project {
    /// Reads the `step.toml` of a folder, in a language that it can be built in.
    ///
    /// # Errors
    /// Those of [`StepFile::read`]; an invalid name, a language that does not exist.
    pub fn read(folder: &Path) -> Result<Self, Problems> {
        Self::parse(folder, source(folder)?)
    }

    fn parse(folder: &Path, source: Source) -> Result<Self, Problems> {
        let mut file = StepFile::parse(&source)?;
        let build = file.build.take();
        let name = Name::parse(file.name())
            .map_err(|error| problems(&source, error.to_string(), Some(file.name.span()), None))?;
        let id = file.language();
        let language = match build {
            // It lives as long as the process, as the languages that are carried do.
            Some(build) => {
                let language = own(id, build, file.sdk.clone()).map_err(|why| problems(&source, why, None, None))?;
                Box::leak(Box::new(language))
            }
            None => templates::language(id).ok_or_else(|| {
                let help =
                    format!("{}\na `[build]` with its `commands` builds a step in any other", languages_like(id));
                let message = format!("`{id}` is not a language that this callboard supports");
                problems(&source, message, Some(file.language.span()), Some(help))
            })?,
        };
        Ok(Project { folder: folder.to_owned(), name, language, kind: file.kind })
    }

    /// The component that the step becomes: `NAME.wasm` in its folder.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name.kebab()))
    }
}

/// A language that a step brings itself: its commands, and nothing to look for beforehand.
fn own(id: &str, build: Build, sdk: Option<String>) -> Result<Language, String> {
    if build.commands.is_empty() || build.commands.iter().any(Vec::is_empty) {
        return Err("`build.commands` is empty, or has an empty command".to_owned());
    }
    let (id, name, sdk) = (id.to_owned(), id.to_owned(), sdk.unwrap_or_default());
    let language = Language { id, name, sdk, tools: Vec::new(), leaks: None, build, sdk_tests: None };
    match language.sdk.is_empty() || templates::sdk(&language).next().is_some() {
        true => Ok(language),
        false => Err(format!("there is no SDK `{}`", language.sdk)),
    }
}

/// What to say to somebody who named a language that is not there.
pub fn languages_like(id: &str) -> String {
    let ids = templates::languages().iter().map(|language| language.id.as_str());
    // Nearly every word has a `c` in it.
    match nearest(id, ids.clone().filter(|near| near.len() > 1)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", ids.map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Project, String> {
        Project::parse(Path::new("a"), Source::new("a/step.toml", text)).map_err(|problems| problems.to_string())
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let text = |name: &str, rest: &str| format!("name = \"{name}\"\n{rest}");
        for (text, error) in [
            (
                text("a", "language = \"pyhton\"\nkind = \"global\"\n"),
                "a/step.toml:2:12: `pyhton` is not a language that this callboard supports",
            ),
            (text("A", "language = \"python\"\nkind = \"global\"\n"), "a/step.toml:1:8: `A` is not a valid step name"),
            (text("a", "language = \"python\"\nkind = \"globl\"\n"), "a/step.toml:3:8: unknown variant `globl`"),
            (
                text("a", "language = \"python\"\nkind = \"global\"\nkinds = 1\n"),
                "a/step.toml:4:1: unknown field `kinds`",
            ),
            (text("a", "language = python\n"), "a/step.toml:2:12: "),
            (text("a", "kind = \"global\"\n"), "missing field `language`"),
        ] {
            let found = parse(&text).unwrap_err();
            assert!(found.contains(error), "{text}\ngave: {found}");
        }
    }
}
