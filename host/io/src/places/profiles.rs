//! The files that the AWS command keeps in `~/.aws`: profiles with a region, an endpoint, and keys.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use super::fault::Fault;
use crate::error::ErrorKind;

/// Files of profiles are not longer than this, bytes.
const LONGEST: usize = 4 << 20;

/// A profile: its keys in both files, in small letters.
#[derive(Default)]
pub(super) struct Profile {
    name: String,
    /// Whether AWS_PROFILE asks for it.
    asked: bool,
    values: HashMap<String, String>,
}

impl Profile {
    /// The one that AWS_PROFILE names, or `default`; empty if there is none.
    pub(super) fn read() -> Profile {
        let asked = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
        let name = asked.clone().unwrap_or_else(|| "default".to_owned());
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let file = |variable: &str, usual: &str| {
            let path = std::env::var_os(variable).map_or_else(|| home.join(".aws").join(usual), PathBuf::from);
            text(&path)
        };
        let mut values = HashMap::new();
        let config = file("AWS_CONFIG_FILE", "config");
        section(&config, &[&format!("profile {name}"), if name == "default" { "default" } else { "" }], &mut values);
        section(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), &[&name], &mut values);
        Profile { name, asked: asked.is_some(), values }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Its keys, if it has some.
    fn keys(&self) -> Option<AwsCredential> {
        Some(AwsCredential {
            key_id: self.get("aws_access_key_id")?.to_owned(),
            secret_key: self.get("aws_secret_access_key")?.to_owned(),
            token: self.get("aws_session_token").map(str::to_owned),
        })
    }

    /// What gives its keys, each time as the files have them then; null if it has none.
    ///
    /// # Errors
    /// A profile that is asked for and is not there, or gets its keys in a way that is not known here.
    pub(super) fn credentials(&self) -> Result<Option<Keys>, Fault> {
        if self.keys().is_some() {
            return Ok(Some(Keys));
        }
        let name = &self.name;
        let others = ["sso_session", "sso_start_url", "credential_process", "role_arn", "login_session"];
        if let Some(other) = others.into_iter().find(|key| self.get(key).is_some()) {
            let message = format!("the profile `{name}` gets its keys by `{other}`, which is not known here");
            let help = "put them into the environment: `aws configure export-credentials` prints them";
            return Err(Fault::new(ErrorKind::System, message).help(help));
        }
        if self.asked {
            let message = format!("AWS_PROFILE is `{name}`, and there are no keys of that profile in `~/.aws`");
            return Err(Fault::new(ErrorKind::System, message).help("see which there are: aws configure list-profiles"));
        }
        Ok(None)
    }
}

/// The keys of the profile, read again when they are needed: others may renew them.
#[derive(Debug)]
pub(super) struct Keys;

impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    fn get_credential<'a, 'b>(
        &'a self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let keys = Profile::read().keys().ok_or_else(|| {
            let fault = Fault::new(ErrorKind::System, "the keys of the profile are not in `~/.aws` any more");
            object_store::Error::Generic { store: "S3", source: Box::new(fault) }
        });
        Box::pin(async { keys.map(Arc::new) })
    }
}

/// A file's text; of one that cannot be read, nothing.
fn text(path: &Path) -> String {
    match callboard_files::read_regular(path, LONGEST as u64) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// Adds what a section says; nested values are left out.
fn section(text: &str, names: &[&str], values: &mut HashMap<String, String>) {
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(rest) = line.trim().strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default();
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            inside = names.iter().any(|wanted| *wanted == name);
            continue;
        }
        if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            if !value.is_empty() {
                values.insert(key.trim().to_ascii_lowercase(), value.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "[default]\nregion = eu-west-1\n\n[profile  a]\nregion=us-east-2 # there\ns3 =\n  region = no\n[b]\nregion = x\n";
        let of = |names: &[&str]| {
            let mut values = HashMap::new();
            section(text, names, &mut values);
            values.remove("region")
        };
        assert_eq!(of(&["default"]).as_deref(), Some("eu-west-1"));
        assert_eq!(of(&["profile a"]).as_deref(), Some("us-east-2"));
        assert_eq!(of(&["a"]), None);
    }
}
