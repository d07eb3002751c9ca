//! An output on the Hugging Face hub: all of its files in one commit, which appears whole or not at all.
//!
//! As `huggingface_hub` does it: the hub says which files are kept as large ones (`preupload`); those are sent to its LFS store, which says
//! what it has already; then one request commits them all. Nothing is visible before, and what was sent and not committed is of no harm.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use callboard_words::address::Address;
use object_store::ClientOptions;
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, HttpResponse};
use percent_encoding::utf8_percent_encode;
use reqwest::Method;
use serde_json::{Value, json};

use super::access::Access;
use super::client::{Connector, Redirects, put_file, start_of};
use super::fault::{Doing, Fault};
use super::hub::{Dataset, PAGE, PART, PATH, find, unusable};
use super::net;
use crate::error::{ErrorKind, IoError};
use crate::sha256::sha256_of;
use crate::stop::Stop;

/// Files that one request is about.
const AT_ONCE: usize = 256;
/// The beginning of a file by which the hub judges what it is.
const SAMPLE: usize = 512;
/// What a commit may hold itself, of files that are not kept as large ones.
const MOST_INLINE: u64 = 256 << 20;
/// A part that a server asks for is no larger.
const LARGEST_PART: u64 = 1 << 30;
const LFS: &str = "application/vnd.git-lfs+json";

/// The place of an output on the hub.
#[derive(Debug, Clone)]
pub(crate) struct HubPlace {
    address: Address,
    access: Access,
}

