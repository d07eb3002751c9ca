//! Adds the cluster that a row's vector is in: spherical k-means, fitted on a sample, and all rows assigned in a stream.
#![forbid(unsafe_code)]

use std::num::NonZero;

use callboard_sdk::prelude::*;
use step_semantic_dedup::{Clustering, VectorColumn};

/// Which vectors become clusters, and how many.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The column of vectors, as `embed` writes them.
    column: String,
    /// How many clusters there are. By default the root of half the number of rows.
    #[schemars(range(min = 1, max = 65536))]
    clusters: Option<NonZero<u32>>,
    /// The column for the number of the cluster, from 0.
    #[serde(rename = "as")]
    name: String,
    /// A column for the cosine of the vector and the centroid of its cluster: how typical the row is.
    cosine: Option<String>,
    /// Rows that the centroids are fitted on; by default 16 for each cluster, and at least 16,384.
    #[schemars(range(min = 1))]
    sample: Option<NonZero<u32>>,
    /// The seed by which that sample is drawn.
    seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        let (column, name) = ("embedding".into(), "cluster".into());
        Config { column, clusters: None, name, cosine: None, sample: None, seed: 0 }
    }
}

/// Adds the cluster of each row.
pub struct Cluster;

impl Global for Cluster {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let vectors = VectorColumn::of(Schema::only(inputs)?, &config.column).at("/column")?;
        let clustering = Clustering::new(config.clusters, config.sample, config.seed)?;
        for (name, at) in [(Some(&config.name), "/as"), (config.cosine.as_ref(), "/cosine")] {
            if name.is_some_and(String::is_empty) {
                return Err(StepError::config("a column has no name")).at(at);
            }
        }
        if config.cosine.as_ref() == Some(&config.name) {
            return Err(StepError::config("`as` and `cosine` are one column")).at("/cosine");
        }
        let cosine = config.cosine.as_ref().map(Field::float32);
        let writes_cosine = cosine.is_some();
        let shape = Shape::new().reads(vectors.read()).writes(Field::uint32(&config.name)).writes_all(cosine);
        Ok(shape.run(move |inputs, output| {
            let centroids = clustering.fit(&mut inputs[0], &vectors)?;
            count("clusters", centroids.len() as i64);
            centroids.assign(&mut inputs[0], &vectors, |rows, clusters, cosines| {
                let cosines = writes_cosine.then(|| cosines.into_iter().collect());
                output.keep_with(rows, std::iter::once(clusters.into_iter().collect()).chain(cosines).collect())
            })
        }))
    }
}

callboard_sdk::global!(Cluster);

#[cfg(test)]
mod tests {
    use callboard_sdk::testing;
    use serde_json::{Value, json};

    use super::*;

    /// Vectors around three directions, in turn.
    fn rows(count: usize) -> Value {
        let row = |id: usize| {
            let mut vector = [0.0f32; 20];
            vector[id % 3] = 1.0;
            vector[3 + id % 17] = 0.1 + (id % 5) as f32 / 50.0;
            json!({"id": id, "embedding": vector})
        };
        (0..count).map(row).collect()
    }

    fn clusters(config: Value, rows: Value) -> Vec<Value> {
        testing::global::<Cluster>(config, vec![rows]).unwrap().rows
    }

    #[test]
    fn vectors_of_one_direction_are_one_cluster() {
        let rows = clusters(json!({"clusters": 3, "cosine": "near"}), rows(300));
        let of = |id: usize| rows[id]["cluster"].as_u64().unwrap();
        assert!((0..300).all(|id| of(id) == of(id % 3)), "{rows:?}");
        assert!(of(0) != of(1) && of(1) != of(2) && of(0) != of(2));
        assert!(rows.iter().all(|row| (0.95..1.0).contains(&row["near"].as_f64().unwrap())));
    }

    #[test]
    fn a_sample_stands_for_all_and_the_same_seed_gives_the_same() {
        let config = json!({"clusters": 3, "sample": 40, "seed": 5});
        let once = clusters(config.clone(), rows(3000));
        assert!((0..3000).all(|id| once[id]["cluster"] == once[id % 3]["cluster"]));
        assert_eq!(once, clusters(config, rows(3000)));
    }

    #[test]
    fn rows_without_a_direction_have_no_cluster() {
        let rows = json!([{"embedding": [1.0, 0.0]}, {"embedding": null}, {"embedding": [0.0, 0.0]}, {"embedding": [2.0, 0.0]}]);
        let found: Vec<Value> =
            clusters(json!({"clusters": 3}), rows).into_iter().map(|mut row| row["cluster"].take()).collect();
        assert_eq!(found, [json!(0), Value::Null, Value::Null, json!(0)]);
    }

    #[test]
    fn a_wrong_column_is_named() {
        for (config, rows, at) in [
            (json!({}), json!([{"embedding": ["a"]}]), Some("/column")),
            (json!({"column": "none"}), json!([{"embedding": [1.0]}]), Some("/column")),
            (json!({"cosine": "cluster"}), json!([{"embedding": [1.0]}]), Some("/cosine")),
            (json!({}), json!([{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]), None),
        ] {
            let error = testing::global::<Cluster>(config, vec![rows]).map(|_| ()).unwrap_err();
            assert_eq!(error.at.as_deref(), at, "{error}");
        }
    }
}
