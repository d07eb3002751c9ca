//! From the tree to the model, table by table.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::access::access;
use super::calls;
use super::check::{LONGEST_NAME, well_formed};
use super::document::{Data, Entry, Node};
use super::fields::{
    Fields, boolean, bytes, choice, integer, list, max_rejects, millis, table, text, text_table, texts, wrong_type,
};
use super::grants::{file_places, grants};
use super::model::{
    BatchSize, From, Input, InputLimits, LARGEST_CUT, Limits, LoadGroups, Located, OnError, Pipeline, Run, Step,
    StepBatch,
};
use super::outputs::output;
use super::reading::reading;
use super::sources::{Routes, from};
use crate::choices::MOST_STAGE_INSTANCES;
use crate::parts::MOST_COMPONENT_BYTES;
use crate::problem::Findings;

/// The format of the file that this version reads: `callboard = 1`.
const FORMAT: u64 = 1;
/// What a component of 32-bit memory can have.
pub(crate) const MOST_MEMORY: u64 = 4 << 30;
/// The most rows of a batch.
pub(crate) const MOST_BATCH_ROWS: u64 = 1 << 20;
/// The most instances of one step.
pub(crate) const MOST_INSTANCES: u64 = 1024;
/// How often a call is tried again at most.
pub(crate) const MOST_RETRIES: u64 = 100;
/// How often a call that failed with a `transient` error is tried again, unless the file says it.
pub(crate) const RETRIES: u32 = 3;

/// What a pipeline file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// To be run: inputs and outputs are files.
    Run,
    /// As a step of another pipeline, which puts rows in and takes them out: paths are not read.
    Step,
}

impl Role {
    pub(super) fn path<'a>(self, fields: &Fields<'a>, example: &str, findings: &mut Findings) -> Option<&'a Node> {
        match self {
            Role::Run => fields.need("path", example, findings),
            Role::Step => {
                fields.get("path");
                None
            }
        }
    }
}

/// Whether the file is of the format that this version reads; nothing else is judged where it is not.
pub(crate) fn is_of_this_format(root: &Node, findings: &mut Findings) -> bool {
    let Some(node) = root.get("callboard") else {
        let message = "the version of the file's format is missing";
        findings.add_with_help(&root.at, message, format!("begin the file with `callboard = {FORMAT}`"));
        return true;
    };
    match &node.data {
        Data::Number(number) if number.as_u64() == Some(FORMAT) => true,
        Data::Number(number) if number.as_u64().is_some_and(|format| format > FORMAT) => {
            let message = format!("the file is of format {number}, and this callboard reads format {FORMAT}");
            findings.add_with_help(&node.at, message, "a newer callboard reads it");
            false
        }
        _ => {
            let message = "`callboard` is the version of the file's format";
            findings.add_with_help(&node.at, message, format!("write `callboard = {FORMAT}`"));
            false
        }
    }
}

