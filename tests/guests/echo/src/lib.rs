//! Writes back what it reads, so that every type crosses the boundary both ways.
#![forbid(unsafe_code)]

use callboard_sdk::prelude::*;

/// Which columns to send there and back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The columns; all of them by default.
    #[serde(default)]
    columns: Option<Vec<String>>,
}

/// Writes back what it reads.
pub struct Echo;

impl Transform for Echo {
    type Config = Config;

    fn bind(config: Config, input: &Schema) -> Result<BoundTransform> {
        let columns = match &config.columns {
            Some(names) => names.iter().map(|name| input.any(name).at("/columns")).collect::<Result<Vec<_>>>()?,
            None => input.fields().iter().map(|field| input.any(field)).collect::<Result<Vec<_>>>()?,
        };
        let shape = Shape::new().reads_all(&columns).writes_all(&columns);
        Ok(shape.process(move |mut batch| {
            let mut output = Output::new();
            for column in &columns {
                output = output.column(batch.move_out(column)?);
            }
            Ok(output)
        }))
    }
}

callboard_sdk::transform!(Echo);
