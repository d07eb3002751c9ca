//! Tells from a component's bytes which kind of step it is and what it imports; nothing is compiled or run.
//!
//! Only the names of the component's own imports and exports are read, and what it is made of is counted ([`parts`]);
//! code and data are stepped over, so that eighteen megabytes take a few milliseconds.

use callboard_words::text::{clipped, excerpt};
use serde::{Deserialize, Serialize};
use wasmparser::{Chunk, ComponentExternalKind, Encoding, Parser, Payload};

use crate::contract::{CONTRACT, GROUPS_ROWS, LINE, is_spoken, numbers};
use crate::parts::{self, MOST_COMPONENT_BYTES, malformed};
use crate::spelling::quoted;

/// Exports that an error names, and the bytes of such a name.
const NAMES: usize = 20;
const NAME: usize = 200;

/// The kind of a step: which interface of the contract its component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Makes rows from its configuration.
    Source,
    /// Works on one batch at a time.
    Transform,
    /// Needs every row before it puts out the first.
    Global,
}

impl Kind {
    /// The word for people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Global => "global",
        }
    }
}

/// What a component's top-level imports and exports declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentFacts {
    /// Which of the three interfaces it exports.
    pub kind: Kind,
    /// The contract's version that it was built for, such as `0.1.0`.
    pub contract: String,
    /// Names of all imports, in the component's order.
    pub imports: Vec<String>,
    /// Size in bytes.
    pub size: u64,
}

impl ComponentFacts {
    /// Whether several instances of it may work side by side: not those of a source, nor of a global step before contract 0.2.
    pub fn may_have_replicas(&self) -> bool {
        match self.kind {
            Kind::Transform => true,
            Kind::Global => numbers(&self.contract).is_some_and(|line| line >= GROUPS_ROWS),
            Kind::Source => false,
        }
    }
}

/// Why these bytes are not step; the words go on from "the file …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// No bytes at all.
    #[error("is empty")]
    Empty,
    /// Something else altogether.
    #[error("is not a WebAssembly component, it looks like {looks_like}")]
    NotWasm {
        /// Such as "JSON" or "a gzip file".
        looks_like: String,
    },
    /// A core module: the compiler's output before it is made a component.
    #[error("is a core WebAssembly module, not a component")]
    Module,
    /// The file ends in the middle of a section.
    #[error("is cut short: it ends at byte {size}, within a section that begins at byte {at}")]
    Truncated {
        /// Where the section begins.
        at: u64,
        /// How many bytes there are.
        size: u64,
    },
    /// The bytes follow no known encoding.
    #[error("is not a readable component: {message} (at byte {at})")]
    Malformed {
        /// Where.
        at: u64,
        /// The parser's words.
        message: String,
    },
    /// A component, but not one of Callboard's.
    #[error("is a component, but no step: it exports {}", if exports.is_empty() { "nothing".to_owned() } else { quoted(exports.iter().map(String::as_str)) })]
    NotAStep {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// It exports more than one of the three interfaces.
    #[error("is a step of several kinds: it exports {}", quoted(exports.iter().map(String::as_str)))]
    SeveralKinds {
        /// Those of the contract that it exports.
        exports: Vec<String>,
    },
    /// The file is larger than a component may be.
    #[error("has {}, and a component has at most {}", crate::sizes::about(*size), crate::sizes::about(*limit))]
    TooLarge {
        /// Its bytes, or how many were looked at.
        size: u64,
        /// The most.
        limit: u64,
    },
    /// It is made of more parts than a component may be made of.
    #[error("has more than {limit} {what}, the most that a component may have")]
    TooMany {
        /// Parts of which kind.
        what: &'static str,
        /// The most.
        limit: u64,
    },
    /// It was built for another version of the contract.
    #[error("is built for contract {found}, and this callboard speaks {CONTRACT}")]
    Contract {
        /// As the export says it; `without a version` if it says none.
        found: String,
        /// Whether a later callboard may speak it.
        newer: bool,
    },
}

impl ScanError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Empty | Self::Truncated { .. } => "build or copy it again".to_owned(),
            Self::Malformed { .. } => "build it again, with tools that make components of WASI 0.2".to_owned(),
            Self::NotWasm { looks_like } if looks_like.contains("text format") => {
                "make a binary of it: `wasm-tools parse step.wat -o step.wasm`".to_owned()
            }
            Self::NotWasm { looks_like } if looks_like.contains("compressed") => "unpack it first".to_owned(),
            Self::NotWasm { .. } => "`use` names a bundled step or a component (`.wasm`)".to_owned(),
            Self::Module => "make a component of it: `wasm-tools component new module.wasm -o step.wasm`, \
                 or build it for `wasm32-wasip2`"
                .to_owned(),
            Self::NotAStep { .. } => {
                format!("a step exports `callboard:step/transform@{CONTRACT}`, or `…/global`, or `…/source`")
            }
            Self::TooLarge { size, .. } if *size <= MOST_COMPONENT_BYTES => {
                format!("allow it in the step: limits.component = \"{}\"", crate::sizes::written(*size))
            }
            Self::TooLarge { .. } | Self::TooMany { .. } => {
                "build it smaller: no key raises this limit (docs/sandbox.md#limits)".to_owned()
            }
            Self::SeveralKinds { .. } => "make it several components, one for each kind".to_owned(),
            Self::Contract { newer: true, .. } => {
                format!("use a newer callboard, or build the step for {CONTRACT}")
            }
            Self::Contract { newer: false, .. } => format!("build the step for {CONTRACT}"),
        }
    }
}