/// The whole file.
pub(crate) fn pipeline(root: &Node, role: Role, findings: &mut Findings) -> Option<Pipeline> {
    let fields = Fields::of(root, "a pipeline", findings)?;
    fields.get("callboard");
    // For editors; JSON has no comments to put it in.
    fields.get("$schema");
    let name = fields.get("name").and_then(|node| text(node, "`name`", findings));
    if let Some(name) = &name {
        well_formed(name, None, findings);
    }
    let name = name.map_or_else(|| default_name(&findings.source.name), |name| name.value);
    let params = fields.get("params");
    for Entry { key, key_at, .. } in params.and_then(|params| table(params, "`params`", findings)).unwrap_or_default() {
        well_formed(&Located { value: key.clone(), at: key_at.clone() }, None, findings);
    }
    let inputs = named_tables(fields.get("inputs"), "`inputs`", findings, |name, node, findings| {
        input(name, node, role, findings)
    });
    let routes = Routes::default();
    let steps: Vec<Step> = fields
        .get("steps")
        .and_then(|node| list(node, "`steps`", findings))
        .unwrap_or_default()
        .iter()
        .filter_map(|node| step(node, &routes, findings))
        .collect();
    let outputs = named_tables(fields.get("outputs"), "`outputs`", findings, |name, node, findings| {
        output(name, node, role, &routes, findings)
    });
    let run = fields.get("run").and_then(|node| run(node, findings)).unwrap_or_else(default_run);
    // Where the file is used as a step, those of the pipeline that is run count.
    let calls = fields.get("calls").filter(|_| role == Role::Run);
    let calls = calls.map(|node| calls::calls(node, &steps, findings)).unwrap_or_default();
    // Blocks were merged into what is like them.
    fields.get("like");
    fields.end(None, findings);
    Some(Pipeline {
        name,
        params: match params.map(Node::to_json) {
            Some(Value::Object(params)) => params,
            _ => Map::new(),
        },
        inputs,
        steps,
        outputs,
        run,
        calls,
        routes: routes.into_inner(),
        pipelines: Vec::new(),
        source: findings.source.clone(),
    })
}

fn named_tables<T>(
    node: Option<&Node>,
    what: &str,
    findings: &mut Findings,
    read: impl Fn(Located<String>, &Node, &mut Findings) -> Option<T>,
) -> Vec<T> {
    let entries = node.and_then(|node| table(node, what, findings)).unwrap_or_default();
    let one = |Entry { key, key_at, value }: &Entry| {
        read(Located { value: key.clone(), at: key_at.clone() }, value, findings)
    };
    entries.iter().filter_map(one).collect()
}

fn input(name: Located<String>, node: &Node, role: Role, findings: &mut Findings) -> Option<Input> {
    let fields = Fields::of(node, "an input", findings)?;
    let paths = role.path(&fields, "path = \"data/*.jsonl\"", findings);
    let paths = paths.and_then(|node| texts(node, "`path`", findings));
    let format = fields.get("format").and_then(|node| text(node, "`format`", findings));
    let types = fields.get("types").map(|node| text_table(node, "`types`", findings));
    let delimiter = fields.get("delimiter").and_then(|node| delimiter(node, findings));
    let reading = reading(&fields, findings);
    let access = fields.get("access").and_then(|node| access(node, findings)).unwrap_or_default();
    let limits = fields.get("limits").and_then(|node| input_limits(node, findings));
    let optional = fields.get("optional").and_then(|node| boolean(node, "`optional`", findings));
    let stats = stats(&fields, findings);
    fields.get("like");
    let aside = |key: &str| match key {
        "from" => "an input is read from files; steps and outputs have `from`".to_owned(),
        _ => "an input has files, and keys that say how they are read".to_owned(),
    };
    fields.end(Some(aside), findings);
    let types = types.unwrap_or_default();
    for (column, _) in types.iter().filter(|(column, _)| column.value.is_empty()) {
        findings.add(&column.at, "`types` has a column without a name");
    }
    let types = types.into_iter().map(|(column, ty)| (column.value, ty));
    let (paths, limits) = (paths.unwrap_or_default(), limits.unwrap_or_default());
    let optional = optional.unwrap_or_default();
    Some(Input {
        name,
        paths,
        format,
        types: types.collect(),
        delimiter,
        reading,
        access,
        limits,
        optional,
        stats,
        places: node.places(),
    })
}

/// What parts the fields of CSV.
fn delimiter(node: &Node, findings: &mut Findings) -> Option<char> {
    let text = text(node, "`delimiter`", findings)?;
    let mut characters = text.value.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) if one.is_ascii() && !"\"\r\n\0".contains(one) => Some(one),
        _ => {
            let message = "`delimiter` is not one character of ASCII other than a quote and a line end";
            findings.add_with_help(&node.at, message, "such as: delimiter = \";\"");
            None
        }
    }
}

