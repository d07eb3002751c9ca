//! Builds a step: runs its language's commands, makes a component of what they leave, and puts it at its place whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use std::{fs, io};

use callboard_plan::{Problems, scan};

use crate::component::component;
use crate::project::Project;
use crate::toolchain::{self, Found};
use crate::{carry, process, said};

/// Where a language's commands leave what they make, unless they choose the place themselves.
const OUT: &str = ".callboard/build/step.wasm";

/// A step that was built.
#[derive(Debug)]
pub struct Made {
    /// The step.
    pub project: Project,
    /// Its component.
    pub component: PathBuf,
    /// How large that is, in bytes.
    pub size: u64,
    /// How long it took.
    pub took: Duration,
}

/// Why a step was not built.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// `step.toml` is not what it should be.
    #[error(transparent)]
    Project(#[from] Box<Problems>),
    /// Programs that the language needs are not here.
    #[error("the toolchain of {language} is not here: {}", quoted(missing))]
    Missing {
        /// The language's name.
        language: &'static str,
        /// The programs.
        missing: Vec<&'static str>,
        /// What installs them, in the step's folder; a line of shell each.
        install: Vec<&'static str>,
    },
    /// A command of the toolchain failed.
    #[error("`{line}` failed ({status})")]
    Command {
        /// The command.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// All that it said.
        said: String,
    },
    /// The commands went well, and what they left is not a component of this kind of step, nor can it become one.
    #[error("`{}` {why}", path.display())]
    NotAStep {
        /// What they left.
        path: PathBuf,
        /// What is wrong with it; goes on from its name.
        why: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The system refused.
    #[error("cannot {doing}: {}", said(error))]
    System {
        /// What was to be done.
        doing: String,
        /// Why it was not.
        error: io::Error,
    },
}

fn quoted(programs: &[&str]) -> String {
    programs.iter().map(|program| format!("`{program}`")).collect::<Vec<_>>().join(", ")
}

impl MakeError {
    fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |error| MakeError::System { doing: doing.into(), error }
    }

    fn not_a_step(path: PathBuf, why: impl Into<String>, help: Option<String>) -> Self {
        MakeError::NotAStep { path, why: why.into(), help }
    }
}

/// Builds the step of a folder, to `NAME.wasm` in it. What was there stays until the new one is whole.
///
/// # Errors
/// See [`MakeError`]; the first command that fails ends it.
pub fn make(folder: &Path) -> Result<Made, MakeError> {
    let begun = Instant::now();
    let project = Project::read(folder).map_err(Box::new)?;
    let language = project.language;
    let path = toolchain::path(folder);
    let found = toolchain::find(language, folder, &path);
    let missing: Vec<&Found> = found.iter().filter(|found| found.version.is_none()).collect();
    if !missing.is_empty() {
        let missing = missing.iter().map(|found| found.tool.run[0].as_str()).collect();
        return Err(MakeError::Missing {
            language: &language.name,
            missing,
            install: toolchain::install_lines(&found),
        });
    }
    carry::refresh(folder, language)
        .map_err(|(path, error)| MakeError::system(format!("write `{}`", path.display()))(error))?;
    let built = compile(&project, &path)?;

    let bytes = fs::read(&built).map_err(|error| {
        MakeError::not_a_step(
            built.clone(),
            format!("was to be made by the toolchain, and cannot be read: {}", said(&error)),
            None,
        )
    })?;
    let bytes = component(bytes, project.kind)
        .map_err(|error| MakeError::not_a_step(built.clone(), format!("cannot become a component: {error}"), None))?;
    let facts =
        scan(&bytes).map_err(|error| MakeError::not_a_step(built.clone(), error.to_string(), Some(error.help())))?;
    if facts.kind.as_str() != project.kind.name() {
        let why =
            format!("is a {} step, and `step.toml` says that it is a {}", facts.kind.as_str(), project.kind.name());
        return Err(MakeError::not_a_step(built, why, Some(format!("kind = \"{}\"", facts.kind.as_str()))));
    }

    let (to, beside) = (project.component(), folder.join(".callboard/build/whole.wasm"));
    let written = carry::write(&beside, &bytes).and_then(|()| fs::rename(&beside, &to));
    written.map_err(MakeError::system(format!("write `{}`", to.display())))?;
    Ok(Made { component: to, size: bytes.len() as u64, took: begun.elapsed(), project })
}

/// Runs the language's commands, and says where what they made lies.
fn compile(project: &Project, path: &[PathBuf]) -> Result<PathBuf, MakeError> {
    let folder = &project.folder;
    let values = placeholders(project);
    let out = folder.join(OUT);
    let build = out.parent().expect("it is in a folder");
    fs::create_dir_all(build).map_err(MakeError::system(format!("make `{}`", build.display())))?;
    match fs::remove_file(&out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(MakeError::system(format!("remove `{}`", out.display()))(error));
        }
        _ => {}
    }
    let rules = &project.language.build;
    for argv in &rules.commands {
        let argv: Vec<String> = argv.iter().map(|word| filled(word, &values)).collect();
        let mut command = process::command(&argv, folder, path);
        command.envs(rules.env.iter().map(|(key, value)| (key, filled(value, &values))));
        let line = process::line(&argv);
        let ended = process::run(&mut command).map_err(MakeError::system(format!("run `{line}`")))?;
        if !ended.status.success() {
            return Err(MakeError::Command { line, status: ended.status, said: ended.said });
        }
    }
    Ok(rules.output.as_ref().map_or(out, |output| folder.join(filled(output, &values))))
}

fn placeholders(project: &Project) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("{name}", project.name.kebab().to_owned()),
        ("{name_snake}", project.name.snake()),
        ("{kind}", project.kind.name().to_owned()),
        ("{world}", project.kind.world().to_owned()),
        ("{wit}", carry::WIT.to_owned()),
        ("{sdk}", carry::SDK.to_owned()),
        ("{out}", OUT.to_owned()),
    ])
}

/// A word with its placeholders filled in.
fn filled(word: &str, values: &BTreeMap<&'static str, String>) -> String {
    values.iter().fold(word.to_owned(), |word, (placeholder, value)| word.replace(placeholder, value))
}
