//! Who may see a run: whoever knows its token, and asks by an address that no stranger's name can stand for.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, HOST};
use hyper::{HeaderMap, Uri};

/// What a request asks for, behind the token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Page,
    Metrics,
    /// What browsers ask for by themselves.
    Icon,
    /// There is no such thing.
    Nothing,
}

/// What is asked for; `None` without the token, or where the host's name is not an address or `localhost`. A page of another site
/// that has its own name point here (DNS rebinding) can ask by that name alone.
pub(crate) fn asked(token: &str, uri: &Uri, headers: &HeaderMap) -> Option<Asked> {
    let host = headers.get(HOST)?.to_str().ok()?;
    if !is_address(host) || uri.authority().is_some_and(|authority| !is_address(authority.as_str())) {
        return None;
    }
    let path = uri.path().strip_prefix('/')?;
    if path == "favicon.ico" {
        return Some(Asked::Icon);
    }
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let rest = match bearer {
        Some(bearer) if is_same(bearer, token) => path,
        _ => {
            let (first, rest) = path.split_once('/').unwrap_or((path, ""));
            is_same(first, token).then_some(rest)?
        }
    };
    Some(match rest {
        "" => Asked::Page,
        "metrics" => Asked::Metrics,
        _ => Asked::Nothing,
    })
}

/// Whether a host, with or without a port, is an address or `localhost`.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// In a time that does not depend on where they differ.
fn is_same(given: &str, token: &str) -> bool {
    let differs = given.bytes().zip(token.bytes()).fold(0, |differs, (one, other)| differs | (one ^ other));
    given.len() == token.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &str, path: &str, bearer: Option<&str>) -> Option<Asked> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(bearer) = bearer {
            headers.insert(AUTHORIZATION, format!("Bearer {bearer}").parse().unwrap());
        }
        asked("s3cret", &path.parse().unwrap(), &headers)
    }

    #[test]
    fn nothing_is_seen_without_the_token() {
        assert_eq!(of("127.0.0.1:80", "/s3cret/", None), Some(Asked::Page));
        assert_eq!(of("127.0.0.1:80", "/s3cret", None), Some(Asked::Page));
        assert_eq!(of("[::1]:80", "/s3cret/metrics", None), Some(Asked::Metrics));
        assert_eq!(of("localhost", "/metrics", Some("s3cret")), Some(Asked::Metrics));
        assert_eq!(of("LOCALHOST:1", "/s3cret/x", None), Some(Asked::Nothing));
        assert_eq!(of("localhost", "/favicon.ico", None), Some(Asked::Icon));
        for path in ["/", "/metrics", "/s3cre/", "/s3cret1/", "/s3cres", "//s3cret/", "/x/s3cret/"] {
            assert_eq!(of("127.0.0.1", path, None), None, "{path}");
            assert_eq!(of("127.0.0.1", path, Some("s3cre")), None, "{path}");
        }
    }

    #[test]
    fn a_name_that_a_stranger_can_point_here_is_no_address() {
        for host in [
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "[::1",
            "",
            "127.0.0.1@evil.example",
        ] {
            assert_eq!(of(host, "/s3cret/", None), None, "{host}");
        }
        assert_eq!(of("127.0.0.1", "http://evil.example/s3cret/", None), None);
        assert_eq!(asked("s3cret", &"/s3cret/".parse().unwrap(), &HeaderMap::new()), None, "no host at all");
    }
}
