//! Files that a bundled step is granted: seeds, word lists, weights.
#![forbid(unsafe_code)]

use callboard_sdk::{Result, StepError};

/// The most that a file may have, bytes.
#[cfg(target_arch = "wasm32")]
const MOST: u64 = 1 << 30;

/// Reads a file whole: `data/seeds.jsonl` is `seeds.jsonl` in the granted folder `data`.
///
/// # Errors
/// A file that was not granted, cannot be read, or has more than 1 GiB: of kind `config`, with the grant that it takes.
#[cfg(target_arch = "wasm32")]
pub fn read(path: &str) -> Result<Vec<u8>> {
    use wasip2::filesystem::preopens;
    use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
    let path = path.strip_prefix("./").unwrap_or(path);
    let failed = |why: &str| StepError::config(format!("{path}: {why}: grant.files = [\"{path}\"]"));
    let below = |folder: &str| match folder {
        "." => Some(path.to_owned()),
        folder => path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned),
    };
    let mut why = "it is in no folder that the step was granted".to_owned();
    for (folder, name) in preopens::get_directories() {
        let Some(rest) = below(&name) else { continue };
        let opened = folder.open_at(PathFlags::SYMLINK_FOLLOW, &rest, OpenFlags::empty(), DescriptorFlags::READ);
        let file = match opened {
            Ok(file) => file,
            Err(code) => {
                why = code.name().to_owned();
                continue;
            }
        };
        // Weights fill much of the memory: room for them is taken once, and not in ever larger pieces.
        let size = file.stat().map_err(|code| failed(code.name()))?.size;
        let mut bytes = Vec::with_capacity(size.min(MOST) as usize);
        loop {
            let (more, end) = file.read(1 << 20, bytes.len() as u64).map_err(|code| failed(code.name()))?;
            bytes.extend_from_slice(&more);
            if bytes.len() as u64 > MOST {
                return Err(failed("it has more than 1 GiB"));
            }
            if end || more.is_empty() {
                return Ok(bytes);
            }
        }
    }
    Err(failed(&why))
}

/// Reads a file whole.
///
/// # Errors
/// A file that cannot be read: of kind `config`.
#[cfg(not(target_arch = "wasm32"))]
pub fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| StepError::config(format!("{path}: {error}")))
}