/// What a file of an input may take.
fn input_limits(node: &Node, findings: &mut Findings) -> Option<InputLimits> {
    let fields = Fields::of(node, "`limits` of an input", findings)?;
    let limits = InputLimits {
        line: fields.get("line").and_then(|node| bytes_up_to(node, "`line`", 1 << 30, "1GiB", findings)),
        columns: fields.get("columns").and_then(|node| integer(node, "`columns`", 1, 100_000_000, findings)),
        header: fields.get("header").and_then(|node| bytes_up_to(node, "`header`", 1 << 30, "1GiB", findings)),
        window: fields.get("window").and_then(|node| bytes_up_to(node, "`window`", 1 << 31, "2GiB", findings)),
        batch: fields.get("batch").and_then(|node| bytes_up_to(node, "`batch`", 1 << 30, "1GiB", findings)),
    };
    fields.end(None, findings);
    Some(limits)
}

fn bytes_up_to(node: &Node, what: &str, most: u64, most_in_words: &str, findings: &mut Findings) -> Option<u64> {
    let bytes = bytes(node, what, findings)?;
    if bytes > most {
        let message = format!("{what} is {}, more than it can be", node.to_json());
        findings.add_with_help(&node.at, message, format!("at most \"{most_in_words}\""));
    }
    Some(bytes)
}

fn batch_bytes(node: &Node, what: &str, findings: &mut Findings) -> Option<u64> {
    bytes_up_to(node, what, LARGEST_CUT, "256MiB", findings)
}

fn step(node: &Node, routes: &Routes, findings: &mut Findings) -> Option<Step> {
    let fields = Fields::of(node, "a step", findings)?;
    let uses = fields.need("use", "use = \"normalise\"", findings);
    let uses = uses.and_then(|node| text(node, "`use`", findings));
    let name = fields.get("name").and_then(|node| text(node, "`name`", findings));
    let from = fields.get("from").and_then(|node| from(node, true, routes, findings));
    let config = fields.get("config").filter(|node| table(node, "`config`", findings).is_some());
    let columns = fields.get("columns").map(|node| text_table(node, "`columns`", findings));
    let limits = fields.get("limits").and_then(|node| limits(node, findings));
    let needs = fields.get("needs").and_then(|node| needs(node, findings));
    let replicas = fields.get("replicas").map(|node| Located {
        value: integer(node, "`replicas`", 1, MOST_INSTANCES, findings).unwrap_or(1) as u32,
        at: node.at.clone(),
    });
    let batch = fields.get("batch").and_then(|node| step_batch(node, findings));
    let on_error = fields.get("on_error").and_then(|node| {
        let choices = [("fail", OnError::Fail), ("reject", OnError::Reject)];
        choice(node, "`on_error`", &choices, findings)
    });
    let rejects = fields.get("max_rejects");
    let max_rejects = rejects.and_then(|node| max_rejects(node, findings));
    let retries = fields.get("retries").and_then(|node| integer(node, "`retries`", 0, MOST_RETRIES, findings));
    let stats = stats(&fields, findings);
    let granted = fields.get("grant");
    let grants = granted.and_then(|node| grants(node, findings));
    fields.get("like");
    let aside = |key: &str| format!("the step's own keys go into `config = {{ {key} = … }}`");
    fields.end(Some(aside), findings);

    if let (Some(node), OnError::Fail) = (rejects, on_error.unwrap_or_default()) {
        let message = "`max_rejects` counts rejected rows, and this step rejects none: it fails at the first";
        findings.add_with_help(&node.at, message, "add `on_error = \"reject\"`");
    }
    let config_places = config.map(Node::places).unwrap_or_default();
    let columns = columns.unwrap_or_default();
    let mut given: HashMap<&str, &str> = HashMap::new();
    for (theirs, ours) in &columns {
        if let Some(first) = given.insert(&ours.value, &theirs.value) {
            let message = format!("`columns` gives `{}` to the step twice, as `{first}` too", ours.value);
            findings.add_with_help(&ours.at, message, "each column of the pipeline has one name in a step");
        }
    }
    // A step without `use` was reported; nothing else can be checked.
    let uses = uses?;
    let default_name = || Located { value: stem(&uses).to_owned(), at: uses.at.clone() };
    Some(Step {
        name: name.unwrap_or_else(default_name),
        from: from.unwrap_or(From::Default),
        config: config.map_or_else(|| Value::Object(Map::new()), Node::to_json),
        config_places,
        columns: columns.into_iter().map(|(theirs, ours)| (theirs.value, ours.value)).collect(),
        limits: limits.unwrap_or_default(),
        needs,
        replicas,
        batch,
        on_error,
        max_rejects,
        retries: retries.map(|retries| retries as u32),
        stats,
        grants: grants.unwrap_or_default(),
        grant_places: granted.map(file_places).unwrap_or_default(),
        at: node.at.clone(),
        uses,
    })
}