/// A file that goes into a commit.
#[derive(Debug, Clone)]
pub(crate) struct ToCommit {
    /// Its path in the dataset.
    pub(crate) path: String,
    pub(crate) file: Arc<File>,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl HubPlace {
    /// The place that an address names. Nothing is sent.
    pub(crate) fn find(address: Address, access: &Access) -> Result<HubPlace, IoError> {
        let place = HubPlace { address, access: access.clone() };
        let dataset = place.dataset().map_err(|fault| fault.to_error("cannot write").in_file(place.path()))?;
        match dataset.token {
            None if !access.anonymous => {
                let fault = Fault::new(ErrorKind::System, "there is no token for the hub");
                let help = "set HF_TOKEN to one that may write, or log in: hf auth login";
                Err(fault.help(help).to_error("cannot write").in_file(place.path()))
            }
            _ => Ok(place),
        }
    }

    /// The path that names it.
    pub(crate) fn path(&self) -> String {
        self.address.to_string()
    }

    /// Its path in the dataset.
    pub(crate) fn key(&self) -> &str {
        &self.address.key
    }

    pub(crate) fn failed(&self, error: &io::Error) -> IoError {
        IoError::system("cannot write", error).in_file(self.path())
    }

    /// Another path of the same dataset: from the last `/` of this one.
    pub(crate) fn below(&self, path: &str) -> HubPlace {
        HubPlace { address: self.address.with_key(&format!("{}{path}", self.folder())), ..self.clone() }
    }

    fn folder(&self) -> &str {
        self.address.key.rfind('/').map_or("", |at| &self.address.key[..=at])
    }

    fn dataset(&self) -> Result<Dataset, Fault> {
        Dataset::of(self.address.clone(), &self.access)
    }

    /// Asks whether the dataset and the branch are there, and may be written.
    pub(crate) fn check(&self, stop: &Stop) -> Result<(), IoError> {
        let (dataset, key) = (self.dataset(), self.address.key.clone());
        let asked = net::run(format!("`{}`", self.address), stop, async move {
            let dataset = dataset?;
            dataset.commit().await?;
            dataset.modes(&[json!({ "path": key, "size": 0, "sample": "" })]).await
        });
        asked.map(drop).map_err(|error| self.failed(&error))
    }

    /// The names in its folder that `is` wants.
    pub(crate) fn listed(&self, is: fn(&str) -> bool, stop: &Stop) -> io::Result<Vec<String>> {
        let (dataset, folder) = (self.dataset(), self.folder().to_owned());
        net::run(format!("`{}`", self.address), stop, async move {
            let dataset = dataset?;
            let mut names = Vec::new();
            for path in dataset.in_folder(&folder).await? {
                names.extend(path.strip_prefix(&folder).filter(|name| is(name)).map(str::to_owned));
            }
            Ok(names)
        })
    }

    /// Whether there is a file.
    pub(crate) fn standing(&self, stop: &Stop) -> io::Result<bool> {
        let (dataset, key) = (self.dataset(), self.address.key.clone());
        let there = net::run(format!("`{}`", self.address), stop, async move { dataset?.there(&[key]).await })?;
        Ok(!there.is_empty())
    }

    /// The file, to be read; `None` if there is none, or one of another size.
    pub(crate) fn open(&self, bytes: Option<u64>, stop: &Stop) -> io::Result<Option<super::Opened>> {
        if !self.standing(stop)? {
            return Ok(None);
        }
        let found = net::run(format!("`{}`", self.address), stop, find(self.address.clone(), self.access.clone()))?;
        let Some(object) = found.into_iter().next() else { return Ok(None) };
        match bytes.is_none_or(|bytes| bytes == object.size) {
            true => super::Source::remote(object).open(stop).map(Some),
            false => Ok(None),
        }
    }

    /// Whether the file in the place has this size and SHA-256. It is read whole if it has the size.
    pub(crate) fn is(&self, bytes: u64, sha256: &str, stop: &Stop) -> io::Result<bool> {
        let Some(file) = self.open(Some(bytes), stop)? else { return Ok(false) };
        Ok(sha256_of(file)?.0 == sha256)
    }

    /// Makes all files appear, and others disappear, in one commit. Without `replace`, a path that is taken is an error.
    ///
    /// # Errors
    /// The hub cannot be asked, or refuses; something in a place, if `replace` is false: its path.
    pub(crate) fn commit(
        &self,
        files: Vec<ToCommit>,
        gone: Vec<String>,
        replace: bool,
        stop: &Stop,
    ) -> io::Result<Result<(), String>> {
        let dataset = self.dataset();
        net::run(format!("`{}`", self.address), stop, async move {
            let dataset = dataset?;
            let parent = dataset.commit().await?;
            let paths: Vec<String> = files.iter().map(|file| file.path.clone()).chain(gone.clone()).collect();
            let there = dataset.there(&paths).await?;
            if let Some(taken) = files.iter().find(|file| !replace && there.contains(&file.path)) {
                return Ok(Err(taken.path.clone()));
            }
            let large = dataset.large(&files).await?;
            dataset.send(&files, &large).await?;
            let mut lines = vec![json!({ "key": "header", "value": {
                "summary": format!("Upload {} files with callboard", files.len()), "description": "", "parentCommit": parent } })];
            let mut inline = 0;
            for file in &files {
                let ToCommit { path, bytes, sha256, file } = file;
                if large.contains(path) {
                    lines.push(json!({ "key": "lfsFile", "value": { "path": path, "algo": "sha256", "oid": sha256, "size": bytes } }));
                    continue;
                }
                inline += bytes;
                if inline > MOST_INLINE {
                    let message = format!(
                        "files that the hub does not keep as large ones have more than {} MiB",
                        MOST_INLINE >> 20
                    );
                    return Err(Fault::new(ErrorKind::Limit, message)
                        .help("let `.gitattributes` of the dataset keep them as large files (LFS)"));
                }
                let content = BASE64_STANDARD.encode(read(file, 0, *bytes)?);
                lines.push(
                    json!({ "key": "file", "value": { "path": path, "encoding": "base64", "content": content } }),
                );
            }
            let gone = gone.iter().filter(|path| there.contains(*path));
            lines.extend(gone.map(|path| json!({ "key": "deletedFile", "value": { "path": path } })));
            let body = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let revision = utf8_percent_encode(&dataset.revision, PART);
            let url = format!("{}/api/datasets/{}/commit/{revision}", dataset.hub, dataset.name);
            dataset.ask(Method::POST, &url, "application/x-ndjson", body.into()).await.map(|_| Ok(()))
        })
    }
}

fn read(file: &File, at: u64, bytes: u64) -> Result<Vec<u8>, Fault> {
    let mut buffer = vec![0; usize::try_from(bytes).map_err(|_| unusable())?];
    let unread = |error: io::Error| Fault::new(ErrorKind::System, format!("cannot read what is staged: {error}"));
    file.read_exact_at(&mut buffer, at).map_err(unread)?;
    Ok(buffer)
}

impl Dataset {
    /// What the hub answers to a request with a body. The token goes to the hub alone.
    async fn ask(&self, method: Method, url: &str, kind: &str, body: Bytes) -> Result<HttpResponse, Fault> {
        super::store::check_endpoint(url)?;
        let failed = |error: object_store::Error| Fault::of_store(&error, &self.address, Doing::Write);
        let client = Connector(Redirects::Follow).connect(&ClientOptions::new()).map_err(failed)?;
        let mut request = HttpRequest::new(HttpRequestBody::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| unusable())?;
        let bearer = self.token.as_ref().filter(|_| url.starts_with(&format!("{}/", self.hub)));
        let bearer = bearer.map(|token| format!("Bearer {token}"));
        let accept = (kind == LFS).then(|| LFS.to_owned());
        for (name, value) in [("content-type", Some(kind.to_owned())), ("accept", accept), ("authorization", bearer)] {
            let Some(mut value) = value.and_then(|value| value.parse::<object_store::HeaderValue>().ok()) else {
                continue;
            };
            value.set_sensitive(name == "authorization");
            request.headers_mut().insert(name, value);
        }
        let generic = |error| failed(object_store::Error::Generic { store: "http", source: Box::new(error) });
        client.execute(request).await.map_err(generic)
    }