/// Reads the top-level imports and exports of a component.
///
/// # Errors
/// If the bytes are not step that this host can run: [`ScanError`] says what they are instead.
pub fn scan(bytes: &[u8]) -> Result<ComponentFacts, ScanError> {
    if bytes.is_empty() {
        return Err(ScanError::Empty);
    }
    // What a step's own limit is, whoever reads its file knows.
    let (size, limit) = (bytes.len() as u64, MOST_COMPONENT_BYTES);
    if size > limit {
        return Err(ScanError::TooLarge { size, limit });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(ScanError::NotWasm { looks_like: looks_like(bytes) });
    }
    let (imports, exports) = names(bytes)?;
    parts::check(bytes)?;
    let (kind, contract) = kind(exports)?;
    Ok(ComponentFacts { kind, contract, imports, size: bytes.len() as u64 })
}

/// Names of the imports of a component, and of its exports that are instances.
///
/// # Errors
/// If the bytes are not component.
pub fn names(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>), ScanError> {
    let size = bytes.len() as u64;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut parser = Parser::new(0);
    let mut at = 0;
    while at < bytes.len() {
        // `eof: false`, so that a section that is not all there is told apart from one that is wrong.
        let (consumed, payload) = match parser.parse(&bytes[at..], false).map_err(malformed)? {
            Chunk::NeedMoreData(_) => return Err(ScanError::Truncated { at: at as u64, size }),
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        let begin = at;
        at += consumed;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => return Err(ScanError::Module),
            Payload::ModuleSection { unchecked_range: range, .. }
            | Payload::ComponentSection { unchecked_range: range, .. } => {
                if range.end > bytes.len() {
                    return Err(ScanError::Truncated { at: begin as u64, size });
                }
                at = range.end;
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    imports.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Instance {
                        exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

fn kind(mut exports: Vec<String>) -> Result<(Kind, String), ScanError> {
    let mut steps = Vec::new();
    for export in &exports {
        let Some(interface) = export.strip_prefix("callboard:step/") else { continue };
        let (interface, version) = interface.split_once('@').unwrap_or((interface, ""));
        let kind = match interface {
            "source" => Kind::Source,
            "transform" => Kind::Transform,
            "global" => Kind::Global,
            _ => continue,
        };
        steps.push((kind, version.to_owned(), export.clone()));
    }
    match &steps[..] {
        [] => {
            exports.truncate(NAMES);
            exports.iter_mut().for_each(shorten);
            Err(ScanError::NotAStep { exports })
        }
        [(kind, version, _)] => {
            let mut found = version.clone();
            shorten(&mut found);
            match numbers(version) {
                Some(_) if is_spoken(version) => Ok((*kind, version.clone())),
                Some(other) => Err(ScanError::Contract { found, newer: other > LINE }),
                None if version.is_empty() => {
                    Err(ScanError::Contract { found: "without a version".to_owned(), newer: false })
                }
                None => Err(ScanError::Contract { found, newer: true }),
            }
        }
        _ => {
            let mut exports: Vec<String> = steps.into_iter().take(NAMES).map(|(_, _, export)| export).collect();
            exports.iter_mut().for_each(shorten);
            Err(ScanError::SeveralKinds { exports })
        }
    }
}

/// Names in messages have a limit: a component may call itself anything, at any length.
fn shorten(name: &mut String) {
    *name = clipped(std::mem::take(name), NAME);
}

/// What the first bytes of a file that is not WebAssembly say.
fn looks_like(bytes: &[u8]) -> String {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "a compressed file (gzip)"),
        (b"\x28\xb5\x2f\xfd", "a compressed file (zstd)"),
        (b"PK\x03\x04", "a compressed file (zip)"),
        (b"\x7fELF", "a native program or library (ELF)"),
        (b"MZ", "a native program or library (Windows)"),
        (b"\xcf\xfa\xed\xfe", "a native program or library (macOS)"),
        (b"!<arch>", "a native library (archive)"),
        (b"PAR1", "a Parquet file"),
        (b"version https://git-lfs", "a Git LFS pointer, whose file is not fetched"),
    ];
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return (*what).to_owned();
    }
    let head = &bytes[..bytes.len().min(4096)];
    // The cut may part a character; what is before it tells enough.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return "binary data of an unknown kind".to_owned(),
    };
    if text.contains('\0') {
        return "binary data of an unknown kind".to_owned();
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(";;")).unwrap_or_default();
    match line {
        line if line.starts_with("(component") || line.starts_with("(module") => "WebAssembly's text format".to_owned(),
        line if line.starts_with("<!") || line.to_lowercase().starts_with("<html") => "an HTML page".to_owned(),
        line if line.starts_with(['{', '[']) => "JSON or TOML".to_owned(),
        "" => "an empty text file".to_owned(),
        line => format!("text that begins `{}`", excerpt(line, 40)),
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