/// Whether figures of columns are gathered while the run goes on.
pub(super) fn stats(fields: &Fields<'_>, findings: &mut Findings) -> Option<Located<bool>> {
    let node = fields.get("stats")?;
    Some(Located { value: boolean(node, "`stats`", findings)?, at: node.at.clone() })
}

/// What one call is given at most.
fn step_batch(node: &Node, findings: &mut Findings) -> Option<Located<StepBatch>> {
    let fields = Fields::of(node, "`batch`", findings)?;
    let rows = fields.get("rows").and_then(|node| integer(node, "`rows`", 1, MOST_BATCH_ROWS, findings));
    let size = fields.get("bytes").and_then(|node| batch_bytes(node, "`bytes`", findings));
    let says_nothing = fields.get("rows").is_none() && fields.get("bytes").is_none();
    fields.end(None, findings);
    if says_nothing {
        let message = "`batch` says neither `rows` nor `bytes`";
        findings.add_with_help(&node.at, message, "such as: batch = { rows = 64 }");
    }
    Some(Located { value: StepBatch { rows, bytes: size }, at: node.at.clone() })
}

/// What one instance takes: of memory alone.
fn needs(node: &Node, findings: &mut Findings) -> Option<Located<u64>> {
    let fields = Fields::of(node, "`needs`", findings)?;
    let memory = fields.need("memory", "memory = \"200MiB\"", findings);
    let memory =
        memory.and_then(|node| Some(Located { value: bytes(node, "`memory`", findings)?, at: node.at.clone() }));
    fields.end(None, findings);
    memory
}

fn limits(node: &Node, findings: &mut Findings) -> Option<Limits> {
    let fields = Fields::of(node, "`limits`", findings)?;
    let memory = fields.get("memory").and_then(|node| {
        let memory = bytes(node, "`memory`", findings)?;
        if memory > MOST_MEMORY {
            let message = format!("`memory` is {}, more than a component can have", node.to_json());
            findings.add_with_help(&node.at, message, "at most \"4GiB\"");
        }
        Some(memory)
    });
    let time = fields.get("time").and_then(|node| millis(node, "`time`", findings));
    let open = fields.get("open").and_then(|node| millis(node, "`open`", findings));
    let returned = fields.get("returned").and_then(|node| bytes(node, "`returned`", findings));
    let carried = fields.get("carried").and_then(|node| bytes(node, "`carried`", findings));
    let log_lines = fields.get("log_lines").and_then(|node| integer(node, "`log_lines`", 1, u64::MAX, findings));
    let log_bytes = fields.get("log_bytes").and_then(|node| bytes(node, "`log_bytes`", findings));
    let rows = fields.get("rows").and_then(|node| integer(node, "`rows`", 1, u64::MAX, findings));
    let component = fields.get("component");
    let component =
        component.and_then(|node| bytes_up_to(node, "`component`", MOST_COMPONENT_BYTES, "512MiB", findings));
    fields.end(None, findings);
    Some(Limits {
        memory_bytes: memory,
        time_ms: time,
        open_ms: open,
        returned_bytes: returned,
        carried_bytes: carried,
        log_lines,
        log_bytes,
        rows_per_row: rows,
        component_bytes: component,
    })
}

