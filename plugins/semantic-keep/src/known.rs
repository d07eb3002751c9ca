//! Rows that are known: those of the cluster at hand.

use callboard_sdk::prelude::*;
use step_semantic_dedup::VectorColumn;

use crate::near;

/// The known rows, cluster after cluster.
pub(crate) struct Known<'r> {
    reader: &'r mut Reader,
    column: &'r VectorColumn,
    /// What was read, in reverse: the number of a cluster, and a vector.
    read: Vec<(u32, Vec<f32>)>,
    /// Those of the cluster at hand.
    vectors: Vec<f32>,
}

impl<'r> Known<'r> {
    pub(crate) fn new(reader: &'r mut Reader, column: &'r VectorColumn) -> Self {
        Known { reader, column, read: vec![], vectors: vec![] }
    }

    /// Goes on to a cluster. Clusters are asked for in their order.
    pub(crate) fn go_to(&mut self, cluster: u32) -> Result<()> {
        self.vectors.clear();
        while self.read_on()? && self.read.last().is_some_and(|(of, _)| *of <= cluster) {
            let Some((of, vector)) = self.read.pop() else { break };
            if of == cluster {
                self.vectors.extend(vector);
            }
        }
        Ok(())
    }

    /// Whether there is a vector to come.
    fn read_on(&mut self) -> Result<bool> {
        while self.read.is_empty() {
            let Some(batch) = self.reader.next() else { return Ok(false) };
            let mut numbers = batch.groups().flat_map(|(number, rows)| rows.map(move |_| number));
            self.column.each(&batch, |_, vector| {
                self.read.extend(numbers.next().zip(vector.map(<[f32]>::to_vec)));
                Ok(())
            })?;
            self.read.reverse();
        }
        Ok(true)
    }

    /// Whether one of the cluster is as near as that.
    pub(crate) fn is_near(&self, vector: &[f32], threshold: f32) -> bool {
        near(&self.vectors, vector, threshold).is_some()
    }
}
