//! Where replies are kept, and what a reply is known by.

use std::io;

use callboard_plan::SecretGrant;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, DATE, HeaderName, USER_AGENT};
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

use super::allow::Target;
use super::reply::Reply;

/// What a reply is known by: a digest of all that the server's answer may depend on.
pub type CallKey = [u8; 32];

/// What was asked, for people and for files that they read.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// `POST` …
    pub method: &'a str,
    /// The whole URL.
    pub url: &'a str,
    /// What is sent.
    pub body: &'a [u8],
    /// The request's number among equal ones.
    pub attempt: u32,
    /// The server, as its limits name it.
    pub server: &'a str,
}

/// Keeps replies, for this run and for later ones. Called from several threads.
pub trait Journal: Send + Sync {
    /// A reply that is known. What cannot be read, or is not whole, is not known.
    fn known(&self, key: &CallKey, asked: &Question<'_>) -> Option<Reply>;

    /// Keeps a reply: when this returns, a killed process has not lost it.
    ///
    /// # Errors
    ///
    /// What the disk refuses.
    fn keep(&self, key: &CallKey, asked: &Question<'_>, reply: &Reply, cost: u64) -> io::Result<()>;

    /// Waits until the disk has what was kept.
    ///
    /// # Errors
    ///
    /// What the disk refuses.
    fn sync(&self) -> io::Result<()>;
}

/// Headers that say how a request is sent or by whom, and not what is asked.
pub(super) fn is_aside(name: &HeaderName) -> bool {
    const OTHERS: [&str; 6] = ["x-api-key", "api-key", "idempotency-key", "x-request-id", "traceparent", "tracestate"];
    [AUTHORIZATION, CONTENT_LENGTH, COOKIE, DATE, USER_AGENT].contains(name)
        || DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || OTHERS.contains(&name.as_str())
}

/// What the reply to a request is known by. The grant of a secret is part of it, which names variables and never a value: a step
/// that is not granted the secret does not find the replies to it.
pub(super) fn key(target: &Target, head: &Parts, body: &Bytes, secret: Option<&SecretGrant>, attempt: u32) -> CallKey {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    add(b"callboard reply 1");
    add(if target.tls { b"https" } else { b"http" });
    add(target.host.as_bytes());
    add(&target.port.to_le_bytes());
    add(head.method.as_str().as_bytes());
    add(head.uri.path_and_query().map_or("/", |path| path.as_str()).as_bytes());
    let mut headers: Vec<(&str, &[u8])> = head
        .headers
        .iter()
        .filter(|(name, _)| {
            !is_aside(name) && secret.is_none_or(|secret| !secret.header.eq_ignore_ascii_case(name.as_str()))
        })
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    // Stable: values of one name stay in their order.
    headers.sort_by_key(|(name, _)| *name);
    add(&(headers.len() as u64).to_le_bytes());
    for (name, value) in headers {
        add(name.as_bytes());
        add(value);
    }
    match secret {
        None => add(b""),
        Some(SecretGrant { header, value }) => {
            add(header.to_ascii_lowercase().as_bytes());
            add(value.as_bytes());
        }
    }
    add(&attempt.to_le_bytes());
    add(body);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use callboard_plan::SecretGrant;
    use hyper::Request;

    use super::*;

    fn of(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str, attempt: u32) -> CallKey {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let target = Target { host: "a.com".into(), port: 443, tls: true };
        key(&target, &head, &Bytes::from_static(body.as_bytes()), None, attempt)
    }

    #[test]
    fn a_reply_is_known_by_what_was_asked_and_not_by_who_asked() {
        let asked = of("POST", "https://a.com/v1", &[("a", "1"), ("b", "2")], "x", 0);
        let same =
            [("b", "2"), ("a", "1"), ("authorization", "Bearer s3cr3t"), ("x-api-key", "k"), ("user-agent", "z")];
        assert_eq!(of("POST", "https://a.com/v1", &same, "x", 0), asked);
        let others = [
            of("PUT", "https://a.com/v1", &[("a", "1"), ("b", "2")], "x", 0),
            of("POST", "https://a.com/v2", &[("a", "1"), ("b", "2")], "x", 0),
            of("POST", "https://a.com/v1?q", &[("a", "1"), ("b", "2")], "x", 0),
            of("POST", "https://a.com/v1", &[("a", "1"), ("b", "3")], "x", 0),
            of("POST", "https://a.com/v1", &[("a", "1")], "x", 0),
            of("POST", "https://a.com/v1", &[("a", "1"), ("b", "2")], "y", 0),
            of("POST", "https://a.com/v1", &[("a", "1"), ("b", "2")], "x", 1),
        ];
        assert!(!others.contains(&asked));
    }

    #[test]
    fn what_a_secret_was_sent_with_is_found_with_the_same_grant_alone() {
        let (head, ()) =
            Request::builder().uri("https://a.com/").header("x-key", "mine").body(()).unwrap().into_parts();
        let target = Target { host: "a.com".into(), port: 443, tls: true };
        let with = |secret: Option<&SecretGrant>| key(&target, &head, &Bytes::new(), secret, 0);
        let secret = |value: &str| SecretGrant { header: "X-Key".into(), value: value.into() };
        let (a, b) = (secret("${env.A}"), secret("${env.B}"));
        assert_eq!(with(Some(&a)), with(Some(&a)));
        assert_ne!(with(Some(&a)), with(Some(&b)));
        assert_ne!(with(Some(&a)), with(None));
    }
}
