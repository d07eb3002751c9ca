//! A pipeline's text and how it is to be planned: read again for each question, since files and components may change.

use std::path::PathBuf;

use callboard_bundled::BUNDLED;
use callboard_plan::pipeline::TextLimits;
use callboard_plan::{Load, Pipeline, Plan, Terms, explain, mermaid};
use callboard_runtime::{
    Class, CompileCommand, Components, Report, Run, Settings, compose, default_cache_folder, measured_needs,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::plain;
use crate::failure::Failure;

/// A pipeline can ask for no more instances of a step.
const MOST_CORES: u32 = 1024;

/// A pipeline's text, and how it is planned.
#[pyclass(frozen, module = "callboard._native")]
#[derive(Clone)]
pub(crate) struct Source {
    name: String,
    text: Vec<u8>,
    base: PathBuf,
    pub(crate) file: Option<PathBuf>,
    sets: Vec<String>,
    load: Load,
    budget: Budget,
    replicas: Option<u32>,
    limits: TextLimits,
}

/// A budget beside the pipeline's own.
#[derive(Clone, Copy)]
enum Budget {
    /// That of the pipeline counts.
    AsWritten,
    /// None counts.
    None,
    Bytes(u64),
}

/// A pipeline that is planned.
pub(crate) struct Planned {
    pub(crate) pipeline: Pipeline,
    pub(crate) plan: Plan,
    pub(crate) components: Components,
}

#[pymethods]
impl Source {
    #[new]
    #[pyo3(signature = (name, text, base, file, sets, load, budget, no_budget, replicas, max_pipeline))]
    #[allow(clippy::too_many_arguments, reason = "the Python file beside it is the only caller")]
    fn new(
        name: String,
        text: Vec<u8>,
        base: PathBuf,
        file: Option<PathBuf>,
        sets: Vec<String>,
        load: &str,
        budget: Option<u64>,
        no_budget: bool,
        replicas: Option<u32>,
        max_pipeline: Option<u64>,
    ) -> PyResult<Source> {
        let load = match load {
            "staged" => Load::Staged,
            "eager" => Load::Eager,
            "step" => Load::Step,
            _ => return Err(pyo3::exceptions::PyValueError::new_err("load is \"staged\", \"eager\" or \"step\"")),
        };
        let budget = match (no_budget, budget) {
            (true, _) => Budget::None,
            (false, None) => Budget::AsWritten,
            (false, Some(bytes)) => Budget::Bytes(bytes),
        };
        let limits = max_pipeline.map_or_else(TextLimits::default, TextLimits::of);
        Ok(Source { name, text, base, file, sets, load, budget, replicas, limits })
    }

    /// The names in the pipeline: a dict with `name`, `params`, and lists of `inputs`, `steps` and `outputs`.
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let pipeline = py.detach(|| self.parsed()).map_err(|failure| failure.raised(py))?;
        let named = PyDict::new(py);
        named.set_item("name", &pipeline.name)?;
        named.set_item("params", plain(py, &pipeline.params)?)?;
        let inputs = pipeline.inputs.iter().map(|input| {
            let paths: Vec<&str> = input.paths.iter().map(|path| path.value.as_str()).collect();
            (input.name.value.as_str(), paths)
        });
        named.set_item("inputs", inputs.collect::<Vec<_>>())?;
        let steps = pipeline.steps.iter().map(|step| (step.name.value.as_str(), step.uses.value.as_str()));
        named.set_item("steps", steps.collect::<Vec<_>>())?;
        let outputs = pipeline.outputs.iter().map(|output| (output.name.value.as_str(), output.path.value.as_str()));
        named.set_item("outputs", outputs.collect::<Vec<_>>())?;
        Ok(named)
    }

    /// The plan: as data, as text of at most `width` columns, and as a Mermaid diagram.
    fn plan<'py>(&self, py: Python<'py>, width: usize) -> PyResult<(Bound<'py, PyAny>, String, String)> {
        let Planned { plan, .. } = py.detach(|| self.planned()).map_err(|failure| failure.raised(py))?;
        Ok((plain(py, &plan)?, explain(&plan, width), mermaid(&plan)))
    }

    /// Checks the pipeline against its files and components: the columns of every node, as phrases.
    fn check(&self, py: Python<'_>, run_folder: PathBuf, compiler: PathBuf) -> PyResult<Vec<(String, String)>> {
        let checked = py.detach(|| {
            let Planned { pipeline, plan, components } = self.planned()?;
            let settings = settings(self.base.clone(), run_folder, compiler);
            // Outputs that are there already are a matter of `overwrite`, not of the pipeline.
            let settings = settings.pipeline(self.file.clone()).overwrite(true);
            let run = Run::prepare(plan, components, settings).map_err(|error| Failure::of(error, &pipeline))?;
            Ok(run.schemas())
        });
        checked.map_err(|failure: Failure| failure.raised(py))
    }
}

impl Source {
    pub(crate) fn base(&self) -> PathBuf {
        self.base.clone()
    }

    fn parsed(&self) -> Result<Pipeline, Failure> {
        let source = callboard_plan::Source::from_bytes(self.name.as_str(), &self.text)?;
        let mut pipeline = Pipeline::parse_within(source, &self.sets, self.limits)?;
        if let Budget::None = self.budget {
            pipeline.run.budget = None;
        }
        Ok(pipeline)
    }

    pub(crate) fn planned(&self) -> Result<Planned, Failure> {
        let pipeline = compose(self.parsed()?, BUNDLED, &self.base, self.limits)?;
        let components = Components::of(&pipeline, BUNDLED, &self.base);
        let cores =
            std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
        let terms = Terms {
            load: self.load,
            budget: match self.budget {
                Budget::Bytes(bytes) => Some(bytes),
                Budget::AsWritten | Budget::None => None,
            },
            replicas: self.replicas,
            cores: cores.min(MOST_CORES),
            needs: measured_needs(&default_cache_folder()),
        };
        let plan = Plan::new(&pipeline, &components.catalog, terms)?;
        Ok(Planned { pipeline, plan, components })
    }
}

/// The settings that everything shares. `compiler` is the command `callboard`.
pub(crate) fn settings(base: PathBuf, run_folder: PathBuf, compiler: PathBuf) -> Settings {
    let compile = CompileCommand { program: compiler, arguments: vec!["compile".to_owned()] };
    Settings::new(base, run_folder, default_cache_folder(), compile).resumable(false)
}

/// The page that lies beside each report.
pub(crate) fn page(report: &Report, plan: &Plan) -> String {
    callboard_page::page(report, Some(plan), &[])
}

/// What the caller has to change.
pub(crate) fn refused(message: impl Into<String>) -> Failure {
    Failure::Other(Class::Pipeline, message.into(), None)
}