    async fn post(&self, url: &str, kind: &str, body: &Value) -> Result<Value, Fault> {
        let response = self.ask(Method::POST, url, kind, body.to_string().into()).await?;
        let text = start_of(response.into_body(), PAGE).await;
        serde_json::from_str(&text).map_err(|_| unusable())
    }

    fn api(&self, what: &str) -> String {
        let revision = utf8_percent_encode(&self.revision, PART);
        format!("{}/api/datasets/{}/{what}/{revision}", self.hub, self.name)
    }

    /// Those of the paths that are there.
    async fn there(&self, paths: &[String]) -> Result<HashSet<String>, Fault> {
        let mut there = HashSet::new();
        for paths in paths.chunks(AT_ONCE) {
            let found = self
                .post(&self.api("paths-info"), "application/json", &json!({ "paths": paths, "expand": false }))
                .await?;
            let Value::Array(found) = found else { return Err(unusable()) };
            there.extend(found.iter().filter_map(|found| found["path"].as_str().map(str::to_owned)));
        }
        Ok(there)
    }

    /// How the hub wants files to be kept: `lfs` or `regular`, by path.
    async fn modes(&self, files: &[Value]) -> Result<BTreeMap<String, String>, Fault> {
        let answer = self.post(&self.api("preupload"), "application/json", &json!({ "files": files })).await?;
        let Value::Array(files) = &answer["files"] else { return Err(unusable()) };
        let mode = |file: &Value| Some((file["path"].as_str()?.to_owned(), file["uploadMode"].as_str()?.to_owned()));
        files.iter().map(|file| mode(file).ok_or_else(unusable)).collect()
    }

    /// The paths of files that the hub keeps as large ones.
    async fn large(&self, files: &[ToCommit]) -> Result<HashSet<String>, Fault> {
        let mut large = HashSet::new();
        for files in files.chunks(AT_ONCE) {
            let about = files.iter().map(|file| {
                let sample = read(&file.file, 0, file.bytes.min(SAMPLE as u64))?;
                Ok(json!({ "path": file.path, "size": file.bytes, "sample": BASE64_STANDARD.encode(sample) }))
            });
            let modes = self.modes(&about.collect::<Result<Vec<_>, Fault>>()?).await?;
            for file in files.iter().filter(|file| file.bytes > 0) {
                match modes.get(&file.path).map(String::as_str) {
                    Some("lfs") => drop(large.insert(file.path.clone())),
                    Some("regular") => {}
                    _ => return Err(unusable()),
                }
            }
        }
        Ok(large)
    }

