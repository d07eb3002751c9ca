//! The steps of all languages, built once for all tests.
//!
//! They lie in `target/languages/LANG/KIND`, and stay there: a step whose files, toolchain and builder are what they were is not built again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Instant;
use std::{env, fs};

use callboard_author::toolchain::{Found, find, install_lines, path};
use callboard_author::{Language, Project, Template, templates};

use crate::bench::said;

/// The name that the steps are given: none of the templates'.
const NAME: &str = "as-told";

/// The steps of a language.
pub(crate) struct Built {
    pub(crate) language: &'static Language,
    /// `transform`, `global`, `source`, `model`, `mirror` and `longest`: the component, or why it was not built.
    steps: BTreeMap<&'static str, Result<PathBuf, String>>,
}

impl Built {
    /// The component of the step, as a pipeline has it.
    pub(crate) fn step(&self, what: &str) -> String {
        match &self.steps[what] {
            Ok(component) => component.display().to_string(),
            Err(error) => panic!("{}, {what}: {error}", self.language.id),
        }
    }
}

static ALL: LazyLock<Vec<Built>> = LazyLock::new(|| {
    let toolchains = repository("target/toolchains");
    let path = search_path();
    let wanted = env::var("LANGUAGE").ok().filter(|list| list != "present");
    let is_wanted = |id: &str| wanted.as_ref().is_none_or(|list| list.split(',').any(|language| language == id));
    let (mut all, mut skipped) = (Vec::new(), String::new());
    for language in templates::languages().iter().filter(|language| is_wanted(&language.id)) {
        let found = find(language, &toolchains, &path);
        match install_lines(&found).as_slice() {
            [] => all.push(built(language, &found)),
            lines => skipped.push_str(&format!("{}: wants {}\n", language.id, lines.join(" and "))),
        }
    }
    match wanted {
        Some(_) => assert!(skipped.is_empty(), "cannot be tried: {wanted:?}\n{skipped}"),
        None => fs::write(repository("target/languages-skipped"), &skipped).unwrap(),
    }
    eprint!("{skipped}");
    let choice = "`LANGUAGE=present` tries those that are here, `LANGUAGE=rust,go` these alone";
    let chosen = env::var_os("LANGUAGE").is_some() || skipped.is_empty();
    assert!(chosen, "some languages cannot be tried:\n{skipped}`cargo xtask languages` gets them; {choice}");
    assert!(!all.is_empty(), "no language is here, not even Rust");
    all
});

/// Tries something in every language that is here, and fails with all that fail.
pub(crate) fn in_every_language(what: impl Fn(&Built)) {
    let mut failed = Vec::new();
    for built in ALL.iter() {
        if catch_unwind(AssertUnwindSafe(|| what(built))).is_err() {
            failed.push(built.language.id.as_str());
        }
    }
    assert!(failed.is_empty(), "{} of {} languages: {}", failed.len(), ALL.len(), failed.join(", "));
}

/// A file or folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap().join(path)
}

/// Where programs are looked for.
fn search_path() -> Vec<PathBuf> {
    let toolchains = repository("target/toolchains");
    std::iter::once(toolchains.join("bin")).chain(path(&toolchains)).collect()
}

/// `callboard`, with all toolchains on its path.
pub(crate) fn callboard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callboard"));
    command.env("PATH", env::join_paths(search_path()).unwrap());
    command
}

fn built(language: &'static Language, found: &[Found]) -> Built {
    let begun = Instant::now();
    let new = |template: Template| {
        let begin = move |folder: &Path| {
            let mut new = callboard();
            new.args(["step", "new", NAME, "--lang", &language.id, "--kind", template.name(), "--dir"]).arg(folder);
            said(&mut new).map(|_| ())
        };
        (template.name(), build(language, template.name(), found, NAME, begin))
    };
    let mut steps: BTreeMap<_, _> = Template::ALL.into_iter().map(new).collect();
    let mirror = repository("tests/languages/mirror").join(&language.id);
    let begin = |folder: &Path| match mirror.is_dir() {
        true => copy(&mirror, folder).map_err(|error| error.to_string()),
        false => Err(format!("there is no {}", mirror.display())),
    };
    steps.insert("mirror", build(language, "mirror", found, "mirror", begin));
    // The group-by of the language's page, in the place of the template's step.
    let begin = |folder: &Path| {
        let (file, code) = longest(language)?;
        let mut new = callboard();
        new.args(["step", "new", NAME, "--lang", &language.id, "--kind", "global", "--dir"]).arg(folder);
        said(&mut new)?;
        fs::write(folder.join(file), code).map_err(|error| error.to_string())
    };
    steps.insert("longest", build(language, "longest", found, NAME, begin));
    eprintln!("{}: built in {:.1} s", language.id, begun.elapsed().as_secs_f32());
    Built { language, steps }
}

