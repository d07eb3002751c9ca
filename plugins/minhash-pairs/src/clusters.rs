//! Pairs that are alike make clusters.

use callboard_sdk::prelude::*;
use step_minhash_dedup::Keep;
use step_minhash_dedup::columns::writes_only;

use crate::AT_ONCE;
use crate::compare::PairColumns;
use crate::forest::Forest;
use crate::ids::ROWS;

/// Clusters that the log names.
const LARGEST: usize = 5;

/// A row that is in a cluster with others: the number of the cluster's first row (null if the cluster holds a known row), how many
/// rows the cluster has, and whether it is the one that is kept.
pub(crate) fn written() -> Vec<Field> {
    let cluster = Field::uint64("cluster");
    let [row, size] = ["row", "size"].map(|name| Field::uint64(name).not_null());
    vec![row, cluster, size, Field::boolean("kept").not_null()]
}

pub(crate) fn bind(keep: Keep, inputs: &[Schema]) -> Result<BoundGlobal> {
    let pairs = PairColumns::of(&inputs[0])?;
    let shape = writes_only(&inputs[0], written()).reads_all(pairs.reads());
    Ok(shape.run(move |inputs, output| {
        let mut forest = Forest::default();
        let mut lengths: Vec<u32> = vec![];
        for batch in inputs[0].batches() {
            for i in 0..batch.rows() {
                let ((a, b), (length_a, length_b)) = pairs.at(&batch, i)?;
                let (a, b) = (node(a)?, node(b)?);
                forest.join(a, b);
                if keep == Keep::Longest {
                    lengths.resize(forest.len(), 0);
                    lengths[a as usize] = length_a;
                    lengths[b as usize] = length_b;
                }
            }
        }
        put_out(&mut forest, &lengths, output)
    }))
}

/// All known rows are one: what is near one of them is near what is known.
fn node(id: u64) -> Result<u32> {
    Ok(if id < ROWS { 0 } else { u32::try_from(id - ROWS + 1)? })
}

fn put_out(forest: &mut Forest, lengths: &[u32], output: &mut Writer) -> Result<()> {
    let sizes = forest.sizes();
    let longest = longest(forest, lengths);
    let (mut rows, mut clusters, mut of, mut keeps) = (vec![], vec![], vec![], vec![]);
    for row in 1..forest.len() as u32 {
        let first = forest.first(row);
        if sizes[first as usize] == 1 {
            continue;
        }
        rows.push(u64::from(row) - 1);
        clusters.push((first > 0).then(|| u64::from(first) - 1));
        of.push(u64::from(sizes[first as usize]));
        keeps.push(first > 0 && longest.get(first as usize).copied().unwrap_or(first) == row);
        if rows.len() == AT_ONCE {
            let [rows, of] = [&mut rows, &mut of].map(|all| std::mem::take(all).into());
            let clusters: ArrayBuf = std::mem::take(&mut clusters).into_iter().collect();
            output.write(vec![rows, clusters, of, std::mem::take(&mut keeps).into_iter().collect()])?;
        }
    }
    output.write(vec![rows.into(), clusters.into_iter().collect(), of.into(), keeps.into_iter().collect()])?;
    tell(&sizes);
    Ok(())
}

/// By the number of its first row, the longest of each cluster; nothing if no lengths are known.
fn longest(forest: &mut Forest, lengths: &[u32]) -> Vec<u32> {
    let mut longest: Vec<u32> = (0..lengths.len() as u32).collect();
    for row in 0..lengths.len() as u32 {
        let best = &mut longest[forest.first(row) as usize];
        if lengths[row as usize] > lengths[*best as usize] {
            *best = row;
        }
    }
    longest
}

/// How many clusters there are, and the largest.
fn tell(sizes: &[u32]) {
    let several = sizes.iter().enumerate().skip(1).filter(|(_, size)| **size > 1);
    count("clusters", several.clone().count() as i64);
    let mut largest: Vec<(u32, usize)> = vec![];
    for (node, size) in several {
        largest.push((*size, node - 1));
        largest.sort_unstable_by_key(|(size, row)| (std::cmp::Reverse(*size), *row));
        largest.truncate(LARGEST);
    }
    if !largest.is_empty() {
        let names: Vec<String> = largest.iter().map(|(size, row)| format!("{size} rows like row {row}")).collect();
        callboard_sdk::info!("largest clusters: {}", names.join(", "));
    }
}
