//! The last part of `semantic-dedup`: the rows of a cluster, compared with those of it that stay.
//!
//! A row goes if it is near one that stays, so whatever goes has something like it left. What is in memory is the vectors of the
//! rows of one cluster that stay.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use step_semantic_dedup::{CLUSTER, COSINE, Config, Keep, VectorColumn, dot};

/// Groups that the log names, of those in one call.
const LARGEST: usize = 3;
/// Rows handed to the host in one call.
const AT_ONCE: usize = 8192;

/// Keeps one of the rows that are near each other.
pub struct KeepOne;

impl Global for KeepOne {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let vectors = VectorColumn::of(input, &config.column).at("/column")?;
        let gather = Gather::by_key([CLUSTER]);
        let gather = match config.keep {
            Keep::First => gather,
            Keep::Nearest => gather.sorted_by(Order::descending(COSINE)),
            Keep::Furthest => gather.sorted_by(Order::ascending(COSINE)),
        };
        let shape = Shape::new().reads(vectors.read()).drops_all([CLUSTER, COSINE]).gather(gather);
        let threshold = config.threshold as f32;
        Ok(shape.run(move |inputs, output| {
            let rows = &mut inputs[0];
            let mut stay = Stay::default();
            let mut largest: Vec<(u64, u64)> = vec![];
            let mut kept: Vec<u64> = vec![];
            let mut group = None;
            while let Some(batch) = rows.next() {
                let first = batch.first_row();
                let positions = rows.positions(first, batch.rows() as u32);
                let mut numbers = batch.groups().flat_map(|(number, rows)| rows.map(move |_| number));
                vectors.each(&batch, |row, vector| {
                    let number = numbers.next();
                    if group != number {
                        stay.report(&mut largest);
                        group = number;
                    }
                    let index = first + row as u64;
                    match vector.and_then(|vector| stay.near(vector, threshold)) {
                        Some(of) => {
                            stay.like[of] += 1;
                            output.drop(index, "near-duplicate in meaning");
                        }
                        None => {
                            if let Some(vector) = vector {
                                stay.push(vector, positions[row]);
                            }
                            kept.push(index);
                        }
                    }
                    Ok(())
                })?;
                if kept.len() >= AT_ONCE {
                    output.keep(&std::mem::take(&mut kept))?;
                }
            }
            stay.report(&mut largest);
            output.keep(&kept)?;
            tell(&largest);
            Ok(())
        }))
    }
}

/// The rows of a cluster that stay.
#[derive(Default)]
struct Stay {
    vectors: Vec<f32>,
    width: usize,
    /// Where each stands in the whole input.
    positions: Vec<u64>,
    /// How many rows went because of it.
    like: Vec<u64>,
}

impl Stay {
    /// The first that is as near as that.
    fn near(&self, vector: &[f32], threshold: f32) -> Option<usize> {
        // Vectors that are equal have a cosine of 1 but for rounding.
        let threshold = threshold.min(1.0 - 1e-6);
        self.vectors.chunks_exact(self.width.max(1)).position(|other| dot(other, vector) >= threshold)
    }

    fn push(&mut self, vector: &[f32], position: u64) {
        self.width = vector.len();
        self.vectors.extend_from_slice(vector);
        self.positions.push(position);
        self.like.push(0);
    }

    /// Counts the groups of a cluster, remembers the largest, and forgets the cluster.
    fn report(&mut self, largest: &mut Vec<(u64, u64)>) {
        let groups = self.like.iter().zip(&self.positions).filter(|(like, _)| **like > 0);
        largest.extend(groups.clone().map(|(like, position)| (*like + 1, *position)));
        count("groups", groups.count() as i64);
        largest.sort_unstable_by_key(|(rows, position)| (std::cmp::Reverse(*rows), *position));
        largest.truncate(LARGEST);
        self.vectors.clear();
        self.positions.clear();
        self.like.clear();
    }
}

fn tell(largest: &[(u64, u64)]) {
    if !largest.is_empty() {
        let names: Vec<String> =
            largest.iter().map(|(rows, position)| format!("{rows} rows like row {position}")).collect();
        callboard_sdk::info!("largest groups: {}", names.join(", "));
    }
}

callboard_sdk::global!(KeepOne);

#[cfg(test)]
mod tests {
    use callboard_sdk::testing::{self, dropped};
    use serde_json::{Value, json};

    use super::*;

    fn kept(config: Value, vectors: &[(u32, f32, Value)]) -> (Vec<u64>, Vec<testing::Removed>) {
        let rows = vectors.iter().enumerate().map(|(id, (cluster, cosine, vector))| {
            json!({"id": id, "embedding": vector, "_semantic_cluster": cluster, "_semantic_cosine": cosine})
        });
        let fields = vec![
            Field::int64("id"),
            Field::list("embedding", callboard_sdk::Type::new(callboard_sdk::Layout::Float32)),
            Field::uint32(CLUSTER),
            Field::float32(COSINE),
        ];
        let table = testing::Table::new(fields, rows.collect());
        let outcome = testing::global::<KeepOne>(config, vec![table]).unwrap();
        assert!(outcome.rows.iter().all(|row| row.as_object().unwrap().len() == 2), "{:?}", outcome.rows);
        (outcome.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect(), outcome.removed)
    }

    fn rows() -> Vec<(u32, f32, Value)> {
        vec![
            (0, 0.9, json!([1.0, 0.0])),
            (1, 0.5, json!([1.0, 0.0])),
            (0, 0.95, json!([2.0, 0.1])),
            (0, 0.2, json!([0.0, 1.0])),
            (0, 0.97, json!([1.0, 0.2])),
            (0, 0.0, Value::Null),
        ]
    }

    #[test]
    fn what_goes_is_near_something_that_stays_in_its_cluster() {
        // Row 4 is near row 2, which goes, and not near row 0.
        let (ids, removed) = kept(json!({"threshold": 0.99}), &rows());
        assert_eq!(ids, [0, 1, 3, 4, 5]);
        assert_eq!(removed, [dropped(2, "near-duplicate in meaning")]);
        assert_eq!(kept(json!({"threshold": 0.97}), &rows()).0, [0, 1, 3, 5]);
    }

    #[test]
    fn the_typical_or_the_unusual_one_stays() {
        assert_eq!(kept(json!({"threshold": 0.97, "keep": "nearest"}), &rows()).0, [1, 3, 4, 5]);
        assert_eq!(kept(json!({"threshold": 0.97, "keep": "furthest"}), &rows()).0, [0, 1, 3, 5]);
    }
}
