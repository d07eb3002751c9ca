//! Datasets of the Hugging Face hub: `hf://datasets/OWNER/NAME@REVISION/PATTERN`.
//!
//! The revision is resolved to a commit once, and files are listed and read at that commit: nothing changes while they are read.

use std::path::PathBuf;
use std::sync::Arc;

use callboard_words::address::Address;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::access::Access;
use super::client::start_of;
use super::fault::Fault;
use super::list::{LOOKED_AT, MATCHED};
use super::object::{Object, Via};
use super::web::{self, Page};
use crate::error::ErrorKind;
use crate::pattern::{KeyPattern, is_pattern};

/// Where the hub is.
const HUB: &str = "https://huggingface.co";
/// A page of a list is no longer than this, bytes, and a token.
pub(super) const PAGE: usize = 64 << 20;
const TOKEN: u64 = 4 << 10;
/// The branch of a dataset that the hub has converted to Parquet.
const PARQUET: (&str, &str) = ("~parquet", "refs/convert/parquet");

pub(super) const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
pub(super) const PART: &AsciiSet = &PATH.add(b'/');

/// A dataset, and whoever asks for it.
pub(super) struct Dataset {
    pub(super) address: Address,
    /// `https://huggingface.co`.
    pub(super) hub: String,
    /// `OWNER/NAME`.
    pub(super) name: String,
    pub(super) revision: String,
    pub(super) token: Option<String>,
}

/// The files of an address, in the order of their names.
pub(super) async fn find(address: Address, access: Access) -> Result<Vec<Arc<Object>>, Fault> {
    let dataset = Dataset::of(address, &access)?;
    let commit = dataset.commit().await?;
    let key = dataset.address.key.clone();
    if !is_pattern(&key) {
        let url = dataset.file(&commit, &key);
        return web::find_at(url, dataset.address.clone(), dataset.token.clone())
            .await
            .map(|object| vec![Arc::new(object)]);
    }
    let spec = |message: String| Fault::new(ErrorKind::Spec, message);
    let pattern = KeyPattern::new(&key).map_err(|wrong| spec(format!("is not a pattern: {wrong}")))?;
    let folder = pattern.prefix().rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder_path = if folder.is_empty() { String::new() } else { format!("/{}", utf8_percent_encode(folder, PATH)) };
    let recursive = if pattern.is_of_one_folder() { "false" } else { "true" };
    let Dataset { hub, name, .. } = &dataset;
    let mut next = Some(format!("{hub}/api/datasets/{name}/tree/{commit}{folder_path}?recursive={recursive}"));
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while let Some(url) = next {
        let (files, after) = dataset.json(url).await?;
        let Value::Array(files) = files else { return Err(unusable()) };
        for file in files.iter().filter(|file| file["type"] == "file") {
            looked_at += 1;
            let (Some(path), Some(size)) = (file["path"].as_str(), file["size"].as_u64()) else {
                return Err(unusable());
            };
            if path != key && !pattern.matches(path) {
                continue;
            }
            let oid = file["lfs"]["oid"].as_str().or_else(|| file["oid"].as_str()).map(str::to_owned);
            let page = Page::new(dataset.file(&commit, path), dataset.token.clone(), &dataset.address)?;
            found.push(Arc::new(Object::new(dataset.address.with_key(path), Via::Web(page), size, oid)));
        }
        if found.len() > MATCHED || looked_at > LOOKED_AT {
            let message = format!("the pattern leads to more files than the {LOOKED_AT} that are looked at");
            return Err(spec(message).help("name a longer part of the path before the first `*`"));
        }
        // It may lead to the hub alone: whoever is asked is given the token.
        next = after.filter(|next| next.starts_with(&format!("{hub}/")));
    }
    // One whose name happens to look like a pattern is that file, as on the disk.
    if let Some(named) = found.iter().position(|object| object.address.key == key) {
        return Ok(vec![found.swap_remove(named)]);
    }
    if found.is_empty() {
        let below = if folder.is_empty() { "of the dataset".to_owned() } else { format!("in `{folder}`") };
        return Err(spec(format!("the pattern matches none of the {looked_at} files {below}")));
    }
    found.sort_by_cached_key(|object| PathBuf::from(object.address.to_string()));
    Ok(found)
}

impl Dataset {
    pub(super) fn of(address: Address, access: &Access) -> Result<Dataset, Fault> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let hub = access.endpoint.clone().or_else(|| set("HF_ENDPOINT")).unwrap_or_else(|| HUB.to_owned());
        super::store::check_endpoint(&hub)?;
        let hub = hub.trim_end_matches('/').to_owned();
        let (name, revision) = address.bucket.split_once('@').unwrap_or((&address.bucket, "main"));
        let revision = percent_decode_str(revision).decode_utf8_lossy();
        let revision = if revision == PARQUET.0 { PARQUET.1.to_owned() } else { revision.into_owned() };
        let name = name.trim_start_matches("datasets/").to_owned();
        let token = if access.anonymous { None } else { set("HF_TOKEN").or_else(kept_token) };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        Ok(Dataset { address, hub, name, revision, token })
    }

    fn file(&self, commit: &str, path: &str) -> String {
        format!("{}/datasets/{}/resolve/{commit}/{}", self.hub, self.name, utf8_percent_encode(path, PATH))
    }

    /// The commit that the revision stands for now.
    pub(super) async fn commit(&self) -> Result<String, Fault> {
        let revision = utf8_percent_encode(&self.revision, PART);
        let (about, _) = self.json(format!("{}/api/datasets/{}/revision/{revision}", self.hub, self.name)).await?;
        let commit = about["sha"].as_str().ok_or_else(unusable)?;
        match commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(commit.to_owned()),
            false => Err(unusable()),
        }
    }

    /// What the hub answers, and where the next page is.
    pub(super) async fn json(&self, url: String) -> Result<(Value, Option<String>), Fault> {
        let page = Page::new(url, self.token.clone(), &self.address)?;
        let response = page.ask(&self.address, None).await?;
        let link = response.headers().get("link").and_then(|link| link.to_str().ok()).and_then(next_of);
        let text = start_of(response.into_body(), PAGE).await;
        serde_json::from_str(&text).map(|value| (value, link)).map_err(|_| unusable())
    }
}

/// The address of the next page in a `Link`.
fn next_of(link: &str) -> Option<String> {
    let (before, _) = link.split_once("; rel=\"next\"")?;
    let (_, url) = before.rsplit_once('<')?;
    Some(url.strip_suffix('>')?.to_owned())
}

pub(super) fn unusable() -> Fault {
    Fault::new(ErrorKind::System, "the hub gave no usable answer").help("check HF_ENDPOINT, if it is set")
}

/// The token that the hub's own command keeps.
fn kept_token() -> Option<String> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = set("HF_HOME").or_else(|| Some(set("HOME")?.join(".cache/huggingface")));
    let path = set("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")))?;
    String::from_utf8(callboard_files::read_regular(&path, TOKEN).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn the_next_page_is_where_the_link_says() {
        let link = "<https://h/a?cursor=b>; rel=\"next\"";
        assert_eq!(next_of(link).as_deref(), Some("https://h/a?cursor=b"));
        assert_eq!(next_of("<https://h/a>; rel=\"prev\""), None);
        assert_eq!(next_of("nonsense"), None);
    }
}
