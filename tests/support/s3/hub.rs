//! The interface of the Hugging Face hub: the dataset `o/n`, whose files are the objects below `hub/`, and its store of large files.

use serde_json::{Value, json};

use super::answer::Answer;
use super::objects::etag;
use super::{Request, State};

/// The commit of all revisions that the hub has: `main`, `v1` and the converted branch.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The commit that `main` stands for: another after each commit.
fn head(state: &State) -> String {
    format!("{}{:04x}", &COMMIT[..36], u64::from_str_radix(&COMMIT[36..], 16).unwrap() + state.commits.len() as u64)
}

/// What is written to the hub: its store of large files, and commits.
pub(super) fn to_hub(request: &Request, body: Vec<u8>, state: &mut State, path: &str) -> Answer {
    let token = request.headers.get("authorization").cloned();
    let refused = |status, words: &str| Answer::new(status, format!("{{\"error\":\"{words}\"}}"));
    let json = || serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    if parts[0] != "lfs" && token.as_deref() != Some("Bearer TOKENOFTHETEST") {
        return refused(403, "this token may not write");
    }
    let is_large = |path: &str, size: u64| path.ends_with(".parquet") || size > 1000;
    match parts.as_slice() {
        ["api", "datasets", "o", "n", "preupload", "main"] => {
            let files = json()["files"].as_array().unwrap().clone();
            let files: Vec<Value> = files
                .iter()
                .map(|file| {
                    let mode = if is_large(file["path"].as_str().unwrap(), file["size"].as_u64().unwrap()) {
                        "lfs"
                    } else {
                        "regular"
                    };
                    json!({ "path": file["path"], "uploadMode": mode, "shouldIgnore": false })
                })
                .collect();
            Answer::new(200, json!({ "files": files }).to_string())
        }
        ["api", "datasets", "o", "n", "paths-info", "main"] => {
            let paths = json()["paths"].as_array().unwrap().clone();
            let there =
                paths.iter().filter(|path| state.objects.contains_key(&format!("b/hub/{}", path.as_str().unwrap())));
            Answer::new(
                200,
                Value::Array(there.map(|path| json!({ "type": "file", "path": path })).collect()).to_string(),
            )
        }
        ["datasets", "o", "n.git", "info", "lfs", "objects", "batch"] => {
            let host = format!("http://{}", request.headers["host"]);
            let objects = json()["objects"].as_array().unwrap().clone();
            let objects: Vec<Value> = objects.iter().map(|object| {
                let (oid, size) = (object["oid"].as_str().unwrap(), object["size"].as_u64().unwrap());
                if state.large.contains_key(oid) {
                    return object.clone();
                }
                let upload = match size > 20_000 {
                    false => json!({ "href": format!("{host}/lfs/{oid}") }),
                    true => {
                        let mut header = json!({ "chunk_size": "8192" });
                        for part in 1..=size.div_ceil(8192) {
                            header[format!("{part:05}")] = json!(format!("{host}/lfs/{oid}/{part}"));
                        }
                        json!({ "href": format!("{host}/lfs/{oid}/done"), "header": header })
                    }
                };
                json!({ "oid": oid, "size": size, "actions": { "upload": upload, "verify": { "href": format!("{host}/lfs/{oid}/verify") } } })
            }).collect();
            Answer::new(200, json!({ "transfer": "basic", "objects": objects }).to_string())
        }
        ["lfs", oid] => {
            state.large.insert((*oid).to_owned(), body);
            Answer::new(200, "")
        }
        ["lfs", oid, "verify"] => {
            match state.large.get(*oid).map(|bytes| bytes.len() as u64) == json()["size"].as_u64() {
                true => Answer::new(200, "{}"),
                false => refused(404, "it is not there"),
            }
        }
        ["lfs", oid, "done"] => {
            let parts = json()["parts"].as_array().unwrap().len() as u32;
            let bytes: Option<Vec<Vec<u8>>> =
                (1..=parts).map(|part| state.large_parts.remove(&((*oid).to_owned(), part))).collect();
            let Some(bytes) = bytes else { return refused(400, "a part is missing") };
            state.large.insert((*oid).to_owned(), bytes.concat());
            Answer::new(200, "{}")
        }
        ["lfs", oid, part] => {
            state.large_parts.insert(((*oid).to_owned(), part.parse().unwrap()), body);
            Answer::new(200, "").header("etag", &format!("\"{part}\""))
        }
        ["api", "datasets", "o", "n", "commit", "main"] => {
            let text = String::from_utf8(body).unwrap();
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines[0]["value"]["parentCommit"] != head(state).as_str() {
                return refused(412, "the branch has another commit by now");
            }
            let mut files = Vec::new();
            for line in &lines[1..] {
                let (path, value) = (line["value"]["path"].as_str().unwrap(), &line["value"]);
                let bytes = match line["key"].as_str().unwrap() {
                    "lfsFile" => match state.large.get(value["oid"].as_str().unwrap()) {
                        Some(bytes) => Some(bytes.clone()),
                        None => return refused(400, "a large file is not there"),
                    },
                    "file" => Some(base64(value["content"].as_str().unwrap())),
                    _ => None,
                };
                files.push((path.to_owned(), bytes));
            }
            state.commits.push(files.iter().map(|(path, _)| path.clone()).collect());
            for (path, bytes) in files {
                state.made += 1;
                let made = state.made;
                match bytes {
                    Some(bytes) => drop(state.objects.insert(format!("b/hub/{path}"), (bytes.into(), made))),
                    None => drop(state.objects.remove(&format!("b/hub/{path}"))),
                }
            }
            Answer::new(200, json!({ "commitOid": head(state), "commitUrl": "", "success": true }).to_string())
        }
        _ => refused(404, "Repository not found").header("x-error-code", "RepoNotFound"),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        bits = bits << 6 | LETTERS.iter().position(|known| *known == letter).unwrap() as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// The hub's part: the dataset `o/n`, whose files are the objects below `hub/`.
pub(super) fn hub(request: &Request, state: &State, key: &str) -> Answer {
    let parts: Vec<&str> = key.splitn(5, '/').collect();
    let missing =
        |code: &str, words: &str| Answer::new(404, format!("{{\"error\":\"{words}\"}}")).header("x-error-code", code);
    match parts.as_slice() {
        ["datasets", "o", "n", "revision", revision] => match ["main", "v1", "refs/convert/parquet"].contains(revision)
        {
            true => Answer::new(200, format!("{{\"sha\":\"{}\"}}", head(state))),
            false => missing("RevisionNotFound", "Invalid rev id"),
        },
        ["datasets", "o", "n", "tree", rest] => {
            let folder = rest.split_once('/').map_or(String::new(), |(_, folder)| format!("{folder}/"));
            let recursive = request.query.get("recursive").is_some_and(|recursive| recursive == "true");
            let from: usize = request.query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
            let files = state.objects.iter().filter_map(|(path, (bytes, made))| {
                let path = path.strip_prefix("b/hub/")?;
                let below = path.strip_prefix(&folder)?;
                let oid = etag(*made).replace('"', "");
                let file =
                    format!("{{\"type\":\"file\",\"oid\":\"{oid}\",\"size\":{},\"path\":\"{path}\"}}", bytes.len());
                (recursive || !below.contains('/')).then_some(file)
            });
            let files: Vec<String> = files.collect();
            let page = files[from.min(files.len())..].iter().take(state.page).cloned().collect::<Vec<_>>();
            let answer = Answer::new(200, format!("[{}]", page.join(",")));
            match from + page.len() < files.len() {
                true => {
                    let (host, at) = (&request.headers["host"], &request.path);
                    let next = format!("http://{host}/{at}?recursive={recursive}&cursor={}", from + page.len());
                    answer.header("link", &format!("<{next}>; rel=\"next\""))
                }
                false => answer,
            }
        }
        ["o", "n", "resolve", commit, path] if commit.len() == 40 => {
            Answer::new(302, "").header("location", &format!("/b/hub/{}", path.replace(' ', "%20")))
        }
        _ => missing("RepoNotFound", "Repository not found"),
    }
}
