//! The contract that components are made for: the one that this version carries.

use wit_parser::{Resolve, SourceMap, WorldId};

/// The files of the contract: name and text.
pub const FILES: [(&str, &str); 2] =
    [("columns.wit", include_str!("../../../wit/columns.wit")), ("step.wit", include_str!("../../../wit/step.wit"))];

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

/// The contract, and the world of this kind of step.
pub(crate) fn resolve(kind: Kind) -> (Resolve, WorldId) {
    let mut sources = SourceMap::default();
    for (name, text) in FILES {
        sources.push_str(name, text);
    }
    let mut resolve = Resolve::default();
    let group = sources.parse().map_err(|(_, error)| error).expect("the contract is checked by every build");
    let package = resolve.push_group(group).expect("the contract is checked by every build");
    let world = resolve.select_world(&[package], Some(kind.world())).expect("each kind has its world");
    (resolve, world)
}
