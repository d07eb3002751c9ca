//! The first part of `semantic-dedup`: puts each row's cluster beside it, and the cosine to the cluster's centroid.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use step_semantic_dedup::{CLUSTER, COSINE, Config, VectorColumn};

/// Assigns rows to clusters.
pub struct Assign;

impl Global for Assign {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let vectors = VectorColumn::of(input, &config.column).at("/column")?;
        let clustering = config.clustering()?;
        let shape = Shape::new().reads(vectors.read()).writes(Field::uint32(CLUSTER)).writes(Field::float32(COSINE));
        Ok(shape.run(move |inputs, output| {
            let centroids = clustering.fit(&mut inputs[0], &vectors)?;
            count("clusters", centroids.len() as i64);
            centroids.assign(&mut inputs[0], &vectors, |rows, clusters, cosines| {
                output.keep_with(rows, vec![clusters.into_iter().collect(), cosines.into_iter().collect()])
            })
        }))
    }
}

callboard_sdk::global!(Assign);
