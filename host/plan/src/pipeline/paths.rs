//! What is written where the path of a file belongs, and is none. Planning opens no file, so only what a text shows is judged here.

use callboard_words::template::Template;

use super::model::{Located, Pipeline};
use super::read::Role;
use crate::problem::{At, Findings};
use callboard_words::address::{self, Address, Scheme, shown};
use callboard_words::{Help, Setting};

/// Finds addresses, standard streams, patterns and the like among the paths of a pipeline.
pub(super) fn check(pipeline: &Pipeline, role: Role, findings: &mut Findings) {
    if role == Role::Run {
        files(pipeline, findings);
    }
    for step in &pipeline.steps {
        let uses = &step.uses;
        let here = "download the component, and name its file: use = \"./step.wasm\"";
        let stream = "a component is a file: use = \"./step.wasm\"";
        refuse(uses, "a component", here, stream, findings);
    }
}

fn files(pipeline: &Pipeline, findings: &mut Findings) {
    for input in &pipeline.inputs {
        for path in &input.paths {
            let stream = "an input is read more than once, so it is a file: write standard input to one first";
            if !remote(path, "an input", Scheme::is_read, findings) {
                refuse(path, "an input", "fetch the file first, and name it here", stream, findings);
            }
        }
    }
    for output in &pipeline.outputs {
        let path = &output.path;
        let here = "write to a file here, and copy it there when the run has finished";
        if path.value == STANDARD_OUTPUT {
            continue;
        }
        let stream = "";
        let is_remote = remote(path, "an output", Scheme::is_written, findings);
        if !is_remote && refuse(path, "an output", here, stream, findings) {
            continue;
        }
        match Template::of(path) {
            Some(Err(flaw)) => {
                findings.add_with_help(
                    &path.at,
                    format!("`{}` is not the path of an output: {}", path.value, flaw.message),
                    flaw.help,
                );
            }
            Some(Ok(template)) if is_remote && template.folder.ends_with("//") => {
                let message = format!("`{}` is not the path of an output: its bucket is filled in", path.value);
                findings.add_with_help(
                    &path.at,
                    message,
                    "a bucket is one, and its keys are filled in: \"s3://BUCKET/{language}.jsonl\"",
                );
            }
            _ => {}
        }
        if let Some(at) = path.find(['*', '?']) {
            let message = format!(
                "`{}` is not the path of an output: `{}` is a pattern, and names no column",
                path.value,
                &path[at..=at]
            );
            let help = "write the name of one file, such as \"out/rows.jsonl\", or of several: \"out/{language}/part-{n}.jsonl\"";
            findings.add_with_help(&path.at, message, help);
        }
    }
}

/// The path of an output that is standard output.
const STANDARD_OUTPUT: &str = "-";

/// Whether a path is an address of a place that `what` can be in; what is wrong with it is found.
fn remote(path: &Located<String>, what: &str, can: fn(Scheme) -> bool, findings: &mut Findings) -> bool {
    let Some(address) = Address::of(&path.value) else { return false };
    match address {
        Ok(address) if can(address.scheme) => true,
        Err(flaw) if !flaw.is_unknown => {
            let message = format!("`{}` is not the address of {what}: {}", shown(&path.value), flaw.message);
            findings.add_with_help(&path.at, message, flaw.help);
            true
        }
        // As what it is not.
        _ => false,
    }
}

/// Finds what is not a path of `what`. `remote` says what to do instead of naming an address, `stream` instead of `-`.
fn refuse(path: &Located<String>, what: &str, remote: &str, stream: &str, findings: &mut Findings) -> bool {
    let (message, help): (String, Help) = match &*path.value {
        "-" => (
            format!("`-` is not a path of {what}: {what} is a file"),
            format!("{stream}\na file of that name is `./-`").into(),
        ),
        text => match not_here(text) {
            Some(NotHere::Scheme("file")) => {
                let path = text.trim_start_matches("file://");
                (format!("`{text}` is an address, and {what} is named by its path"), format!("write \"{path}\"").into())
            }
            Some(NotHere::Scheme(scheme)) => {
                (format!("`{}` is an address (`{scheme}://`), where {what} cannot be", shown(text)), remote.into())
            }
            Some(NotHere::Home) => (
                format!("`{text}` is not a path of {what}: only shells expand `~`"),
                Help::from("write the folder's own path, or hand it over: path = \"${params.home}/…\", ")
                    .set(Setting::Param("home".to_owned(), "\"$HOME\"".to_owned())),
            ),
            Some(NotHere::Variable(name)) => (
                format!(
                    "`{text}` is not a path of {what}: `{name}` is an environment variable, and only params are substituted"
                ),
                Help::from("declare a param, use it as `${params.NAME}`, and set it: ")
                    .set(Setting::Param("NAME".to_owned(), "\"$NAME\"".to_owned())),
            ),
            Some(NotHere::Control) => (
                format!("`{}` is not a path of {what}: it has a control character", text.escape_debug()),
                match what {
                    "an input" => "a path is one line of text; a file of such a name is matched by a pattern, with `?` in its place",
                    _ => "a path is one line of text",
                }
                .into(),
            ),
            None => return false,
        },
    };
    findings.add_with_help(&path.at, message, help);
    true
}

/// Why a text names nothing of this machine's file system.
enum NotHere<'a> {
    Scheme(&'a str),
    Home,
    Variable(&'a str),
    Control,
}

fn not_here(text: &str) -> Option<NotHere<'_>> {
    if text.contains(char::is_control) {
        return Some(NotHere::Control);
    }
    if let Some((scheme, _)) = address::split(text) {
        return Some(NotHere::Scheme(scheme));
    }
    if text == "~" || text.starts_with("~/") {
        return Some(NotHere::Home);
    }
    // `$HOME/x`: a name in capitals, as variables of the environment have, up to the end or a slash.
    let name = text.strip_prefix('$').map(|rest| rest.split('/').next().unwrap_or(rest));
    let capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let name = name.filter(|name| !name.is_empty() && name.bytes().all(capital));
    name.map(|name| NotHere::Variable(&text[..=name.len()]))
}

/// Whether a grant's path is an address.
pub(super) fn is_address(path: &str) -> bool {
    matches!(not_here(path), Some(NotHere::Scheme(_)))
}

/// The place of the path among an input's that is `text`.
pub(super) fn place<'a>(paths: &'a [Located<String>], text: Option<&str>) -> Option<&'a At> {
    let named = paths.iter().find(|path| Some(path.value.as_str()) == text);
    named.or_else(|| paths.first()).map(|path| &path.at)
}
