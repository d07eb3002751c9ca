//! The address of data that are not a file of this machine: `s3://bucket/key` and its like, as text.

use std::fmt;

/// What kind of place an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// A bucket of S3, or of what speaks its language.
    S3,
    /// A bucket of Google's.
    Google,
    /// A container of Azure's.
    Azure,
    /// A dataset of the Hugging Face hub.
    Hub,
    /// A web server, over TLS or not.
    Web {
        /// Whether it is asked over TLS.
        tls: bool,
    },
}

const SCHEMES: [(&str, Scheme); 6] = [
    ("s3", Scheme::S3),
    ("gs", Scheme::Google),
    ("az", Scheme::Azure),
    ("hf", Scheme::Hub),
    ("https", Scheme::Web { tls: true }),
    ("http", Scheme::Web { tls: false }),
];

impl Scheme {
    fn name(self) -> &'static str {
        SCHEMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }

    /// Whether inputs are read from there.
    pub fn is_read(self) -> bool {
        true
    }

    /// Whether outputs are written there.
    pub fn is_written(self) -> bool {
        !matches!(self, Scheme::Web { .. })
    }

    /// As people call it.
    pub fn words(self) -> &'static str {
        match self {
            Scheme::S3 => "S3",
            Scheme::Google => "Google Cloud Storage",
            Scheme::Azure => "Azure",
            Scheme::Hub => "the hub",
            Scheme::Web { .. } => "the server",
        }
    }
}

/// An address, in its parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// The kind of place.
    pub scheme: Scheme,
    /// The bucket or container; of a web server its host, and its port if it is said; of the hub `datasets/OWNER/NAME@REVISION`.
    pub bucket: String,
    /// The object's key, or the pattern of keys; of a web server the path and the query.
    pub key: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.scheme.name(), self.bucket, self.key)
    }
}

/// What is wrong with an address, and what fixes it. Neither shows a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// A phrase about the address.
    pub message: String,
    /// What fixes it.
    pub help: String,
    /// Whether there is no such kind of place.
    pub is_unknown: bool,
}

impl Flaw {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Flaw {
        Flaw { message: message.into(), help: help.into(), is_unknown: false }
    }
}

/// The scheme of an address and what follows its `://`; `None` if the text is none.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let mut letters = scheme.bytes();
    let first = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    (first && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))).then_some((scheme, rest))
}

impl Address {
    /// The address that a path is; `None` if it is a path of this machine.
    ///
    /// # Errors
    /// An address of a kind that there is not, without a bucket or a key, with a secret in it, or over the network in the clear.
    pub fn of(text: &str) -> Option<Result<Address, Flaw>> {
        let (name, rest) = split(text)?;
        Some(Address::new(text, name, rest))
    }

    fn new(text: &str, name: &str, rest: &str) -> Result<Address, Flaw> {
        let Some((_, scheme)) = SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            let known = SCHEMES.map(|(name, _)| format!("`{name}://`")).join(", ");
            let help = format!("known are {known}, and paths of this machine");
            let flaw = Flaw::new(format!("`{name}://` is not a kind of place that is known"), help);
            return Err(Flaw { is_unknown: true, ..flaw });
        };
        if *scheme == Scheme::Hub {
            return Address::of_hub(text, rest);
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            let help = format!("leave out what is before the `@`; {SECRETS}");
            return Err(Flaw::new("it has a user name or a password in it, which would be kept and shown", help));
        }
        let web = matches!(scheme, Scheme::Web { .. });
        if let (true, Some(word)) = (web, signature(key)) {
            let help = format!("name the object itself, such as s3://BUCKET/KEY; {SECRETS}");
            return Err(Flaw::new(format!("it is signed (`{word}`): a secret, which would be kept and shown"), help));
        }
        if bucket.is_empty() {
            let example = format!("{}://BUCKET/{}", scheme.name(), if key.is_empty() { "KEY" } else { key });
            let what = if web { "host" } else { "bucket" };
            return Err(Flaw::new(format!("it names no {what}"), format!("path = {example:?}")));
        }
        if key.is_empty() || key.ends_with('/') {
            let example = format!("{}/{}", text.trim_end_matches('/'), if web { "docs.jsonl" } else { "*.jsonl" });
            let help = format!("name what is in it: path = {example:?}");
            return Err(Flaw::new("it names no object, but all of a bucket or a folder", help));
        }
        if web && key.contains(['*', '[']) {
            let help = "list the addresses: path = [\"https://…/1.jsonl\", \"https://…/2.jsonl\"]";
            return Err(Flaw::new("a web server does not say which files it has, so it knows no patterns", help));
        }
        if *scheme == (Scheme::Web { tls: false }) && !is_loopback(bucket) {
            let message = "it is not encrypted, and not on this machine: what is read could be altered on the way";
            return Err(Flaw::new(message, "use `https://`"));
        }
        Ok(Address { scheme: *scheme, bucket: bucket.to_owned(), key: key.to_owned() })
    }

    fn of_hub(text: &str, rest: &str) -> Result<Address, Flaw> {
        let mut parts = rest.splitn(4, '/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (datasets, owner, name, key) = (part(), part(), part(), part());
        let (Some("datasets"), Some(owner), Some(name)) = (datasets, owner, name) else {
            let help = "path = \"hf://datasets/OWNER/NAME/data/*.parquet\"; a revision: NAME@v1.0; converted to Parquet: NAME@~parquet";
            return Err(Flaw::new("it names no dataset", help));
        };
        let named = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let (of, revision) = name.split_once('@').unwrap_or((name, "main"));
        if !named(owner) || !named(of) || of.is_empty() || revision.is_empty() {
            return Err(Flaw::new("it names no dataset", "a name has letters, digits, `-`, `_` and `.`"));
        }
        let Some(key) = key.filter(|key| !key.ends_with('/')) else {
            let example = format!("{}/**/*.parquet", text.trim_end_matches('/'));
            return Err(Flaw::new(
                "it names no file, but a dataset or a folder",
                format!("name its files: path = {example:?}"),
            ));
        };
        let bucket = format!("datasets/{owner}/{name}");
        Ok(Address { scheme: Scheme::Hub, bucket, key: key.to_owned() })
    }

    /// The same place with another key.
    pub fn with_key(&self, key: &str) -> Address {
        Address { key: key.to_owned(), ..self.clone() }
    }

    /// Whether it is of a web server, which has no buckets.
    pub fn is_web(&self) -> bool {
        matches!(self.scheme, Scheme::Web { .. })
    }
}