    /// Sends large files to the store of the hub, but for those that it has.
    async fn send(&self, files: &[ToCommit], large: &HashSet<String>) -> Result<(), Fault> {
        let files: BTreeMap<&str, &ToCommit> =
            files.iter().filter(|file| large.contains(&file.path)).map(|file| (file.sha256.as_str(), file)).collect();
        let files: Vec<&ToCommit> = files.into_values().collect();
        let url = format!("{}/datasets/{}.git/info/lfs/objects/batch", self.hub, self.name);
        for files in files.chunks(AT_ONCE) {
            let objects: Vec<Value> =
                files.iter().map(|file| json!({ "oid": file.sha256, "size": file.bytes })).collect();
            let asked = json!({
                "operation": "upload", "transfers": ["basic", "multipart"], "hash_algo": "sha256",
                "objects": objects, "ref": { "name": self.revision },
            });
            let answer = self.post(&url, LFS, &asked).await?;
            let Value::Array(answers) = &answer["objects"] else { return Err(unusable()) };
            for file in files {
                let answer = answers.iter().find(|answer| answer["oid"] == file.sha256).ok_or_else(unusable)?;
                if let Some(refused) = answer["error"]["message"].as_str() {
                    let words = super::fault::one_line(refused);
                    return Err(Fault::new(
                        ErrorKind::System,
                        format!("the hub's store does not take `{}`: {words}", file.path),
                    ));
                }
                // What has no actions is there already.
                if let Some(href) = answer["actions"]["upload"]["href"].as_str() {
                    self.send_one(file, href, &answer["actions"]["upload"]["header"]).await?;
                    if let Some(verify) = answer["actions"]["verify"]["href"].as_str() {
                        let about = json!({ "oid": file.sha256, "size": file.bytes });
                        self.ask(Method::POST, verify, LFS, about.to_string().into()).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn send_one(&self, file: &ToCommit, href: &str, header: &Value) -> Result<(), Fault> {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let Some(size) = header.get("chunk_size") else {
            super::store::check_endpoint(href)?;
            return put_file(href, &file.file, file.bytes, &self.address).await;
        };
        let size = number(size).filter(|size| (1..=LARGEST_PART).contains(size)).ok_or_else(unusable)?;
        let parts = header.as_object().into_iter().flatten();
        let parts: BTreeMap<u64, &str> =
            parts.filter_map(|(key, url)| Some((key.parse().ok()?, url.as_str()?))).collect();
        if parts.len() as u64 != file.bytes.div_ceil(size) || !parts.keys().copied().eq(1..=parts.len() as u64) {
            return Err(unusable());
        }
        let mut sent = Vec::new();
        for (part, url) in parts {
            let start = (part - 1) * size;
            let bytes = read(&file.file, start, size.min(file.bytes - start))?;
            let response = self.ask(Method::PUT, url, "application/octet-stream", bytes.into()).await?;
            let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).ok_or_else(unusable)?;
            sent.push(json!({ "partNumber": part, "etag": etag }));
        }
        let done = json!({ "oid": file.sha256, "parts": sent });
        self.ask(Method::POST, href, LFS, done.to_string().into()).await.map(drop)
    }

    /// The paths of the files in a folder, which ends in `/` or is empty.
    async fn in_folder(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let below = folder.trim_end_matches('/');
        let below = if below.is_empty() { String::new() } else { format!("/{}", utf8_percent_encode(below, PATH)) };
        let mut next = Some(format!("{}{below}?recursive=false", self.api("tree")));
        let mut paths = Vec::new();
        while let Some(url) = next {
            let (files, after) = match self.json(url).await {
                Err(fault) if fault.status == Some(404) => return Ok(paths),
                found => found?,
            };
            let Value::Array(files) = files else { return Err(unusable()) };
            let files = files.iter().filter(|file| file["type"] == "file");
            paths.extend(files.filter_map(|file| file["path"].as_str().map(str::to_owned)));
            next = after.filter(|next| next.starts_with(&format!("{}/", self.hub)));
        }
        Ok(paths)
    }
}
