//! Files opened so that nobody else decides which: below an open folder, without following links ([`Dir`]); regular ones
//! alone ([`read_regular`]); where paths lead ([`resolved`]); and folders for a while ([`Temporary`]).
//!
//! ```
//! use callboard_files::Dir;
//!
//! let folder = std::env::temp_dir().join(format!("callboard-example-{}", std::process::id()));
//! let dir = Dir::make(&folder, 0o700)?;
//! dir.write_whole("a", b"one", 0o600)?;
//! std::os::unix::fs::symlink("/etc/hostname", folder.join("b"))?;
//! assert_eq!(dir.read("a")?, b"one");
//! assert!(dir.read("b").is_err(), "no link is followed");
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod beneath;
mod regular;
mod temporary;
mod way;

pub use beneath::*;
pub use regular::{open_regular, read_regular};
pub use temporary::Temporary;
pub use way::{resolved, way};
