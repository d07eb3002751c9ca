//! Which rows go to a zip whose branches advance together.

use std::collections::{HashMap, HashSet};

use crate::choices::Transport;
use crate::door::Feed;
use crate::plan::{Edge, Plan, Reader};
use crate::zip::Zip;

impl Plan {
    /// The feeds between forks and zips whose branches advance together: whatever puts their rows out passes on that each batch has been
    /// there, though none of its rows are left.
    pub fn arriving_in_step(&self) -> HashSet<Feed> {
        let mut found = HashSet::new();
        if self.zips().next().is_none() {
            return found;
        }
        let zips: HashMap<Reader, &Zip> = self.zips().collect();
        let mut into: HashMap<&Reader, Vec<&Edge>> = HashMap::new();
        self.edges.iter().for_each(|edge| into.entry(&edge.to).or_default().push(edge));
        for (reader, zip) in &zips {
            let edges = into.get(reader).map_or(&[][..], |edges| edges);
            if edges.iter().any(|edge| edge.transport == Transport::Spill) {
                continue;
            }
            let mut seen: HashSet<Feed> = HashSet::new();
            let mut next: Vec<&Feed> = edges.iter().map(|edge| &edge.from).collect();
            while let Some(feed) = next.pop() {
                if feed.whole() == zip.fork {
                    // The fork puts out whole batches; of one, a route may take nothing.
                    if feed.branch.is_some() {
                        found.insert(feed.clone());
                    }
                    continue;
                }
                if !seen.insert(feed.clone()) {
                    continue;
                }
                found.insert(feed.clone());
                found.insert(feed.whole());
                let step = Reader::Step(feed.node.clone());
                match zips.get(&step) {
                    // What is between its fork and it is found by itself.
                    Some(inner) => next.push(&inner.fork),
                    None => next.extend(into.get(&step).into_iter().flatten().map(|edge| &edge.from)),
                }
            }
        }
        found
    }
}
