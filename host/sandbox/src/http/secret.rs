//! Secrets: headers that the host adds to requests for one host, and that nobody else sees.

use std::collections::BTreeMap;
use std::fmt;

use callboard_plan::{Grants, SecretGrant};
use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

use super::address::is_loopback;
use super::allow::bare;
use crate::error::{Class, SandboxError};
use crate::reach::variable;

/// By host, without brackets.
#[derive(Debug, Default)]
pub(super) struct Secrets(BTreeMap<String, Secret>);

struct Secret {
    header: HeaderName,
    value: HeaderValue,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret")
    }
}

impl Secrets {
    /// Fills in the templates from the environment. No error tells a value.
    pub(super) fn resolve(grants: &Grants) -> Result<Secrets, SandboxError> {
        let resolve = |(host, grant): (&String, &SecretGrant)| {
            let key = format!("grant.secret.\"{host}\"");
            let refused = |why: &str| SandboxError::new(Class::Pipeline, format!("`{key}` {why}"));
            let clear = grants.http.iter().find(|http| bare(&http.host) == bare(host) && http.scheme != "https");
            if clear.is_some() && !is_loopback(host) {
                let help = format!("grant https alone: grant.http = [\"GET https://{host}/\"]");
                return Err(refused("would go in clear: `grant.http` grants plain http to that host").help(help));
            }
            let header = HeaderName::from_bytes(grant.header.as_bytes());
            let header =
                header.map_err(|_| refused(&format!("names the header `{}`, which is not valid", grant.header)))?;
            if header == CONTENT_LENGTH || DEFAULT_FORBIDDEN_HEADERS.contains(&header) {
                return Err(refused(&format!("names the header `{header}`, which is HTTP's own")));
            }
            let value = HeaderValue::from_str(&fill_in(&grant.value, &key)?);
            let mut value =
                value.map_err(|_| refused("has a value that no header can have: a line's end, or the like"))?;
            value.set_sensitive(true);
            Ok((bare(host).to_ascii_lowercase(), Secret { header, value }))
        };
        Ok(Secrets(grants.secrets.iter().map(resolve).collect::<Result<_, _>>()?))
    }

    /// Adds what is granted for `host`, in place of whatever the step set under that name.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, host: &str) {
        if let Some(Secret { header, value }) = self.0.get(bare(host)) {
            headers.insert(header, value.clone());
        }
    }
}

/// A template with its `${env.NAME}` filled in.
fn fill_in(template: &str, key: &str) -> Result<String, SandboxError> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${env.") {
        let (name, after) = after.split_once('}').ok_or_else(|| {
            let message = format!("`{key}` has a `${{env.` without its `}}`");
            SandboxError::new(Class::Pipeline, message)
        })?;
        filled.push_str(before);
        filled.push_str(&variable(name, key)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use callboard_plan::{Grants, HttpGrant, SecretGrant};

    use super::Secrets;

    fn grants(scheme: &str, host: &str, header: &str, value: &str) -> Grants {
        let (method, path) = ("GET".to_owned(), "/".to_owned());
        let http = HttpGrant { method, scheme: scheme.into(), host: host.into(), port: None, path };
        let secret = SecretGrant { header: header.into(), value: value.into() };
        Grants { http: vec![http], secrets: [(host.to_owned(), secret)].into(), ..Grants::default() }
    }

    #[test]
    fn a_secret_goes_in_clear_to_this_machine_alone() {
        for (scheme, host) in [("https", "a.com"), ("http", "localhost"), ("http", "127.0.0.1"), ("http", "[::1]")] {
            assert!(Secrets::resolve(&grants(scheme, host, "Authorization", "x")).is_ok(), "{scheme}://{host}");
        }
        for host in ["a.com", "localhost.a.com", "10.0.0.1", "127.1"] {
            let error = Secrets::resolve(&grants("http", host, "Authorization", "x")).unwrap_err();
            assert!(error.message.contains("would go in clear"), "{host}: {error}");
        }
    }

    #[test]
    fn no_error_and_no_debugging_tells_a_value() {
        let unset =
            Secrets::resolve(&grants("https", "a.com", "X-Key", "s3cr3t ${env.CALLBOARD_NO_SUCH}")).unwrap_err();
        assert!(unset.message.contains("`CALLBOARD_NO_SUCH`, which is not set"), "{unset}");
        let broken = Secrets::resolve(&grants("https", "a.com", "X-Key", "s3cr3t\n")).unwrap_err();
        let host = Secrets::resolve(&grants("https", "a.com", "Host", "s3cr3t")).unwrap_err();
        let kept = Secrets::resolve(&grants("https", "a.com", "X-Key", "s3cr3t")).unwrap();
        for text in [format!("{unset:?}"), format!("{broken:?}"), format!("{host:?}"), format!("{kept:?}")] {
            assert!(!text.contains("s3cr3t"), "{text}");
        }
    }
}
