//! One row of each cluster goes on.

use callboard_sdk::prelude::*;
use step_minhash_dedup::{Config as Options, Keep};

use crate::AT_ONCE;

pub(crate) fn bind(options: &Options, inputs: &[Schema]) -> Result<BoundGlobal> {
    let (row, cluster) = (inputs[1].column::<u64>("row")?, inputs[1].column::<u64>("cluster")?);
    let (size, kept) = (inputs[1].column::<u64>("size")?, inputs[1].column::<bool>("kept")?);
    let shape = Shape::new().reads(&row).reads(&cluster).reads(&size).reads(&kept).writes_all(options.written()?);
    let (writes_cluster, writes_size) = (options.cluster.is_some(), options.size.is_some());
    let keeps_all = options.keep == Keep::All;
    Ok(shape.run(move |inputs, output| {
        let [rows, clusters, ..] = inputs else { return Err(StepError::failed("rows and clusters are expected")) };
        let mut out = Kept { writes_cluster, writes_size, ..Kept::default() };
        let count = rows.rows();
        let mut next = 0;
        for batch in clusters.batches() {
            let (rows, clusters) = (batch.get(&row)?, batch.get(&cluster)?);
            let (sizes, keeps) = (batch.get(&size)?, batch.get(&kept)?);
            for i in 0..batch.rows() {
                let (row, cluster) = (rows.value(i), clusters.get(i));
                (next..row).try_for_each(|row| out.push(row, Some(row), Some(1), output))?;
                next = row + 1;
                match (keeps.value(i) || keeps_all, cluster) {
                    (true, _) => out.push(row, cluster, cluster.map(|_| sizes.value(i)), output)?,
                    (false, Some(_)) => output.drop(row, "near-duplicate"),
                    (false, None) => output.drop(row, "near-duplicate of a known row"),
                }
            }
        }
        (next..count).try_for_each(|row| out.push(row, Some(row), Some(1), output))?;
        out.put_out(output)
    }))
}

/// Rows that go on, and what is written beside them.
#[derive(Default)]
struct Kept {
    writes_cluster: bool,
    writes_size: bool,
    rows: Vec<u64>,
    clusters: Vec<Option<i64>>,
    sizes: Vec<Option<i64>>,
}

impl Kept {
    fn push(&mut self, row: u64, cluster: Option<u64>, size: Option<u64>, output: &mut Writer) -> Result<()> {
        self.rows.push(row);
        self.clusters.push(cluster.map(|cluster| cluster as i64));
        self.sizes.push(size.map(|size| size as i64));
        if self.rows.len() == AT_ONCE { self.put_out(output) } else { Ok(()) }
    }

    fn put_out(&mut self, output: &mut Writer) -> Result<()> {
        let (clusters, sizes) = (self.clusters.drain(..).collect(), self.sizes.drain(..).collect());
        let columns = self.writes_cluster.then_some(clusters).into_iter().chain(self.writes_size.then_some(sizes));
        output.keep_with(&std::mem::take(&mut self.rows), columns.collect())
    }
}
