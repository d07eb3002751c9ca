//! What a step is granted, from the tree.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use url::{Host, Url};

use super::check::plain;
use super::document::{Data, Entry, Node};
use super::fields::{Fields, boolean, list, table, text, wrong_type};
use super::model::Located;
use super::paths::is_address;
use crate::grants::{FileGrant, Grants, HttpGrant, SecretGrant, variables};
use crate::problem::{At, Findings};

/// Those that a request to a granted URL may have.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Characters of a header's name beside letters and digits.
const OF_HEADERS: &str = "!#$%&'*+-.^_`|~";
/// Headers that say how a request is sent, which is the host's business.
const OF_TRANSPORT: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

/// The table `grant` of a step.
pub(crate) fn grants(node: &Node, findings: &mut Findings) -> Option<Grants> {
    let fields = Fields::of(node, "`grant`", findings)?;
    let files = items(fields.get("files"), "`grant.files`", findings, file, |file| file.path.clone());
    let requests = fields.get("http");
    let http = items(requests, "`grant.http`", findings, http, HttpGrant::to_string);
    let env = items(fields.get("env"), "`grant.env`", findings, variable, String::clone);
    // The host of a request that could not be read is not known.
    let all_read = requests.is_none_or(|node| matches!(&node.data, Data::List(items) if items.len() == http.len()));
    let reached = all_read.then_some(&http[..]);
    let secrets = fields.get("secret").map(|node| secrets(node, reached, &env, findings));
    let clock = fields.get("clock").and_then(|node| boolean(node, "`grant.clock`", findings));
    fields.end(None, findings);
    Some(Grants { files, http, env, secrets: secrets.unwrap_or_default(), clock: clock.unwrap_or_default() })
}

/// Where the paths of `grant.files` stand.
pub(crate) fn file_places(grant: &Node) -> BTreeMap<String, Range<usize>> {
    let Some(Data::List(files)) = grant.get("files").map(|files| &files.data) else { return BTreeMap::new() };
    let place = |file: &Node| {
        let path = file.get("path").unwrap_or(file);
        let Data::Text(text) = &path.data else { return None };
        Some((granted_path(text), path.at.clone()?))
    };
    files.iter().filter_map(place).collect()
}

/// A path of `grant.files` as the plan has it.
fn granted_path(path: &str) -> String {
    let plain = plain(path);
    if plain.is_empty() { ".".to_owned() } else { plain }
}

/// Reads a list whose items are distinct by their `key`.
fn items<T>(
    node: Option<&Node>,
    what: &str,
    findings: &mut Findings,
    read: fn(&Node, &mut Findings) -> Option<T>,
    key: fn(&T) -> String,
) -> Vec<T> {
    let (mut items, mut keys) = (Vec::new(), HashSet::new());
    for node in node.and_then(|node| list(node, what, findings)).unwrap_or_default() {
        let Some(item) = read(node, findings) else { continue };
        if !keys.insert(key(&item)) {
            findings.add_with_help(&node.at, format!("{what} names `{}` twice", key(&item)), "name it once");
        } else {
            items.push(item);
        }
    }
    items
}

/// A path, or a table of a path and whether it may be written.
fn file(node: &Node, findings: &mut Findings) -> Option<FileGrant> {
    let (path, write) = match &node.data {
        Data::Text(_) => (text(node, "a file of `grant.files`", findings)?, false),
        Data::Table(_) => {
            let fields = Fields::of(node, "a file of `grant.files`", findings)?;
            let path = fields.need("path", "path = \"scratch\"", findings);
            let path = path.and_then(|node| text(node, "`path`", findings));
            let write = fields.get("write").and_then(|node| boolean(node, "`write`", findings));
            fields.end(None, findings);
            (path?, write.unwrap_or_default())
        }
        other => return wrong_type(node, "a file of `grant.files`", other, "a path, or a table with one", findings),
    };
    let Located { value, at } = path;
    let (refused, help) = if value.starts_with('/') {
        ("is absolute", "granted files must be in the pipeline file's folder: copy them there")
    } else if value.split('/').any(|part| part == "..") {
        ("leads out of its folder", "granted files must be in the pipeline file's folder: copy them there")
    } else if is_address(&value) {
        ("is an address", "a folder of this machine is granted here; requests are granted by `grant.http`")
    } else if value.contains(['*', '?']) {
        ("is a pattern", "grant the folder: all that is in it is granted with it")
    } else if value.contains(char::is_control) {
        ("is not a path", "a path is one line of text, without control characters")
    } else {
        return Some(FileGrant { path: granted_path(&value), write });
    };
    findings.add_with_help(&at, format!("the path `{}` {refused}", value.escape_debug()), help);
    None
}

/// "POST https://api.openai.com/v1/"; without a method it is GET.
fn http(node: &Node, findings: &mut Findings) -> Option<HttpGrant> {
    let Located { value, at } = text(node, "a request of `grant.http`", findings)?;
    let (method, url) = match value.split_once(' ') {
        Some((method, url)) if !method.is_empty() && !method.contains(':') => (method, url),
        _ => ("GET", value.as_str()),
    };
    if !METHODS.contains(&method) {
        let upper = method.to_ascii_uppercase();
        let help = match METHODS.iter().find(|method| **method == upper) {
            Some(method) => format!("did you mean `{method}`?"),
            None => format!("a request is `METHOD URL`, with one of {}", crate::spelling::quoted(METHODS)),
        };
        findings.add_with_help(&at, format!("`{}` is not a request method", method.escape_debug()), help);
        return None;
    }
    let url = granted_url(url).map_err(|(message, help)| findings.add_with_help(&at, message, help)).ok()?;
    Some(HttpGrant {
        method: method.to_owned(),
        scheme: url.scheme().to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port(),
        path: url.path().to_owned(),
    })
}

