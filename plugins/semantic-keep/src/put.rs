//! Rows that are put out, with the columns that say which group each is in.

use callboard_sdk::prelude::*;
use step_semantic_dedup::{Config, Keep};

use crate::Stay;

/// Rows handed to the host in one call.
const AT_ONCE: usize = 8192;

/// What a row is like.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// One that stays, of its cluster.
    Group(usize),
    /// None: it has no vector. It stands here in the whole input.
    Itself(u64),
    /// A known row.
    Known,
}

/// Rows that are put out.
pub(crate) struct Put {
    keeps_all: bool,
    writes_cluster: bool,
    writes_size: bool,
    /// Those of the cluster at hand: how large a group is, is known at its end.
    cluster: Vec<(u64, Of)>,
    rows: Vec<u64>,
    clusters: Vec<Option<i64>>,
    sizes: Vec<Option<i64>>,
}

impl Put {
    pub(crate) fn new(config: &Config) -> Put {
        Put {
            keeps_all: config.keep == Keep::All,
            writes_cluster: config.cluster.is_some(),
            writes_size: config.size.is_some(),
            cluster: vec![],
            rows: vec![],
            clusters: vec![],
            sizes: vec![],
        }
    }

    pub(crate) fn keep(&mut self, row: u64, of: Of) {
        self.cluster.push((row, of));
    }

    /// A row that is like another goes, unless all are kept.
    pub(crate) fn drop(&mut self, row: u64, of: Of, output: &mut Writer) {
        match of {
            _ if self.keeps_all => self.keep(row, of),
            Of::Known => output.drop(row, "near-duplicate in meaning of a known row"),
            Of::Group(_) | Of::Itself(_) => output.drop(row, "near-duplicate in meaning"),
        }
    }

    /// Says what the rows of a cluster are like.
    pub(crate) fn end_of_cluster(&mut self, stay: &Stay, output: &mut Writer) -> Result<()> {
        for (row, of) in self.cluster.drain(..) {
            let found = match of {
                Of::Group(of) => Some((stay.positions[of], stay.like[of] + 1)),
                Of::Itself(position) => Some((position, 1)),
                Of::Known => None,
            };
            self.rows.push(row);
            self.clusters.push(found.map(|(cluster, _)| cluster as i64));
            self.sizes.push(found.map(|(_, size)| size as i64));
        }
        if self.rows.len() >= AT_ONCE { self.put_out(output) } else { Ok(()) }
    }

    pub(crate) fn put_out(&mut self, output: &mut Writer) -> Result<()> {
        let (clusters, sizes) = (self.clusters.drain(..).collect(), self.sizes.drain(..).collect());
        let columns = self.writes_cluster.then_some(clusters).into_iter().chain(self.writes_size.then_some(sizes));
        output.keep_with(&std::mem::take(&mut self.rows), columns.collect())
    }
}