fn run(node: &Node, findings: &mut Findings) -> Option<Run> {
    let fields = Fields::of(node, "`run`", findings)?;
    let load_groups = fields.get("load_groups").and_then(|node| load_groups(node, findings));
    let seed = fields.get("seed").and_then(|node| integer(node, "`seed`", 0, u64::MAX, findings));
    let rows = fields.get("batch_rows");
    let rows = rows.and_then(|node| integer(node, "`batch_rows`", 1, MOST_BATCH_ROWS, findings));
    let size = fields.get("batch_bytes").and_then(|node| batch_bytes(node, "`batch_bytes`", findings));
    let max_rejects = fields
        .get("max_rejects")
        .and_then(|node| Some(Located { value: max_rejects(node, findings)?, at: node.at.clone() }));
    let budget = fields
        .get("budget")
        .and_then(|node| Some(Located { value: bytes(node, "`budget`", findings)?, at: node.at.clone() }));
    let replicas = fields.get("replicas").and_then(|node| integer(node, "`replicas`", 1, MOST_INSTANCES, findings));
    let instances = fields.get("instances");
    let instances = instances.and_then(|node| integer(node, "`instances`", 1, MOST_STAGE_INSTANCES, findings));
    fields.end(None, findings);
    let default = default_run();
    Some(Run {
        load_groups: load_groups.unwrap_or(default.load_groups),
        seed: seed.unwrap_or(default.seed),
        batch: BatchSize { rows: rows.unwrap_or(default.batch.rows), bytes: size.unwrap_or(default.batch.bytes) },
        max_rejects,
        budget,
        replicas: replicas.map(|replicas| replicas as u32),
        instances,
    })
}

fn load_groups(node: &Node, findings: &mut Findings) -> Option<LoadGroups> {
    match &node.data {
        Data::Text(word) if word == "step" => Some(LoadGroups::Step),
        Data::List(groups) => {
            let group = |node: &Node| {
                let items = list(node, "a load group", findings)?;
                if items.is_empty() {
                    findings.add(&node.at, "a load group is empty");
                    return None;
                }
                let names = items.iter().filter_map(|item| text(item, "a step of a load group", findings));
                Some(Located { value: names.collect(), at: node.at.clone() })
            };
            Some(LoadGroups::Lists(groups.iter().filter_map(group).collect()))
        }
        Data::Text(word) => {
            let help = "write `load_groups = \"step\"`, or lists of steps: `load_groups = [[\"a\", \"b\"]]`";
            findings.add_with_help(&node.at, format!("`load_groups` is `{word}`"), help);
            None
        }
        other => wrong_type(node, "`load_groups`", other, "lists of steps, or \"step\"", findings),
    }
}

fn default_run() -> Run {
    Run {
        load_groups: LoadGroups::Lists(Vec::new()),
        seed: 0,
        batch: BatchSize::default(),
        max_rejects: None,
        budget: None,
        replicas: None,
        instances: None,
    }
}

/// What a step is called by default: the file's name without folder and extension.
pub(crate) fn stem(uses: &str) -> &str {
    let file = uses.rsplit(['/', '\\']).next().unwrap_or(uses);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// What a pipeline is called by default: its file's name, in letters that a folder can have.
fn default_name(source: &str) -> String {
    let file = source.rsplit(['/', '\\']).next().unwrap_or(source);
    let stem = file.split('.').next().unwrap_or(file);
    let name = stem.trim_matches(['<', '>']);
    if name.is_empty() || name == "stdin" {
        return "pipeline".to_owned();
    }
    name.chars()
        .take(LONGEST_NAME)
        .map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' })
        .collect()
}
