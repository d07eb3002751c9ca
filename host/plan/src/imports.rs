//! What a component may import: of everybody, and of those who are granted it.

use crate::contract::is_spoken;

/// Interfaces of the contract that the host implements, in every version that it speaks.
const OURS: [&str; 5] = ["types", "columns", "log", "counters", "exchange"];
/// Its interface by which the host sends requests, which 0.1 does not have.
const CALLS: &str = "http";
/// Packages of WASI 0.2 that components of most languages import: always linked, and inert.
const INERT: [&str; 6] = ["io", "clocks", "random", "filesystem", "sockets", "cli"];
/// Interfaces of WASI 0.2 by which requests are sent.
const HTTP: [&str; 2] = ["wasi:http/types", "wasi:http/outgoing-handler"];

/// Whether the host links `import` for everybody.
pub(crate) fn is_always_linked(import: &str) -> bool {
    let Some((path, version)) = import.split_once('@') else { return false };
    if let Some(interface) = path.strip_prefix("callboard:step/") {
        return (OURS.contains(&interface) || (interface == CALLS && !version.starts_with("0.1.")))
            && is_spoken(version);
    }
    let package = path.strip_prefix("wasi:").and_then(|path| path.split_once('/'));
    package.is_some_and(|(package, _)| INERT.contains(&package)) && version.starts_with("0.2.")
}

/// Whether the host links `import` for a step that has a `grant.http`.
pub(crate) fn is_http(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    HTTP.contains(&interface) && version.starts_with("0.2.")
}

/// What it takes for a component to have something that it imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportNeed {
    /// Nothing: it is the contract's.
    Contract,
    /// Nothing: it is there, and does nothing.
    Inert,
    /// It is there, and finds files only where a `grant.files` names some.
    Files,
    /// It is there, and finds variables only where a `grant.env` names some.
    Environment,
    /// It is there, and goes only with `grant.clock`.
    Clock,
    /// A `grant.http`, without which the component is refused.
    Http,
    /// It is of a version of the contract that this host does not speak.
    OtherContract,
    /// The host does not have it.
    Unknown,
}

/// What it takes for a component to have `import`.
pub fn import_need(import: &str) -> ImportNeed {
    match import.split(['/', '@']).next() {
        Some("callboard:step") if is_always_linked(import) => ImportNeed::Contract,
        Some("callboard:step") => ImportNeed::OtherContract,
        _ if is_http(import) => ImportNeed::Http,
        _ if !is_always_linked(import) => ImportNeed::Unknown,
        Some("wasi:filesystem") => ImportNeed::Files,
        Some("wasi:clocks") => ImportNeed::Clock,
        Some("wasi:cli") if import.starts_with("wasi:cli/environment@") => ImportNeed::Environment,
        _ => ImportNeed::Inert,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_always_linked, is_http};

    #[test]
    fn the_contract_and_inert_wasi_are_linked_and_nothing_else() {
        for linked in [
            "callboard:step/log@0.1.0",
            "callboard:step/exchange@0.1.7",
            "wasi:cli/stderr@0.2.6",
            "callboard:step/http@0.2.0",
        ] {
            assert!(is_always_linked(linked), "{linked}");
        }
        let refused = [
            "wasi:http/outgoing-handler@0.2.3",
            "wasi:cli/stderr@0.3.0",
            "callboard:step/log@0.3.0",
            "callboard:step/secrets@0.1.0",
            "callboard:step/http@0.1.0",
            "acme:foo/bar",
            "wasi:io",
            "log",
        ];
        for refused in refused {
            assert!(!is_always_linked(refused), "{refused}");
        }
    }

    #[test]
    fn requests_are_sent_by_wasi_http_of_0_2_and_none_are_received() {
        assert!(is_http("wasi:http/types@0.2.0") && is_http("wasi:http/outgoing-handler@0.2.8"));
        for other in
            ["wasi:http/incoming-handler@0.2.0", "wasi:http/types@0.3.0", "wasi:http/types", "wasi:io/poll@0.2.0"]
        {
            assert!(!is_http(other), "{other}");
        }
    }
}
