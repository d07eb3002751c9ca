//! Uploads: begun, sent in parts, completed or given up.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};

use super::State;
use super::answer::{Answer, error};
use super::content::Content;
use super::objects::etag;

/// Begins one to this bucket and key.
pub(super) fn begin(state: &mut State, path: &str) -> Answer {
    state.made += 1;
    let id = format!("upload{}", state.made);
    state.uploads.insert(id.clone(), (path.to_owned(), BTreeMap::new()));
    let (bucket, key) = path.split_once('/').unwrap();
    Answer::new(
        200,
        format!(
            "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ),
    )
}

/// Takes a part of one.
pub(super) fn part(state: &mut State, body: Vec<u8>, upload: &str, number: u32) -> Answer {
    let body = Content::from(body);
    let tag = part_tag(&body);
    match state.uploads.get_mut(upload) {
        Some((_, parts)) => drop(parts.insert(number, body)),
        None => return gone(),
    }
    Answer::new(200, "").header("etag", &tag)
}

/// Gives one up.
pub(super) fn abort(state: &mut State, upload: &str) -> Answer {
    state.uploads.remove(upload).map_or_else(gone, |_| Answer::new(204, ""))
}

fn gone() -> Answer {
    error(404, "NoSuchUpload", "The specified upload does not exist.")
}

/// The ETag of a part, of a sample of its bytes: a server that looks at all of them is what a benchmark of its clients would measure.
fn part_tag(part: &Content) -> String {
    let mut hash = DefaultHasher::new();
    hash.write_usize(part.len());
    let chunks = part.parts().flat_map(|bytes| bytes.chunks(4096));
    chunks.for_each(|chunk| hash.write(&chunk[..chunk.len().min(64)]));
    format!("\"{:016x}\"", hash.finish())
}

pub(super) fn complete(state: &mut State, body: &[u8], upload: &str) -> Answer {
    let Some((path, parts)) = state.uploads.get(upload).cloned() else {
        return gone();
    };
    let text = String::from_utf8_lossy(body).into_owned();
    let mut whole = Vec::new();
    for part in text.split("<Part>").skip(1) {
        let of = |name: &str| {
            let (_, rest) = part.split_once(&format!("<{name}>"))?;
            Some(rest.split_once("</")?.0.replace("&quot;", "\""))
        };
        let number: u32 = of("PartNumber").unwrap().parse().unwrap();
        match parts.get(&number).filter(|part| Some(part_tag(part)) == of("ETag")) {
            Some(part) => whole.push(part.clone()),
            None => return error(400, "InvalidPart", "One or more of the specified parts could not be found."),
        }
    }
    state.made += 1;
    let (made, tag) = (state.made, etag(state.made));
    if let Some((before, _)) = state.objects.insert(path.clone(), (Content::of(whole), made)) {
        // To free memory, and to be given it again, takes long enough that a benchmark of clients would measure that.
        state.spare = before.into_unshared();
    }
    state.uploads.remove(upload);
    let (bucket, key) = path.split_once('/').unwrap();
    let tag = tag.replace('"', "&quot;");
    Answer::new(
        200,
        format!(
            "<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        ),
    )
}

pub(super) fn list(state: &State, query: &HashMap<String, String>) -> Answer {
    let prefix = format!("b/{}", query.get("prefix").map_or("", String::as_str));
    let found = state.uploads.iter().filter(|(_, (path, _))| path.starts_with(&prefix));
    let found: String = found
        .map(|(id, (path, _))| format!("<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>", &path[2..]))
        .collect();
    Answer::new(
        200,
        format!("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{found}</ListMultipartUploadsResult>"),
    )
}
