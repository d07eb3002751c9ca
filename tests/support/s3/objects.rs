//! Objects: read in ranges, put at once, listed.

use std::collections::HashMap;

use super::answer::{Answer, error};
use super::{Fault, Request, State};

/// The ETag of an object: another each time that it is written.
pub(super) fn etag(made: u64) -> String {
    format!("\"{made:032x}\"")
}

pub(super) fn object(request: &Request, state: &State, path: &str, fault: Option<&Fault>) -> Answer {
    let Some((bytes, made)) = state.objects.get(path) else {
        return error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let tag = etag(*made);
    let obeys = !matches!(fault, Some(Fault::NoConditions));
    if obeys && request.headers.get("if-match").is_some_and(|wanted| *wanted != tag) {
        return error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    let with_tag =
        |answer: Answer| answer.header("etag", &tag).header("last-modified", "Sun, 29 Nov 2026 12:00:00 GMT");
    if request.method == "HEAD" {
        return with_tag(Answer::new(200, "")).header("content-length", &bytes.len().to_string());
    }
    let size = bytes.len() as u64;
    match request.range_of(size).filter(|_| !matches!(fault, Some(Fault::NoRanges))) {
        None => with_tag(Answer::of(200, bytes.clone())),
        Some((from, _)) if from >= size => error(416, "InvalidRange", "The requested range is not satisfiable"),
        Some((from, to)) => {
            let by = if let Some(Fault::Shifted(by)) = fault { *by } else { 0 };
            let (from, to) = ((from + by).min(size - 1), (to + by).min(size - 1));
            let body = bytes.range(from as usize..to as usize + 1);
            with_tag(Answer::of(206, body)).header("content-range", &format!("bytes {from}-{to}/{size}"))
        }
    }
}

pub(super) fn put(state: &mut State, request: &Request, body: Vec<u8>, path: &str, fault: Option<&Fault>) -> Answer {
    let obeys = !matches!(fault, Some(Fault::NoConditions));
    if obeys && request.headers.contains_key("if-none-match") && state.objects.contains_key(path) {
        return error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    state.made += 1;
    let (made, tag) = (state.made, etag(state.made));
    state.objects.insert(path.to_owned(), (body.into(), made));
    Answer::new(200, "").header("etag", &tag)
}

pub(super) fn list(state: &State, query: &HashMap<String, String>) -> Answer {
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, token) = (of("prefix"), of("delimiter"), of("continuation-token"));
    let most = query.get("max-keys").and_then(|most| most.parse().ok()).unwrap_or(1000).min(state.page);
    let written = state.written.as_deref().unwrap_or("2026-11-29T12:00:00.000Z");
    let (mut xml, mut count, mut folders, mut last, mut more) = (String::new(), 0, Vec::new(), String::new(), false);
    for (path, (bytes, made)) in &state.objects {
        let key = &path[2..];
        if !key.starts_with(&prefix) || (!token.is_empty() && *key <= *token) {
            continue;
        }
        let below = (!delimiter.is_empty()).then(|| key[prefix.len()..].find(&delimiter)).flatten();
        if let Some(at) = below {
            let folder = format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", &key[..=prefix.len() + at]);
            if !folders.contains(&folder) {
                folders.push(folder);
            }
            continue;
        }
        if count == most {
            more = true;
            break;
        }
        (count, last) = (count + 1, key.to_owned());
        let tag = etag(*made).replace('"', "&quot;");
        let (key, size) = (escaped(key), bytes.len());
        xml += &format!(
            "<Contents><Key>{key}</Key><LastModified>{written}</LastModified><ETag>{tag}</ETag><Size>{size}</Size></Contents>"
        );
    }
    if more {
        xml += &format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(&last));
    }
    let folders = folders.concat();
    Answer::new(
        200,
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><Prefix>{}</Prefix><KeyCount>{count}</KeyCount><IsTruncated>{more}</IsTruncated>{xml}{folders}</ListBucketResult>",
            escaped(&prefix)
        ),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
