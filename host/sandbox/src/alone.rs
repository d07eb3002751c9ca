//! One transform over batches in memory, without a pipeline.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use callboard_plan::Kind;

use crate::bound::{Bound, Renamed};
use crate::error::Fault;
use crate::instance::{Instance, InstanceConfig, Loaded, Sandbox};
use crate::returned::{Removal, checked};
use crate::{compile_here, no_memory};

/// Rows that one row may become, unless a pipeline sets another limit.
const ROWS_PER_ROW: u64 = 100_000;

/// A transform, loaded and open for rows of one schema.
pub struct Step {
    instance: Instance,
    bound: Bound,
    config: InstanceConfig,
    // After the instance: the code goes when nothing needs it any more.
    _loaded: Loaded,
    _sandbox: Sandbox,
}

/// What happened to the rows of a batch.
#[derive(Clone, Debug)]
pub struct Done {
    /// The rows that are put out.
    pub rows: RecordBatch,
    /// Rows of the batch that are not, each with its fate and its reason. Rows that are in neither were left out without a reason.
    pub removed: Vec<Removal>,
}

impl Step {
    /// Compiles a component that is a transform, [in this process](compile_here), and opens an instance of it for rows of this
    /// schema. `settings` is the step's own configuration, as JSON.
    ///
    /// # Errors
    ///
    /// A component that does not compile or is not a transform, and what the step says to its configuration and these columns.
    pub fn open(component: &[u8], settings: &str, schema: &SchemaRef, config: InstanceConfig) -> Result<Step, Fault> {
        let sandbox = Sandbox::new()?;
        let loaded = sandbox.load(&compile_here(component)?, Kind::Transform).map_err(|error| {
            no_memory(&error)
                .map_or_else(|| Fault::Host(format!("the component cannot be loaded: {error:#}")), Fault::from)
        })?;
        let declared = loaded.instantiate(&config)?.declare(settings, std::slice::from_ref(schema.as_ref()))?;
        let bound = Bound::new(&Renamed::new(), std::slice::from_ref(schema), declared)?;
        let mut instance = loaded.instantiate(&config)?;
        instance.open(settings, &bound.given, None)?;
        Ok(Step { instance, bound, config, _loaded: loaded, _sandbox: sandbox })
    }

    /// The columns that are put out.
    pub fn schema(&self) -> SchemaRef {
        self.bound.output.clone()
    }

    /// Calls the step for a batch of the schema that it was opened for. After a call that failed in any way but by an error of
    /// the step's own ([`Fault::Said`]), the step is not to be called again.
    ///
    /// # Errors
    ///
    /// What the step says, how its call failed, and what of its answer is not allowed.
    pub fn process(&mut self, rows: &RecordBatch) -> Result<Done, Fault> {
        let output = self.instance.process(&self.bound.give(0, rows)?)?;
        let returnable = self.config.returnable();
        let returned = checked(output, &self.bound, rows.num_rows(), ROWS_PER_ROW, &returnable)?;
        let kept = returned.kept.unwrap_or_else(|| {
            let mut kept = vec![true; rows.num_rows()];
            returned.removed.iter().for_each(|removed| kept[removed.row as usize] = false);
            (0..rows.num_rows() as u32).filter(|row| kept[*row as usize]).collect()
        });
        let carried = take_record_batch(&self.bound.only_carried(rows)?, &UInt32Array::from(kept))?;
        Ok(Done { rows: self.bound.join(&carried, &returned.written)?, removed: returned.removed })
    }
}
