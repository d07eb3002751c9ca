//! What a step may reach outside of its sandbox.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a step may reach outside of its sandbox: nothing, unless the pipeline file grants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Files and folders.
    pub files: Vec<FileGrant>,
    /// Requests that it may send.
    pub http: Vec<HttpGrant>,
    /// Names of environment variables that it may read.
    pub env: Vec<String>,
    /// By host: what the host adds to the step's requests to it. The step never sees it.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// Whether its clocks go; otherwise they stand still.
    pub clock: bool,
}

impl Grants {
    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the step may write files.
    pub fn writes(&self) -> bool {
        self.files.iter().any(|grant| grant.write)
    }

    /// Whether the step may reach what no plan holds, so that the same plan may put out other rows another time.
    pub fn reaches_out(&self) -> bool {
        !self.http.is_empty() || self.clock
    }
}

/// A file or a folder that a step may open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileGrant {
    /// Relative to the pipeline file's folder, without `.` and `..`; `.` is the folder itself. The step opens it under
    /// this same name.
    pub path: String,
    /// Whether the step may write there too.
    pub write: bool,
}

/// Requests that a step may send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// `GET`, `POST` …
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// The host, in lower case, without a port; an IPv6 address stands in brackets, as in a URL.
    pub host: String,
    /// The port, where it is not the scheme's own.
    pub port: Option<u16>,
    /// What the path of a request begins with, `/` at least.
    pub path: String,
}

/// As the pipeline file has it: `POST https://api.openai.com/v1/`.
impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, scheme, host, port, path } = self;
        write!(f, "{method} {scheme}://{host}")?;
        if let Some(port) = port {
            write!(f, ":{port}")?;
        }
        write!(f, "{path}")
    }
}

/// A header that the host adds to requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// The header's name.
    pub header: String,
    /// Its value, with `${env.NAME}` where a variable of the environment goes: a plan holds no secret.
    pub value: String,
}

impl SecretGrant {
    /// The variables that the value names, in its order; a [`Plan`](crate::Plan)'s names one at least.
    pub fn variables(&self) -> Vec<&str> {
        variables(&self.value).unwrap_or_default()
    }

    /// The header's value, each variable put in as `environment` knows it.
    ///
    /// # Errors
    /// The name of the first variable that it does not know.
    pub fn value_from(&self, environment: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = self.value.as_str();
        while let Some((before, name, after)) = next_variable(rest) {
            filled.push_str(before);
            filled.push_str(&environment(name).ok_or_else(|| name.to_owned())?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// The names of all `${env.NAME}`, or `None` where a `${` begins anything else.
pub(crate) fn variables(value: &str) -> Option<Vec<&str>> {
    let (mut names, mut rest) = (Vec::new(), value);
    while let Some((before, name, after)) = next_variable(rest) {
        if before.contains("${") {
            return None;
        }
        names.push(name);
        rest = after;
    }
    (!rest.contains("${")).then_some(names)
}

/// What stands before the next `${env.NAME}`, its name, and what stands behind.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices("${env.").find_map(|(at, begin)| {
        let (name, after) = text[at + begin.len()..].split_once('}')?;
        is_variable(name).then(|| (&text[..at], name, after))
    })
}

/// Whether a variable of the environment can have this name.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::{SecretGrant, variables};

    #[test]
    fn variables_are_named_and_put_in_and_a_secret_is_never_read_twice() {
        let secret = |value: &str| SecretGrant { header: "Authorization".into(), value: value.into() };
        let two = secret("Bearer ${env.ID}:${env.KEY}$");
        assert_eq!(two.variables(), ["ID", "KEY"]);
        // What a variable holds is put in as it is: it names no further variable.
        let known = |name: &str| Some(if name == "ID" { "${env.KEY}".to_owned() } else { name.to_lowercase() });
        assert_eq!(two.value_from(known).unwrap(), "Bearer ${env.KEY}:key$");
        assert_eq!(two.value_from(|name| (name == "ID").then(String::new)).unwrap_err(), "KEY");
        assert_eq!(variables("Bearer abc"), Some(vec![]));
        for broken in ["${env.}", "${env.A", "${params.a}${env.B}", "${env.A} ${x}", "${env.A B}", "$${", "${env.1}"] {
            assert_eq!(variables(broken), None, "{broken}");
        }
    }
}