/// The URL, if it says which requests are meant and nothing else.
fn granted_url(text: &str) -> Result<Url, (String, &'static str)> {
    const EXAMPLE: &str = "write it whole, such as `https://api.example.org/v1/`: all paths that begin so are granted";
    // What a URL parser would fix silently is refused: a grant means what a person reads in it.
    let rest = text.split_once("://").map(|(_, rest)| rest);
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let wrong = |what: &str| Err((format!("a request of `grant.http` {what}"), EXAMPLE));
    match authority {
        None => return wrong("has no URL"),
        Some("") => return wrong("names no host"),
        Some(authority) if authority.contains('@') => {
            let help = "a secret is granted by `grant.secret.\"HOST\"`, not in a URL";
            return Err(("a request of `grant.http` carries a user's name".to_owned(), help));
        }
        Some(_) if text.contains('*') => return wrong("has a `*`, and is not a pattern"),
        Some(_) if text.contains('\\') => return wrong("has a `\\`"),
        Some(_) if text.contains(|c: char| c.is_whitespace() || c.is_control()) => return wrong("has a space"),
        Some(_) => {}
    }
    let url = Url::parse(text).map_err(|error| (format!("a request of `grant.http` has no URL: {error}"), EXAMPLE))?;
    match url.scheme() {
        "http" | "https" => {}
        scheme => return wrong(&format!("is of `{scheme}`, neither `https` nor `http`")),
    }
    if url.query().is_some() {
        return wrong("has a query, which a step adds itself");
    }
    if url.fragment().is_some() {
        return wrong("has a `#`, which no request has");
    }
    Ok(url)
}

/// A variable of the environment.
fn variable(node: &Node, findings: &mut Findings) -> Option<String> {
    let Located { value, at } = text(node, "a variable of `grant.env`", findings)?;
    if crate::grants::is_variable(&value) {
        return Some(value);
    }
    let help = "it has letters, digits and `_`, such as \"LANG\"";
    findings.add_with_help(&at, format!("`{}` is not the name of an environment variable", value.escape_debug()), help);
    None
}

/// By host; a secret is for a host that the step may reach, and for nobody's eyes.
fn secrets(
    node: &Node,
    reached: Option<&[HttpGrant]>,
    env: &[String],
    findings: &mut Findings,
) -> BTreeMap<String, SecretGrant> {
    let mut secrets = BTreeMap::new();
    for Entry { key, key_at, value: node } in table(node, "`grant.secret`", findings).unwrap_or_default() {
        let Ok(host) = Host::parse(key).map(|host| host.to_string()) else {
            let message = format!("`{}` is not a host", key.escape_debug());
            let help = "a secret is for a host, without scheme and port: `grant.secret.\"api.example.org\"`";
            findings.add_with_help(key_at, message, help);
            continue;
        };
        if reached.is_some_and(|reached| !reached.iter().any(|http| http.host == host)) {
            let message = format!("nothing grants a request to `{host}`, which this secret is for");
            findings.add_with_help(key_at, message, format!("add `grant.http = [\"GET https://{host}/\"]`"));
        }
        let Some(secret) = secret(node, key_at, env, findings) else { continue };
        if secrets.insert(host.clone(), secret).is_some() {
            findings.add_with_help(key_at, format!("`grant.secret` names `{host}` twice"), "name it once");
        }
    }
    secrets
}

fn secret(node: &Node, key_at: &At, env: &[String], findings: &mut Findings) -> Option<SecretGrant> {
    const EXAMPLE: &str = "value = \"Bearer ${env.API_KEY}\"";
    let fields = Fields::of(node, "a secret", findings)?;
    let header = fields.need("header", "header = \"Authorization\"", findings);
    let header = header.and_then(|node| text(node, "`header`", findings));
    let value = fields.need("value", EXAMPLE, findings);
    let value = value.and_then(|node| text(node, "`value`", findings));
    fields.end(None, findings);
    let (header, value) = (header?, value?);

    let fits = |c: char| c.is_ascii_alphanumeric() || OF_HEADERS.contains(c);
    if !header.chars().all(fits) || OF_TRANSPORT.iter().any(|name| header.eq_ignore_ascii_case(name)) {
        let message = format!("`{}` is not a header that a secret can use", header.escape_debug());
        findings.add_with_help(&header.at, message, "write its name alone, such as \"Authorization\"");
    }
    // The value itself is in no message: it may be what should not be read.
    match variables(&value) {
        None => {
            let help = format!("`${{` in a secret begins `${{env.NAME}}`, such as `{EXAMPLE}`");
            findings.add_with_help(&value.at, "the value has a `${` that names no variable", help);
        }
        Some(names) if names.is_empty() => {
            let message = "the value is the secret itself, which everyone could read in the plan";
            let help = format!("keep it in the environment, and name the variable: `{EXAMPLE}`");
            findings.add_with_help(&value.at, message, help);
        }
        Some(names) => {
            for name in names.into_iter().filter(|name| env.iter().any(|granted| granted == name)) {
                let message = format!("`grant.env` shows the step `{name}`, which this secret keeps from it");
                findings.add_with_help(key_at, message, format!("take `{name}` out of `grant.env`"));
            }
        }
    }
    if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        findings.add(&value.at, "a header's value has printable ASCII only");
    }
    Some(SecretGrant { header: header.value, value: value.value })
}
