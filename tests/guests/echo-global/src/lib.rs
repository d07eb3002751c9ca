//! Writes back what it reads, so that every type crosses a reader and a writer.

use callboard_sdk::prelude::*;

/// How to put rows out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether rows are new (`write`), and not those of the input with other columns (`keep`).
    #[serde(default)]
    new_rows: bool,
}

/// Writes back what it reads.
pub struct Echo;

impl Global for Echo {
    type Config = Config;

    fn bind(config: Config, inputs: &[Schema]) -> Result<BoundGlobal> {
        let input = Schema::only(inputs)?;
        let columns = input.fields().iter().map(|field| input.any(field)).collect::<Result<Vec<_>>>()?;
        let shape = Shape::new().reads_all(&columns).writes_all(&columns);
        Ok(shape.run(move |inputs, output| {
            for mut batch in inputs[0].batches() {
                let rows: Vec<u64> = (batch.first_row()..batch.first_row() + batch.rows() as u64).collect();
                let columns = columns.iter().map(|column| batch.move_out(column)).collect::<Result<Vec<_>>>()?;
                if config.new_rows {
                    output.write(columns)?;
                } else {
                    output.keep_with(&rows, columns)?;
                }
            }
            Ok(())
        }))
    }
}

callboard_sdk::global!(Echo);

#[cfg(test)]
mod tests {
    use callboard_sdk::{serde_json::json, testing};

    use super::*;

    #[test]
    fn rows_come_back_as_they_went() {
        let rows = json!([{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": null}, {"id": 3, "tags": []}]);
        for config in [json!({}), json!({"new_rows": true})] {
            let outcome = testing::global::<Echo>(config, [rows.clone()]).unwrap();
            assert_eq!(json!(outcome.rows), rows);
        }
    }
}
