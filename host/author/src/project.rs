//! A step's own folder: `step.toml` says what it is.

use std::fs;
use std::path::{Path, PathBuf};

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
    /// The configuration that it is tried with.
    pub config: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: toml::Spanned<String>,
    language: toml::Spanned<String>,
    kind: Kind,
    #[serde(default)]
    config: serde_json::Map<String, serde_json::Value>,
    /// Stands in for a language that this callboard does not know.
    build: Option<Build>,
    /// The SDK that is carried for it, if any.
    sdk: Option<String>,
    // What the step is tried with, which is read where it is tried.
    #[serde(rename = "limits")]
    _limits: Option<serde::de::IgnoredAny>,
    #[serde(rename = "grant")]
    _grant: Option<serde::de::IgnoredAny>,
    #[serde(rename = "types")]
    _types: Option<serde::de::IgnoredAny>,
}

impl Project {
    /// Reads the `step.toml` of a folder.
    ///
    /// # Errors
    /// With the place, where the file is not there, has other keys or other values than it may.
    pub fn read(folder: &Path) -> Result<Self, Problems> {
        let file = folder.join(FILE);
        let shown = file.strip_prefix(".").unwrap_or(&file).display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| {
            let help = "a step's folder has one, as `callboard step new` makes it";
            let problem = Problem { message: crate::said(&error), at: None, help: Some(help.to_owned()) };
            Problems { source: Source::new(&*shown, ""), problems: vec![problem] }
        })?;
        Self::parse(folder, Source::new(&*shown, text))
    }

    fn parse(folder: &Path, source: Source) -> Result<Self, Problems> {
        let problems = |message: String, at: Option<std::ops::Range<usize>>, help: Option<String>| {
            let problem = Problem { message, at: at.map(|at| source.span(at)), help };
            Problems { source: source.clone(), problems: vec![problem] }
        };
        let document: Document = toml::from_str(&source.text)
            .map_err(|error: toml::de::Error| problems(error.message().replace('\n', " "), error.span(), None))?;
        let name = Name::parse(document.name.get_ref())
            .map_err(|error| problems(error.to_string(), Some(document.name.span()), None))?;
        let id = document.language.get_ref();
        let language = match document.build {
            // It lives as long as the process, as the languages that are carried do.
            Some(build) => Box::leak(Box::new(own(id, build, document.sdk).map_err(|why| problems(why, None, None))?)),
            None => templates::language(id).ok_or_else(|| {
                let help =
                    format!("{}\na `[build]` with its `commands` builds a step in any other", languages_like(id));
                problems(format!("`{id}` is no language of this callboard"), Some(document.language.span()), Some(help))
            })?,
        };
        Ok(Project { folder: folder.to_owned(), name, language, kind: document.kind, config: document.config })
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
                "a/step.toml:2:12: `pyhton` is no language of this callboard",
            ),
            (text("A", "language = \"python\"\nkind = \"global\"\n"), "a/step.toml:1:8: `A` is no name for a step"),
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
