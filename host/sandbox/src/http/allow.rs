//! A request against the grants.

use callboard_plan::HttpGrant;
use callboard_words::text::clipped;
use hyper::{Method, Uri};

/// As much of an address that a step asked for is shown, bytes.
const SHOWN: usize = 200;

/// Where a request that is granted goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// In lower case; an IPv6 address in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Target {
    /// What tells connections apart.
    pub(super) fn key(&self) -> (String, u16, bool) {
        (self.host.clone(), self.port, self.tls)
    }
}

/// Why a request is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No grant is for it.
    NotGranted,
    /// No grant could be for it: the phrase says why.
    Never(&'static str),
    /// A grant names its host, and that leads where it may not.
    Address(String),
}

impl Refused {
    /// The message for the run's log, with the line that would grant it.
    pub(super) fn words(&self, method: &Method, uri: &Uri) -> String {
        let asked = clipped(format!("{method} {}{}", origin(uri), uri.path()), SHOWN);
        match self {
            Refused::NotGranted => {
                format!("`{asked}` was refused; to allow it, add to the step: grant.http = [\"{asked}\"]")
            }
            Refused::Never(why) => format!("`{asked}` was refused: {why}"),
            Refused::Address(why) => format!(
                "`{asked}` was refused: {why}; such an address is reached only where the grant says it in figures, or says \
                 `localhost`: grant.http = [\"{method} {}://ADDRESS/\"]",
                uri.scheme_str().unwrap_or("https")
            ),
        }
    }
}

/// What is reported once: a method and a host.
pub(super) fn destination(method: &Method, uri: &Uri) -> String {
    clipped(format!("{method} {}", origin(uri)), SHOWN)
}

fn origin(uri: &Uri) -> String {
    // Without what may stand before an `@`: it might be a password.
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{}://{authority}", uri.scheme_str().unwrap_or("https"))
}

/// Where the request goes, if it is one that a grant could allow.
pub(super) fn target(method: &Method, uri: &Uri) -> Result<Target, Refused> {
    let authority = uri.authority().ok_or(Refused::Never("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(Refused::Never("it has a user's name in its address; headers are for that"));
    }
    if [Method::CONNECT, Method::TRACE].contains(method) {
        return Err(Refused::Never("this method would show a step what it may not see"));
    }
    if has_dot_segments(uri.path()) {
        return Err(Refused::Never("its path has `.` or `..` in it"));
    }
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(Refused::Never("it is neither `http` nor `https`")),
    };
    let host = authority.host().to_ascii_lowercase();
    let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
        None => default_port(tls),
        Some(_) => authority.port_u16().ok_or(Refused::Never("its port is not a port"))?,
    };
    Ok(Target { host, port, tls })
}

