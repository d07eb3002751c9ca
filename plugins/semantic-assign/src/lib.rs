//! The first part of `semantic-dedup`: puts each row's cluster beside it, and the cosine to the cluster's centroid. The clusters are
//! those of the rows themselves, or of a second input.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;
use step_semantic_dedup::{CLUSTER, COSINE, Config, VectorColumn};

/// Assigns rows to clusters.
pub struct Assign;

impl Global for Assign {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let [rows, others @ ..] = inputs else { return Err(StepError::config("this step reads rows")) };
        let vectors = VectorColumn::of(rows, &config.column).at("/column")?;
        let others = others.iter().map(|rows| VectorColumn::of(rows, &config.column).at("/column"));
        let others = others.collect::<Result<Vec<_>>>()?;
        let clustering = config.clustering()?;
        let shape = Shape::new().reads(vectors.read()).reads_all(others.iter().map(VectorColumn::read));
        let shape = shape.writes(Field::uint32(CLUSTER)).writes(Field::float32(COSINE));
        Ok(shape.run(move |inputs, output| {
            let fitted_on = others.len();
            let centroids = clustering.fit(&mut inputs[fitted_on], others.last().unwrap_or(&vectors))?;
            count("clusters", centroids.len() as i64);
            centroids.assign(&mut inputs[0], &vectors, |rows, clusters, cosines| {
                output.keep_with(rows, vec![clusters.into_iter().collect(), cosines.into_iter().collect()])
            })
        }))
    }
}

callboard_sdk::global!(Assign);
