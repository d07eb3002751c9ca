//! Where the boxes of a drawing stand: rank below rank, stage below stage, and few crossings.
//!
//! 1. Each node has a rank: below all that it reads, and the ranks of a stage below those of the stage before.
//! 2. An edge over several ranks gets a bend on each of them, which has room of its own, so that it passes between boxes.
//! 3. The nodes of a rank are ordered by the mean place of their neighbours above and below, in turn.
//! 4. They get room from left to right, as near to that mean as those beside them allow.

/// A box, or a bend of an edge.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) rank: usize,
    pub(super) width: f64,
    /// The middle.
    pub(super) x: f64,
}

/// What stands where.
#[derive(Debug)]
pub(super) struct Layout {
    /// The nodes as they were given, then bends.
    pub(super) spots: Vec<Spot>,
    /// For each edge, the spots that it leads through, both ends included.
    pub(super) paths: Vec<Vec<usize>>,
    /// For each stage, its ranks.
    pub(super) stages: Vec<std::ops::Range<usize>>,
    pub(super) width: f64,
}

/// Between two boxes side by side.
const GAP: f64 = 24.0;
/// The room of a bend.
const BEND: f64 = 10.0;
/// Bends in a drawing: beyond that, edges are straight.
const MOST_BENDS: usize = 20_000;
/// How often the order and the places are improved.
const SWEEPS: usize = 6;

/// Lays out nodes of a width and a stage, counted from 0, in an order in which each comes after what it reads.
pub(super) fn layout(nodes: &[(f64, usize)], edges: &[(usize, usize)], stages: usize) -> Layout {
    let (ranks, stages) = ranks(nodes, edges, stages);
    let mut spots: Vec<Spot> =
        nodes.iter().zip(&ranks).map(|((width, _), rank)| Spot { rank: *rank, width: *width, x: 0.0 }).collect();
    let between = |(from, to): &(usize, usize)| ranks[*to].saturating_sub(ranks[*from] + 1);
    let is_bent = edges.iter().map(between).sum::<usize>() <= MOST_BENDS;
    let mut paths = Vec::with_capacity(edges.len());
    for (from, to) in edges {
        let mut path = vec![*from];
        for rank in (ranks[*from] + 1..ranks[*to]).filter(|_| is_bent) {
            path.push(spots.len());
            spots.push(Spot { rank, width: BEND, x: 0.0 });
        }
        path.push(*to);
        paths.push(path);
    }
    let count = spots.iter().map(|spot| spot.rank + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    (0..spots.len()).for_each(|spot| rows[spots[spot].rank].push(spot));
    let neighbours = Neighbours::of(&paths, spots.len());
    order(&mut rows, &neighbours, spots.len());
    place(&mut spots, &rows, &neighbours);
    let left = spots.iter().map(|spot| spot.x - spot.width / 2.0).fold(f64::INFINITY, f64::min);
    spots.iter_mut().for_each(|spot| spot.x -= left.min(f64::MAX));
    let width = spots.iter().map(|spot| spot.x + spot.width / 2.0).fold(0.0, f64::max);
    Layout { spots, paths, stages, width }
}

/// The rank of each node, and the ranks of each stage.
fn ranks(nodes: &[(f64, usize)], edges: &[(usize, usize)], stages: usize) -> (Vec<usize>, Vec<std::ops::Range<usize>>) {
    let mut ranks = vec![0; nodes.len()];
    let mut into: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    edges.iter().for_each(|(from, to)| into[*to].push(*from));
    let (mut first, mut ranges) = (0, Vec::with_capacity(stages));
    for stage in 0..stages {
        let mut end = first + 1;
        for node in (0..nodes.len()).filter(|node| nodes[*node].1 == stage) {
            let above = into[node].iter().filter(|from| nodes[**from].1 == stage).map(|from| ranks[*from] + 1).max();
            ranks[node] = above.unwrap_or(first);
            end = end.max(ranks[node] + 1);
        }
        ranges.push(first..end);
        first = end;
    }
    (ranks, ranges)
}

/// What each spot is joined with, above and below.
struct Neighbours {
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
}

impl Neighbours {
    fn of(paths: &[Vec<usize>], spots: usize) -> Self {
        let mut neighbours = Neighbours { above: vec![Vec::new(); spots], below: vec![Vec::new(); spots] };
        for hop in paths.iter().flat_map(|path| path.windows(2)) {
            neighbours.below[hop[0]].push(hop[1]);
            neighbours.above[hop[1]].push(hop[0]);
        }
        neighbours
    }
}

fn mean(of: &[usize], at: impl Fn(usize) -> f64) -> Option<f64> {
    (!of.is_empty()).then(|| of.iter().map(|spot| at(*spot)).sum::<f64>() / of.len() as f64)
}

fn order(rows: &mut [Vec<usize>], neighbours: &Neighbours, spots: usize) {
    let mut at = vec![0.0; spots];
    let number =
        |row: &[usize], at: &mut Vec<f64>| row.iter().enumerate().for_each(|(nth, spot)| at[*spot] = nth as f64);
    rows.iter().for_each(|row| number(row, &mut at));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for nth in 0..rows.len() {
            let row = if down {
                &mut rows[nth]
            } else {
                let last = rows.len() - 1 - nth;
                &mut rows[last]
            };
            let of = if down { &neighbours.above } else { &neighbours.below };
            let wanted: Vec<(f64, usize)> =
                row.iter().map(|spot| (mean(&of[*spot], |other| at[other]).unwrap_or(at[*spot]), *spot)).collect();
            let mut sorted = wanted;
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            *row = sorted.into_iter().map(|(_, spot)| spot).collect();
            number(row, &mut at);
        }
    }
}

