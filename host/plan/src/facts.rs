//! The catalog's facts about a pipeline's steps, and whether the pipeline may use them so.

use crate::catalog::{Catalog, Component, Missing, is_path};
use crate::contract::{CONTRACT, LINE};
use crate::imports::{is_always_linked, is_http};
use crate::pipeline::{Located, Pipeline, Step, WITHIN};
use crate::problem::Findings;
use crate::scan::Kind;
use crate::spelling::{hint, nearest, quoted};

/// For each step its component, where there is one.
pub(crate) fn components<'a>(
    pipeline: &Pipeline,
    catalog: &'a Catalog,
    findings: &mut Findings,
) -> Vec<Option<&'a Component>> {
    for format in formats(pipeline) {
        if !catalog.formats.is_empty() && !catalog.formats.contains(&format.value) {
            let message = format!("unknown format `{}`", format.value);
            findings.push(&format.at, message, hint(format, "formats", catalog.formats.iter().map(String::as_str)));
        }
    }
    let component = |step: &Step| match catalog.components.get(&step.uses.value) {
        Some(Ok(component)) => {
            check_use(step, component, findings);
            Some(component)
        }
        Some(Err(missing)) => {
            refuse(step, missing, catalog, findings);
            None
        }
        None => {
            refuse(step, &Missing::Unknown, catalog, findings);
            None
        }
    };
    pipeline.steps.iter().map(component).collect()
}

fn formats(pipeline: &Pipeline) -> impl Iterator<Item = &Located<String>> {
    let inputs = pipeline.inputs.iter().filter_map(|input| input.format.as_ref());
    inputs.chain(pipeline.outputs.iter().filter_map(|output| output.format.as_ref()))
}

fn check_use(step: &Step, component: &Component, findings: &mut Findings) {
    let imports = component.facts.imports.iter().map(String::as_str).filter(|import| !is_always_linked(import));
    let (http, refused): (Vec<&str>, Vec<&str>) = imports.partition(|import| is_http(import));
    if !http.is_empty() && step.grants.http.is_empty() {
        let message = format!("step `{}` imports {}, which is not granted", step.name.value, quoted(http));
        let help = "say which requests it may send, such as\ngrant.http = [\"GET https://example.org/\"]";
        findings.add_with_help(&step.uses.at, message, help);
    }
    if !refused.is_empty() {
        let contract = refused.iter().all(|import| import.starts_with("callboard:step/"));
        let why = match contract {
            true => format!("and this callboard speaks contract {CONTRACT}"),
            false => "which nothing grants".to_owned(),
        };
        let message = format!("step `{}` imports {}, {why}", step.name.value, quoted(refused));
        let help = format!(
            "a step may import `callboard:step/*@{}.{}`, `wasi:{{cli,clocks,filesystem,io,random,sockets}}/*@0.2` \
             (without effect unless granted) and, with a `grant.http`, `wasi:http/{{types,outgoing-handler}}@0.2`; \
             build it without the rest",
            LINE.0, LINE.1
        );
        findings.add_with_help(&step.uses.at, message, help);
    }
    let kind = component.facts.kind;
    if !step.name.contains(WITHIN)
        && kind != Kind::Transform
        && let Some(batch) = &step.batch
    {
        let message = format!(
            "step `{}` is a {} step, which {}, and `batch` is what one call of a transform is given",
            step.name.value,
            kind.as_str(),
            if kind == Kind::Source { "is given no rows" } else { "reads its rows as it needs them" },
        );
        findings.add_with_help(&batch.at, message, "remove `batch`");
    }
    // A pipeline that is a step may have `replicas`, for those of its steps that can.
    if !step.name.contains(WITHIN)
        && !component.facts.may_have_replicas()
        && let Some(replicas) = step.replicas.as_ref().filter(|replicas| replicas.value > 1)
    {
        let message = format!(
            "step `{}` is a {} step{}, which has one instance, and `replicas` is {}",
            step.name.value,
            kind.as_str(),
            if kind == Kind::Global { " of contract 0.1" } else { "" },
            replicas.value
        );
        findings.add_with_help(&replicas.at, message, "remove `replicas`");
    }
}

fn refuse(step: &Step, missing: &Missing, catalog: &Catalog, findings: &mut Findings) {
    let uses = step.uses.value.as_str();
    let (message, help) = match missing {
        Missing::Unknown if is_path(uses) => (format!("there is no component `{uses}`"), None),
        Missing::Unknown => {
            let bundled = || catalog.bundled.iter().map(String::as_str);
            let help = match nearest(uses, bundled()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "bundled steps: {}\na file is named by its path: `use = \"./{uses}.wasm\"`",
                    quoted(bundled())
                ),
            };
            (format!("`{uses}` is not a bundled step"), Some(help))
        }
        Missing::Unreadable { path, error } => {
            let help = "paths are relative to the pipeline file's folder".to_owned();
            (format!("the component `{path}` cannot be read: {error}"), Some(help))
        }
        Missing::Unfit { path, error } => (format!("`{path}` {error}"), Some(error.help())),
        Missing::NotBuilt(help) => (format!("the bundled step `{uses}` is not in this build"), Some(help.clone())),
    };
    findings.push(&step.uses.at, message, help);
}
