//! The contract that components are made for: the one that this version carries, and the one before it.

use wit_parser::{Resolve, SourceMap, WorldId};

/// The files of the contract: name and text. What it was in 0.1 lies in a folder of its own: a step may still be made for it.
pub const FILES: [(&str, &str); 5] = [
    ("columns.wit", include_str!("../../../wit/columns.wit")),
    ("http.wit", include_str!("../../../wit/http.wit")),
    ("step.wit", include_str!("../../../wit/step.wit")),
    ("0.1/columns.wit", include_str!("../../../wit/0.1/columns.wit")),
    ("0.1/step.wit", include_str!("../../../wit/0.1/step.wit")),
];

/// A version of the contract that components are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// That of this callboard.
    Present,
    /// 0.1.
    Before,
}

impl Version {
    /// Its files.
    pub fn files(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let wanted = move |name: &str| name.starts_with("0.1/") == (self == Version::Before);
        FILES.into_iter().filter(move |(name, _)| wanted(name))
    }
}

/// What a step is: each has a world of its own in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Works on one batch at a time.
    Transform,
    /// Needs every row before it puts out the first.
    Global,
    /// Makes rows from nothing but its configuration.
    Source,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Transform, Kind::Global, Kind::Source];

    /// As it is written: `transform`, `global`, `source`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Transform => "transform",
            Kind::Global => "global",
            Kind::Source => "source",
        }
    }

    /// The name of its world.
    pub fn world(self) -> &'static str {
        match self {
            Kind::Transform => "transform-step",
            Kind::Global => "global-step",
            Kind::Source => "source-step",
        }
    }
}

/// What a step begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A step of this kind.
    Of(Kind),
    /// A transform that asks a model.
    Model,
}

impl Template {
    /// All of them.
    pub const ALL: [Template; 4] =
        [Template::Of(Kind::Transform), Template::Of(Kind::Global), Template::Of(Kind::Source), Template::Model];

    /// As it is written: `transform`, `global`, `source`, `model`.
    pub fn name(self) -> &'static str {
        match self {
            Template::Of(kind) => kind.name(),
            Template::Model => "model",
        }
    }
}

/// The contract, and the world of this kind of step.
pub(crate) fn resolve(kind: Kind, version: Version) -> (Resolve, WorldId) {
    let mut sources = SourceMap::default();
    for (name, text) in version.files() {
        sources.push_str(name, text);
    }
    let mut resolve = Resolve::default();
    let group = sources.parse().map_err(|(_, error)| error).expect("the contract is checked by every build");
    let package = resolve.push_group(group).expect("the contract is checked by every build");
    // With requests, where the contract has them: what a step does not use, its component does not import.
    let asking = format!("asking-{}", kind.name());
    let name = if version == Version::Present { asking.as_str() } else { kind.world() };
    let world = resolve.select_world(&[package], Some(name)).expect("each kind has its world");
    (resolve, world)
}
