//! A pipeline of one step, planned in memory, and its probe.

use callboard_plan::{
    COMPONENT_BYTES, Kind, Load, Pipeline, Plan, PlannedStep, ScanError, Source, component_names, scan,
};
use callboard_runtime::{Bundled, Class, Components, Probe, RunError, Settings};
use callboard_words::{Help, Setting};
use serde_json::{Map, Value, json};

use crate::{Result, Subject, error};

/// A step in the host, ready to be tried.
pub struct Trial {
    /// What is tried.
    pub subject: Subject,
    /// The step, alone.
    pub probe: Probe,
}

impl Trial {
    /// Plans a pipeline of this step alone, with this many inputs (1 for a transform; a source has none), and compiles the
    /// component. Only the settings that [`Probe::new`] uses count.
    ///
    /// # Errors
    ///
    /// A component that is not a step, or that does not compile; a grant that cannot be given.
    pub fn begin(subject: Subject, inputs: usize, bundled: &[Bundled], settings: Settings) -> Result<Trial> {
        if subject.limits.as_ref().is_some_and(|limits| limits.get("component").is_some()) {
            let message = "`limits.component` in `step.toml`: whoever made the component may have written it";
            let help =
                Help::from("remove it, and set it for the step: ").set(Setting::MaxComponent("256MiB".to_owned()));
            return Err(error(Class::Pipeline, message, Some(help.to_owned())));
        }
        let bytes = subject.bytes(bundled)?;
        let kind = scan(&bytes).map_err(|unfit| unfit_error(&subject, &unfit))?.kind;
        if kind != Kind::Global && inputs > 1 {
            let message = format!("a {} step has no second input", kind.as_str());
            return Err(error(Class::Pipeline, message, None));
        }
        // Whoever only tries a component need not grant it requests to see what it does without: each is refused.
        let (imports, _) = component_names(&bytes).unwrap_or_default();
        let refused_requests =
            !subject.grant.contains_key("http") && imports.iter().any(|import| import.starts_with("wasi:http/"));
        let text = pipeline(&subject, kind, inputs, refused_requests);
        let refused = |problems: callboard_plan::Problems| {
            let first = problems.problems.into_iter().next().expect("there is a problem");
            error(Class::Pipeline, first.message, first.help)
        };
        let pipeline = Pipeline::parse(Source::new("step.toml", text), &[]).map_err(refused)?;
        let components = Components::of(&pipeline, bundled, "".as_ref());
        let mut plan = Plan::new(&pipeline, &components.catalog, Load::Staged).map_err(refused)?;
        let PlannedStep { name: step, mut grants, .. } = plan.steps()[0].clone();
        if refused_requests {
            grants.http.clear();
            plan = plan.with_grants(&step, grants).map_err(|why| error(Class::Pipeline, why.to_string(), None))?;
        }
        let settings = settings.base(&subject.folder);
        let probe = Probe::new(&plan, &step, &components, &settings)?;
        Ok(Trial { subject, probe })
    }
}

/// What a component that is not a step is instead.
pub(crate) fn unfit_error(subject: &Subject, unfit: &ScanError) -> RunError {
    error(Class::Pipeline, format!("`{}` {unfit}", subject.uses), Some(unfit.help().into()))
}

/// What stands for requests in the plan of a component that imports them and is granted none; taken out before anything runs.
const NO_REQUEST: &str = "GET http://none.invalid/";

/// The pipeline, in JSON.
fn pipeline(subject: &Subject, kind: Kind, inputs: usize, refused_requests: bool) -> String {
    let mut step = Map::new();
    step.insert("use".into(), json!(subject.uses));
    step.insert("name".into(), json!(step_name(&subject.name)));
    step.insert("config".into(), subject.config());
    let mut limits = subject.limits.clone().unwrap_or_else(|| json!({}));
    if let (true, Some(limits)) = (subject.component_bytes != COMPONENT_BYTES, limits.as_object_mut()) {
        limits.insert("component".into(), json!(format!("{}B", subject.component_bytes)));
    }
    step.insert("limits".into(), limits);
    let mut grant = subject.grant.clone();
    if refused_requests {
        grant.insert("http".into(), json!([NO_REQUEST]));
    }
    step.insert("grant".into(), grant.into());
    let mut files = Map::new();
    if kind != Kind::Source {
        let names: Vec<String> = (1..=inputs).map(|nth| format!("_input_{nth}")).collect();
        files.extend(names.iter().map(|name| (name.clone(), json!({ "path": "rows.jsonl" }))));
        let from = match &names[..] {
            [one] => json!(one),
            several => several.iter().map(|name| (name.clone(), json!(name))).collect::<Map<_, _>>().into(),
        };
        step.insert("from".into(), from);
    }
    let outputs = json!({ "_output": { "path": "out.jsonl" } });
    let on_error = if kind == Kind::Source { "fail" } else { "reject" };
    step.insert("on_error".into(), json!(on_error));
    json!({ "callboard": 1, "inputs": Value::Object(files), "steps": [step], "outputs": outputs }).to_string()
}

/// A name as pipelines take them: what they do not take becomes `-`.
fn step_name(name: &str) -> String {
    let taken = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    let name: String = name.chars().take(100).map(taken).collect();
    if name.is_empty() { "step".to_owned() } else { name }
}
