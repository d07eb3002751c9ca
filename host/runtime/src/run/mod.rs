//! A run: a plan, prepared ([`Run::prepare`]) and carried out ([`execute`]), stage by stage.

mod ahead;
mod batches;
mod execute;
mod part;
mod resume;
mod teller;
mod uploads;
mod watch;
mod why;
mod window;

use callboard_plan::Plan;

use crate::error::RunError;
use crate::prepare::components::Components;
use crate::prepare::{Before, Prepared};
use crate::settings::Settings;
use crate::store::Folder;
use crate::tell::report::{Report, Status};

pub(crate) use part::carry_out_part;
pub use resume::Allowed;
#[cfg(feature = "fuzzing")]
pub(crate) use resume::doubted;
pub(crate) use resume::proven;
pub use uploads::end_uploads;
pub use why::{StepReuse, Verdict};
pub use window::Window;

/// A plan that has been checked against its files and components, ready to run.
pub struct Run {
    prepared: Prepared,
    /// The run's folder, locked from the beginning where a run is resumed.
    locked: Option<Folder>,
    /// What makes the page beside the report.
    page: Option<fn(&Report, &Plan) -> String>,
    window: Window,
    of: Option<Original>,
}

/// The original of a run's folder that is a copy.
struct Original {
    name: String,
    end: EndOfCopy,
}

/// Ends the work in a copy, when the run has ended like this.
pub(crate) type EndOfCopy = Box<dyn FnOnce(Status) -> Result<(), RunError> + Send>;

impl Run {
    /// Checks a plan against its files and components, and makes it ready to run. Nothing is written but the cache.
    ///
    /// # Errors
    ///
    /// Files that are not there or not writable, components that do not compile, schemas that do not fit; a profile of a step that
    /// is not there.
    pub fn prepare(plan: Plan, components: Components, settings: Settings) -> Result<Run, RunError> {
        let prepared = Prepared::new(plan, components, settings, Before::default(), None)?;
        Ok(Run { prepared, locked: None, page: None, window: Window::default(), of: None })
    }

    /// The same with what makes the page that is kept beside the report, as `report.html`: of a report and its plan.
    #[must_use]
    pub fn with_page(self, page: fn(&Report, &Plan) -> String) -> Run {
        Run { page: Some(page), ..self }
    }

    /// The same with a window, through which other threads look at the run while it is carried out.
    #[must_use]
    pub fn with_window(self, window: Window) -> Run {
        Run { window, ..self }
    }

    /// The same with a folder that is a copy of what is called so. When the run has ended, `end` brings that up to date.
    pub(crate) fn of_copy(self, name: String, end: EndOfCopy) -> Run {
        Run { of: Some(Original { name, end }), ..self }
    }

    /// The columns of what each input and step puts out, and of each output, as phrases, in the order of the plan.
    pub fn schemas(&self) -> Vec<(String, String)> {
        self.prepared.schemas()
    }

    /// Outputs are read to their ends, and not written.
    pub(crate) fn write_nothing(&mut self) {
        self.prepared.tries = true;
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    pub(crate) fn into_prepared(self) -> Prepared {
        self.prepared
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.prepared.plan
    }
}
