//! How the places of an input or an output are reached: `access`.

use super::document::Node;
use super::fields::{Fields, boolean, text};
use super::model::Access;
use crate::problem::Findings;

pub(super) fn access(node: &Node, findings: &mut Findings) -> Option<Access> {
    let fields = Fields::of(node, "`access`", findings)?;
    let anonymous = fields.get("anonymous").and_then(|node| boolean(node, "`anonymous`", findings));
    let endpoint = fields.get("endpoint").and_then(|node| endpoint(node, findings));
    let region = fields.get("region").and_then(|node| text(node, "`region`", findings));
    let secret = |_: &str| "keys are read from the environment, such as AWS_ACCESS_KEY_ID, or from `~/.aws`".to_owned();
    fields.end(Some(secret), findings);
    Some(Access { anonymous: anonymous.unwrap_or_default(), endpoint, region: region.map(|region| region.value) })
}

fn endpoint(node: &Node, findings: &mut Findings) -> Option<String> {
    let endpoint = text(node, "`endpoint`", findings)?.value;
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("", &endpoint));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let (message, help) = match scheme {
        _ if host.contains('@') => (
            "`endpoint` has a user name or a password in it, which would be kept and shown".to_owned(),
            "leave out what is before the `@`; credentials are read from the environment",
        ),
        "https" | "http" if host.is_empty() => ("`endpoint` names no host".to_owned(), EXAMPLE),
        // Whether `http` is allowed depends on the environment of the run.
        "https" | "http" => return Some(endpoint),
        _ => (format!("`endpoint` is {endpoint:?}, which is not the address of a server"), EXAMPLE),
    };
    findings.add_with_help(&node.at, message, help);
    None
}

const EXAMPLE: &str = "endpoint = \"https://s3.example.com\"";
