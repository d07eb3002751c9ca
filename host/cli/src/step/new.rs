//! `callboard step new`: a folder that builds as it is, and what to do with it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use callboard_author::{NewError, languages_like, templates, toolchain};
use callboard_runtime::Class;

use crate::arguments::NewArguments;
use crate::exit::{Failure, plain, quoted};
use crate::show::print;

pub(crate) fn new(arguments: &NewArguments) -> Result<ExitCode, Failure> {
    let (Some(name), Some(id)) = (&arguments.name, &arguments.lang) else {
        unreachable!("clap asks for both where there is no --list");
    };
    let language = templates::language(id).ok_or_else(|| {
        Failure::other(Class::Pipeline, format!("`{id}` is not a language that this callboard supports"))
            .help(languages_like(id))
    })?;
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    callboard_author::new(name, language, arguments.kind.into(), &folder).map_err(failure)?;

    let shown = folder.display().to_string();
    let mut text =
        format!("{shown}: a {} step in {}\n\n", callboard_author::Template::from(arguments.kind).name(), language.name);
    let mut command = |line: &str, what: &str| text.push_str(&format!("  {line:<39}  {what}\n"));
    if folder != Path::new(".") {
        command(&format!("cd {}", quoted(&folder)), "");
    }
    for line in toolchain::install_lines(&toolchain::find(language, &folder, &toolchain::path(&folder))) {
        command(line, "");
    }
    command("callboard step build", &format!("makes {name}.wasm"));
    command("callboard step test", "runs it on rows.jsonl");
    command("callboard run pipeline.toml --overwrite", "runs it in a pipeline");
    print(&text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

fn failure(error: NewError) -> Failure {
    let class = match &error {
        NewError::Name(_) | NewError::Exists(_) => Class::Pipeline,
        NewError::Write(..) => Class::System,
    };
    match &error {
        NewError::Write(_, cause) => Failure::other(class, format!("{error}: {}", plain(cause))),
        NewError::Exists(_) => Failure::other(class, error.to_string()).help("give another folder with `--dir`"),
        NewError::Name(_) => Failure::other(class, error.to_string()),
    }
}
