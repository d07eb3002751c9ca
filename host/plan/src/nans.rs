//! What a NaN looks like that arithmetic in a component makes. Processors differ in its bits, and a step could look at them.

use crate::catalog::Origin;
use crate::plan::PlannedStep;

/// Bundled steps whose results do not depend on the bits of a NaN: they put out none, and compare numbers only by their order. What
/// they do with numbers takes up to twice as long otherwise.
const INDIFFERENT: [&str; 4] = ["embed", "semantic-assign", "semantic-keep", "cluster"];

/// The bits of a NaN that arithmetic in a component makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nans {
    /// The same on all machines.
    Canonical,
    /// Whatever the processor gives them.
    Native,
}

impl PlannedStep {
    /// How NaNs are made in the step's component: canonical ones, so that the same rows give the same bytes on all machines, unless it
    /// is known that these do not depend on it. What a component from elsewhere does with them is not known.
    pub fn nans(&self) -> Nans {
        match self.origin == Origin::Bundled && INDIFFERENT.contains(&&*self.uses) {
            true => Nans::Native,
            false => Nans::Canonical,
        }
    }
}
