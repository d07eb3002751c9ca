//! Components by name, as a catalog has them.

use std::collections::BTreeMap;
use std::path::Path;

use callboard_plan::{Catalog, Component, ComponentFacts, Kind, Missing, Origin, Pipeline, ScanError, is_path};
use serde::Deserialize;

/// A component as `catalog.toml` describes it: `[some-use]`, `kind = "global"`, `imports = […]`, or `missing = "…"`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default = "transform")]
    kind: Kind,
    #[serde(default)]
    imports: Vec<String>,
    missing: Option<String>,
}

fn transform() -> Kind {
    Kind::Transform
}

/// What there is to use.
#[derive(Default)]
pub(crate) struct Shelf(BTreeMap<String, Entry>);

impl Shelf {
    /// The bundled steps, `./label.wasm` and `generate`, a source.
    pub(crate) fn standard() -> Self {
        let transforms = ["normalise", "text-stats", "filter", "./label.wasm"].map(|name| (name, Kind::Transform));
        let others = [("exact-dedup", Kind::Global), ("sample", Kind::Global), ("generate", Kind::Source)];
        let entry = |kind| Entry { kind, imports: vec!["callboard:step/log@0.1.0".into()], missing: None };
        Self(transforms.into_iter().chain(others).map(|(name, kind)| (name.to_owned(), entry(kind))).collect())
    }

    pub(crate) fn of(case: &Path) -> Self {
        let mut shelf = Self::standard();
        if let Ok(text) = std::fs::read_to_string(case.join("catalog.toml")) {
            shelf.0.extend(toml::from_str::<BTreeMap<String, Entry>>(&text).unwrap());
        }
        shelf
    }

    pub(crate) fn add(&mut self, name: &str, kind: Kind) {
        self.0.insert(name.to_owned(), Entry { kind, imports: Vec::new(), missing: None });
    }

    pub(crate) fn catalog(&self, pipeline: &Pipeline) -> Catalog {
        let find = |uses: &str| match self.0.get(uses) {
            None if is_path(uses) => {
                Err(Missing::Unreadable { path: uses.to_owned(), error: "No such file or directory".to_owned() })
            }
            None => Err(Missing::Unknown),
            Some(Entry { missing: Some(what), .. }) => Err(missing(uses, what)),
            Some(entry) => Ok(Component {
                facts: ComponentFacts {
                    kind: entry.kind,
                    contract: "0.1.0".to_owned(),
                    imports: entry.imports.clone(),
                    size: 1000,
                },
                digest: format!("{:064x}", uses.len()),
                origin: if is_path(uses) { Origin::Path(uses.to_owned()) } else { Origin::Bundled },
            }),
        };
        let uses = pipeline.steps.iter().map(|step| step.uses.value.clone());
        Catalog {
            bundled: self.0.keys().filter(|name| !is_path(name)).cloned().collect(),
            formats: ["jsonl", "csv", "parquet", "arrow"].map(str::to_owned).to_vec(),
            components: uses.map(|uses| (uses.clone(), find(&uses))).collect(),
        }
    }
}

fn missing(uses: &str, what: &str) -> Missing {
    let path = uses.to_owned();
    match what {
        "not-built" => Missing::NotBuilt("run `cargo xtask guests`, then build again".to_owned()),
        "module" => Missing::Unfit { path, error: ScanError::Module },
        "newer" => Missing::Unfit { path, error: ScanError::Contract { found: "0.3.0".to_owned(), newer: true } },
        "no-step" => {
            Missing::Unfit { path, error: ScanError::NotAStep { exports: vec!["wasi:cli/run@0.2.3".to_owned()] } }
        }
        "text" => Missing::Unfit { path, error: ScanError::NotWasm { looks_like: "JSON or TOML".to_owned() } },
        other => panic!("unknown reason `{other}`"),
    }
}
