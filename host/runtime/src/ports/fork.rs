//! Rows that part ways: each batch of a feed, and of it what each route takes. Nothing is counted as dropped here: a row that does not take
//! a route goes elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::UInt32Array;
use callboard_plan::Feed;

use super::{Outlet, Routes, Stop, bug};
use crate::error::RunError;
use crate::rows::Batch;
use crate::rows::flight::Flight;
use crate::store::Spill;
use crate::store::records::Routed;

/// The routes of a feed, and where they lead.
pub(crate) struct Fork {
    routes: Arc<Routes>,
    /// In the order of the routes.
    branches: Vec<(Feed, Outlet, Routed)>,
}

/// What is left of a feed that has ended.
#[derive(Default)]
pub(crate) struct Left {
    /// What was spilled, of the feed and of its branches.
    pub(crate) spills: Vec<(Feed, Arc<Spill>)>,
    /// How many rows took each route.
    pub(crate) routed: BTreeMap<Feed, Routed>,
}

impl Left {
    pub(crate) fn extend(&mut self, more: Left) {
        self.spills.extend(more.spills);
        self.routed.extend(more.routed);
    }
}

impl Fork {
    /// `outlet` makes the way out for each route.
    pub(crate) fn new(routes: Arc<Routes>, outlet: impl FnMut(&Feed) -> Outlet) -> Fork {
        let mut outlet = outlet;
        let branches = routes.feeds().map(|feed| (feed.clone(), outlet(feed), Routed::default())).collect();
        Fork { routes, branches }
    }

    /// Hands each route its rows of a batch.
    pub(super) fn send(&mut self, batch: &Batch, flight: Option<&Arc<Flight>>) -> Result<(), Stop> {
        if batch.is_empty() {
            return self.branches.iter_mut().try_for_each(|(_, outlet, _)| outlet.send(batch));
        }
        let rows = batch.len() as u64;
        let taken = {
            let mut copies = flight.map(|flight| flight.charge());
            if let Some(copies) = &mut copies {
                copies.set(self.routes.takes(batch)).map_err(RunError::from)?;
            }
            self.routes.decide(batch)?
        };
        for ((_, outlet, routed), taken) in self.branches.iter_mut().zip(taken) {
            let took = taken.len() as u64;
            routed.taken += took;
            routed.elsewhere += rows - took;
            outlet.note(rows, took)?;
            if took == rows {
                outlet.send(batch)?;
            } else if took > 0 {
                outlet.send(&batch.take(&UInt32Array::from(taken)).map_err(|error| bug(&error))?)?;
            } else {
                outlet.send(&Batch { more: batch.more, ..Batch::nothing() })?;
            }
        }
        Ok(())
    }

    pub(super) fn end(self) -> Result<Left, Stop> {
        let mut left = Left::default();
        for (feed, outlet, routed) in self.branches {
            left.extend(outlet.end(feed.clone())?);
            left.routed.insert(feed, routed);
        }
        Ok(left)
    }
}