fn place(spots: &mut [Spot], rows: &[Vec<usize>], neighbours: &Neighbours) {
    for row in rows {
        let mut x = 0.0;
        for spot in row {
            spots[*spot].x = x + spots[*spot].width / 2.0;
            x += spots[*spot].width + GAP;
        }
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        for nth in 0..rows.len() {
            let row = &rows[if down { nth } else { rows.len() - 1 - nth }];
            let of = if down { &neighbours.above } else { &neighbours.below };
            let wanted: Vec<f64> =
                row.iter().map(|spot| mean(&of[*spot], |other| spots[other].x).unwrap_or(spots[*spot].x)).collect();
            settle(spots, row, &wanted);
        }
    }
}

/// Places of a row as near to those wanted as there is room: from the left, then all of them shifted by what they are off in the mean.
fn settle(spots: &mut [Spot], row: &[usize], wanted: &[f64]) {
    let mut end = f64::NEG_INFINITY;
    for (spot, wanted) in row.iter().zip(wanted) {
        let half = spots[*spot].width / 2.0;
        let x = wanted.max(end + half);
        spots[*spot].x = x;
        end = x + half + GAP;
    }
    let off =
        row.iter().zip(wanted).map(|(spot, wanted)| wanted - spots[*spot].x).sum::<f64>() / row.len().max(1) as f64;
    row.iter().for_each(|spot| spots[*spot].x += off);
}

#[cfg(test)]
mod tests {
    use super::layout;

    /// Boxes of a rank do not overlap, and every edge leads down.
    #[test]
    fn boxes_stand_apart_and_edges_lead_down() {
        let nodes: Vec<(f64, usize)> = (0..40).map(|nth| (60.0 + (nth % 7) as f64 * 20.0, nth / 10)).collect();
        let edges: Vec<(usize, usize)> =
            (0..40).flat_map(|to| [to / 2, to / 3].map(|from| (from, to))).filter(|(from, to)| from < to).collect();
        let layout = layout(&nodes, &edges, 4);
        for (nth, a) in layout.spots.iter().enumerate() {
            assert!(a.x - a.width / 2.0 >= -0.001 && a.x + a.width / 2.0 <= layout.width + 0.001);
            for b in layout.spots[..nth].iter().filter(|b| b.rank == a.rank) {
                assert!((a.x - b.x).abs() >= (a.width + b.width) / 2.0, "{a:?} {b:?}");
            }
        }
        for (path, (from, to)) in layout.paths.iter().zip(&edges) {
            assert_eq!((path[0], path[path.len() - 1]), (*from, *to));
            assert!(path.windows(2).all(|hop| layout.spots[hop[0]].rank < layout.spots[hop[1]].rank));
        }
        assert_eq!(layout.stages.first().map(|ranks| ranks.start), Some(0));
        assert!(layout.stages.windows(2).all(|two| two[0].end == two[1].start));
    }
}