const SECRETS: &str = "credentials are read from the environment";

/// The parameter of a query that makes it a secret.
fn signature(key: &str) -> Option<&str> {
    const SECRET: [&str; 6] =
        ["x-amz-signature", "x-goog-signature", "signature", "sig", "x-amz-security-token", "token"];
    let (_, query) = key.split_once('?')?;
    let mut names = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    names.find(|name| SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name)))
}

/// An address without what may be a secret in it.
pub fn shown(text: &str) -> String {
    let Some((scheme, rest)) = split(text) else { return text.to_owned() };
    let (rest, query) = match rest.split_once('?') {
        Some((before, _)) if signature(rest).is_some() => (before, "?…"),
        _ => (rest, ""),
    };
    let (host, key) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{key}{query}")
}

/// Whether a host, with or without a port, is this machine.
pub fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_it_says_and_comes_back() {
        for (text, scheme, bucket, key) in [
            ("s3://b/k", Scheme::S3, "b", "k"),
            ("gs://b/a/*.jsonl", Scheme::Google, "b", "a/*.jsonl"),
            ("https://example.com:8080/a?b=c", Scheme::Web { tls: true }, "example.com:8080", "a?b=c"),
            ("hf://datasets/o/n@~parquet/a/*.parquet", Scheme::Hub, "datasets/o/n@~parquet", "a/*.parquet"),
            ("http://localhost:80/x", Scheme::Web { tls: false }, "localhost:80", "x"),
        ] {
            let address = Address::of(text).unwrap().unwrap();
            assert_eq!((address.scheme, &*address.bucket, &*address.key), (scheme, bucket, key));
            assert_eq!(address.to_string(), text);
        }
        for path in ["a/b", "./s3://b/k", "/s3:/b", "3s://b", "://b"] {
            assert!(Address::of(path).is_none(), "{path}");
        }
    }

    #[test]
    fn what_an_address_lacks_or_has_too_much_is_an_error_that_shows_no_secret() {
        for (text, message) in [
            ("ftp://h/f", "`ftp://` is not a kind"),
            ("s3:///k", "names no bucket"),
            ("s3://b", "names no object"),
            ("s3://b/a/", "names no object"),
            ("https://me:SECRET@h/f", "a user name or a password"),
            ("https://h/f?X-Amz-Signature=SECRET&a=b", "is signed"),
            ("https://h/*.jsonl", "no patterns"),
            ("http://example.com/a", "not encrypted"),
            ("hf://datasets/o", "names no dataset"),
            ("hf://o/n/x.parquet", "names no dataset"),
            ("hf://datasets/o/n", "names no file"),
            ("hf://datasets/o/n%2f..@x/y", "names no dataset"),
        ] {
            let flaw = Address::of(text).unwrap().unwrap_err();
            assert!(flaw.message.contains(message), "{flaw:?}");
            assert!(!format!("{flaw:?} {}", shown(text)).contains("SECRET"), "{flaw:?}");
        }
        assert_eq!(shown("https://h/f?page=2"), "https://h/f?page=2");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in ["localhost", "localhost:80", "127.0.0.1:9000", "[::1]:80", "127.3.2.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com", "10.0.0.1", "localhost.example.com"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