/// Where the request goes, if a grant allows it.
pub(super) fn check(grants: &[HttpGrant], method: &Method, uri: &Uri) -> Result<Target, Refused> {
    let target = target(method, uri)?;
    let Target { host, port, tls } = &target;
    let granted = grants.iter().any(|grant| {
        let grant_tls = grant.scheme == "https";
        grant.method == method.as_str()
            && grant_tls == *tls
            && bare(&grant.host) == bare(host)
            && grant.port.unwrap_or(default_port(grant_tls)) == *port
            && is_below(uri.path(), &grant.path)
    });
    match granted {
        true => Ok(target),
        false => Err(Refused::NotGranted),
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// A host without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether a path is what a grant names, or below it: `/v1` and `/v1/chat` of `/v1`, and not `/v1x`.
fn is_below(path: &str, granted: &str) -> bool {
    path.strip_prefix(granted).is_some_and(|rest| granted.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

/// Whether a server could take a segment for `.` or `..`, however often it decodes `%2e`, and whatever it takes for a `/`.
fn has_dot_segments(path: &str) -> bool {
    let mut path = path.as_bytes().to_vec();
    loop {
        let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
        let name = |segment: &[u8]| segment.split(|byte| *byte == b';').next().map(<[u8]>::to_vec);
        if segments.any(|segment| name(segment).is_some_and(|name| name == b"." || name == b"..")) {
            return true;
        }
        let decoded = decoded(&path);
        if decoded == path {
            return false;
        }
        path = decoded;
    }
}

/// With `%XX` decoded, once.
fn decoded(path: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                let value = digit(*high).unwrap_or(0) * 16 + digit(*low).unwrap_or(0);
                decoded.push(value as u8);
                rest = after;
            }
            _ => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use callboard_plan::HttpGrant;
    use hyper::Method;

    use super::{Refused, Target, check};

    fn grant(method: &str, scheme: &str, host: &str, port: Option<u16>, path: &str) -> HttpGrant {
        HttpGrant { method: method.into(), scheme: scheme.into(), host: host.into(), port, path: path.into() }
    }

    fn ask(grants: &[HttpGrant], method: &str, uri: &str) -> Result<Target, Refused> {
        check(grants, &Method::from_bytes(method.as_bytes()).unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn a_grant_is_for_its_method_scheme_host_port_and_what_is_below_its_path() {
        let grants =
            [grant("POST", "https", "api.example.com", None, "/v1/"), grant("GET", "http", "[::1]", Some(80), "/a")];
        let target = |host: &str, port, tls| Ok(Target { host: host.into(), port, tls });
        for uri in [
            "https://api.example.com/v1/chat",
            "https://API.example.com:443/v1/?x=/../y",
            "https://api.example.com/v1/",
        ] {
            assert_eq!(ask(&grants, "POST", uri), target("api.example.com", 443, true), "{uri}");
        }
        for uri in ["http://[::1]/a", "http://[::1]:80/a/b"] {
            assert_eq!(ask(&grants, "GET", uri), target("[::1]", 80, false), "{uri}");
        }
        let other = [
            ("GET", "https://api.example.com/v1/chat"),
            ("POST", "http://api.example.com/v1/chat"),
            ("POST", "https://api.example.com:8443/v1/chat"),
            ("POST", "https://api.example.com.evil.com/v1/chat"),
            ("POST", "https://evil.com/v1/chat"),
            ("POST", "https://api.example.com./v1/chat"),
            ("POST", "https://api.example.com/v1"),
            ("POST", "https://api.example.com/v10/chat"),
            ("POST", "https://api.example.com/V1/chat"),
            ("POST", "https://api.example.com/v1%2fchat"),
            ("POST", "https://api.example.com//v1/chat"),
            ("GET", "http://[::1]/ab"),
            ("GET", "http://[::1]:8080/a"),
        ];
        for (method, uri) in other {
            assert_eq!(ask(&grants, method, uri), Err(Refused::NotGranted), "{method} {uri}");
        }
    }

    #[test]
    fn what_servers_could_read_otherwise_is_granted_to_nobody() {
        let all = [grant("GET", "https", "a.com", None, "/"), grant("CONNECT", "https", "a.com", None, "/")];
        let tricks = [
            "https://user@a.com/",
            "https://a.com@a.com/",
            "https://a.com/x/../y",
            "https://a.com/x/%2e%2E/y",
            "https://a.com/x/.%2e/y",
            "https://a.com/x/%252e%252e/y",
            "https://a.com/x/%2e./y",
            "https://a.com/x%2f..%2fy",
            "https://a.com/x%5c..%5cy",
            "https://a.com/./y",
            "https://a.com/x/..;a=b/y",
            "https://a.com/..",
            "https://a.com:/",
            "https://a.com:99999/",
        ];
        for uri in tricks {
            let Ok(parsed) = uri.parse() else { continue };
            assert!(matches!(check(&all, &Method::GET, &parsed), Err(Refused::Never(_))), "{uri}");
        }
        assert!(matches!(ask(&all, "TRACE", "https://a.com/"), Err(Refused::Never(_))));
        for uri in [
            "https://a.com/..a/b..",
            "https://a.com/a.b",
            "https://a.com/%2e%2e%2ea",
            "https://a.com/50%/x",
            "https://a.com/...%",
        ] {
            assert!(ask(&all, "GET", uri).is_ok(), "{uri}");
        }
    }

    #[test]
    fn a_refusal_says_the_line_that_would_allow_it_and_no_password() {
        let uri = "https://me:secret@a.com/x?q=1".parse().unwrap();
        let words = Refused::NotGranted.words(&Method::GET, &uri);
        assert_eq!(
            words,
            "`GET https://a.com/x` was refused; to allow it, add to the step: grant.http = [\"GET https://a.com/x\"]"
        );
    }
}
