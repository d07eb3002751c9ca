//! Where texts stand on edges: on the line, and not on each other.

use std::collections::HashMap;

/// The height of a line of a label.
const LINE: f64 = 12.0;
/// From the end of an edge, where its head is, and from its beginning, to the nearest label's baseline.
const FROM_END: f64 = 9.0;
const FROM_BEGIN: f64 = 11.0;

/// From below one box to above another: a curve that leaves and arrives upright.
#[derive(Clone, Copy)]
pub(super) struct Hop {
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
    /// The rank of the upper box.
    pub(super) rank: usize,
}

/// Texts that stand somewhere, by the rank that they are below.
#[derive(Default)]
pub(super) struct Labels(HashMap<usize, Vec<Room>>);

/// From left to right, and from top to bottom.
#[derive(Clone, Copy)]
struct Room {
    x: (f64, f64),
    y: (f64, f64),
}

impl Room {
    /// That of a line of text around a point of its baseline.
    fn of(x: f64, y: f64, width: f64) -> Room {
        Room { x: (x - width / 2.0, x + width / 2.0), y: (y - LINE + 2.0, y + 2.0) }
    }

    /// The area of what two share.
    fn shared(&self, other: &Room) -> f64 {
        let common = |a: (f64, f64), b: (f64, f64)| (a.1.min(b.1) - a.0.max(b.0)).max(0.0);
        common(self.x, other.x) * common(self.y, other.y)
    }
}

impl Labels {
    /// A text that has its place, from a point on.
    pub(super) fn add(&mut self, below: usize, x: f64, y: f64, width: f64) {
        self.0.entry(below).or_default().push(Room::of(x + width / 2.0, y, width));
    }

    /// The middle of a label's baseline: as near to the end of its edge as others leave room, or to the beginning.
    pub(super) fn place(&mut self, hop: Hop, width: f64, at_end: bool) -> (f64, f64) {
        let (first, last) = (hop.from.1 + FROM_BEGIN, hop.to.1 - FROM_END);
        let lines = ((last - first) / LINE).max(0.0) as usize;
        let places = self.0.entry(hop.rank).or_default();
        let at = |nth: usize| {
            let y = if at_end { last - LINE * nth as f64 } else { first + LINE * nth as f64 };
            let room = Room::of(hop.x(y), y, width);
            (places.iter().map(|other| room.shared(other)).sum::<f64>(), room)
        };
        let mut best = at(0);
        for nth in 1..=lines {
            if best.0 <= 0.0 {
                break;
            }
            let other = at(nth);
            if other.0 < best.0 {
                best = other;
            }
        }
        let Room { x, y } = best.1;
        places.push(best.1);
        ((x.0 + x.1) / 2.0, y.1 - 2.0)
    }
}

impl Hop {
    /// As the `d` of a path, from where that is.
    pub(super) fn drawn(&self) -> String {
        let middle = (self.from.1 + self.to.1) / 2.0;
        format!(" C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {:.1}", self.from.0, self.to.0, self.to.0, self.to.1)
    }

    /// Where the curve is at a height.
    fn x(&self, y: f64) -> f64 {
        let down = (y - self.from.1) / (self.to.1 - self.from.1).max(1.0);
        // The share of the height grows with the parameter, so halves of what is left find it.
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..12 {
            let t: f64 = (low + high) / 2.0;
            if 1.5 * t - 1.5 * t * t + t * t * t < down {
                low = t;
            } else {
                high = t;
            }
        }
        self.from.0 + (self.to.0 - self.from.0) * (3.0 * low * low - 2.0 * low * low * low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_neighbours_do_not_cover_each_other_and_stay_on_their_lines() {
        let mut labels = Labels::default();
        let hop = |from: f64| Hop { from: (from, 0.0), to: (100.0, 44.0), rank: 0 };
        let places: Vec<(f64, f64)> =
            [60.0, 100.0, 140.0].map(|from| labels.place(hop(from), 70.0, true)).into_iter().collect();
        for (nth, a) in places.iter().enumerate() {
            assert!((0.0..44.0).contains(&a.1) && (60.0..=140.0).contains(&a.0), "{a:?}");
            for b in &places[..nth] {
                assert!(Room::of(a.0, a.1, 70.0).shared(&Room::of(b.0, b.1, 70.0)) <= 0.0, "{places:?}");
            }
        }
        // Where there is no room left, a label stands somewhere on its line all the same.
        let (x, y) = labels.place(hop(100.0), 70.0, true);
        assert!((99.0..101.0).contains(&x) && (0.0..44.0).contains(&y), "{x} {y}");
        // A title takes room too.
        labels.add(1, 0.0, 35.0, 200.0);
        assert!(labels.place(Hop { rank: 1, ..hop(100.0) }, 20.0, true).1 <= 23.0);
    }
}
