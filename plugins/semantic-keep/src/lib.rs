//! The last part of `semantic-dedup`: the rows of a cluster, compared with those of it that stay.
//!
//! A row goes if it is near one that stays, so whatever goes has something like it left. What is in memory is the vectors of the
//! rows of one cluster that stay, and of those that are known.
#![forbid(unsafe_code)]

mod known;
mod put;

use callboard_sdk::prelude::*;
use step_semantic_dedup::{CLUSTER, COSINE, Config, Keep, VectorColumn, dot};

use known::Known;
use put::{Of, Put};

/// Groups that the log names, of those in one call.
const LARGEST: usize = 3;

/// Keeps one of the rows that are near each other.
pub struct KeepOne;

impl Global for KeepOne {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let columns = inputs.iter().map(|input| VectorColumn::of(input, &config.column).at("/column"));
        let mut columns = columns.collect::<Result<Vec<_>>>()?.into_iter();
        let vectors = columns.next().ok_or_else(|| StepError::config("this step reads rows"))?;
        let known = columns.next();
        let gather = Gather::by_key([CLUSTER]);
        let gather = if known.is_some() { gather.with([CLUSTER]) } else { gather };
        let gather = match config.keep {
            Keep::First | Keep::All => gather,
            Keep::Nearest => gather.sorted_by(Order::descending(COSINE)),
            Keep::Furthest => gather.sorted_by(Order::ascending(COSINE)),
        };
        let shape = Shape::new().reads(vectors.read()).reads_all(known.iter().map(VectorColumn::read));
        let shape = shape.drops_all([CLUSTER, COSINE]).writes_all(config.written()?).gather(gather);
        let threshold = config.threshold as f32;
        Ok(shape.run(move |inputs, output| {
            let (rows, others) = inputs.split_at_mut(1);
            let rows = &mut rows[0];
            let mut known = others.first_mut().zip(known.as_ref()).map(|(reader, column)| Known::new(reader, column));
            let mut stay = Stay::default();
            let mut largest: Vec<(u64, u64)> = vec![];
            let mut put = Put::new(&config);
            let mut group = None;
            while let Some(batch) = rows.next() {
                let first = batch.first_row();
                let positions = rows.positions(first, batch.rows() as u32);
                let mut numbers = batch.groups().flat_map(|(number, rows)| rows.map(move |_| number));
                vectors.each(&batch, |row, vector| {
                    let number = numbers.next();
                    if group != number {
                        put.end_of_cluster(&stay, output)?;
                        stay.report(&mut largest);
                        group = number;
                        if let (Some(known), Some(number)) = (&mut known, number) {
                            known.go_to(number)?;
                        }
                    }
                    let (index, position) = (first + row as u64, positions[row]);
                    let Some(vector) = vector else {
                        put.keep(index, Of::Itself(position));
                        return Ok(());
                    };
                    let near_known = known.as_ref().is_some_and(|known| known.is_near(vector, threshold));
                    match stay.near(vector, threshold) {
                        _ if near_known => put.drop(index, Of::Known, output),
                        Some(of) => {
                            stay.like[of] += 1;
                            put.drop(index, Of::Group(of), output);
                        }
                        None => {
                            put.keep(index, Of::Group(stay.positions.len()));
                            stay.push(vector, position);
                        }
                    }
                    Ok(())
                })?;
            }
            put.end_of_cluster(&stay, output)?;
            stay.report(&mut largest);
            put.put_out(output)?;
            tell(&largest);
            Ok(())
        }))
    }
}

/// The first of some vectors that is as near to another as that.
fn near(vectors: &[f32], vector: &[f32], threshold: f32) -> Option<usize> {
    // Vectors that are equal have a cosine of 1 but for rounding.
    let threshold = threshold.min(1.0 - 1e-6);
    vectors.chunks_exact(vector.len().max(1)).position(|other| dot(other, vector) >= threshold)
}

/// The rows of a cluster that stay.
#[derive(Default)]
struct Stay {
    vectors: Vec<f32>,
    /// Where each stands in the whole input.
    positions: Vec<u64>,
    /// How many rows are like it.
    like: Vec<u64>,
}

impl Stay {
    fn near(&self, vector: &[f32], threshold: f32) -> Option<usize> {
        near(&self.vectors, vector, threshold)
    }

    fn push(&mut self, vector: &[f32], position: u64) {
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

    fn table(vectors: &[(u32, f32, Value)]) -> testing::Table {
        let rows = vectors.iter().enumerate().map(|(id, (cluster, cosine, vector))| {
            json!({"id": id, "embedding": vector, "_semantic_cluster": cluster, "_semantic_cosine": cosine})
        });
        let fields = vec![
            Field::int64("id"),
            Field::list("embedding", callboard_sdk::Type::new(callboard_sdk::Layout::Float32)),
            Field::uint32(CLUSTER),
            Field::float32(COSINE),
        ];
        testing::Table::new(fields, rows.collect())
    }

    fn kept(config: Value, vectors: &[(u32, f32, Value)]) -> (Vec<u64>, Vec<testing::Removed>) {
        let outcome = testing::global::<KeepOne>(config, vec![table(vectors)]).unwrap();
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

    #[test]
    fn what_is_near_a_known_row_of_its_cluster_goes() {
        let known = [(1, 0.9, json!([0.0, 3.0])), (0, 0.9, json!([0.1, 1.0])), (0, 0.5, json!([-1.0, 0.0]))];
        let known: Vec<(u32, f32, Value)> = known.to_vec();
        let of = |config| testing::global::<KeepOne>(config, vec![table(&rows()), table(&known)]).unwrap();
        let outcome = of(json!({"threshold": 0.99}));
        let ids: Vec<u64> = outcome.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, [0, 1, 4, 5]);
        let known = dropped(3, "near-duplicate in meaning of a known row");
        assert_eq!(outcome.removed, [dropped(2, "near-duplicate in meaning"), known]);
        let outcome = of(json!({"threshold": 0.99, "keep": "all", "cluster": "of", "size": "n"}));
        let of: Vec<_> = outcome.rows.iter().map(|row| (row["of"].as_u64(), row["n"].as_u64())).collect();
        let one = |of| (Some(of), Some(1));
        assert_eq!(of, [(Some(0), Some(2)), one(1), (Some(0), Some(2)), (None, None), one(4), one(5)]);
        assert_eq!(outcome.removed, []);
    }

    #[test]
    fn a_group_is_called_by_the_row_of_it_that_stays() {
        let config = json!({"threshold": 0.97, "keep": "nearest", "cluster": "of", "size": "n"});
        let outcome = testing::global::<KeepOne>(config, vec![table(&rows())]).unwrap();
        let of = |row: &Value| [&row["id"], &row["of"], &row["n"]].map(|value| value.as_u64().unwrap());
        let of: Vec<_> = outcome.rows.iter().map(of).collect();
        assert_eq!(of, [[1, 1, 1], [3, 3, 1], [4, 4, 3], [5, 5, 1]]);
    }
}
