//! Values of the command line: sizes, rows, budgets, secrets.

use std::net::{Ipv4Addr, SocketAddr};

use callboard_plan::MaxRejects;

/// The memory that a stage may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryBudget {
    /// No limit.
    None,
    /// At most this many bytes.
    Bytes(u64),
}

pub(super) fn memory_budget(text: &str) -> Result<MemoryBudget, String> {
    match text {
        "none" => Ok(MemoryBudget::None),
        text => size(text)
            .map(MemoryBudget::Bytes)
            .map_err(|_| "expected a size with its unit, such as 1GiB, or `none`".to_owned()),
    }
}

/// A size with its unit, bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let unit = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let size = text.parse::<bytesize::ByteSize>().ok().filter(|_| unit);
    size.map(|size| size.as_u64()).ok_or_else(|| "expected a size with its unit, such as 20GiB".to_owned())
}

pub(super) fn component_size(text: &str) -> Result<u64, String> {
    within(text, callboard_plan::MOST_COMPONENT_BYTES, "256MiB", "512MiB")
}

pub(super) fn pipeline_size(text: &str) -> Result<u64, String> {
    within(text, 64 << 20, "32MiB", "64MiB")
}

fn within(text: &str, most: u64, example: &str, words: &str) -> Result<u64, String> {
    let expected = || format!("expected a size with its unit, such as {example}; at most {words}");
    size(text).ok().filter(|size| (1..=most).contains(size)).ok_or_else(expected)
}

pub(super) fn rows(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a number of rows, such as 1000")
}

/// How many rows may be rejected.
pub(super) fn max_rejects(text: &str) -> Result<MaxRejects, String> {
    let expected = || "expected a number of rows, such as 100, or a share, such as 0.5%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.trim().parse::<f64>().ok().filter(|percent| *percent > 0.0 && *percent <= 100.0);
            percent.map(MaxRejects::Percent).ok_or_else(expected)
        }
        None => text.parse().map(MaxRejects::Rows).map_err(|_| expected()),
    }
}

/// An address of this machine: `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`, or the port alone.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    let local = port.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    local.or_else(|_| text.parse()).map_err(|_| "expected an address and a port, such as 127.0.0.1:9000, or a port")
}

/// The digest of the grants of a run that was begun elsewhere.
pub(super) fn trust(text: &str) -> Result<u128, &'static str> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    digest.ok_or("expected the 32 digits that `callboard resume RUN-DIR` shows")
}

/// A secret of the command line.
#[derive(Clone, Debug)]
pub(crate) struct SecretArgument {
    pub(crate) host: String,
    pub(crate) header: String,
    pub(crate) value: String,
}

pub(super) fn secret(text: &str) -> Result<SecretArgument, String> {
    let parts = text.split_once(' ').and_then(|(host, rest)| {
        let (header, value) = rest.split_once(':')?;
        Some((host.trim(), header.trim(), value.trim()))
    });
    match parts {
        Some((host, header, value)) if ![host, header, value].contains(&"") => {
            Ok(SecretArgument { host: host.to_owned(), header: header.to_owned(), value: value.to_owned() })
        }
        // The text itself is not repeated: it may be the secret.
        _ => {
            Err("expected a host, a header and its value: 'api.example.org Authorization: Bearer ${env.KEY}'"
                .to_owned())
        }
    }
}
