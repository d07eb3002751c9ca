//! What is known of a language: `language.toml` of its folder of templates.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A language that steps can be written in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// What the command line and `step.toml` call it: its folder under `plugins/templates`.
    #[serde(skip)]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The folder of its SDK under `plugins/sdk`.
    pub sdk: String,
    /// The programs that building needs.
    pub tools: Vec<Tool>,
    /// Why a step's memory grows with what it puts out, where that is the toolchain's doing and not the author's.
    pub leaks: Option<String>,
    /// How a step is built.
    pub build: Build,
    /// How the SDK's own tests are run.
    #[serde(rename = "sdk-tests")]
    pub sdk_tests: Option<SdkTests>,
}

/// A program that building needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// A command that succeeds where the program is there, and says its version in its first line.
    pub run: Vec<String>,
    /// One line of shell that installs it, run in the step's folder.
    pub install: String,
}

/// How a step is built: in the step's folder, a core module or a component is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Environment variables of the commands; placeholders are filled in.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Programs and their arguments, run in this order without a shell; placeholders are filled in.
    pub commands: Vec<Vec<String>>,
    /// Where what they make lies, for toolchains that choose the place themselves; else it is `{out}`.
    pub output: Option<String>,
}

/// How an SDK's own tests are run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SdkTests {
    /// Programs and their arguments, run in the SDK's folder.
    pub commands: Vec<Vec<String>>,
}

impl Language {
    /// Reads a `language.toml`.
    ///
    /// # Errors
    /// If it is not what is described here; in the parser's words, with line and column.
    pub fn parse(id: &str, text: &str) -> Result<Self, toml::de::Error> {
        let language: Language = toml::from_str(text)?;
        let commands = language.build.commands.iter().chain(language.tools.iter().map(|tool| &tool.run));
        let sdk_tests = language.sdk_tests.iter().flat_map(|tests| &tests.commands);
        if language.build.commands.is_empty() || commands.chain(sdk_tests).any(Vec::is_empty) {
            return Err(serde::de::Error::custom("a command is empty, or there is none to build with"));
        }
        Ok(Language { id: id.to_owned(), ..language })
    }
}