/// The step `Longest` of a language's page, which is a whole file, and which file of a step's folder that is.
fn longest(language: &Language) -> Result<(&'static str, String), String> {
    let file = match language.id.as_str() {
        "rust" => "src/lib.rs",
        "c" => "step.c",
        "cpp" => "step.cpp",
        "go" => "step.go",
        "python" => "step.py",
        "typescript" => "step.ts",
        other => return Err(format!("nobody says which file of a step in {other} is its source")),
    };
    let page = repository("docs/sdk").join(&language.id).with_extension("md");
    let page = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let blocks = page.split("\n```").skip(1).step_by(2);
    let code = blocks.filter_map(|block| block.split_once('\n')).map(|(_, code)| format!("{code}\n"));
    let mut found = code.filter(|code| code.contains("Keeps the longest texts of each domain"));
    found.next().map(|code| (file, code)).ok_or_else(|| "the page has no step `Longest`".to_owned())
}

/// The component of a step whose folder is in the repository; none where its language is not here.
pub(crate) fn project(folder: &Path) -> Option<Result<PathBuf, String>> {
    let project = Project::read(folder).unwrap_or_else(|problems| panic!("{problems}"));
    let language = ALL.iter().find(|built| built.language.id == project.language.id)?.language;
    let found = find(language, &repository("target/toolchains"), &search_path());
    let name = project.name.kebab();
    Some(build(language, name, &found, name, |to| copy(folder, to).map_err(|error| error.to_string())))
}

/// The component of a step whose folder `begin` fills.
fn build(
    language: &Language,
    what: &str,
    found: &[Found],
    name: &str,
    begin: impl Fn(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let place = repository("target/languages").join(&language.id).join(what);
    let (folder, next, stamp) = (place.join("step"), place.join("next"), place.join("stamp"));
    let component = folder.join(format!("{name}.wasm"));
    let _ = fs::remove_dir_all(&next);
    fs::create_dir_all(&place).unwrap();
    begin(&next)?;
    let now = digest(&next, found);
    if component.exists() && fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return Ok(component);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&next, &folder).unwrap();
    // What cargo builds of dependencies is the same for all steps.
    let shared = place.with_file_name("target");
    fs::create_dir_all(&shared).unwrap();
    symlink(&shared, folder.join("target")).unwrap();
    said(callboard().args(["step", "build"]).arg(&folder))?;
    fs::write(&stamp, now).unwrap();
    Ok(component)
}

/// Of all that a component comes from: the step's files, the language's commands, its tools, the crate that builds, and the SDK.
fn digest(folder: &Path, found: &[Found]) -> String {
    let mut hasher = DefaultHasher::new();
    for (place, folder) in
        [("step", folder.to_owned()), ("author", repository("host/author/src")), ("sdk", repository("plugins/sdk"))]
    {
        for (path, bytes) in files(&folder) {
            (place, path, bytes).hash(&mut hasher);
        }
    }
    fs::read(repository("Cargo.lock")).unwrap().hash(&mut hasher);
    for found in found {
        (&found.tool.run, &found.version).hash(&mut hasher);
    }
    for language in templates::languages() {
        (&language.build.commands, &language.build.env, &language.build.output).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// The files of a folder, without what tools leave there; what cannot be read is not there.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(inner) = folders.pop() {
        for path in fs::read_dir(inner).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let left = ["__pycache__", "node_modules", "target", ".venv", ".pytest_cache"];
            match fs::read(&path) {
                _ if left.iter().any(|name| path.ends_with(name)) => {}
                Ok(bytes) => drop(files.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes)),
                Err(_) if path.is_dir() => folders.push(path),
                Err(_) => {}
            }
        }
    }
    files
}

/// A step's folder as it is in the repository, without what a build left there.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for (path, bytes) in files(from) {
        let to = to.join(&path);
        if !path.starts_with(".callboard") && path.extension().is_none_or(|extension| extension != "wasm") {
            fs::create_dir_all(to.parent().unwrap())?;
            fs::write(to, bytes)?;
        }
    }
    Ok(())
}
