//! The sections of the benchmark: what each measures.

mod boundary;
mod global;
mod lifecycle;
mod live;
mod look;
mod models;
mod peers;
mod remote;
mod resume;
mod scale;
mod staging;
mod tasks;
mod tax;

use crate::bench::Bench;
use crate::report::Section;
use crate::{Result, report};

/// A section, before it has run.
pub struct Entry {
    /// By which it is asked for.
    pub name: &'static str,
    title: &'static str,
    about: &'static str,
    run: fn(&Bench, &mut Section) -> Result<()>,
}

/// All of them, in the order in which they run.
pub const SECTIONS: &[Entry] = &[
    Entry { name: "tax", title: "Sandbox tax", about: tax::ABOUT, run: tax::run },
    Entry { name: "boundary", title: "Boundary", about: boundary::ABOUT, run: boundary::run },
    Entry { name: "lifecycle", title: "Lifecycle", about: lifecycle::ABOUT, run: lifecycle::run },
    Entry { name: "staging", title: "Staging", about: staging::ABOUT, run: staging::run },
    Entry { name: "scale", title: "Scale", about: scale::ABOUT, run: scale::run },
    Entry { name: "global", title: "Global steps", about: global::ABOUT, run: global::run },
    Entry { name: "models", title: "Models", about: models::ABOUT, run: models::run },
    Entry { name: "peers", title: "Peers", about: peers::ABOUT, run: peers::run },
    Entry { name: "resume", title: "Resume and journal", about: resume::ABOUT, run: resume::run },
    Entry { name: "live", title: "A run that is looked at", about: live::ABOUT, run: live::run },
    Entry { name: "remote", title: "Data in a store", about: remote::ABOUT, run: remote::run },
    Entry { name: "tasks", title: "Tasks", about: tasks::ABOUT, run: tasks::run },
    Entry { name: "look", title: "A run looked at", about: look::ABOUT, run: look::run },
];

/// Runs a section.
///
/// # Errors
///
/// What cannot be measured.
pub fn run(bench: &Bench, entry: &Entry) -> Result<report::Section> {
    let mut section = Section::new(entry.name, entry.title, entry.about);
    (entry.run)(bench, &mut section)?;
    Ok(section)
}
